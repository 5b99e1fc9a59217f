// What every kernel has in front of it.

// Numbers of one pass: of a step, or of a batch whose loss is measured.
struct Record {
    // Images in the batch.
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
}
@group(0) @binding(0) var<uniform> record: Record;

// The number of a thread. A grid is folded where it is longer than a dimension may be.
fn thread_of(group: vec3u, local: u32) -> u32 {
    return (group.z * 32768 + group.x) * $SIZE + local;
}

// By its bits: comparisons may assume that there is none.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
