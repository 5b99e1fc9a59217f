//! Matrix products, and squared distances of rows.

use super::{Dispatch, Dispatcher, GEMM, Grid, channel_blocks, whole};
use crate::error::Result;

/// C = op(A) op(B) with C (rows, columns), or the squared distances of the rows of A and of the columns of op(B).
///
/// # Layout
/// A is (rows, depth), or (depth, rows) if it is transposed; B is (depth, columns), or (columns, depth). Rows of all
/// matrices are padded with 0 to whole vec4s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gemm {
    pub rows: usize,
    pub columns: usize,
    /// Terms of each sum.
    pub depth: usize,
    /// Whether A, and B, are transposed.
    pub transposed: [bool; 2],
    /// Σ (a − b)² instead of Σ a b.
    pub distances: bool,
}

impl Gemm {
    /// The product on three buffers.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn dispatch(&self, dispatcher: &Dispatcher, [a, b, c]: [&wgpu::Buffer; 3]) -> Result<Dispatch> {
        let subgroup_size = dispatcher.device.subgroup_size();
        let workgroup_size = if subgroup_size > 0 { subgroup_size } else { dispatcher.workgroup_size() };
        let column_blocks = channel_blocks(self.columns);
        let width = if column_blocks > workgroup_size as usize { 2 } else { 1 };
        let tile = if dispatcher.device.is_hardware() { 8 } else { 16 };
        let values = [
            ("ROWS", self.rows as i64),
            ("COLUMNS", self.columns as i64),
            ("COLUMN_BLOCKS", column_blocks as i64),
            ("DEPTH", self.depth as i64),
            ("REST", i64::from(!self.depth.is_multiple_of(4))),
            ("TILE", tile as i64),
            ("WIDTH", width as i64),
            ("SUBGROUP_SIZE", subgroup_size.into()),
            ("TRANSPOSE_A", self.transposed[0].into()),
            ("TRANSPOSE_B", self.transposed[1].into()),
            ("DISTANCES", self.distances.into()),
        ];
        // Consecutive workgroups read the same columns of B.
        let column_tiles = column_blocks.div_ceil(workgroup_size as usize * width);
        let rows = self.rows.div_ceil(tile) * workgroup_size as usize;
        let grid = Grid { copies: column_tiles as u32, ..Grid::fixed(rows, workgroup_size) };
        dispatcher.dispatch(&GEMM, &values, &[whole(a), whole(b), whole(c)], grid)
    }
}
