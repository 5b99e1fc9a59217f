//! Products of matrices, and squared distances of rows.

use super::{Dispatch, GEMM, Grid, KernelContext, channel_blocks, whole};
use crate::error::Result;

/// C = op(A) op(B) with C (rows, columns): A is (rows, depth), or (depth, rows) where it is transposed; B (depth,
/// columns), or (columns, depth). Rows of numbers are filled up to quads with 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of C.
    pub rows: usize,
    /// Columns of C.
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Whether A, and B, are transposed.
    pub transposed: [bool; 2],
    /// Σ (a − b)² instead of Σ a b: squared distances of the rows of A and of a transposed B.
    pub distances: bool,
}

impl Gemm {
    /// The product on three buffers.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn dispatch(&self, context: &KernelContext, [a, b, c]: [&wgpu::Buffer; 3]) -> Result<Dispatch> {
        let vector = context.device.subgroup_size();
        let size = if vector > 0 { vector } else { context.size() };
        let columns = channel_blocks(self.columns);
        // As wide as neighbours in memory allow: few columns, one quad a thread.
        let width = if columns > size as usize { 2 } else { 1 };
        let tile = if context.device.is_hardware() { 8 } else { 16 };
        let values = [
            ("ROWS", self.rows as i64),
            ("COLUMNS", self.columns as i64),
            ("IN_BLOCKS", columns as i64),
            ("DEPTH", self.depth as i64),
            ("REST", i64::from(!self.depth.is_multiple_of(4))),
            ("TILE", tile as i64),
            ("WIDTH", width as i64),
            ("SUBGROUP_SIZE", vector.into()),
            ("TRANSPOSE_A", self.transposed[0].into()),
            ("TRANSPOSE_B", self.transposed[1].into()),
            ("DISTANCES", self.distances.into()),
        ];
        // Workgroups that follow each other read the same columns of B.
        let blocks = columns.div_ceil(size as usize * width);
        let rows = self.rows.div_ceil(tile) * size as usize;
        let grid = Grid { times: blocks as u32, ..Grid::fixed(rows, size) };
        context.dispatch(&GEMM, &values, &[whole(a), whole(b), whole(c)], grid)
    }
}
