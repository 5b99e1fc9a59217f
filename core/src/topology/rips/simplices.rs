//! Simplices as numbers: their vertices, facets, cofacets.

use alloc::{vec, vec::Vec};

use super::super::metric::checked_distance;
use super::super::{Error, Metric};

/// The largest homology dimension.
pub(super) const MAX_DIM: usize = 5;

/// Bits of a key that hold its vertices.
const VERTEX_BITS: u32 = 96;

/// A simplex as one number, whose order is the order of the filtration: the rank of its diameter among all distances;
/// then, complemented, its vertices from the largest to the smallest, so that larger ones come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct SimplexKey(pub(super) u128);

impl SimplexKey {
    /// Before every other.
    pub(super) const FIRST: Self = Self(0);

    fn new(rank: u32, vertices: u128) -> Self {
        Self(u128::from(rank) << VERTEX_BITS | (!vertices & Self::mask(VERTEX_BITS)))
    }

    /// Rank of the diameter.
    pub(super) fn rank(self) -> u32 {
        (self.0 >> VERTEX_BITS) as u32
    }

    fn vertices(self) -> u128 {
        !self.0 & Self::mask(VERTEX_BITS)
    }

    fn mask(bits: u32) -> u128 {
        (1 << bits) - 1
    }
}

/// Up to seven vertices, descending.
#[derive(Clone, Copy)]
pub(super) struct Vertices {
    list: [u32; MAX_DIM + 2],
    len: usize,
}

impl Vertices {
    pub(super) fn as_slice(&self) -> &[u32] {
        &self.list[..self.len]
    }

    /// The number among the simplices of this dimension, Σ C(v_i, i + 1) over the ascending vertices v_0, v_1, …
    pub(super) fn number(&self) -> usize {
        let ascending = self.as_slice().iter().rev();
        ascending.zip(1..).map(|(&v, k)| binomial(v.into(), k) as usize).sum()
    }
}

/// Sets of neighbours that are kept, by the rank of their distance: those of the first 1/128, 1/64, … of all ranks.
const LEVELS: usize = 8;

/// The simplices of a metric space up to a diameter.
pub(super) struct Simplices {
    points: usize,
    /// Bits of a vertex in a key.
    bits: u32,
    /// Distances up to the threshold, each once, ascending.
    values: Vec<f64>,
    /// Ranks of all distances, (points, points); `u32::MAX` beyond the threshold.
    ranks: Vec<u32>,
    /// Neighbours as bits, (levels, points, words): they are what cofacets are sought among.
    near: Vec<u64>,
    words: usize,
}

impl Simplices {
    /// Bytes for so many points, with the edges in order.
    pub(super) const fn bytes(points: usize) -> usize {
        let pairs = points.saturating_mul(points.saturating_sub(1)) / 2;
        let edge = size_of::<SimplexKey>() + size_of::<f64>();
        let near = points.saturating_mul(points.div_ceil(64)).saturating_mul(LEVELS * size_of::<u64>());
        let ranks = points.saturating_mul(points).saturating_mul(size_of::<u32>());
        pairs.saturating_mul(edge).saturating_add(near).saturating_add(ranks)
    }

    /// The simplices, and all edges among them in the order of the filtration.
    pub(super) fn new<M: Metric + ?Sized>(
        space: &M,
        max_dim: usize,
        threshold: f64,
    ) -> Result<(Self, Vec<SimplexKey>), Error> {
        let points = space.points();
        if max_dim > MAX_DIM {
            return Err(Error::TooMany { what: "indices", given: max_dim });
        }
        let bits = usize::BITS - points.saturating_sub(1).leading_zeros();
        let largest = max_dim + 2;
        if bits * largest as u32 > VERTEX_BITS
            || points > 1 << 16
            || usize::try_from(binomial(points as u64, largest as u32)).is_err()
        {
            return Err(Error::TooMany { what: "points for this dim", given: points });
        }
        let (distances, threshold) = distances(space, threshold)?;
        let pairs = (0..points as u128).flat_map(|a| (0..a).map(move |b| a << bits | b));
        let mut edges = Vec::with_capacity(distances.iter().filter(|&&d| d <= threshold).count());
        // Bits of a number that is not negative are in the order of the numbers. They are replaced by their ranks.
        let keyed = distances.iter().zip(pairs).filter(|&(&d, _)| d <= threshold);
        edges.extend(
            keyed.map(|(d, pair)| SimplexKey(u128::from(d.to_bits()) << 64 | u128::from(!(pair as u64)))),
        );
        drop(distances);
        edges.sort_unstable();
        let words = points.div_ceil(64);
        let (ranks, near) = (vec![u32::MAX; points * points], vec![0; LEVELS * points * words]);
        let mut simplices = Self { points, bits, values: Vec::new(), ranks, near, words };
        simplices.rank(&mut edges);
        Ok((simplices, edges))
    }

