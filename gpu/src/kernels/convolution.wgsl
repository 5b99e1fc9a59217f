// y[position, o] = Σ x[input under tap t of the position, c] · w[t, c, o] over taps and channels: convolutions and linear
// layers, forward and backward to the inputs. An implicit matrix product: the matrix of windows is never written.
//
// An invocation owns POSITIONS positions and WIDTH channel blocks. Along an edge, position p = class + DIVIDE · u reads
// input i = MULTIPLY · u + IN_STEP · a + base under tap first + TAP_STEP · a. Forward there is one class. Backward through
// a stride of DIVIDE, the positions of a class meet the same taps, or none where stride and dilation have a common
// divisor.
//
// With groups, a channel block reads SPAN input blocks: those with the channels of its groups. The packed weights of other
// channels in them are 0.
//
// Where a batch norm follows, a workgroup leaves the moments of its positions.

#import prelude
#import multiply_add
#import activation
#import tile_moments // if MOMENTS

// Whether dx is computed from dy, instead of y from x.
const BACKWARD = false;
const BIAS = true;
const MOMENTS = true;
// Whether the output is stored as f32.
const F32_OUTPUT = true;
// Whether the sums are added to the output.
const ACCUMULATE = true;
// Positions of a class, in rows and columns.
const ROWS = 4;
const COLUMNS = 4;
const MULTIPLY = 1;
const DIVIDE = 1;
const IN_STEP = 1;
const TAP_STEP = 1;
const PADDING = 1;
const DILATION = 2;
// The greatest common divisor of stride and dilation, and the inverse of DILATION / DIVISOR modulo DIVIDE / DIVISOR.
const DIVISOR = 1;
const INVERSE = 1;
const KERNEL_HEIGHT = 3;
const KERNEL_WIDTH = 3;
const IN_HEIGHT = 4;
const IN_WIDTH = 4;
const IN_BLOCKS = 2;
// Input blocks that a channel block reads: IN_BLOCKS without groups.
const SPAN = 1;
// Channels of a group on either side; only read where SPAN is smaller than IN_BLOCKS.
const GROUP_INPUTS = 4;
const GROUP_OUTPUTS = 4;
const OUT_HEIGHT = 4;
const OUT_WIDTH = 4;
// Tiles of WIDTH channel blocks.
const COLUMN_TILES = 1;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(2) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(4) var<storage, read_write> y: array<ChannelBlock>; // if !F32_OUTPUT
@group(0) @binding(5) var<storage, read_write> y_f32: array<vec4f>; // if F32_OUTPUT
@group(0) @binding(6) var<storage, read> bias: array<vec4f>; // if BIAS
// (runs of a workgroup's positions, OUT_BLOCKS, 2): mean, centred sum of squares.
@group(0) @binding(7) var<storage, read_write> partial: array<vec4f>; // if MOMENTS

fn read_input(at: u32) -> vec4f {
    if (BACKWARD) {
        return dy[at];
    } else {
        return load(x[at]);
    }
}

