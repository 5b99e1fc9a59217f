// y = Aᵀ m A: the OUTPUTS x OUTPUTS outputs of a tile from its products at all points; those inside of the image are
// written. An invocation owns a channel block of a tile.

#import prelude
#import activation

// Outputs of a tile along an edge, 2 or 4, and points.
const OUTPUTS = 4;
const EDGE = OUTPUTS + 2;
// Tiles of an image.
const TILE_ROWS = 2;
const TILE_COLUMNS = 2;
const OUT_HEIGHT = 8;
const OUT_WIDTH = 8;
const OUT_BLOCKS = 2;
const BIAS = true;
// Whether the output is stored as f32.
const F32_OUTPUT = true;
// Whether the results are added to the output.
const ACCUMULATE = true;
// vec4s between the products of consecutive models.
const M_STRIDE = 0;

// (EDGE, EDGE, OUT_BLOCKS, tiles).
@group(0) @binding(1) var<storage, read> m: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>; // if !F32_OUTPUT
@group(0) @binding(3) var<storage, read_write> y_f32: array<vec4f>; // if F32_OUTPUT
@group(0) @binding(4) var<storage, read> bias: array<vec4f>; // if BIAS

// Aᵀ m for one column m.
fn transform(m: array<vec4f, EDGE>) -> array<vec4f, OUTPUTS> {
    var t: array<vec4f, OUTPUTS>;
    if (OUTPUTS == 4) {
        let inner = m[1] + m[2];
        let outer = m[3] + m[4];
        let odd_inner = 0.7071067811865476 * (m[1] - m[2]);
        let odd_outer = 1.4142135623730951 * (m[3] - m[4]);
        t[0] = m[0] + inner + outer;
        t[1] = odd_inner + odd_outer;
        t[2] = 0.5 * inner + 2.0 * outer;
        t[3] = 0.5 * odd_inner + 2.0 * odd_outer + m[5];
    } else {
        t[0] = m[0] + m[1] + m[2];
        t[1] = m[1] - m[2] + m[3];
    }
    return t;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let tiles = params.count * (TILE_ROWS * TILE_COLUMNS);
    let block = thread % OUT_BLOCKS;
    let tile = thread / OUT_BLOCKS;
    if (tile >= tiles) {
        return;
    }
    let image = model * IMAGES + tile / (TILE_ROWS * TILE_COLUMNS);
    let top = tile / TILE_COLUMNS % TILE_ROWS * OUTPUTS;
    let left = tile % TILE_COLUMNS * OUTPUTS;
    // Aᵀ m, transposed; then Aᵀ (Aᵀ m)ᵀ, transposed.
    var columns: array<array<vec4f, OUTPUTS>, EDGE>;
    for (var j = 0u; j < EDGE; j++) { // unroll
        var column: array<vec4f, EDGE>;
        for (var i = 0u; i < EDGE; i++) { // unroll
            column[i] = m[model * M_STRIDE + ((EDGE * i + j) * OUT_BLOCKS + block) * tiles + tile];
        }
        columns[j] = transform(column);
    }
    for (var i = 0u; i < OUTPUTS; i++) { // unroll
        var column: array<vec4f, EDGE>;
        for (var j = 0u; j < EDGE; j++) { // unroll
            column[j] = columns[j][i];
        }
        let outputs = transform(column);
        for (var j = 0u; j < OUTPUTS; j++) { // unroll
            if (top + i < OUT_HEIGHT && left + j < OUT_WIDTH) {
                let to = ((image * OUT_HEIGHT + top + i) * OUT_WIDTH + left + j) * OUT_BLOCKS + block;
                var value = outputs[j];
                if (BIAS) {
                    value += bias[model * PACKED + block];
                }
                if (ACTIVATION > 0) {
                    value = activate(value, block);
                }
                if (ACCUMULATE) {
                    value += y_f32[to];
                }
                if (F32_OUTPUT) {
                    y_f32[to] = value;
                } else {
                    y[to] = store(value);
                }
            }
        }
    }
}
