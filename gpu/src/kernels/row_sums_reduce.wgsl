// The sums of `row_sums` from their parts. With a batch norm: the gradients of γ and β, and the means that
// `normalise_backward` reads. Without one: the gradient of a bias.
//
// A workgroup owns one channel block.

#import prelude
#import workgroup_sum

const AREA = 9;
const BLOCKS = 2;
const CHANNELS = 6;
const SPLITS = 4;
const NORM = true;

// Offset of γ, then β, in θ; of the bias.
@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
// (model, 2, BLOCKS): means of g, of g·x̂.
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>; // if NORM

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let block = group.x;
    var sum = vec4f();
    var product = vec4f();
    for (var split = local; split < SPLITS; split += 64) {
        if (NORM) {
            let at = model * PARTIAL + (split * BLOCKS + block) * 2;
            sum += partial[at];
            product += partial[at + 1];
        } else {
            sum += partial[model * PARTIAL + split * BLOCKS + block];
        }
    }
    let sums = workgroup_sum(sum, local);
    var products = vec4f();
    if (NORM) {
        products = workgroup_sum(product, local);
    }
    if (local == 0) {
        if (NORM) {
            let number = f32(params.count * AREA);
            let mean = model * (2 * BLOCKS) + block;
            means[mean] = sums / number;
            means[mean + BLOCKS] = products / number;
        }
        let to = model * (4 * THETA) + place.x + block * 4;
        for (var k = 0u; k < 4 && block * 4 + k < CHANNELS; k++) {
            if (NORM) {
                gradient[to + k] = products[k];
                gradient[to + CHANNELS + k] = sums[k];
            } else {
                gradient[to + k] = sums[k];
            }
        }
    }
}
