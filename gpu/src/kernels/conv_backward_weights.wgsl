// Partial sums of dw[t, c, o] = Σ x[input under tap t of the position, c] · dy[position, o] over positions.
//
// An invocation owns one tap, DEPTH channels, WIDTH output blocks and one of SPLITS runs of positions. Where
// invocations of a subgroup share loads (see `multiply_add.wgsl`), they differ in taps and channels alone; each loads a
// part of dy for all of them. They also go through the padding, so that control flow is uniform.

#import prelude

// 0 where each invocation loads all elements itself.
const SUBGROUP_SIZE = 8;
const KERNEL_HEIGHT = 3;
const KERNEL_WIDTH = 3;
const STRIDE = 1;
const PADDING = 1;
const DILATION = 2;
const IN_HEIGHT = 4;
const IN_WIDTH = 4;
const IN_BLOCKS = 2;
const OUT_HEIGHT = 4;
const OUT_WIDTH = 4;
const OUT_BLOCKS = 2;
// Channels of an invocation, and parts of DEPTH channels that an output block reads: all parts without groups.
const DEPTH = 4;
const PARTS = 1;
// Input blocks of all parts, and channels of a group on either side; only read where SPAN is smaller than IN_BLOCKS.
const SPAN = 1;
const GROUP_INPUTS = 4;
const GROUP_OUTPUTS = 4;
// Output blocks of an invocation, and tiles of WIDTH output blocks.
const WIDTH = 2;
const COLUMN_TILES = 1;
const SPLITS = 4;
// Pairs of a tap and a part of channels, rounded up to whole subgroups.
const UNITS = 16;
// Positions whose dy a subgroup loads at a time.
const POSITIONS = 4;
// Channel blocks of x of an invocation.
const X_BLOCKS = (DEPTH + 3) / 4;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read> dy: array<vec4f>;
// (SPLITS, taps, PARTS * DEPTH, OUT_BLOCKS).
@group(0) @binding(3) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(subgroup_invocation_id) subgroup_invocation_id: u32, // if SUBGROUP_SIZE > 0
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let split = thread / (UNITS * COLUMN_TILES);
    if (split >= SPLITS) {
        return;
    }
    var unit = thread / COLUMN_TILES % UNITS;
    var tile = thread % COLUMN_TILES;
    if (SUBGROUP_SIZE > 0) {
        unit = min(thread % UNITS, KERNEL_HEIGHT * KERNEL_WIDTH * PARTS - 1);
        tile = thread / UNITS % COLUMN_TILES;
    }
    let channels = unit % PARTS;
    let tap = unit / PARTS;
    let tap_y = i32(tap / KERNEL_WIDTH) * DILATION - PADDING;
    let tap_x = i32(tap % KERNEL_WIDTH) * DILATION - PADDING;
    var first_block = channels * X_BLOCKS;
    first_block += min(tile * WIDTH * 4 / GROUP_OUTPUTS * GROUP_INPUTS / 4, IN_BLOCKS - SPAN); // if SPAN < IN_BLOCKS
    var sums: array<array<vec4f, WIDTH>, DEPTH>;
    var c: array<vec4f, X_BLOCKS>;
    var d: array<vec4f, WIDTH>;
    if (SUBGROUP_SIZE > 0) {
        let own_position = min(subgroup_invocation_id / WIDTH, POSITIONS - 1);
        let own_block = subgroup_invocation_id % WIDTH;
        let positions = params.count * (OUT_HEIGHT * OUT_WIDTH);
        let run = ((positions + (SPLITS - 1)) / SPLITS + (POSITIONS - 1)) / POSITIONS * POSITIONS;
        let last = min(positions, (split + 1) * run);
        for (var first = split * run; first < last; first += POSITIONS) {
            let position = model * (IMAGES * OUT_HEIGHT * OUT_WIDTH) + min(first + own_position, positions - 1);
            let own = dy[position * OUT_BLOCKS + tile * WIDTH + own_block];
            for (var p = 0u; p < POSITIONS; p++) { // unroll
                let in_y = i32((first + p) / OUT_WIDTH % OUT_HEIGHT) * STRIDE + tap_y;
                let in_x = i32((first + p) % OUT_WIDTH) * STRIDE + tap_x;
                let in_rows = in_y >= 0 && in_y < IN_HEIGHT;
                let is_inside = in_rows && in_x >= 0 && in_x < IN_WIDTH && first + p < last;
                let line = i32(model * IMAGES + (first + p) / (OUT_HEIGHT * OUT_WIDTH)) * IN_HEIGHT + in_y;
                let at = u32(select(0, line * IN_WIDTH + in_x, is_inside)) * IN_BLOCKS + first_block;
                for (var q = 0u; q < X_BLOCKS; q++) { // unroll
                    c[q] = select(vec4f(), load(x[at + q]), is_inside);
                }
                for (var j = 0u; j < WIDTH; j++) { // unroll
                    d[j] = subgroupBroadcast(own, p * WIDTH + j);
                }
                for (var i = 0u; i < DEPTH; i++) { // unroll
                    for (var j = 0u; j < WIDTH; j++) { // unroll
                        sums[i][j] = fma(vec4f(c[i / 4][i % 4]), d[j], sums[i][j]);
                    }
                }
            }
        }
        if (thread % UNITS > unit) {
            return;
        }
    } else {
        // The columns whose input is inside of the image.
        let start = u32(max(0, -tap_x + (STRIDE - 1)) / STRIDE);
        let stop = u32(clamp((IN_WIDTH - tap_x + (STRIDE - 1)) / STRIDE, 0, OUT_WIDTH));
        let rows = params.count * OUT_HEIGHT;
        let run = (rows + (SPLITS - 1)) / SPLITS;
        let last = min(rows, (split + 1) * run);
        for (var row = split * run; row < last; row++) {
            let in_y = i32(row % OUT_HEIGHT) * STRIDE + tap_y;
            if (in_y < 0 || in_y >= IN_HEIGHT) {
                continue;
            }
            let line = i32(model * IMAGES + row / OUT_HEIGHT) * IN_HEIGHT + in_y;
            for (var u = start; u < stop; u++) {
                let at = u32(line * IN_WIDTH + i32(u) * STRIDE + tap_x) * IN_BLOCKS + first_block;
                let source = ((model * (IMAGES * OUT_HEIGHT) + row) * OUT_WIDTH + u) * OUT_BLOCKS + tile * WIDTH;
                for (var q = 0u; q < X_BLOCKS; q++) { // unroll
                    c[q] = load(x[at + q]);
                }
                for (var j = 0u; j < WIDTH; j++) { // unroll
                    d[j] = dy[source + j];
                }
                for (var i = 0u; i < DEPTH; i++) { // unroll
                    for (var j = 0u; j < WIDTH; j++) { // unroll
                        sums[i][j] = fma(vec4f(c[i / 4][i % 4]), d[j], sums[i][j]);
                    }
                }
            }
        }
    }
    let row = (split * (KERNEL_HEIGHT * KERNEL_WIDTH) + tap) * (PARTS * DEPTH) + channels * DEPTH;
    let to = model * PARTIAL + row * OUT_BLOCKS + tile * WIDTH;
    for (var i = 0u; i < DEPTH; i++) { // unroll
        for (var j = 0u; j < WIDTH; j++) { // unroll
            partial[to + i * OUT_BLOCKS + j] = sums[i][j];
        }
    }
}