// The first tap that positions of a class meet, of those for which offset − tap · DILATION is a multiple of the stride; none,
// the number of taps, where there is no such tap.
fn first_tap(offset: i32, taps: i32) -> i32 {
    return select(offset / DIVISOR * INVERSE % (DIVIDE / DIVISOR), taps, offset % DIVISOR != 0);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(subgroup_invocation_id) subgroup_invocation_id: u32, // if SUBGROUP_SIZE > 0
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let model = model_of(group);
    let params = pass_params[model];
    let first = thread_of(group, local) * POSITIONS;
    let column = (group.y % COLUMN_TILES) * WIDTH;
    let first_block = min(column * 4 / GROUP_OUTPUTS * GROUP_INPUTS / 4, IN_BLOCKS - SPAN); // if SPAN < IN_BLOCKS
    let total = params.count * (ROWS * COLUMNS);
    let last = max(total, 1) - 1;
    let class_y = i32(group.y / COLUMN_TILES % (DIVIDE * DIVIDE)) / DIVIDE;
    let class_x = i32(group.y / COLUMN_TILES) % DIVIDE;
    var tap_y = 0;
    var tap_x = 0;
    var base_y = -PADDING;
    var base_x = -PADDING;
    if (BACKWARD) {
        if (DILATION > 1) {
            tap_y = first_tap(class_y + PADDING, KERNEL_HEIGHT);
            tap_x = first_tap(class_x + PADDING, KERNEL_WIDTH);
            base_y = (class_y + PADDING - tap_y * DILATION) / DIVIDE;
            base_x = (class_x + PADDING - tap_x * DILATION) / DIVIDE;
        } else {
            tap_y = (class_y + PADDING) % DIVIDE;
            tap_x = (class_x + PADDING) % DIVIDE;
            base_y = (class_y + PADDING) / DIVIDE;
            base_x = (class_x + PADDING) / DIVIDE;
        }
    }
    var position: array<u32, POSITIONS>;
    var image: array<i32, POSITIONS>;
    var u: array<i32, POSITIONS>;
    var v: array<i32, POSITIONS>;
    var top: array<i32, POSITIONS>;
    var left: array<i32, POSITIONS>;
    for (var i = 0u; i < POSITIONS; i++) { // unroll
        position[i] = min(first + i, last);
        image[i] = i32(model * IMAGES + position[i] / (ROWS * COLUMNS));
        u[i] = i32(position[i] / COLUMNS % ROWS);
        v[i] = i32(position[i] % COLUMNS);
        top[i] = u[i] * MULTIPLY + base_y;
        left[i] = v[i] * MULTIPLY + base_x;
    }
    var offsets: Offsets;
    if (SUBGROUP_SIZE > 0) {
        offsets = shared_offsets(subgroup_invocation_id);
    }
    var sums: Sums;
    var in_rows: array<bool, POSITIONS>;
    var line: array<i32, POSITIONS>;
    var is_inside: array<bool, POSITIONS>;
    var source: array<u32, POSITIONS>;
    var c: Blocks;
    for (var a = 0; tap_y + a * TAP_STEP < KERNEL_HEIGHT; a++) {
        for (var i = 0u; i < POSITIONS; i++) { // unroll
            let in_y = top[i] + IN_STEP * a;
            in_rows[i] = in_y >= 0 && in_y < IN_HEIGHT;
            line[i] = (image[i] * IN_HEIGHT + in_y) * IN_WIDTH;
        }
        for (var b = 0; tap_x + b * TAP_STEP < KERNEL_WIDTH; b++) {
            let tap = (tap_y + a * TAP_STEP) * KERNEL_WIDTH + tap_x + b * TAP_STEP;
            var at = model * PACKED + u32(tap) * (DEPTH * SPAN * OUT_BLOCKS) + column;
            for (var i = 0u; i < POSITIONS; i++) { // unroll
                let in_x = left[i] + IN_STEP * b;
                is_inside[i] = in_rows[i] && in_x >= 0 && in_x < IN_WIDTH;
                source[i] = u32(select(0, line[i] + in_x, is_inside[i])) * IN_BLOCKS;
                source[i] += first_block; // if SPAN < IN_BLOCKS
            }
            for (var q = 0u; q < SPAN; q++) {
                for (var i = 0u; i < POSITIONS; i++) { // unroll
                    c[i] = select(vec4f(), read_input(source[i] + q), is_inside[i]);
                }
                multiply_add(at, offsets, c, &sums);
                at += DEPTH * OUT_BLOCKS;
            }
        }
    }
    for (var i = 0u; i < POSITIONS; i++) { // unroll
        var is_output = first + i < total;
        var to = (model * (IMAGES * ROWS * COLUMNS) + position[i]) * OUT_BLOCKS + column;
        if (BACKWARD) {
            let out_y = u[i] * DIVIDE + class_y;
            let out_x = v[i] * DIVIDE + class_x;
            is_output = is_output && out_y < OUT_HEIGHT && out_x < OUT_WIDTH;
            to = u32((image[i] * OUT_HEIGHT + out_y) * OUT_WIDTH + out_x) * OUT_BLOCKS + column;
        }
        if (is_output) {
            for (var j = 0u; j < WIDTH; j++) { // unroll
                if (BIAS) {
                    sums[i][j] += bias[model * PACKED + column + j];
                }
                if (ACTIVATION > 0) {
                    sums[i][j] = activate(sums[i][j], column + j);
                }
                if (ACCUMULATE) {
                    sums[i][j] += y_f32[to + j];
                }
                if (F32_OUTPUT) {
                    y_f32[to + j] = sums[i][j];
                } else {
                    y[to + j] = store(sums[i][j]);
                }
            }
        }
    }
    if (MOMENTS) {
        // The moments are those of the stored values, which have fewer bits where activations are f16.
        let positions = clamp(total, first, first + POSITIONS) - first;
        for (var j = 0u; j < WIDTH; j++) { // unroll
            var sum = vec4f();
            for (var i = 0u; i < POSITIONS; i++) { // unroll
                sums[i][j] = load(store(sums[i][j]));
                sum += select(vec4f(), sums[i][j], i < positions);
            }
            let mean = sum / f32(max(positions, 1));
            var square = vec4f();
            for (var i = 0u; i < POSITIONS; i++) { // unroll
                let d = select(vec4f(), sums[i][j] - mean, i < positions);
                square = fma(d, d, square);
            }
            means[j * WORKGROUP_SIZE + local] = mean;
            squares[j * WORKGROUP_SIZE + local] = square;
        }
        let run = thread_of(group, local) / WORKGROUP_SIZE;
        let start = run * (WORKGROUP_SIZE * POSITIONS);
        combine_moments(local, clamp(total, start, start + WORKGROUP_SIZE * POSITIONS) - start);
        if (local == 0 && start < total) {
            for (var j = 0u; j < WIDTH; j++) { // unroll
                let to = model * PARTIAL + (run * OUT_BLOCKS + column + j) * 2;
                partial[to] = means[j * WORKGROUP_SIZE];
                partial[to + 1] = squares[j * WORKGROUP_SIZE];
            }
        }
    }
}
