//! The cells of a simplex, the loosest first.

use super::{Bounds, Corner, MAX_CORNERS};
use crate::error::{Error, length, range};
use crate::simplex::ControlPoints;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// A cell on which ψ is affine: corner c lies at Σ_j `corners[c][j]` · θ[`slots[j]`].
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The affine piece of ψ it belongs to.
    piece: usize,
    /// The slots of the piece's control points.
    pub slots: heapless::Vec<u32, MAX_CORNERS>,
    /// The corners, as convex weights of those control points.
    pub corners: heapless::Vec<Corner, MAX_CORNERS>,
}

/// A cell with its bounds, ordered by the upper one.
#[derive(Debug)]
struct Entry {
    upper: f64,
    cell: Cell,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.upper.total_cmp(&other.upper)
    }
}

/// Branch and bound over the cells of one simplex.
///
/// The caller bounds cells, on as many threads as it likes: first those of [`new`](Self::new), then those that
/// [`split`](Self::split) gives. All of them must come back by [`insert`](Self::insert) before the bounds hold.
///
/// ```
/// use valleys_core::certify::{BranchAndBound, CertifiedLoss, FunctionBounds};
/// use valleys_core::engine::Function;
/// use valleys_core::simplex::{ControlPointId, ControlPoints};
///
/// // From (−1, 0) to (1, 0), bent through (0, 1): the largest value of ½(½x² + y²) is 0.5, at the bend.
/// let mut ids = [ControlPointId::BLANK; 3];
/// let curve = ControlPoints::new(2, 1, &mut ids)?;
/// let theta: [&[f32]; 3] = [&[-1.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]];
/// let mut loss = FunctionBounds::new(Function::Quadratic, 2, &[1.0, 0.0, 0.0, 1.0])?;
/// let (mut search, mut cells) = BranchAndBound::new(&curve, &theta)?;
/// while search.upper() > 1.001 * search.lower() || !cells.is_empty() {
///     for cell in cells {
///         let points: Vec<&[f32]> = cell.slots.iter().map(|&slot| theta[slot as usize]).collect();
///         let bounds = loss.bounds(&points, &cell.corners)?;
///         search.insert(cell, bounds);
///     }
///     cells = search.split(4);
/// }
/// assert!(search.lower() <= 0.5 && 0.5 <= search.upper());
/// # Ok::<(), valleys_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct BranchAndBound {
    heap: BinaryHeap<Entry>,
    /// ‖θ_i − θ_j‖² between control points of each piece.
    distances: Vec<[[f64; MAX_CORNERS]; MAX_CORNERS]>,
    lower: f64,
    /// The largest upper bound of cells that are too small to be split.
    smallest: f64,
    bounded: usize,
}

impl BranchAndBound {
    /// The cells to begin with: the affine pieces of ψ. `theta` holds the control points, by slot.
    ///
    /// # Errors
    /// More than [`MAX_CORNERS`] vertices; control points of another number, or not of one length.
    ///
    /// # Cost
    /// (v!)^depth cells of v vertices, v² distances each.
    pub fn new(simplex: &ControlPoints, theta: &[&[f32]]) -> Result<(Self, Vec<Cell>), Error> {
        let vertices = simplex.vertices();
        range("vertices of a simplex to certify", 1, MAX_CORNERS, vertices)?;
        length("control points", simplex.ids().len(), theta.len())?;
        let dim = theta[0].len();
        for point in theta {
            length("a control point", dim, point.len())?;
        }
        let mut distances = Vec::new();
        let mut cells = Vec::new();
        for slots in (0..simplex.pieces_len()).map(|number| simplex.piece(number)) {
            let mut between = [[0.0; MAX_CORNERS]; MAX_CORNERS];
            for (i, &a) in slots.iter().enumerate() {
                for (j, &b) in slots.iter().enumerate() {
                    let pairs = theta[a as usize].iter().zip(theta[b as usize]);
                    between[i][j] = pairs.map(|(&a, &b)| f64::from(a - b) * f64::from(a - b)).sum();
                }
            }
            let corners = (0..vertices).map(|c| core::array::from_fn(|j| if j == c { 1.0 } else { 0.0 }));
            cells.push(Cell {
                piece: distances.len(),
                slots: slots.into_iter().collect(),
                corners: corners.collect(),
            });
            distances.push(between);
        }
        let search = Self {
            heap: BinaryHeap::new(),
            distances,
            lower: f64::NEG_INFINITY,
            smallest: f64::NEG_INFINITY,
            bounded: 0,
        };
        Ok((search, cells))
    }

    /// Takes a cell back with its bounds. Upper bounds that are NaN count as infinite.
    pub fn insert(&mut self, cell: Cell, bounds: Bounds) {
        self.bounded += 1;
        if bounds.lower > self.lower {
            self.lower = bounds.lower;
        }
        let upper = if bounds.upper.is_nan() { f64::INFINITY } else { bounds.upper };
        self.heap.push(Entry { upper, cell });
    }

    /// A number that the loss exceeds nowhere on the simplex.
    pub fn upper(&self) -> f64 {
        self.heap.peek().map_or(self.smallest, |entry| entry.upper.max(self.smallest))
    }

    /// A number that the loss reaches somewhere on the simplex.
    pub const fn lower(&self) -> f64 {
        self.lower
    }

    /// Number of cells that have been bounded.
    pub const fn bounded(&self) -> usize {
        self.bounded
    }

    /// Halves up to `count` of the cells with the largest upper bounds, across their longest edge in parameter space; gives
    /// what has to be bounded. Empty once no cell can be split: after 50 halvings.
    pub fn split(&mut self, count: usize) -> Vec<Cell> {
        let mut children = Vec::new();
        for _ in 0..count {
            let Some(Entry { upper, cell }) = self.heap.pop() else { break };
            match self.halve(&cell) {
                Some(halves) => children.extend(halves),
                None => self.smallest = self.smallest.max(upper),
            }
        }
        children
    }

    fn halve(&self, cell: &Cell) -> Option<[Cell; 2]> {
        let between = &self.distances[cell.piece];
        let corners = &cell.corners;
        let pairs = (0..corners.len()).flat_map(|c| (0..c).map(move |d| (c, d)));
        let (_, c, d) = pairs
            .map(|(c, d)| {
                // ‖Σ δ_i θ_i‖² with Σ δ_i = 0.
                let delta: Corner = core::array::from_fn(|i| corners[c][i] - corners[d][i]);
                let mut square = 0.0;
                for (i, row) in between.iter().enumerate() {
                    for (j, between) in row.iter().enumerate() {
                        square -= 0.5 * delta[i] * delta[j] * between;
                    }
                }
                (square, c, d)
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))?;
        let middle: Corner = core::array::from_fn(|i| (corners[c][i] + corners[d][i]) / 2.0);
        // Multiples of 2⁻⁵⁰ up to 1 have exact sums.
        if middle.iter().any(|weight| (weight * (1u64 << 50) as f64) % 1.0 != 0.0) {
            return None;
        }
        Some([c, d].map(|replaced| {
            let mut half = cell.clone();
            half.corners[replaced] = middle;
            half
        }))
    }
}
