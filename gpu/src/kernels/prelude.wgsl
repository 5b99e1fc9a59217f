// What every kernel imports: pass parameters, and which model and which unit of work an invocation has.

#import storage_f32 // if !F16
#import storage_f16 // if F16

// Whether activations are stored as f16.
const F16 = false;
// Models of a dispatch.
const MODELS = 2;
// Model m has its images, in tensors, from m * IMAGES on; its θ from vec4 m * THETA on, its packed weights from vec4
// m * PACKED on, its partial sums from vec4 m * PARTIAL on. All are 0 for a single model.
const IMAGES = 8;
const THETA = 64;
const PACKED = 64;
const PARTIAL = 64;
// Invocations of a workgroup.
const WORKGROUP_SIZE = 64;
// How often the grid is repeated in its second dimension.
const GRID_COPIES = 1;
// Workgroups of the first dimension, at most; longer grids are folded into the second.
const GRID_WIDTH = 32768;

// What one model does in one pass over a batch: in a step, or where its loss is measured.
struct PassParams {
    // Images in the batch; 0 where the model is idle.
    count: u32,
    // Index of the batch's first entry in the order of the samples.
    first: u32,
    // Where the sums of losses and errors are written.
    loss_index: u32,
    // The batch's share of the samples.
    share: f32,
    // η; of Adam η/(1 − β₁ᵏ).
    learning_rate: f32,
    // μ, or β₁.
    momentum: f32,
    // λ, where no kernel before has added it.
    weight_decay: f32,
    // Weight of the control point that is moved.
    slot_weight: f32,
    // Weights of the control points of the mix.
    mix: array<vec4f, 2>,
    // The model whose control points are mixed.
    slot_model: u32,
    // The share of the gradient's tangent component that is removed.
    tangent_removal: f32,
    // 1 where the momentum is Nesterov's, else 0.
    nesterov: u32,
    // Adam: β₂, ε, 1/√(1 − β₂ᵏ), η times the weight decay of the control point that is not part of the gradient.
    beta2: f32,
    epsilon: f32,
    root: f32,
    decoupled_decay: f32,
    // The length beyond which the gradient is scaled down.
    max_gradient_norm: f32,
    // 1 / the sum of the weights of the samples.
    loss_scale: f32,
    // The seed of the masks of dropout.
    dropout_x: u32,
    dropout_y: u32,
}
@group(0) @binding(0) var<uniform> pass_params: array<PassParams, MODELS>;

// The index of the model that a workgroup works for.
fn model_of(group: vec3u) -> u32 {
    if (MODELS > 1) {
        return group.z;
    } else {
        return 0;
    }
}

// The index of an invocation within its model.
fn thread_of(group: vec3u, local: u32) -> u32 {
    return (group.y / GRID_COPIES * GRID_WIDTH + group.x) * WORKGROUP_SIZE + local;
}

// By its bits: a compiler may assume that comparisons meet no NaN.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
