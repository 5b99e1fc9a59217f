// Partial sums over positions of g and, with a batch norm, of g·x̂; g = dz · f'(z), or dz without an activation f.
//
// An invocation owns one channel block and every SPLITS-th position.

#import prelude
#import activation

const AREA = 9;
const BLOCKS = 2;
const SPLITS = 4;
const NORM = true;

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
// (SPLITS, BLOCKS, 2): sums of g, of g·x̂; (SPLITS, BLOCKS) without a batch norm.
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>; // if NORM
@group(0) @binding(4) var<storage, read> norm: array<vec4f>; // if NORM
@group(0) @binding(5) var<storage, read> z: array<ChannelBlock>; // if ACTIVATION > 0

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % BLOCKS;
    let split = thread / BLOCKS;
    if (split >= SPLITS) {
        return;
    }
    let positions = params.count * AREA;
    var mean = vec4f();
    var inverse = vec4f();
    if (NORM) {
        mean = norm[model * (4 * BLOCKS) + block];
        inverse = norm[model * (4 * BLOCKS) + BLOCKS + block];
    }
    var sum = vec4f();
    var product = vec4f();
    for (var p = split; p < positions; p += SPLITS) {
        let i = (model * (IMAGES * AREA) + p) * BLOCKS + block;
        var g = dz[i];
        if (ACTIVATION > 0) {
            g = activate_backward(g, load(z[i]));
        }
        sum += g;
        if (NORM) {
            product = fma(g, (load(x[i]) - mean) * inverse, product);
        }
    }
    if (NORM) {
        let to = model * PARTIAL + thread * 2;
        partial[to] = sum;
        partial[to + 1] = product;
    } else {
        partial[model * PARTIAL + thread] = sum;
    }
}
