//! The map of a simplex into parameter space, for every number of vertices and every depth.
//!
//! Method: section 2; Voronkova et al., equations (5) and (6), are its cases of two and three vertices at depth 1.

use super::{MAX_VERTICES, sort_falling};
use heapless::Vec;

/// Common denominator of all control points: 840 = lcm(1, …, 8), once for each depth.
const UNIT: u32 = 840 * 840 * 840;

/// Greatest depth: 840^4 no longer fits.
pub const MAX_DEPTH: usize = 3;

/// The address of a control point: where it sits in the simplex, in exact barycentric coordinates.
///
/// A control point of depth d is a vertex of the d-fold barycentric subdivision: at depth 1 the barycentre of a
/// face, at depth 2 that of a chain of faces, and so on. Its place names it: the same at every depth, the same in
/// every simplex that shares the face it lies on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ControlPointId([u32; MAX_VERTICES]);

impl ControlPointId {
    /// No place yet: what static memory for a [`ControlPoints`] starts with, all zero.
    pub const BLANK: Self = Self([0; MAX_VERTICES]);

    /// Vertex `i`.
    const fn vertex(i: usize) -> Self {
        let mut p = [0; MAX_VERTICES];
        p[i] = UNIT;
        Self(p)
    }

    /// Barycentre of at most eight positions of depth ≤ 2; exact, because 840 is divisible by their number.
    fn mean<'a>(of: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let count = of.clone().count() as u64;
        Self(core::array::from_fn(|i| (of.clone().map(|p| u64::from(p.0[i])).sum::<u64>() / count) as u32))
    }

    /// The vertices with a positive coordinate, as a mask of local vertex numbers: the face it lies inside of.
    pub fn support(&self) -> u32 {
        (0..MAX_VERTICES).filter(|&i| self.0[i] > 0).fold(0, |mask, i| mask | 1 << i)
    }

    /// The same place in the coordinates of its [support](Self::support), which is its address there.
    pub fn within_support(&self) -> Self {
        let mut p = [0; MAX_VERTICES];
        for (to, from) in self.0.iter().filter(|&&x| x > 0).enumerate() {
            p[to] = *from;
        }
        Self(p)
    }

    /// Barycentric coordinates.
    pub fn coordinates(&self) -> [f64; MAX_VERTICES] {
        self.0.map(|x| f64::from(x) / f64::from(UNIT))
    }

    /// Whether the control point is a point of the lattice with `n` intervals on an edge.
    pub fn is_on_lattice(&self, n: u32) -> bool {
        self.0.iter().all(|&x| (u64::from(x) * u64::from(n)).is_multiple_of(u64::from(UNIT)))
    }

    /// The smallest integers in the ratio of the coordinates: (3, 1) three quarters of the way to vertex 0.
    pub fn ratio(&self) -> [u32; MAX_VERTICES] {
        let gcd = self.0.iter().fold(0, |mut a, &(mut b)| {
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        });
        self.0.map(|x| x / gcd)
    }
}

