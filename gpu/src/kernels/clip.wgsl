// g ← g · limit / ‖g‖ where the norm is above the limit, from partial sums of the squares.
//
// Each workgroup adds up all partial sums, in the same order, and then owns 64 · PER vec4s.

#import prelude
#import workgroup_sum

// Partial sums, a multiple of four.
const SPLITS = 512;
// vec4s of θ, and of an invocation.
const LENGTH = 64;
const PER = 4;

@group(0) @binding(1) var<storage, read> partial: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradient: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    if (params.count == 0) {
        return;
    }
    var sum = vec4f();
    for (var i = local; i < SPLITS / 4; i += 64) {
        sum += partial[model * PARTIAL + i];
    }
    let sums = workgroup_sum(sum, local);
    let scale = params.max_gradient_norm / sqrt((sums.x + sums.y) + (sums.z + sums.w));
    if (scale < 1) {
        let first = (group.y / GRID_COPIES * GRID_WIDTH + group.x) * (64 * PER) + local;
        for (var i = first; i < min(first + 64 * PER, LENGTH); i += 64) {
            gradient[model * THETA + i] *= scale;
        }
    }
}
