//! Where the packed weights of a network are.

use super::OpKernels;
use std::ops::Range;
use valleys_core::network::graph::{Graph, Op};

/// An entry of the table for a padding channel.
const PADDING: u32 = u32::MAX;

/// Elements between the starts of packed tensors: every adapter allows multiples of 256 bytes as offsets.
pub(super) const ALIGNMENT: usize = 64;

/// Where the packed weights of an operation are; empty ranges where it has none.
#[derive(Clone, Debug)]
pub(super) struct PackedRanges {
    pub forward: Range<usize>,
    /// Backward to the inputs.
    pub backward: Range<usize>,
    pub bias: Range<usize>,
}

/// The index in θ of each packed weight, and where those of each operation are.
pub(super) fn table(graph: &Graph<Vec<Op>>, kernels: &[OpKernels]) -> (Vec<u32>, Vec<PackedRanges>) {
    let mut table = Vec::new();
    let mut append = |op: &Op, indices: &[Option<usize>]| {
        let start = table.len();
        let parameters = op.parameters().start;
        table.extend(indices.iter().map(|index| index.map_or(PADDING, |index| (parameters + index) as u32)));
        let range = start..table.len();
        table.resize(range.end.next_multiple_of(ALIGNMENT), PADDING);
        range
    };
    let ranges = graph.ops().iter().zip(kernels).map(|(op, kernels)| {
        let OpKernels::Convolution(convolution) = kernels else {
            return PackedRanges { forward: 0..0, backward: 0..0, bias: 0..0 };
        };
        // The images have no gradient.
        let backward = if op.input > 0 { convolution.backward_table() } else { Vec::new() };
        let bias = if convolution.bias { convolution.bias_table() } else { Vec::new() };
        PackedRanges {
            forward: append(op, &convolution.forward_table()),
            backward: append(op, &backward),
            bias: append(op, &bias),
        }
    });
    let ranges = ranges.collect();
    (table, ranges)
}
