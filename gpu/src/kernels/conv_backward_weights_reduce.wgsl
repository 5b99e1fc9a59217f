// dw in the layout of θ (outputs, channels, taps): the sum of its parts, in their order.

#import prelude

const OUTPUTS = 6;
const CHANNELS = 6;
const TAPS = 9;
// Rows of a tap in the partial sums: channels with padding.
const DEPTHS = 8;
const OUT_BLOCKS = 2;
const SPLITS = 4;

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
    var at = model * (4 * PARTIAL) + (tap * DEPTHS + channel) * (4 * OUT_BLOCKS) + output;
    var sum = 0.0;
    for (var split = 0u; split < SPLITS; split++) {
        sum += partial[at];
        at += TAPS * DEPTHS * 4 * OUT_BLOCKS;
    }
    gradient[model * (4 * THETA) + place.x + thread] = sum;
}
