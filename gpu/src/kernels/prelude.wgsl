// What every kernel has in front of it.

// Numbers of one pass in one model: of a step, or of a batch whose loss is measured.
struct PassParams {
    // Images in the batch; 0 where the model rests.
    count: u32,
    // Its first entry in the order of the samples.
    first: u32,
    // Where its loss goes.
    number: u32,
    // Its share of the samples.
    share: f32,
    rate: f32,
    momentum: f32,
    decay: f32,
    // Of the control point that is moved.
    weight: f32,
    // Of the control points in the mix.
    mix: array<vec4f, 2>,
    // The model whose control points they are.
    slot_model: u32,
}
@group(0) @binding(0) var<uniform> pass_params: array<PassParams, $MODELS>;

// The model that a workgroup works for. Lane l has its images, in tensors, from l·IMAGES on; its θ from l·DIM channel blocks on;
// its packed weights from l·PACKED channel blocks on; its partial sums from l·PARTIAL channel blocks on.
fn model_of(group: vec3u) -> u32 {
#if MODELS-1
    return group.z;
#else
    return 0;
#end
}

// The number of a thread within its model. A grid is folded where it is longer than a dimension may be.
fn thread_of(group: vec3u, local: u32) -> u32 {
    return (group.y / $TIMES * 32768 + group.x) * $SIZE + local;
}

// Four channels of a place in a tensor of activations, as memory has them, and as they are worked with. Gradients have
// 32 bits everywhere.
#if F16
alias ChannelBlock = vec2u;

fn load(block: ChannelBlock) -> vec4f {
    return vec4f(unpack2x16float(block.x), unpack2x16float(block.y));
}

fn store(numbers: vec4f) -> ChannelBlock {
    return vec2u(pack2x16float(numbers.xy), pack2x16float(numbers.zw));
}
#else
alias ChannelBlock = vec4f;

fn load(block: ChannelBlock) -> vec4f {
    return block;
}

fn store(numbers: vec4f) -> ChannelBlock {
    return numbers;
}
#end

// By its bits: comparisons may assume that there is none.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
