// Loss Σ_c factor_c · (−ln softmax(logits)[c]) of each image, whether its arg-max is wrong, and the gradient of the mean
// loss. Without class weights and label smoothing the factor of the label is 1, and that of the other classes is 0.

#import prelude
#import output_layout

// Outputs: classes.
const CLASSES = 10;
// Whether there are class weights or label smoothing.
const WEIGHTED = true;
const BACKWARD = true;

@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
// Of each image: loss, error.
@group(0) @binding(3) var<storage, read_write> scores: array<vec2f>;
// Of each class: its factor where it is the label, where it is not, the sum of all factors where it is the label.
@group(0) @binding(4) var<storage, read> factors: array<vec4f>; // if WEIGHTED
@group(0) @binding(5) var<storage, read_write> gradient: array<f32>; // if BACKWARD

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count) {
        return;
    }
    let image = model * IMAGES + thread;
    let first = image * (AREA * 4 * BLOCKS);
    let label = labels[image];
    var largest = logits[first];
    var arg_max = 0u;
    var any_nan = is_nan(largest);
    for (var c = 1u; c < CLASSES; c++) {
        let z = logits[first + output_index(c)];
        any_nan = any_nan || is_nan(z);
        if (z > largest) {
            largest = z;
            arg_max = c;
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < CLASSES; c++) {
        sum += exp(logits[first + output_index(c)] - largest);
    }
    var loss = 0.0;
    if (WEIGHTED) {
        for (var c = 0u; c < CLASSES; c++) {
            let factor = select(factors[c].y, factors[c].x, c == label);
            // Not 0 · ∞ for a class that does not count.
            if (factor > 0) {
                loss += factor * (log(sum) - (logits[first + output_index(c)] - largest));
            }
        }
    } else {
        loss = log(sum) - (logits[first + output_index(label)] - largest);
    }
    scores[image] = vec2f(loss, select(0.0, 1.0, any_nan || arg_max != label));
    if (BACKWARD) {
        for (var i = 0u; i < AREA * 4 * BLOCKS; i++) {
            let c = output_of(i);
            var g = 0.0;
            if (c < CLASSES) {
                let p = exp(logits[first + i] - largest) / sum;
                if (WEIGHTED) {
                    let factor = select(factors[c].y, factors[c].x, c == label);
                    g = (p * factors[label].z - factor) * params.loss_scale;
                } else {
                    g = (p - select(0.0, 1.0, c == label)) * params.loss_scale;
                }
            }
            gradient[first + i] = g;
        }
    }
}
