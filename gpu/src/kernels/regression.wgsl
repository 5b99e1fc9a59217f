// Loss of each image, the mean over its outputs of a function of the deviation d = prediction − target; the mean of the
// squares; and the gradient of the mean loss. The functions are d², and Huber's: d²/2 where |d| ≤ δ, else δ (|d| − δ/2).

#import prelude

// Outputs, and channel blocks of them.
const OUTPUTS = 6;
const BLOCKS = 2;
const HUBER = true;
// The bits of δ.
const DELTA = 1065353216;
const BACKWARD = true;

// Padding channels of both are 0.
@group(0) @binding(1) var<storage, read> predictions: array<vec4f>;
@group(0) @binding(2) var<storage, read> targets: array<vec4f>;
// Of each image: loss, error.
@group(0) @binding(3) var<storage, read_write> scores: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> gradient: array<vec4f>; // if BACKWARD

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count) {
        return;
    }
    let image = model * IMAGES + thread;
    var losses = vec4f();
    var squares = vec4f();
    for (var i = 0u; i < BLOCKS; i++) {
        let d = predictions[image * BLOCKS + i] - targets[image * BLOCKS + i];
        squares = fma(d, d, squares);
        var slope = 2 * d;
        if (HUBER) {
            let delta = vec4f(bitcast<f32>(DELTA));
            losses += select(d * d * 0.5, delta * (abs(d) - delta * 0.5), abs(d) > delta);
            slope = select(select(d, delta, d > delta), -delta, d < -delta);
        }
        if (BACKWARD) {
            gradient[image * BLOCKS + i] = slope * (params.loss_scale / f32(OUTPUTS));
        }
    }
    let error = (squares.x + squares.y + squares.z + squares.w) / f32(OUTPUTS);
    var loss = error;
    if (HUBER) {
        loss = (losses.x + losses.y + losses.z + losses.w) / f32(OUTPUTS);
    }
    scores[image] = vec2f(loss, error);
}
