//! Superlevel sets of a function on a triangle that is linear on every cell of the lattice.
//!
//! A contour map draws the sets {f ≥ c} for increasing c, each over the one before. So there are no seams between
//! neighbouring colours, and the boundary of a set is an isoline.

use std::collections::BTreeMap;

/// Values on the lattice { t : n·t_i ∈ N } of a triangle, in the order (n,0,0), (n−1,1,0), (n−1,0,1), …
///
/// A cell with a corner that is not finite belongs to no set; see [`Field::non_finite_cells`].
pub struct Field<'a> {
    n: usize,
    values: &'a [f64],
    /// The corners of the cells with finite values, in the orientation of the triangle. The last two corners are on a
    /// parallel to the side opposite to the first vertex.
    cells: Vec<[usize; 3]>,
    non_finite_cells: Vec<[usize; 3]>,
    /// The boundary of these cells as directed edges, with the cells on the left.
    border: Vec<(usize, usize)>,
}

/// A corner of a polygon: the lattice point `(i, i)`, or the point of the lattice edge `(i, j)`, i < j, at the level.
type Node = (usize, usize);

impl<'a> Field<'a> {
    /// The field of (n + 1)(n + 2)/2 values, n ≥ 1. `None` for any other number of values.
    pub fn new(values: &'a [f64]) -> Option<Self> {
        let n = intervals(values.len())?;
        let at = |row: usize, k: usize| row * (row + 1) / 2 + k;
        let upright = |row, k| [at(row, k), at(row + 1, k), at(row + 1, k + 1)];
        let inverted = |row, k| [at(row + 1, k + 1), at(row, k + 1), at(row, k)];
        let (cells, non_finite_cells): (Vec<_>, Vec<_>) = (0..n)
            .flat_map(|row| {
                (0..=row).map(move |k| upright(row, k)).chain((0..row).map(move |k| inverted(row, k)))
            })
            .partition(|cell| cell.iter().all(|&i| values[i].is_finite()));
        let border = border(&cells);
        Some(Self { n, values, cells, non_finite_cells, border })
    }

    /// Intervals on an edge of the lattice.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Barycentric coordinates of lattice point `i`.
    pub fn barycentric(&self, i: usize) -> [f64; 3] {
        // Row r has r + 1 points and starts at r(r + 1)/2.
        let row = (((8 * i + 1) as f64).sqrt() as usize - 1) / 2;
        let k = i - row * (row + 1) / 2;
        [self.n - row, row - k, k].map(|x| x as f64 / self.n as f64)
    }

    /// The set {f ≥ level} as closed polygons in the plane of [`to_plane`], with the interior on the left and without
    /// corners on straight lines. The level −∞ gives all cells.
    ///
    /// # Cost
    /// O(cells + b log b) for b boundary points.
    pub fn superlevel_set(&self, level: f64) -> Vec<Vec<[f64; 2]>> {
        let inside = |i: usize| self.values[i] >= level;
        let crossing = |i: usize, j: usize| (i.min(j), i.max(j));
        let mut next: BTreeMap<Node, Vec<Node>> = BTreeMap::new();
        let mut add = |from: Node, to: Node| next.entry(from).or_default().push(to);
        for cell in &self.cells {
            // The isoline enters a cell on the edge where the boundary of the cell leaves the set.
            let edges = [0, 1, 2].map(|k| (cell[k], cell[(k + 1) % 3]));
            let leaves = edges.iter().find(|&&(i, j)| inside(i) && !inside(j));
            let enters = edges.iter().find(|&&(i, j)| !inside(i) && inside(j));
            if let (Some(&(i, j)), Some(&(k, l))) = (leaves, enters) {
                add(crossing(i, j), crossing(k, l));
            }
        }
        for &(i, j) in &self.border {
            match (inside(i), inside(j)) {
                (true, true) => add((i, i), (j, j)),
                (true, false) => add((i, i), crossing(i, j)),
                (false, true) => add(crossing(i, j), (j, j)),
                (false, false) => {}
            }
        }
        let mut polygons = Vec::new();
        while let Some((&start, _)) = next.first_key_value() {
            let mut nodes = vec![start];
            let mut node = start;
            // Every node has as many incoming as outgoing edges, so the path ends at its start.
            while let Some(successors) = next.get_mut(&node) {
                let to = successors.pop();
                if successors.is_empty() {
                    next.remove(&node);
                }
                match to {
                    Some(to) if to != start => nodes.push(to),
                    _ => break,
                }
                node = nodes[nodes.len() - 1];
            }
            let points: Vec<_> = nodes.into_iter().map(|node| self.point(node, level)).collect();
            polygons.push(without_straight_corners(&points));
        }
        polygons
    }

