// v[point, block, tile] = Bᵀ d B: the EDGE x EDGE inputs d of a tile of OUTPUTS x OUTPUTS outputs, at EDGE points along
// each edge; inputs around the image are 0. An invocation owns a channel block of a tile.

#import prelude

// Whether the inputs are gradients.
const BACKWARD = false;
// Outputs of a tile along an edge, 2 or 4, and points.
const OUTPUTS = 4;
const EDGE = OUTPUTS + 2;
// Tiles of an image.
const TILE_ROWS = 2;
const TILE_COLUMNS = 2;
const PADDING = 1;
const IN_HEIGHT = 8;
const IN_WIDTH = 8;
const IN_BLOCKS = 2;
// vec4s between the transformed inputs of consecutive models.
const V_STRIDE = 0;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>; // if !BACKWARD
@group(0) @binding(2) var<storage, read> dy: array<vec4f>; // if BACKWARD
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;

fn read_input(at: u32) -> vec4f {
    if (BACKWARD) {
        return dy[at];
    } else {
        return load(x[at]);
    }
}

// Bᵀ d for one column d.
fn transform(d: array<vec4f, EDGE>) -> array<vec4f, EDGE> {
    var t: array<vec4f, EDGE>;
    if (OUTPUTS == 4) {
        let inner = d[4] - 2.0 * d[2];
        let outer = d[4] - 0.5 * d[2];
        let odd_inner = 0.7071067811865476 * d[3] - 1.4142135623730951 * d[1];
        let odd_outer = 1.4142135623730951 * d[3] - 0.7071067811865476 * d[1];
        t[0] = d[0] - 2.5 * d[2] + d[4];
        t[1] = inner + odd_inner;
        t[2] = inner - odd_inner;
        t[3] = outer + odd_outer;
        t[4] = outer - odd_outer;
        t[5] = d[1] - 2.5 * d[3] + d[5];
    } else {
        t[0] = d[0] - d[2];
        t[1] = d[1] + d[2];
        t[2] = d[2] - d[1];
        t[3] = d[3] - d[1];
    }
    return t;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let tiles = params.count * (TILE_ROWS * TILE_COLUMNS);
    let block = thread % IN_BLOCKS;
    let tile = thread / IN_BLOCKS;
    if (tile >= tiles) {
        return;
    }
    let image = i32(model * IMAGES + tile / (TILE_ROWS * TILE_COLUMNS));
    let top = i32(tile / TILE_COLUMNS % TILE_ROWS) * OUTPUTS - PADDING;
    let left = i32(tile % TILE_COLUMNS) * OUTPUTS - PADDING;
    // Bᵀ d, transposed; then Bᵀ (Bᵀ d)ᵀ, transposed.
    var columns: array<array<vec4f, EDGE>, EDGE>;
    for (var j = 0; j < EDGE; j++) { // unroll
        let in_x = left + j;
        let in_columns = in_x >= 0 && in_x < IN_WIDTH;
        var d: array<vec4f, EDGE>;
        for (var i = 0; i < EDGE; i++) { // unroll
            let in_y = top + i;
            let is_inside = in_columns && in_y >= 0 && in_y < IN_HEIGHT;
            let at = u32(select(0, (image * IN_HEIGHT + in_y) * IN_WIDTH + in_x, is_inside)) * IN_BLOCKS + block;
            d[i] = select(vec4f(), read_input(at), is_inside);
        }
        columns[j] = transform(d);
    }
    for (var i = 0; i < EDGE; i++) { // unroll
        var d: array<vec4f, EDGE>;
        for (var j = 0; j < EDGE; j++) { // unroll
            d[j] = columns[j][i];
        }
        let points = transform(d);
        for (var j = 0; j < EDGE; j++) { // unroll
            v[model * V_STRIDE + (u32(EDGE * i + j) * IN_BLOCKS + block) * tiles + tile] = points[j];
        }
    }
}
