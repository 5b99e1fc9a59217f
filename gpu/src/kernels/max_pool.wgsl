// The largest number in each window, the first of equal ones, a NaN above all; backward it gets the gradient.

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
#if BACKWARD
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4f>;
#else
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>;
#end

// Where the largest of each channel is, for the window of output (v, u) of an image.
fn arg_max(image: u32, v: u32, u: u32, block: u32) -> vec4u {
    let corner = (image * $HEIGHT + v * $STRIDE) * $WIDTH + u * $STRIDE;
    var best = vec4u(corner);
    var largest = load(x[corner * $IN_BLOCKS + block]);
    for (var a = 0u; a < $KERNEL; a++) {
        for (var b = 0u; b < $KERNEL; b++) {
            let at = corner + a * $WIDTH + b;
            let value = load(x[at * $IN_BLOCKS + block]);
            for (var k = 0; k < 4; k++) {
                if (value[k] > largest[k] || is_nan(value[k])) {
                    largest[k] = value[k];
                    best[k] = at;
                }
            }
        }
    }
    return best;
}

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % $IN_BLOCKS;
#if BACKWARD
    if (thread / $IN_BLOCKS >= params.count * $(HEIGHT*WIDTH)) {
        return;
    }
    let i = model * $(IMAGES*HEIGHT*WIDTH*IN_BLOCKS) + thread;
    let place = i / $IN_BLOCKS;
    let column = place % $WIDTH;
    let row = place / $WIDTH % $HEIGHT;
    let image = place / $(HEIGHT*WIDTH);
#if ACCUMULATE
    var sum = dx[i];
#else
    var sum = vec4f();
#end
    // The windows over the place: those whose corner is less than KERNEL before it.
    let from_v = (max(row, $(KERNEL-1)u) - $(KERNEL-1) + $(STRIDE-1)) / $STRIDE;
    let from_u = (max(column, $(KERNEL-1)u) - $(KERNEL-1) + $(STRIDE-1)) / $STRIDE;
    for (var v = from_v; v <= row / $STRIDE && v < $OUT_HEIGHT; v++) {
        for (var u = from_u; u <= column / $STRIDE && u < $OUT_WIDTH; u++) {
            let best = arg_max(image, v, u, block);
            let g = dy[((image * $OUT_HEIGHT + v) * $OUT_WIDTH + u) * $IN_BLOCKS + block];
            sum += select(vec4f(), g, best == vec4u(place));
        }
    }
    dx[i] = sum;
#else
    if (thread / $IN_BLOCKS >= params.count * $(OUT_HEIGHT*OUT_WIDTH)) {
        return;
    }
    let i = model * $(IMAGES*OUT_HEIGHT*OUT_WIDTH*IN_BLOCKS) + thread;
    let place = i / $IN_BLOCKS;
    let best = arg_max(place / $(OUT_HEIGHT*OUT_WIDTH), place / $OUT_WIDTH % $OUT_HEIGHT, place % $OUT_WIDTH, block);
    let at = best * $IN_BLOCKS + block;
    y[i] = store(vec4f(load(x[at.x]).x, load(x[at.y]).y, load(x[at.z]).z, load(x[at.w]).w));
#end
}
