// Part sums for the mean and variance of each channel: a thread's own mean and its sum of squares around that.
//
// A thread owns one quad of channels and every SPLITS-th place. Sums are of differences from its first number, so
// that a large mean does not drown the squares.

@group(0) @binding(1) var<storage, read> x: array<Quad>;
@group(0) @binding(2) var<storage, read_write> part: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    let quad = thread % $QUADS;
    let split = thread / $QUADS;
    let places = record.count * $AREA;
    if (split >= $SPLITS || places == 0) {
        return;
    }
    let first = lane * $(IMAGES*AREA);
    let pivot = wide(x[(first + min(split, places - 1)) * $QUADS + quad]);
    var sum = vec4f();
    var squares = vec4f();
    var count = 0u;
    for (var p = split; p < places; p += $(SPLITS)u) {
        let d = wide(x[(first + p) * $QUADS + quad]) - pivot;
        sum += d;
        squares = fma(d, d, squares);
        count++;
    }
    let mean = sum / f32(max(count, 1u));
    let to = lane * $PART + thread * 2;
    part[to] = pivot + mean;
    part[to + 1] = max(squares - sum * mean, vec4f());
}
