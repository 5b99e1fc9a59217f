//! The dendrogram of the minima: at which loss chains of curves join them. In chemistry a disconnectivity graph (Becker
//! and Karplus, J. Chem. Phys. 106, 1997).

use super::axes::{Scale, extent};
use super::number::short;
use super::svg::{Anchor, Shape, Svg};

const LEFT: f64 = 62.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 232.0;
/// Distance between two minima, at most.
const SPACING: f64 = 64.0;
const WIDTH: f64 = 420.0;

/// A set of minima that are joined, with the parts that it was joined from.
struct Cluster {
    /// Loss of the minimum, or largest loss of the chains that join the parts.
    loss: f64,
    minimum: Option<u32>,
    parts: Vec<Cluster>,
}

impl Cluster {
    fn len(&self) -> usize {
        if self.parts.is_empty() { 1 } else { self.parts.iter().map(Self::len).sum() }
    }

    /// The minima in the order of the figure, with their losses.
    fn minima(&self) -> Vec<(u32, f64)> {
        let own = self.minimum.map(|minimum| (minimum, self.loss));
        own.into_iter().chain(self.parts.iter().flat_map(Self::minima)).collect()
    }
}

/// Draws the dendrogram of a min-max matrix (see [`Summary::minmax`](crate::schema::Summary::minmax)) of the minima with
/// these numbers. `None` for fewer than two minima.
pub fn draw(minima: &[u32], minmax: &[Vec<Option<f64>>], title: &str, loss_name: &str) -> Option<String> {
    if minima.len() < 2 || minmax.len() != minima.len() {
        return None;
    }
    let roots = clusters(minima, minmax);
    let leaves: Vec<(u32, f64)> = roots.iter().flat_map(Cluster::minima).collect();
    let all = minmax.iter().flatten().flatten().copied();
    let (lo, hi) = extent(all)?;
    let text = leaves.iter().map(|(minimum, loss)| format!("minimum {minimum} at {}", short(*loss)));
    let description = format!("{}; joined up to {}.", text.collect::<Vec<_>>().join(", "), short(hi));
    let mut svg = Svg::new(WIDTH, BOTTOM + 30.0, title, &description);
    let y = Scale::padded(lo, hi, 0.05, BOTTOM, TOP);
    for (value, label) in y.ticks(8) {
        svg.line("grid", [LEFT, y.at(value)], [WIDTH - 8.0, y.at(value)]);
        svg.text("label", Anchor::End, [LEFT - 5.0, y.at(value) + 4.0], &label);
    }
    svg.line("axis", [LEFT, BOTTOM], [LEFT, TOP]);
    svg.upward_text("name", [LEFT - 46.0, (TOP + BOTTOM) / 2.0], loss_name);
    let spacing = ((WIDTH - LEFT - 8.0) / leaves.len() as f64).min(SPACING);
    let mut next = 0;
    for root in &roots {
        draw_cluster(&mut svg, root, &y, spacing, &mut next);
    }
    // Many minima have no room for all their numbers.
    let every = (16.0 / spacing).ceil().max(1.0) as usize;
    for (i, (minimum, _)) in leaves.iter().enumerate().step_by(every) {
        let x = LEFT + spacing * (i as f64 + 0.5);
        svg.theta("label", [x, BOTTOM + 16.0], &minimum.to_string());
    }
    Some(svg.inline())
}

/// Single linkage: the two sets with the lowest chain between them are joined, until no chain is left.
fn clusters(minima: &[u32], minmax: &[Vec<Option<f64>>]) -> Vec<Cluster> {
    let mut sets: Vec<(usize, Cluster)> = minima
        .iter()
        .enumerate()
        .filter_map(|(i, &minimum)| {
            Some((i, Cluster { loss: minmax[i][i]?, minimum: Some(minimum), parts: Vec::new() }))
        })
        .collect();
    loop {
        // One minimum stands for its set: chains inside of the set are lower than those that leave it.
        let pairs = (0..sets.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let joined = pairs.filter_map(|(a, b)| Some((a, b, minmax[sets[a].0][sets[b].0]?)));
        let Some((a, b, loss)) = joined.min_by(|x, y| x.2.total_cmp(&y.2)) else { break };
        let (_, second) = sets.remove(b);
        let (representative, first) = sets.remove(a);
        let mut parts = vec![first, second];
        // The larger set on the left.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        sets.insert(a, (representative, Cluster { loss, minimum: None, parts }));
    }
    sets.into_iter().map(|(_, cluster)| cluster).collect()
}

/// Draws a cluster on the places from `next` on; returns its horizontal position.
fn draw_cluster(svg: &mut Svg, cluster: &Cluster, y: &Scale, spacing: f64, next: &mut usize) -> f64 {
    let height = y.at(cluster.loss);
    if let Some(minimum) = cluster.minimum {
        let x = LEFT + spacing * (*next as f64 + 0.5);
        *next += 1;
        let tooltip = format!("minimum {minimum}: {}", short(cluster.loss));
        svg.marker("mark f0", Shape::Circle, [x, height], 3.5, &tooltip);
        return x;
    }
    let places: Vec<f64> =
        cluster.parts.iter().map(|part| draw_cluster(svg, part, y, spacing, next)).collect();
    for (part, &x) in cluster.parts.iter().zip(&places) {
        svg.line("whisker k0", [x, y.at(part.loss)], [x, height]);
    }
    let (lo, hi) = extent(places.iter().copied()).unwrap_or((0.0, 0.0));
    svg.line("whisker k0", [lo, height], [hi, height]);
    let middle = (lo + hi) / 2.0;
    svg.marker(
        "mark f1",
        Shape::Square,
        [middle, height],
        3.0,
        &format!("joined at {}", short(cluster.loss)),
    );
    if spacing >= 24.0 {
        svg.text("label", Anchor::Start, [middle + 5.0, height - 5.0], &short(cluster.loss));
    }
    middle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minima_are_joined_from_below() {
        let x = Some;
        let minmax = [
            vec![x(0.0), x(5.0), x(2.0), None],
            vec![x(5.0), x(1.0), x(5.0), None],
            vec![x(2.0), x(5.0), x(0.5), None],
            vec![None, None, None, x(0.2)],
        ];
        let roots = clusters(&[7, 8, 9, 10], &minmax);
        assert_eq!(roots.len(), 2, "nothing joins the last minimum");
        assert_eq!(roots[0].minima(), [(7, 0.0), (9, 0.5), (8, 1.0)]);
        assert_eq!((roots[0].loss, roots[0].parts[0].loss), (5.0, 2.0));
        let figure = draw(&[7, 8, 9, 10], &minmax, "title", "loss").unwrap();
        assert!(figure.contains("joined at 2.000") && figure.contains("joined at 5.000"));
        assert!(draw(&[7], &[vec![x(0.0)]], "title", "loss").is_none());
    }
}
