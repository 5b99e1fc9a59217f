// Weight decay, then partial sums of the squares of the gradient.

#import prelude

// Invocations of a model, each of which owns every SPLITS-th vec4.
const SPLITS = 512;
// vec4s of θ.
const LENGTH = 64;

@group(0) @binding(1) var<storage, read> theta: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradient: array<vec4f>;
// (SPLITS).
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= SPLITS || params.count == 0) {
        return;
    }
    let first = model * THETA;
    var sum = vec4f();
    for (var i = first + thread; i < first + LENGTH; i += SPLITS) {
        let g = gradient[i] + params.weight_decay * theta[i];
        gradient[i] = g;
        sum = fma(g, g, sum);
    }
    partial[model * (4 * PARTIAL) + thread] = (sum.x + sum.y) + (sum.z + sum.w);
}
