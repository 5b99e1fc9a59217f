// Backward through `normalise`. With g = dz · f'(z) for an activation f, x̂ = (x − mean)/√(variance + ε) and m, mx the
// means of g and g·x̂: dx = γ/√(variance + ε) · (g − m − x̂·mx), or g without a batch norm. The residual gets g.

#import prelude
#import activation

const AREA = 9;
const BLOCKS = 2;
const NORM = true;
const RESIDUAL = true;
// Whether dx, and the gradient of the residual, are added to what is there.
const ACCUMULATE = true;
const ACCUMULATE_RESIDUAL = true;

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>; // if NORM || ACTIVATION > 4
@group(0) @binding(4) var<storage, read> norm: array<vec4f>; // if NORM
@group(0) @binding(5) var<storage, read> means: array<vec4f>; // if NORM
@group(0) @binding(6) var<storage, read> z: array<ChannelBlock>; // if ACTIVATION > 0 && ACTIVATION < 5
@group(0) @binding(7) var<storage, read_write> dresidual: array<vec4f>; // if RESIDUAL

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count * (AREA * BLOCKS)) {
        return;
    }
    let i = model * (IMAGES * AREA * BLOCKS) + thread;
    var g = dz[i];
    if (ACTIVATION > 4) {
        // A SiLU or GELU, which comes without a batch norm and without a residual.
        g = activate_backward(g, load(x[i]));
    }
    if (ACTIVATION > 0 && ACTIVATION < 5) {
        g = activate_backward(g, load(z[i]));
    }
    if (RESIDUAL) {
        if (ACCUMULATE_RESIDUAL) {
            dresidual[i] += g;
        } else {
            dresidual[i] = g;
        }
    }
    if (NORM) {
        let block = thread % BLOCKS;
        let at = model * (4 * BLOCKS) + block;
        let mean = model * (2 * BLOCKS) + block;
        let normalised = (load(x[i]) - norm[at]) * norm[at + BLOCKS];
        g = norm[at + 2 * BLOCKS] * (g - (means[mean] + normalised * means[mean + BLOCKS]));
    }
    if (ACCUMULATE) {
        dx[i] += g;
    } else {
        dx[i] = g;
    }
}
