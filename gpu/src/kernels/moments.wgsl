// Partial moments of each channel: mean, and centred sum of squares, of the positions of an invocation.
//
// An invocation owns one channel block and every SPLITS-th position. It sums differences from its first element, so
// that a large mean does not cancel the squares.

#import prelude

const AREA = 9;
const BLOCKS = 2;
const SPLITS = 4;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
// (SPLITS, BLOCKS, 2): mean, centred sum of squares.
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % BLOCKS;
    let split = thread / BLOCKS;
    let positions = params.count * AREA;
    if (split >= SPLITS || positions == 0) {
        return;
    }
    let first = model * (IMAGES * AREA);
    let pivot = load(x[(first + min(split, positions - 1)) * BLOCKS + block]);
    var sum = vec4f();
    var squares = vec4f();
    var count = 0u;
    for (var p = split; p < positions; p += SPLITS) {
        let d = load(x[(first + p) * BLOCKS + block]) - pivot;
        sum += d;
        squares = fma(d, d, squares);
        count++;
    }
    let mean = sum / f32(max(count, 1u));
    let to = model * PARTIAL + thread * 2;
    partial[to] = pivot + mean;
    partial[to + 1] = max(squares - sum * mean, vec4f());
}