    /// The corners of the cells with a value that is not finite, in the plane of [`to_plane`]. The last two corners are on
    /// a parallel to the side opposite to the first vertex.
    pub fn non_finite_cells(&self) -> impl Iterator<Item = [[f64; 2]; 3]> {
        self.non_finite_cells.iter().map(|cell| cell.map(|i| to_plane(self.barycentric(i))))
    }

    fn point(&self, (i, j): Node, level: f64) -> [f64; 2] {
        let (a, b) = (to_plane(self.barycentric(i)), to_plane(self.barycentric(j)));
        if i == j {
            return a;
        }
        // Halved, because the difference of the largest numbers overflows.
        let (fi, fj, c) = (self.values[i] / 2.0, self.values[j] / 2.0, level / 2.0);
        let s = ((c - fi) / (fj - fi)).clamp(0.0, 1.0);
        [a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])]
    }
}

/// Intervals on an edge of the triangle lattice with `points` points. `None` if no such lattice exists.
pub fn intervals(points: usize) -> Option<usize> {
    let n = ((8 * points + 1) as f64).sqrt().round() as usize / 2;
    let n = n.checked_sub(1)?;
    (n > 0 && (n + 1) * (n + 2) / 2 == points).then_some(n)
}

/// A point of the triangle in the plane. The triangle is equilateral with side 1, its first vertex is at (0, 0), its second
/// at (1, 0), and y points upwards.
pub fn to_plane(t: [f64; 3]) -> [f64; 2] {
    [t[1] + 0.5 * t[2], 0.75f64.sqrt() * t[2]]
}

/// The signed area of closed polygons. Holes count negative.
pub fn signed_area(polygons: &[Vec<[f64; 2]>]) -> f64 {
    let cross = |a: [f64; 2], b: [f64; 2]| a[0] * b[1] - a[1] * b[0];
    let twice = |p: &Vec<[f64; 2]>| (0..p.len()).map(|i| cross(p[i], p[(i + 1) % p.len()])).sum::<f64>();
    polygons.iter().map(twice).sum::<f64>() / 2.0
}

/// The directed edges whose reverse is not an edge of another cell.
fn border(cells: &[[usize; 3]]) -> Vec<(usize, usize)> {
    let edges = |cell: &[usize; 3]| [0, 1, 2].map(|k| (cell[k], cell[(k + 1) % 3]));
    let ends = |&(i, j): &(usize, usize)| (i.min(j), i.max(j));
    let mut all: Vec<_> = cells.iter().flat_map(edges).collect();
    // Sorting brings the two directions of an inner edge together.
    all.sort_unstable_by_key(ends);
    all.chunk_by(|a, b| ends(a) == ends(b)).filter(|same| same.len() == 1).map(|same| same[0]).collect()
}

fn without_straight_corners(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let count = points.len();
    let straight = |i: usize| {
        let (a, b, c) = (points[(i + count - 1) % count], points[i], points[(i + 1) % count]);
        let cross = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
        let along = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1]);
        // Rounding errors are about 1e-16 on a side of length 1.
        cross.abs() <= 1e-14 && along > 0.0
    };
    let kept: Vec<_> = (0..count).filter(|&i| !straight(i)).map(|i| points[i]).collect();
    if kept.len() < 3 { points.to_vec() } else { kept }
}
