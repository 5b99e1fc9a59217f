// What every kernel has in front of it.

// Numbers of one pass in one lane: of a step, or of a batch whose loss is measured.
struct Record {
    // Images in the batch; 0 where the lane rests.
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
    // The lane whose control points they are.
    home: u32,
}
@group(0) @binding(0) var<uniform> records: array<Record, $LANES>;

// The model that a workgroup works for. Lane l has its images, in tensors, from l·IMAGES on; its θ from l·DIM quads on;
// its packed weights from l·PACKED quads on; its part sums from l·PART quads on.
fn lane_of(group: vec3u) -> u32 {
#if LANES-1
    return group.z;
#else
    return 0;
#end
}

// The number of a thread within its lane. A grid is folded where it is longer than a dimension may be.
fn thread_of(group: vec3u, local: u32) -> u32 {
    return (group.y / $TIMES * 32768 + group.x) * $SIZE + local;
}

// Four channels of a place in a tensor of activations, as memory has them, and as they are worked with. Gradients have
// 32 bits everywhere.
#if HALVES
alias Quad = vec2u;

fn wide(quad: Quad) -> vec4f {
    return vec4f(unpack2x16float(quad.x), unpack2x16float(quad.y));
}

fn narrow(numbers: vec4f) -> Quad {
    return vec2u(pack2x16float(numbers.xy), pack2x16float(numbers.zw));
}
#else
alias Quad = vec4f;

fn wide(quad: Quad) -> vec4f {
    return quad;
}

fn narrow(numbers: vec4f) -> Quad {
    return numbers;
}
#end

// By its bits: comparisons may assume that there is none.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
