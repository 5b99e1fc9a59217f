//! Simplices as numbers: their vertices, facets, cofacets.

use alloc::{vec, vec::Vec};
use core::cmp::Ordering;

use super::super::{Error, Metric};

/// The largest index that can be asked for.
pub const MAX_INDEX: usize = 5;

/// A simplex: its diameter, and its number among those of its dimension.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cell {
    pub(super) diameter: f64,
    pub(super) number: u64,
}

impl Eq for Cell {}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cell {
    /// The order of the filtration: by diameter, then larger numbers first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.diameter.total_cmp(&other.diameter).then_with(|| other.number.cmp(&self.number))
    }
}

/// Up to seven vertices, descending.
#[derive(Clone, Copy)]
pub(super) struct Vertices {
    list: [u32; MAX_INDEX + 2],
    len: usize,
}

impl Vertices {
    pub(super) fn as_slice(&self) -> &[u32] {
        &self.list[..self.len]
    }
}

/// The simplices of a metric space up to a diameter.
pub(super) struct Simplices {
    /// Row v holds the distances to all vertices before v.
    distances: Vec<f64>,
    points: usize,
    pub(super) threshold: f64,
    /// C(v, k) at k (points + 1) + v.
    binomials: Vec<u64>,
}

impl Simplices {
    pub(super) fn new<M: Metric + ?Sized>(
        space: &M,
        max_index: usize,
        threshold: f64,
    ) -> Result<Self, Error> {
        let points = space.points();
        if max_index > MAX_INDEX {
            return Err(Error::TooMany { what: "indices", given: max_index });
        }
        let mut distances = Vec::with_capacity(points * points.saturating_sub(1) / 2);
        // Beyond the least of the largest distances from a point the complex is a cone over that point.
        let mut farthest = vec![0.0f64; points];
        for a in 0..points {
            for b in 0..a {
                let distance = space.distance(a, b);
                if !(0.0..f64::INFINITY).contains(&distance) {
                    return Err(Error::Distance { a, b, distance });
                }
                distances.push(distance + 0.0);
                farthest[a] = farthest[a].max(distance);
                farthest[b] = farthest[b].max(distance);
            }
        }
        let enclosing = farthest.into_iter().fold(f64::INFINITY, f64::min);
        let binomials = binomials(points, max_index + 2)?;
        Ok(Self { distances, points, threshold: threshold.min(enclosing), binomials })
    }

    pub(super) fn points(&self) -> usize {
        self.points
    }

    fn binomial(&self, v: usize, k: usize) -> u64 {
        self.binomials[k * (self.points + 1) + v]
    }

    fn distance(&self, a: u32, b: u32) -> f64 {
        let (a, b) = (a.max(b) as usize, a.min(b) as usize);
        self.distances[a * (a - 1) / 2 + b]
    }

    /// Edges within the threshold, in the order of the filtration.
    pub(super) fn edges(&self) -> Vec<Cell> {
        // An edge's number is the place of its distance.
        let all = (0..).zip(&self.distances).map(|(number, &diameter)| Cell { diameter, number });
        let mut edges: Vec<Cell> = all.filter(|edge| edge.diameter <= self.threshold).collect();
        edges.sort_unstable();
        edges
    }

    /// The ends of an edge.
    pub(super) fn ends(&self, number: u64) -> [u32; 2] {
        let vertices = self.vertices(number, 1);
        [vertices.list[0], vertices.list[1]]
    }

    /// The vertices of a simplex, descending.
    pub(super) fn vertices(&self, mut number: u64, dimension: usize) -> Vertices {
        let mut vertices = Vertices { list: [0; MAX_INDEX + 2], len: dimension + 1 };
        let mut end = self.points;
        for (slot, k) in vertices.list.iter_mut().zip((1..=dimension + 1).rev()) {
            let row = &self.binomials[k * (self.points + 1)..][..end];
            let v = row.partition_point(|&b| b <= number) - 1;
            number -= row[v];
            (*slot, end) = (v as u32, v);
        }
        vertices
    }

    fn diameter(&self, vertices: impl Iterator<Item = u32> + Clone) -> f64 {
        let mut largest = 0.0f64;
        let mut rest = vertices;
        while let Some(a) = rest.next() {
            largest = rest.clone().fold(largest, |m, b| m.max(self.distance(a, b)));
        }
        largest
    }

