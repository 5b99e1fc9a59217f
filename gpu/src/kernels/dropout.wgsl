// Dropout, forward and backward: an element is kept, and divided by its probability, or 0. A hash of its number, which
// counts (C, H, W) of the images of the batch, decides: as in all engines.

#import prelude

const AREA = 9;
const CHANNELS = 6;
const BLOCKS = 2;
const BACKWARD = false;
// Whether dx is added to what is there.
const ACCUMULATE = true;
// What the row of the network makes of the seed of a step.
const ROW = 1640531527;
// Elements whose hash is below it are dropped.
const THRESHOLD = 2147483648;
// The bits of what the others are multiplied with.
const SCALE = 1073741824;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(3) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>; // if BACKWARD

fn scramble(number: u32) -> u32 {
    var x = number ^ (number >> 16);
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count * (AREA * BLOCKS)) {
        return;
    }
    let seed = vec2u(scramble(params.dropout_x ^ ROW), scramble(params.dropout_y + ROW));
    let image = thread / (AREA * BLOCKS);
    let first = image * (CHANNELS * AREA) + thread / BLOCKS % AREA;
    var scale = vec4f();
    for (var k = 0u; k < 4; k++) { // unroll
        let element = first + (thread % BLOCKS * 4 + k) * AREA;
        scale[k] = select(0.0, bitcast<f32>(SCALE), scramble(scramble(element ^ seed.x) + seed.y) >= THRESHOLD);
    }
    let i = model * (IMAGES * AREA * BLOCKS) + thread;
    // Not a product with 0, which a number that is not finite would not make 0.
    if (BACKWARD) {
        let g = select(vec4f(), dy[i] * scale, scale > vec4f());
        if (ACCUMULATE) {
            dx[i] += g;
        } else {
            dx[i] = g;
        }
    } else {
        y[i] = store(select(vec4f(), load(x[i]) * scale, scale > vec4f()));
    }
}
