//! Where the packed weights of a network's layers lie.

use crate::network::{Kind, Plan};
use std::ops::Range;

/// What fills up a quad of channels: no weight.
const NONE: u32 = u32::MAX;

/// Numbers between the starts of packed tensors: what every adapter allows as an offset.
pub(crate) const ALIGNMENT: usize = 64;

/// Which number of θ each packed one is, and where each operation's are: forward, backward, bias.
pub(crate) fn table(plan: &Plan) -> (Vec<u32>, Vec<[Range<usize>; 3]>) {
    let mut table = Vec::new();
    let ranges = plan.ops.iter().map(|op| {
        let Kind::Convolution(convolution, _) = op.kind else { return [0..0, 0..0, 0..0] };
        let backward = if op.x == 0 { Vec::new() } else { convolution.backward_table() };
        let bias = if convolution.bias { convolution.bias_table() } else { Vec::new() };
        [convolution.forward_table(), backward, bias].map(|part| {
            let start = table.len();
            table.extend(part.iter().map(|place| place.map_or(NONE, |place| (op.parameters + place) as u32)));
            let range = start..table.len();
            table.resize(range.end.next_multiple_of(ALIGNMENT), NONE);
            range
        })
    });
    let ranges = ranges.collect();
    (table, ranges)
}
