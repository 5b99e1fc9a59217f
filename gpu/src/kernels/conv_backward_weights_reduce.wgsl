// dw in the layout of θ (outputs, channels of a group, taps): the sum of its parts, in their order.

#import prelude

const OUTPUTS = 6;
// Input channels of a group.
const CHANNELS = 6;
const TAPS = 9;
// Rows of a tap in the partial sums: channels with padding.
const DEPTHS = 8;
const OUT_BLOCKS = 2;
const SPLITS = 4;
// Input blocks, those that an output block reads, and outputs of a group; only read where SPAN is smaller than IN_BLOCKS or
// there are groups.
const GROUPS = 2;
const IN_BLOCKS = 3;
const SPAN = 2;
const GROUP_OUTPUTS = 3;

// Offset of the weights in θ.
@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> partial: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let thread = thread_of(group, local);
    if (thread >= OUTPUTS * CHANNELS * TAPS) {
        return;
    }
    let tap = thread % TAPS;
    let channel = thread / TAPS % CHANNELS;
    let output = thread / (TAPS * CHANNELS);
    var row = channel;
    if (GROUPS > 1) {
        // Of the output's group, behind the first channel that its block reads.
        let first_block = min(output / 4 * 4 / GROUP_OUTPUTS * CHANNELS / 4, IN_BLOCKS - SPAN);
        row += output / GROUP_OUTPUTS * CHANNELS - first_block * 4;
    }
    var at = model * (4 * PARTIAL) + (tap * DEPTHS + row) * (4 * OUT_BLOCKS) + output;
    var sum = 0.0;
    for (var split = 0u; split < SPLITS; split++) {
        sum += partial[at];
        at += TAPS * DEPTHS * 4 * OUT_BLOCKS;
    }
    gradient[model * (4 * THETA) + place.x + thread] = sum;
}
