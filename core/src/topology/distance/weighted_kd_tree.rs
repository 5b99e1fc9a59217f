//! Points of the plane with weights, in a tree that finds where distance less weight is small.

use alloc::vec::Vec;

use super::super::Interval;
use super::cost::Cost;

struct Node {
    at: Interval,
    number: u32,
    weight: f64,
    /// No weight in the subtree is larger.
    top: f64,
    /// Least and largest birth, least and largest death of the subtree.
    bounds: [f64; 4],
}

/// A balanced k-d tree: a node is a range of the slice with its median in the middle; even depths split by
/// birth, odd by death.
pub(super) struct WeightedKdTree {
    nodes: Vec<Node>,
}

impl WeightedKdTree {
    pub(super) fn new(points: impl Iterator<Item = Interval>, weight: impl Fn(Interval) -> f64) -> Self {
        let node = |(number, at)| {
            let weight = weight(at);
            Node { at, number, weight, top: weight, bounds: [at.birth, at.birth, at.death, at.death] }
        };
        let mut nodes: Vec<Node> = (0..).zip(points).map(node).collect();
        build(&mut nodes, true);
        Self { nodes }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The number of the point at a place.
    pub(super) fn number(&self, place: usize) -> usize {
        self.nodes[place].number as usize
    }

    /// Lowers the weight of a place.
    pub(super) fn lower(&mut self, place: usize, by: f64) {
        self.nodes[place].weight -= by;
        settle(&mut self.nodes, place);
    }

    /// Shows every place whose cost from `x` less its weight is below a limit, and perhaps some others; `show`
    /// gets that difference and returns the limit from then on.
    pub(super) fn visit(&self, x: Interval, cost: Cost, limit: f64, mut show: impl FnMut(usize, f64) -> f64) {
        if let Some(bound) = bound(&self.nodes, x, cost) {
            visit(&self.nodes, 0, bound, x, cost, limit, &mut show);
        }
    }
}

fn visit(
    nodes: &[Node],
    offset: usize,
    least: f64,
    x: Interval,
    cost: Cost,
    mut limit: f64,
    show: &mut impl FnMut(usize, f64) -> f64,
) -> f64 {
    if least >= limit {
        return limit;
    }
    let middle = nodes.len() / 2;
    let node = &nodes[middle];
    let reduced = cost.of(x.birth - node.at.birth, x.death - node.at.death) - node.weight;
    if reduced < limit {
        limit = show(offset + middle, reduced);
    }
    let (lower, upper) = (&nodes[..middle], &nodes[middle + 1..]);
    let (below, above) = (bound(lower, x, cost), bound(upper, x, cost));
    let mut go = |part, offset, least: Option<f64>| {
        if let Some(least) = least {
            limit = visit(part, offset, least, x, cost, limit, show);
        }
    };
    if above < below {
        go(upper, offset + middle + 1, above);
        go(lower, offset, below);
    } else {
        go(lower, offset, below);
        go(upper, offset + middle + 1, above);
    }
    limit
}

/// A lower bound of cost less weight over a subtree, none if it is empty.
fn bound(nodes: &[Node], x: Interval, cost: Cost) -> Option<f64> {
    let node = nodes.get(nodes.len() / 2)?;
    let [left, right, bottom, top] = node.bounds;
    let birth = (left - x.birth).max(x.birth - right).max(0.0);
    let death = (bottom - x.death).max(x.death - top).max(0.0);
    Some(cost.least(birth, death) - node.top)
}

fn build(nodes: &mut [Node], by_birth: bool) {
    if nodes.is_empty() {
        return;
    }
    let middle = nodes.len() / 2;
    let key = |node: &Node| if by_birth { node.at.birth } else { node.at.death };
    nodes.select_nth_unstable_by(middle, |x, y| key(x).total_cmp(&key(y)).then(x.number.cmp(&y.number)));
    build(&mut nodes[..middle], !by_birth);
    build(&mut nodes[middle + 1..], !by_birth);
    let (bounds, top) = summary(nodes);
    (nodes[middle].bounds, nodes[middle].top) = (bounds, top);
}

/// Bounds and largest weight of a subtree, from its median and its halves.
fn summary(nodes: &[Node]) -> ([f64; 4], f64) {
    let middle = nodes.len() / 2;
    let Node { at, weight, .. } = nodes[middle];
    let mut bounds = [at.birth, at.birth, at.death, at.death];
    let mut largest = weight;
    for half in [&nodes[..middle], &nodes[middle + 1..]] {
        if let Some(node) = half.get(half.len() / 2) {
            let [left, right, bottom, top] = node.bounds;
            bounds[0] = bounds[0].min(left);
            bounds[1] = bounds[1].max(right);
            bounds[2] = bounds[2].min(bottom);
            bounds[3] = bounds[3].max(top);
            largest = largest.max(node.top);
        }
    }
    (bounds, largest)
}

/// Updates the largest weights on the path to a place.
fn settle(nodes: &mut [Node], place: usize) {
    let middle = nodes.len() / 2;
    match place.cmp(&middle) {
        core::cmp::Ordering::Less => settle(&mut nodes[..middle], place),
        core::cmp::Ordering::Greater => settle(&mut nodes[middle + 1..], place - middle - 1),
        core::cmp::Ordering::Equal => {}
    }
    nodes[middle].top = summary(nodes).1;
}
