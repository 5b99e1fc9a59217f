// The largest element of each window, the first of equal ones, a NaN above all; backward, it gets the gradient. Nothing in
// the padding is the largest.

#import prelude

const IN_HEIGHT = 6;
const IN_WIDTH = 6;
const OUT_HEIGHT = 3;
const OUT_WIDTH = 3;
const BLOCKS = 2;
const KERNEL = 2;
const STRIDE = 2;
const PADDING = 1;
const BACKWARD = false;
// Whether dx is added to what is there.
const ACCUMULATE = true;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(3) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>; // if BACKWARD

// For each channel of a block the input position of the maximum, in the window of output (row, column) of an image.
fn arg_max(image: u32, row: u32, column: u32, block: u32) -> vec4u {
    // The part of the window in the image.
    let top = max(row * STRIDE, PADDING) - PADDING;
    let left = max(column * STRIDE, PADDING) - PADDING;
    var rows = u32(KERNEL);
    var columns = u32(KERNEL);
    if (PADDING > 0) {
        rows = min(row * STRIDE + KERNEL, IN_HEIGHT + PADDING) - PADDING - top;
        columns = min(column * STRIDE + KERNEL, IN_WIDTH + PADDING) - PADDING - left;
    }
    let corner = (image * IN_HEIGHT + top) * IN_WIDTH + left;
    var best = vec4u(corner);
    var largest = load(x[corner * BLOCKS + block]);
    for (var a = 0u; a < rows; a++) {
        for (var b = 0u; b < columns; b++) {
            let at = corner + a * IN_WIDTH + b;
            let value = load(x[at * BLOCKS + block]);
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

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % BLOCKS;
    if (BACKWARD) {
        if (thread / BLOCKS >= params.count * (IN_HEIGHT * IN_WIDTH)) {
            return;
        }
        let i = model * (IMAGES * IN_HEIGHT * IN_WIDTH * BLOCKS) + thread;
        let position = i / BLOCKS;
        let column = position % IN_WIDTH;
        let row = position / IN_WIDTH % IN_HEIGHT;
        let image = position / (IN_HEIGHT * IN_WIDTH);
        var sum = vec4f();
        if (ACCUMULATE) {
            sum = dx[i];
        }
        // The windows that cover the position: those whose corner is less than KERNEL before it.
        let down = row + PADDING;
        let right = column + PADDING;
        let first_row = (max(down, KERNEL - 1) - (KERNEL - 1) + (STRIDE - 1)) / STRIDE;
        let first_column = (max(right, KERNEL - 1) - (KERNEL - 1) + (STRIDE - 1)) / STRIDE;
        for (var v = first_row; v <= down / STRIDE && v < OUT_HEIGHT; v++) {
            for (var u = first_column; u <= right / STRIDE && u < OUT_WIDTH; u++) {
                let best = arg_max(image, v, u, block);
                let g = dy[((image * OUT_HEIGHT + v) * OUT_WIDTH + u) * BLOCKS + block];
                sum += select(vec4f(), g, best == vec4u(position));
            }
        }
        dx[i] = sum;
    } else {
        if (thread / BLOCKS >= params.count * (OUT_HEIGHT * OUT_WIDTH)) {
            return;
        }
        let i = model * (IMAGES * OUT_HEIGHT * OUT_WIDTH * BLOCKS) + thread;
        let position = i / BLOCKS;
        let image = position / (OUT_HEIGHT * OUT_WIDTH);
        let best = arg_max(image, position / OUT_WIDTH % OUT_HEIGHT, position % OUT_WIDTH, block);
        let at = best * BLOCKS + block;
        y[i] = store(vec4f(load(x[at.x]).x, load(x[at.y]).y, load(x[at.z]).z, load(x[at.w]).w));
    }
}
