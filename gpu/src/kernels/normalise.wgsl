// z = (x − mean) · scale + β, plus a residual, then an activation: those of the three that the operation has.

#import prelude
#import activation

const AREA = 9;
const BLOCKS = 2;
const NORM = true;
const RESIDUAL = true;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> z: array<ChannelBlock>;
@group(0) @binding(3) var<storage, read> norm: array<vec4f>; // if NORM
@group(0) @binding(4) var<storage, read> residual: array<ChannelBlock>; // if RESIDUAL

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count * (AREA * BLOCKS)) {
        return;
    }
    let i = model * (IMAGES * AREA * BLOCKS) + thread;
    var value = load(x[i]);
    if (NORM) {
        let at = model * (4 * BLOCKS) + thread % BLOCKS;
        value = (value - norm[at]) * norm[at + 2 * BLOCKS] + norm[at + 3 * BLOCKS];
    }
    if (RESIDUAL) {
        value += load(residual[i]);
    }
    if (ACTIVATION > 0) {
        value = activate(value, thread % BLOCKS);
    }
    z[i] = store(value);
}