    /// Puts ranks for the distances of sorted edges, here and there.
    fn rank(&mut self, edges: &mut [SimplexKey]) {
        for edge in &mut *edges {
            let value = f64::from_bits((edge.0 >> 64) as u64);
            if self.values.last() != Some(&value) {
                self.values.push(value);
            }
            *edge = SimplexKey::new(self.values.len() as u32 - 1, u128::from(!(edge.0 as u64)));
        }
        for &edge in &*edges {
            let [a, b] = self.ends(edge).map(|v| v as usize);
            self.ranks[a * self.points + b] = edge.rank();
            self.ranks[b * self.points + a] = edge.rank();
            for level in self.level(edge.rank())..LEVELS {
                let row = level * self.points;
                self.near[(row + a) * self.words + b / 64] |= 1 << (b % 64);
                self.near[(row + b) * self.words + a / 64] |= 1 << (a % 64);
            }
        }
    }

    /// The level of neighbours up to a rank.
    fn level(&self, rank: u32) -> usize {
        let parts = (self.values.len() as u32 - 1) / rank.max(1);
        LEVELS - 1 - (parts.max(1).ilog2() as usize).min(LEVELS - 1)
    }

    pub(super) fn points(&self) -> usize {
        self.points
    }

    /// The diameter of a key.
    pub(super) fn diameter(&self, key: SimplexKey) -> f64 {
        self.values[key.rank() as usize]
    }

    /// The largest rank.
    pub(super) fn last_rank(&self) -> u32 {
        (self.values.len() as u32).saturating_sub(1)
    }

    /// The ranks of the distances from a vertex.
    fn row(&self, v: u32) -> &[u32] {
        &self.ranks[v as usize * self.points..][..self.points]
    }

    /// The ends of an edge.
    pub(super) fn ends(&self, edge: SimplexKey) -> [u32; 2] {
        let vertices = self.vertices(edge, 1);
        [vertices.list[0], vertices.list[1]]
    }

    /// The vertices of a simplex, descending.
    pub(super) fn vertices(&self, key: SimplexKey, dimension: usize) -> Vertices {
        let mut vertices = Vertices { list: [0; MAX_DIM + 2], len: dimension + 1 };
        let mut rest = key.vertices();
        for v in vertices.list[..=dimension].iter_mut().rev() {
            *v = (rest & SimplexKey::mask(self.bits)) as u32;
            rest >>= self.bits;
        }
        vertices
    }

    /// Shows the cofacets of a simplex whose ranks lie within two, inclusive, larger new vertices first, as long as
    /// `show` returns true; those alone whose new vertex comes after all others, if `above`.
    pub(super) fn cofacets(
        &self,
        key: SimplexKey,
        dimension: usize,
        above: bool,
        (from, to): (u32, u32),
        show: impl FnMut(SimplexKey) -> bool,
    ) {
        if self.values.is_empty() {
            return;
        }
        let to = to.min(self.last_rank());
        match *self.vertices(key, dimension).as_slice() {
            [a, b] => self.cofacets_of(key, [a, b], above, (from, to), show),
            [a, b, c] => self.cofacets_of(key, [a, b, c], above, (from, to), show),
            [a, b, c, d] => self.cofacets_of(key, [a, b, c, d], above, (from, to), show),
            [a, b, c, d, e] => self.cofacets_of(key, [a, b, c, d, e], above, (from, to), show),
            [a, b, c, d, e, f] => self.cofacets_of(key, [a, b, c, d, e, f], above, (from, to), show),
            _ => unreachable!("cofacets are taken of edges up to simplices of dimension MAX_DIM"),
        }
    }

    fn cofacets_of<const N: usize>(
        &self,
        key: SimplexKey,
        old: [u32; N],
        above: bool,
        (from, to): (u32, u32),
        mut show: impl FnMut(SimplexKey) -> bool,
    ) {
        let rows = old.map(|v| self.row(v));
        let level = self.level(to) * self.points;
        let near = old.map(|v| &self.near[(level + v as usize) * self.words..][..self.words]);
        let packed = key.vertices();
        let first = if above { old[0] as usize / 64 } else { 0 };
        for word in (first..self.words).rev() {
            let mut common = near.iter().fold(u64::MAX, |common, near| common & near[word]);
            while common != 0 {
                let bit = 63 - common.leading_zeros();
                common ^= 1 << bit;
                let v = word as u32 * 64 + bit;
                let rank = rows.iter().fold(key.rank(), |most, row| most.max(row[v as usize]));
                if rank < from || rank > to {
                    continue;
                }
                let smaller = old.iter().map(|&u| u32::from(u < v)).sum::<u32>();
                if above && smaller < N as u32 {
                    return;
                }
                let shift = smaller * self.bits;
                let low = packed & SimplexKey::mask(shift);
                let vertices = ((packed >> shift) << self.bits | u128::from(v)) << shift | low;
                if !show(SimplexKey::new(rank, vertices)) {
                    return;
                }
            }
        }
    }

