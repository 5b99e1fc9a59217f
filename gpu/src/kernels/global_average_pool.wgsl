// The mean of each channel; backward, every position gets its share of the gradient.

#import prelude

const AREA = 9;
const BLOCKS = 2;
const BACKWARD = false;
// Whether dx is added to what is there.
const ACCUMULATE = true;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(3) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>; // if BACKWARD

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (BACKWARD) {
        if (thread >= params.count * (AREA * BLOCKS)) {
            return;
        }
        let i = model * (IMAGES * AREA * BLOCKS) + thread;
        let g = dy[i / (AREA * BLOCKS) * BLOCKS + i % BLOCKS] * (1 / f32(AREA));
        if (ACCUMULATE) {
            dx[i] += g;
        } else {
            dx[i] = g;
        }
    } else {
        if (thread >= params.count * BLOCKS) {
            return;
        }
        let i = model * (IMAGES * BLOCKS) + thread;
        let first = i / BLOCKS * (AREA * BLOCKS) + i % BLOCKS;
        var sum = vec4f();
        for (var p = 0u; p < AREA; p++) {
            sum += load(x[first + p * BLOCKS]);
        }
        y[i] = store(sum * (1 / f32(AREA)));
    }
}
