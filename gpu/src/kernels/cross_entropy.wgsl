// Loss −ln softmax(z)_label of each image, whether its arg-max is wrong, and the gradient of the mean loss.

@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> scores: array<vec2f>;
#if BACKWARD
@group(0) @binding(4) var<storage, read_write> gradient: array<f32>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count) {
        return;
    }
    let image = model * $IMAGES + thread;
    let first = image * $(4*IN_BLOCKS);
    let label = labels[image];
    var largest = logits[first];
    var best = 0u;
    var lost = is_nan(largest);
    for (var c = 1u; c < $CLASSES; c++) {
        let z = logits[first + c];
        lost = lost || is_nan(z);
        if (z > largest) {
            largest = z;
            best = c;
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < $CLASSES; c++) {
        sum += exp(logits[first + c] - largest);
    }
    let loss = log(sum) - (logits[first + label] - largest);
    scores[image] = vec2f(loss, select(0.0, 1.0, lost || best != label));
#if BACKWARD
    let share = 1 / f32(params.count);
    for (var c = 0u; c < $(4*IN_BLOCKS); c++) {
        var g = 0.0;
        if (c < $CLASSES) {
            g = (exp(logits[first + c] - largest) / sum - select(0.0, 1.0, c == label)) * share;
        }
        gradient[first + c] = g;
    }
#end
}