impl Ord for ControlPointId {
    /// Vertices first, then by size of the face, so that the interior comes last.
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let key = |p: &Self| (p.support().count_ones(), p.support());
        key(self).cmp(&key(other)).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for ControlPointId {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The control points with non-zero weight at a point t, with their weights.
pub type Weights = Vec<(ControlPointId, f64), MAX_VERTICES>;

/// The weights of the control points at barycentric coordinates `t`, at most `t.len()` of them not zero.
///
/// With t_(1) ≥ t_(2) ≥ … the coordinates in decreasing order and S_j the set of the first j vertices,
/// ψ(t) = Σ_j j·(t_(j) − t_(j+1))·θ_{S_j}: barycentric coordinates in the cell of the barycentric subdivision
/// that contains t. Depth d applies this d times, each time to the weights it gave before.
///
/// # Panics
/// In debug builds, if `t` has no or more than [`MAX_VERTICES`] coordinates or `depth` is not 1 to [`MAX_DEPTH`].
///
/// # Cost
/// O(depth · v²) for v vertices.
///
/// ```
/// use valleys_core::simplex::weights;
/// // Half of the way from vertex 0 to the middle of an edge: equation (5) at t = 1/4.
/// let w = weights(&[0.75, 0.25], 1);
/// assert_eq!(w.iter().map(|(_, w)| *w).collect::<Vec<_>>(), [0.5, 0.5]);
/// ```
pub fn weights(t: &[f64], depth: usize) -> Weights {
    debug_assert!((1..=MAX_VERTICES).contains(&t.len()) && (1..=MAX_DEPTH).contains(&depth));
    let mut cell: Weights = t.iter().enumerate().map(|(i, &w)| (ControlPointId::vertex(i), w)).collect();
    for _ in 0..depth {
        // Ties may fall either way: what depends on their order gets weight 0.
        sort_falling(&mut cell, |c| c.1);
        cell = (1..=cell.len())
            .map(|j| {
                let next = cell.get(j).map_or(0.0, |c| c.1);
                (ControlPointId::mean(cell[..j].iter().map(|c| &c.0)), j as f64 * (cell[j - 1].1 - next))
            })
            .collect();
    }
    cell.retain(|&(_, w)| w != 0.0);
    cell
}

/// Number of control points of a simplex with `vertices` vertices at `depth`: the vertices of its `depth`-fold
/// barycentric subdivision.
///
/// 2^v − 1 at depth 1; of an edge 3, 5, 9; of a triangle 7, 25, 121.
pub const fn control_points_len(vertices: usize, depth: usize) -> usize {
    // faces[k]: number of simplices with k + 1 vertices of the subdivision reached so far.
    let mut faces = [0usize; MAX_VERTICES];
    let mut k = 0;
    let mut binomial = 1;
    while k < vertices {
        binomial = binomial * (vertices - k) / (k + 1);
        faces[k] = binomial;
        k += 1;
    }
    let mut d = 1;
    loop {
        let mut total = 0;
        k = 0;
        while k < vertices {
            total += faces[k];
            k += 1;
        }
        if d >= depth {
            return total;
        }
        // A simplex with m vertices holds, in its interior and boundary, chains of k + 1 faces that end in it:
        // the surjections of its vertices on k + 1 blocks.
        let mut next = [0usize; MAX_VERTICES];
        k = 0;
        while k < vertices {
            let mut m = k;
            while m < vertices {
                next[k] += faces[m] * surjections(m + 1, k + 1);
                m += 1;
            }
            k += 1;
        }
        faces = next;
        d += 1;
    }
}

/// Number of maps of m things onto k boxes, none empty.
const fn surjections(m: usize, k: usize) -> usize {
    // s(m, k) = k (s(m−1, k) + s(m−1, k−1))
    let mut row = [0usize; MAX_VERTICES + 1];
    row[0] = 1;
    let mut i = 0;
    while i < m {
        let mut j = k;
        while j > 0 {
            row[j] = j * (row[j] + row[j - 1]);
            j -= 1;
        }
        row[0] = 0;
        i += 1;
    }
    row[k]
}

/// All control points of a simplex at one depth, in order: a control point's number in it is its slot.
///
/// Vertices come first, the simplex's own points (those inside of it) last.
#[derive(Clone, Copy, Debug)]
pub struct ControlPoints<'a> {
    vertices: usize,
    depth: usize,
    ids: &'a [ControlPointId],
}

impl<'a> ControlPoints<'a> {
    /// Lists the control points into the caller's slice.
    ///
    /// # Errors
    /// `vertices` not 1 to [`MAX_VERTICES`], `depth` not 1 to [`MAX_DEPTH`], or `memory` not of
    /// [`control_points_len`]`(vertices, depth)` elements.
    ///
    /// # Cost
    /// (v!)^(depth − 1) · 2^v insertions.
    pub fn new(
        vertices: usize,
        depth: usize,
        memory: &'a mut [ControlPointId],
    ) -> Result<Self, crate::error::Error> {
        crate::error::range("vertices of a simplex", 1, MAX_VERTICES, vertices)?;
        crate::error::range("depth of a map", 1, MAX_DEPTH, depth)?;
        crate::error::length("control points", control_points_len(vertices, depth), memory.len())?;
        let corners: Vec<ControlPointId, MAX_VERTICES> = (0..vertices).map(ControlPointId::vertex).collect();
        let mut filled = 0;
        subdivide(&corners, depth - 1, &mut |cell| {
            for mask in 1u32..1 << cell.len() {
                let members = cell.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1);
                let point = ControlPointId::mean(members.map(|(_, p)| p));
                if let Err(at) = memory[..filled].binary_search(&point) {
                    memory[at..=filled].rotate_right(1);
                    memory[at] = point;
                    filled += 1;
                }
            }
        });
        debug_assert_eq!(filled, memory.len());
        Ok(Self { vertices, depth, ids: memory })
    }

    /// Number of vertices of the simplex.
    pub const fn vertices(&self) -> usize {
        self.vertices
    }

