//! The cells of a simplex that t is drawn from.

use crate::rng::Stream;
use crate::simplex::{Barycentric, ControlPoints, EdgewiseSubdivision, Mix};

/// How a simplex is divided into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cells {
    /// The edgewise subdivision of the simplex with so many intervals on an edge: the same cells at every depth.
    OnEdge(u32),
    /// About 8n of them for a curve and n² for every simplex of a higher rank: the same number in every piece on which the
    /// map is affine, and at least three intervals on each of its edges, or two from four vertices on. No bend lies inside
    /// a cell, and the largest loss is that of the cells and of the bends: the control points.
    InPieces(u32),
}

/// Intervals on an edge of a piece, at least.
const fn min_on_piece(vertices: usize) -> u32 {
    if vertices <= 3 { 3 } else { 2 }
}

/// The cells of the map with certain control points, by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellGrid<'a> {
    control_points: &'a ControlPoints<'a>,
    within: EdgewiseSubdivision,
    /// The pieces that are divided; none if the simplex itself is.
    pieces: Option<usize>,
}

impl<'a> CellGrid<'a> {
    pub fn new(control_points: &'a ControlPoints<'a>, cells: Cells) -> Self {
        let vertices = control_points.vertices();
        let (n, pieces) = match cells {
            Cells::OnEdge(n) => (n, None),
            Cells::InPieces(on_edge) => {
                let pieces = control_points.pieces_len();
                let count =
                    if vertices <= 2 { on_edge.saturating_mul(8) } else { on_edge.saturating_mul(on_edge) };
                let fits = |n: u32| pieces * EdgewiseSubdivision::new(vertices, n).len() <= count as usize;
                let min = min_on_piece(vertices);
                let n = (min..count).take_while(|&n| fits(n)).last().unwrap_or(min);
                (n, Some(pieces))
            }
        };
        Self { control_points, within: EdgewiseSubdivision::new(vertices, n), pieces }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.pieces.unwrap_or(1) * self.within.len()
    }

    /// Number of points where the loss is measured: the barycentres of the cells, then the interior control points.
    pub fn measured_len(&self) -> usize {
        let interior = self.control_points.ids().len() - self.control_points.interior();
        self.len() + interior
    }

    /// A point where the loss is measured.
    pub fn measured(&self, point: usize) -> Mix {
        match point.checked_sub(self.len()) {
            None => self.mix(point, &self.within.barycentre(point % self.within.len())),
            Some(bend) => [((self.control_points.interior() + bend) as u32, 1.0)].into_iter().collect(),
        }
    }

    /// A uniform point of a cell.
    pub fn sample(&self, cell: usize, stream: &mut Stream) -> Mix {
        self.mix(cell, &self.within.sample(cell % self.within.len(), stream))
    }

    /// The point `t` of what is divided.
    fn mix(&self, cell: usize, t: &Barycentric) -> Mix {
        if self.pieces.is_none() {
            return self.control_points.mix(t);
        }
        let slots = self.control_points.piece(cell / self.within.len());
        slots.into_iter().zip(t).filter(|(_, w)| **w > 0.0).map(|(slot, &w)| (slot, w as f32)).collect()
    }
}