    /// The first cofacet of the same diameter.
    pub(super) fn first_cofacet(&self, key: SimplexKey, dimension: usize) -> Option<SimplexKey> {
        let mut first = None;
        self.cofacets(key, dimension, false, (key.rank(), key.rank()), |cofacet| {
            first = Some(cofacet);
            false
        });
        first
    }

    /// The cofacet that makes an apparent pair of length 0 with the simplex: the first of its cofacets, it is the
    /// last facet of.
    pub(super) fn apparent_cofacet(&self, key: SimplexKey, dimension: usize) -> Option<SimplexKey> {
        let first = self.first_cofacet(key, dimension)?;
        let (old, new) = (self.vertices(key, dimension), self.vertices(first, dimension + 1));
        let (old, new) = (old.as_slice(), new.as_slice());
        let place = (0..old.len()).find(|&i| old[i] != new[i]).unwrap_or(old.len());
        // Facets after this one lack a larger vertex.
        let last = (0..place).all(|i| self.edge_of_rank(key.rank(), new, i).is_none());
        last.then_some(first)
    }

    /// The facet that makes an apparent pair of length 0 with the simplex.
    pub(super) fn apparent_facet(&self, key: SimplexKey, dimension: usize) -> Option<SimplexKey> {
        let facet = self.last_facet(key, dimension)?;
        (self.first_cofacet(facet, dimension - 1) == Some(key)).then_some(facet)
    }

    /// The last facet in the order of the filtration, if it has the same diameter: the one without the largest
    /// possible vertex that leaves a longest edge.
    fn last_facet(&self, key: SimplexKey, dimension: usize) -> Option<SimplexKey> {
        let vertices = self.vertices(key, dimension);
        let all = vertices.as_slice();
        let edge = self.edge_of_rank(key.rank(), all, usize::MAX)?;
        let without = (0..all.len())
            .find(|&i| !edge.contains(&i) || self.edge_of_rank(key.rank(), all, i).is_some())?;
        let shift = (dimension - without) as u32 * self.bits;
        let packed = key.vertices();
        let vertices = packed >> (shift + self.bits) << shift | (packed & SimplexKey::mask(shift));
        Some(SimplexKey::new(key.rank(), vertices))
    }

    /// The places of the ends of an edge of this rank, of a simplex without its vertex at a place.
    fn edge_of_rank(&self, rank: u32, vertices: &[u32], without: usize) -> Option<[usize; 2]> {
        for (i, &a) in vertices.iter().enumerate().filter(|&(i, _)| i != without) {
            let row = self.row(a);
            for (j, &b) in vertices.iter().enumerate().skip(i + 1).filter(|&(j, _)| j != without) {
                if row[b as usize] == rank {
                    return Some([i, j]);
                }
            }
        }
        None
    }
}

/// All distances, d(1,0), d(2,0), d(2,1), d(3,0), …, and the threshold, which is lowered to the least of the largest
/// distances from a point: beyond it the complex is a cone over that point.
fn distances<M: Metric + ?Sized>(space: &M, threshold: f64) -> Result<(Vec<f64>, f64), Error> {
    let points = space.points();
    let mut distances = Vec::with_capacity(points * points.saturating_sub(1) / 2);
    let mut farthest = vec![0.0f64; points];
    for (a, b) in (0..points).flat_map(|a| (0..a).map(move |b| (a, b))) {
        let distance = checked_distance(space, (a, b), space.distance(a, b))?;
        // A zero of either sign becomes the positive one.
        distances.push(distance + 0.0);
        farthest[a] = farthest[a].max(distance);
        farthest[b] = farthest[b].max(distance);
    }
    let enclosing = farthest.into_iter().fold(f64::INFINITY, f64::min);
    // Edges of infinite length never enter.
    Ok((distances, threshold.min(enclosing).min(f64::MAX)))
}

/// C(v, k), or the largest number there is.
fn binomial(v: u64, k: u32) -> u64 {
    let mut product = 1u128;
    for i in 0..u64::from(k) {
        // A product of i + 1 successive numbers divides by (i + 1)!; it has less than 64 + 64 bits.
        product = product * u128::from(v.saturating_sub(i)) / u128::from(i + 1);
        if product > u128::from(u64::MAX) {
            return u64::MAX;
        }
    }
    product as u64
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