    /// Depth of the map.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// The control points, by slot.
    pub const fn ids(&self) -> &'a [ControlPointId] {
        self.ids
    }

    /// The first slot of the simplex's own points, those that lie on no proper face.
    pub fn interior(&self) -> usize {
        self.ids.partition_point(|p| (p.support().count_ones() as usize) < self.vertices)
    }

    /// The slot of a control point; `None` if the frame has none at this place.
    pub fn slot(&self, position: &ControlPointId) -> Option<usize> {
        self.ids.binary_search(position).ok()
    }

    /// Number of pieces on which ψ is affine: (v!)^depth.
    pub fn pieces_len(&self) -> usize {
        (2..=self.vertices).product::<usize>().pow(self.depth as u32)
    }

    /// The slots of the control points of a piece on which ψ is affine, one for each vertex of the simplex.
    ///
    /// # Panics
    /// If there is no such piece.
    ///
    /// # Cost
    /// O(depth · v² + v · log of the number of control points).
    pub fn piece(&self, mut number: usize) -> Vec<u32, MAX_VERTICES> {
        let mut pieces = self.pieces_len();
        assert!(number < pieces, "the number of a piece");
        let mut corners: Vec<ControlPointId, MAX_VERTICES> =
            (0..self.vertices).map(ControlPointId::vertex).collect();
        for _ in 0..self.depth {
            // The order of the corners whose number in lexicographic order is the next digit.
            let mut left = corners.clone();
            let mut order: Vec<ControlPointId, MAX_VERTICES> = Vec::new();
            for remaining in (1..=self.vertices).rev() {
                pieces /= remaining;
                let _ = order.push(left.remove(number / pieces));
                number %= pieces;
            }
            corners = (1..=order.len()).map(|j| ControlPointId::mean(order[..j].iter())).collect();
        }
        corners.iter().map(|id| self.slot(id).expect("a control point of its depth") as u32).collect()
    }

    /// ψ at `t`, as slots with their weights.
    ///
    /// # Panics
    /// If `t` has not as many coordinates as the simplex has vertices.
    pub fn mix(&self, t: &[f64]) -> Mix {
        assert_eq!(t.len(), self.vertices, "barycentric coordinates, one a vertex");
        weights(t, self.depth)
            .iter()
            .map(|(position, weight)| {
                let slot = self.slot(position).expect("a frame holds every control point of its depth");
                (slot as u32, *weight as f32)
            })
            .collect()
    }

    /// Where a control point of a finer frame has to lie so that ψ stays the same map: ψ at its position.
    ///
    /// ```
    /// use valleys_core::simplex::{ControlPoints, ControlPointId, control_points_len};
    /// let (mut coarse, mut fine) = ([ControlPointId::default(); 3], [ControlPointId::default(); 5]);
    /// let coarse = ControlPoints::new(2, 1, &mut coarse)?;
    /// let fine = ControlPoints::new(2, 2, &mut fine)?;
    /// // Half of the way from vertex 1 to the middle.
    /// assert_eq!(coarse.refine(&fine.ids()[2]), [(1, 0.5), (2, 0.5)]);
    /// # Ok::<(), valleys_core::error::Error>(())
    /// ```
    pub fn refine(&self, position: &ControlPointId) -> Mix {
        self.mix(&position.coordinates()[..self.vertices])
    }
}

/// A point of parameter space: control points by slot, with their weights.
pub type Mix = Vec<(u32, f32), MAX_VERTICES>;

/// Calls `visit` with every cell of the `times`-fold barycentric subdivision of a cell.
fn subdivide(
    cell: &Vec<ControlPointId, MAX_VERTICES>,
    times: usize,
    visit: &mut dyn FnMut(&Vec<ControlPointId, MAX_VERTICES>),
) {
    if times == 0 {
        return visit(cell);
    }
    let mut order: Vec<usize, MAX_VERTICES> = (0..cell.len()).collect();
    loop {
        let part =
            (1..=cell.len()).map(|j| ControlPointId::mean(order[..j].iter().map(|&i| &cell[i]))).collect();
        subdivide(&part, times - 1, visit);
        // The next order, lexicographically.
        let Some(i) = (1..order.len()).rev().find(|&i| order[i - 1] < order[i]) else { return };
        let j = (i..order.len()).rev().find(|&j| order[j] > order[i - 1]).unwrap_or(i);
        order.swap(i - 1, j);
        order[i..].reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_control_points() {
        // f-vectors of iterated barycentric subdivisions, counted by hand for edges and triangles.
        assert_eq!([1, 2, 3].map(|d| control_points_len(2, d)), [3, 5, 9]);
        assert_eq!([1, 2, 3].map(|d| control_points_len(3, d)), [7, 25, 121]);
        assert_eq!([1, 2].map(|d| control_points_len(4, d)), [15, 149]);
        assert_eq!([1, 2, 3].map(|d| control_points_len(1, d)), [1, 1, 1]);
        assert_eq!(control_points_len(8, 1), 255);
    }

    #[test]
    fn frames_list_every_point_once_with_the_interior_last() {
        for (vertices, depth) in [(1, 3), (2, 1), (2, 3), (3, 1), (3, 2), (3, 3), (4, 2), (8, 1)] {
            let mut memory = [ControlPointId::vertex(0); 255];
            let len = control_points_len(vertices, depth);
            let frame = ControlPoints::new(vertices, depth, &mut memory[..len]).unwrap();
            assert!(frame.ids().is_sorted_by(|a, b| a < b));
            assert!(
                frame.ids().iter().all(|p| p.0.iter().map(|&x| u64::from(x)).sum::<u64>() == u64::from(UNIT))
            );
            let full = (1 << vertices) - 1;
            for (slot, position) in frame.ids().iter().enumerate() {
                assert_eq!(slot >= frame.interior(), position.support() == full);
            }
        }
    }
}
