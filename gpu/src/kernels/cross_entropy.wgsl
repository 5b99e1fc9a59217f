// Loss −ln softmax(logits)[label] of each image, whether its arg-max is wrong, and the gradient of the mean loss.

#import prelude

const CLASSES = 10;
// Channel blocks of the logits.
const BLOCKS = 3;
const BACKWARD = true;

@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
// Of each image: loss, error.
@group(0) @binding(3) var<storage, read_write> scores: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>; // if BACKWARD

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count) {
        return;
    }
    let image = model * IMAGES + thread;
    let first = image * (4 * BLOCKS);
    let label = labels[image];
    var largest = logits[first];
    var arg_max = 0u;
    var any_nan = is_nan(largest);
    for (var c = 1u; c < CLASSES; c++) {
        let z = logits[first + c];
        any_nan = any_nan || is_nan(z);
        if (z > largest) {
            largest = z;
            arg_max = c;
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        sum += exp(logits[first + c] - largest);
    }
    let loss = log(sum) - (logits[first + label] - largest);
    scores[image] = vec2f(loss, select(0.0, 1.0, any_nan || arg_max != label));
    if (BACKWARD) {
        let weight = 1 / f32(params.count);
        for (var c = 0u; c < 4 * BLOCKS; c++) {
            var g = 0.0;
            if (c < CLASSES) {
                g = (exp(logits[first + c] - largest) / sum - select(0.0, 1.0, c == label)) * weight;
            }
            gradient[first + c] = g;
        }
    }
}
