//! What an invocation of a product of channel blocks and weights computes, and what it loads.

use super::Dispatcher;

/// What an invocation computes: output positions × channel blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub positions: usize,
    pub width: usize,
}

/// The largest divisor of a number of channel blocks that is at most `limit`.
pub(super) fn tile_width(blocks: usize, limit: usize) -> usize {
    (1..=limit).rev().find(|width| blocks.is_multiple_of(*width)).unwrap_or(1)
}

/// vec4s of weights that an invocation loads for its subgroup: `SHARES` of `multiply_add.wgsl`.
pub(super) fn shares(dispatcher: &Dispatcher, depth: usize, width: usize) -> i64 {
    match dispatcher.device.subgroup_size() as usize {
        0 => 1,
        size => (depth * width).div_ceil(size) as i64,
    }
}
