// The mean of each window, in which padding counts as zeros; backward, each of its elements gets its share of the gradient.

#import prelude

const IN_HEIGHT = 6;
const IN_WIDTH = 6;
const OUT_HEIGHT = 4;
const OUT_WIDTH = 4;
const BLOCKS = 2;
const KERNEL = 2;
const STRIDE = 2;
const PADDING = 1;
const BACKWARD = false;
// Whether dx is added to what is there.
const ACCUMULATE = true;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(3) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>; // if BACKWARD

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % BLOCKS;
    var sum = vec4f();
    if (BACKWARD) {
        if (thread / BLOCKS >= params.count * (IN_HEIGHT * IN_WIDTH)) {
            return;
        }
        let i = model * (IMAGES * IN_HEIGHT * IN_WIDTH * BLOCKS) + thread;
        let position = i / BLOCKS;
        let down = position / IN_WIDTH % IN_HEIGHT + PADDING;
        let right = position % IN_WIDTH + PADDING;
        let image = position / (IN_HEIGHT * IN_WIDTH);
        // The windows that cover the position: those whose corner is less than KERNEL before it.
        let first_row = (max(down, KERNEL - 1) - (KERNEL - 1) + (STRIDE - 1)) / STRIDE;
        let first_column = (max(right, KERNEL - 1) - (KERNEL - 1) + (STRIDE - 1)) / STRIDE;
        for (var v = first_row; v <= down / STRIDE && v < OUT_HEIGHT; v++) {
            for (var u = first_column; u <= right / STRIDE && u < OUT_WIDTH; u++) {
                sum += dy[((image * OUT_HEIGHT + v) * OUT_WIDTH + u) * BLOCKS + block];
            }
        }
        let g = sum * (1 / f32(KERNEL * KERNEL));
        if (ACCUMULATE) {
            dx[i] += g;
        } else {
            dx[i] = g;
        }
    } else {
        if (thread / BLOCKS >= params.count * (OUT_HEIGHT * OUT_WIDTH)) {
            return;
        }
        let i = model * (IMAGES * OUT_HEIGHT * OUT_WIDTH * BLOCKS) + thread;
        let position = i / BLOCKS;
        let row = position / OUT_WIDTH % OUT_HEIGHT * STRIDE;
        let column = position % OUT_WIDTH * STRIDE;
        let image = position / (OUT_HEIGHT * OUT_WIDTH);
        // The part of the window in the image.
        for (var v = max(row, PADDING); v < min(row + KERNEL, IN_HEIGHT + PADDING); v++) {
            let line = (image * IN_HEIGHT + v - PADDING) * IN_WIDTH;
            for (var u = max(column, PADDING); u < min(column + KERNEL, IN_WIDTH + PADDING); u++) {
                sum += load(x[(line + u - PADDING) * BLOCKS + block]);
            }
        }
        y[i] = store(sum * (1 / f32(KERNEL * KERNEL)));
    }
}
