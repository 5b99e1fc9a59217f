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
    /// All distances, (points, points): rows are read from end to end.
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
        let mut distances = vec![0.0; points * points];
        // Beyond the least of the largest distances from a point the complex is a cone over that point.
        let mut farthest = vec![0.0f64; points];
        for (a, b) in (0..points).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let distance = space.distance(a, b);
            if !(0.0..f64::INFINITY).contains(&distance) {
                return Err(Error::Distance { a, b, distance });
            }
            distances[a * points + b] = distance + 0.0;
            distances[b * points + a] = distance + 0.0;
            farthest[a] = farthest[a].max(distance);
            farthest[b] = farthest[b].max(distance);
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
        self.row(a)[b as usize]
    }

    /// The distances from a vertex.
    fn row(&self, v: u32) -> &[f64] {
        &self.distances[v as usize * self.points..][..self.points]
    }

    /// Edges within the threshold, in the order of the filtration.
    pub(super) fn edges(&self) -> Vec<Cell> {
        let pairs = (0..self.points as u32).flat_map(|a| self.row(a)[..a as usize].iter().copied());
        let all = (0..).zip(pairs).map(|(number, diameter)| Cell { diameter, number });
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

    /// Shows the cofacets of a simplex whose diameters lie above `low` and up to `high`, larger numbers first, as
    /// long as `show` returns true; those alone whose new vertex comes after all others, if `above`.
    pub(super) fn cofacets(
        &self,
        cell: Cell,
        vertices: &Vertices,
        above: bool,
        (low, high): (f64, f64),
        show: impl FnMut(Cell) -> bool,
    ) {
        let window = (low, high.min(self.threshold));
        match *vertices.as_slice() {
            [a, b] => self.cofacets_of(cell, [a, b], above, window, show),
            [a, b, c] => self.cofacets_of(cell, [a, b, c], above, window, show),
            [a, b, c, d] => self.cofacets_of(cell, [a, b, c, d], above, window, show),
            [a, b, c, d, e] => self.cofacets_of(cell, [a, b, c, d, e], above, window, show),
            [a, b, c, d, e, f] => self.cofacets_of(cell, [a, b, c, d, e, f], above, window, show),
            _ => unreachable!("cofacets are taken of edges up to simplices of dimension MAX_INDEX"),
        }
    }

    fn cofacets_of<const N: usize>(
        &self,
        cell: Cell,
        old: [u32; N],
        above: bool,
        (low, high): (f64, f64),
        mut show: impl FnMut(Cell) -> bool,
    ) {
        let rows = old.map(|v| self.row(v));
        // Vertices of the simplex that are larger than the new one count one place higher.
        let (mut higher, mut below) = (0u64, cell.number);
        let mut end = self.points;
        for passed in 0..=N {
            let start = old.get(passed).map_or(0, |&v| v as usize + 1);
            let places = &self.binomials[(N - passed + 1) * (self.points + 1)..][..end];
            for v in (start..end).rev() {
                let wider = |m: f64, row: &&[f64]| if row[v] > m { row[v] } else { m };
                let diameter = rows.iter().fold(cell.diameter, wider);
                if diameter <= high && diameter > low {
                    let number = higher + places[v] + below;
                    if !show(Cell { diameter, number }) {
                        return;
                    }
                }
            }
            if passed == N || above {
                return;
            }
            end = old[passed] as usize;
            below -= self.binomial(end, N - passed);
            higher += self.binomial(end, N - passed + 1);
        }
    }

    /// The first cofacet of the same diameter.
    pub(super) fn first_cofacet(&self, cell: Cell, dimension: usize) -> Option<Cell> {
        let vertices = self.vertices(cell.number, dimension);
        let mut first = None;
        self.cofacets(cell, &vertices, false, (f64::NEG_INFINITY, cell.diameter), |cofacet| {
            first = Some(cofacet);
            false
        });
        first
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
        let first = self.first_cofacet(cell, dimension)?;
        (self.last_facet(first, dimension + 1) == Some(cell)).then_some(first)
    }

    /// The facet that makes an apparent pair of length 0 with the simplex.
    pub(super) fn apparent_facet(&self, cell: Cell, dimension: usize) -> Option<Cell> {
        let facet = self.last_facet(cell, dimension)?;
        (self.first_cofacet(facet, dimension - 1) == Some(cell)).then_some(facet)
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
