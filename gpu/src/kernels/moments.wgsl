// Part sums for the mean and variance of each channel: a thread's own mean and its sum of squares around that.
//
// A thread owns one block of channels and every SPLITS-th place. Sums are of differences from its first number, so
// that a large mean does not drown the squares.

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % $IN_BLOCKS;
    let split = thread / $IN_BLOCKS;
    let places = params.count * $AREA;
    if (split >= $SPLITS || places == 0) {
        return;
    }
    let first = model * $(IMAGES*AREA);
    let pivot = load(x[(first + min(split, places - 1)) * $IN_BLOCKS + block]);
    var sum = vec4f();
    var squares = vec4f();
    var count = 0u;
    for (var p = split; p < places; p += $(SPLITS)u) {
        let d = load(x[(first + p) * $IN_BLOCKS + block]) - pivot;
        sum += d;
        squares = fma(d, d, squares);
        count++;
    }
    let mean = sum / f32(max(count, 1u));
    let to = model * $PARTIAL + thread * 2;
    partial[to] = pivot + mean;
    partial[to + 1] = max(squares - sum * mean, vec4f());
}