    /// The cofacets within the threshold of a simplex with these vertices, larger numbers first; those alone
    /// whose new vertex comes after all others, if `above`.
    pub(super) fn cofacets<'s>(
        &'s self,
        cell: Cell,
        vertices: &'s Vertices,
        above: bool,
    ) -> impl Iterator<Item = Cell> + 's {
        let old = vertices.as_slice();
        let lowest = if above { old[0] as usize + 1 } else { 0 };
        // Vertices of the simplex that are larger than the new one count one place higher.
        let (mut higher, mut below) = (0u64, cell.number);
        let mut passed = 0;
        (lowest..self.points).rev().filter_map(move |v| {
            let k = old.len() - passed;
            if k > 0 && old[passed] as usize == v {
                below -= self.binomial(v, k);
                higher += self.binomial(v, k + 1);
                passed += 1;
                return None;
            }
            let diameter = old.iter().fold(cell.diameter, |m, &u| m.max(self.distance(v as u32, u)));
            let number = higher + self.binomial(v, k + 1) + below;
            (diameter <= self.threshold).then_some(Cell { diameter, number })
        })
    }

    /// The facets of a simplex with these vertices, smaller numbers first.
    fn facets<'s>(&'s self, number: u64, vertices: &'s Vertices) -> impl Iterator<Item = Cell> + 's {
        let all = vertices.as_slice();
        let (mut higher, mut below) = (0u64, number);
        all.iter().enumerate().map(move |(i, &v)| {
            let k = all.len() - i;
            below -= self.binomial(v as usize, k);
            let number = higher + below;
            higher += self.binomial(v as usize, k - 1);
            Cell { diameter: self.diameter(all.iter().copied().filter(move |&u| u != v)), number }
        })
    }

    /// The cofacet that makes an apparent pair of length 0 with the simplex: the first of its cofacets, it is the
    /// last facet of.
    pub(super) fn apparent_cofacet(&self, cell: Cell, dimension: usize) -> Option<Cell> {
        let vertices = self.vertices(cell.number, dimension);
        let first = self.cofacets(cell, &vertices, false).find(|c| c.diameter == cell.diameter)?;
        (self.last_facet(first, dimension + 1) == Some(cell)).then_some(first)
    }

    /// The facet that makes an apparent pair of length 0 with the simplex.
    pub(super) fn apparent_facet(&self, cell: Cell, dimension: usize) -> Option<Cell> {
        let facet = self.last_facet(cell, dimension)?;
        let vertices = self.vertices(facet.number, dimension - 1);
        let first = self.cofacets(facet, &vertices, false).find(|c| c.diameter == cell.diameter);
        (first == Some(cell)).then_some(facet)
    }

    /// The last facet in the order of the filtration, if it has the same diameter.
    fn last_facet(&self, cell: Cell, dimension: usize) -> Option<Cell> {
        let vertices = self.vertices(cell.number, dimension);
        self.facets(cell.number, &vertices).find(|f| f.diameter == cell.diameter)
    }
}

/// C(v, k) for v ≤ points and k ≤ `largest`.
fn binomials(points: usize, largest: usize) -> Result<Vec<u64>, Error> {
    let width = points + 1;
    let mut table = vec![0u64; width * (largest + 1)];
    table[..width].fill(1);
    for k in 1..=largest {
        for v in 1..width {
            let sum = table[k * width + v - 1].checked_add(table[(k - 1) * width + v - 1]);
            // A cell of a bar is a `usize`.
            let fits = sum.filter(|&s| usize::try_from(s).is_ok());
            table[k * width + v] =
                fits.ok_or(Error::TooMany { what: "points for this index", given: points })?;
        }
    }
    Ok(table)
}

/// The vertices of a simplex from its number alone, ascending.
pub(super) fn vertices(mut number: u64, dimension: usize) -> Vec<u32> {
    let mut list = vec![0; dimension + 1];
    for k in (1..=dimension as u128 + 1).rev() {
        // C(v, k) grows with v: count up to the largest that fits.
        let (mut v, mut value) = (k - 1, 0u128);
        loop {
            let next = if v + 1 == k { 1 } else { value * (v + 1) / (v + 1 - k) };
            if next > u128::from(number) {
                break;
            }
            (v, value) = (v + 1, next);
        }
        number -= value as u64;
        list[k as usize - 1] = v as u32;
    }
    list
}
