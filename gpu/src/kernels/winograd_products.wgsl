// m[point, o, tile] = Σ v[point, c, tile] · u[point, c, o] over channels: a matrix product for each point.
//
// An invocation owns POSITIONS tiles and WIDTH channel blocks; consecutive invocations own consecutive tiles.

#import prelude
#import multiply_add

// Tiles of an image.
const TILES = 4;
const POINTS = 36;
const IN_BLOCKS = 2;
// Tiles of WIDTH channel blocks.
const COLUMN_TILES = 1;
// vec4s between the transformed inputs, weights and products of consecutive models.
const V_STRIDE = 0;
const U_STRIDE = 0;
const M_STRIDE = 0;

// (POINTS, IN_BLOCKS, tiles).
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
// (POINTS, OUT_BLOCKS, tiles).
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(subgroup_invocation_id) subgroup_invocation_id: u32, // if SUBGROUP_SIZE > 0
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let model = model_of(group);
    let params = pass_params[model];
    let first = (thread_of(group, local) - local) * POSITIONS + local;
    let point = group.y / COLUMN_TILES % POINTS;
    let column = (group.y % COLUMN_TILES) * WIDTH;
    let tiles = params.count * TILES;
    let last = max(tiles, 1) - 1;
    var tile: array<u32, POSITIONS>;
    for (var i = 0u; i < POSITIONS; i++) { // unroll
        tile[i] = min(first + i * WORKGROUP_SIZE, last);
    }
    var offsets: Offsets;
    if (SUBGROUP_SIZE > 0) {
        offsets = shared_offsets(subgroup_invocation_id);
    }
    var sums: Sums;
    var c: Blocks;
    var source = model * V_STRIDE + point * IN_BLOCKS * tiles;
    var at = model * U_STRIDE + point * (DEPTH * IN_BLOCKS * OUT_BLOCKS) + column;
    for (var q = 0u; q < IN_BLOCKS; q++) {
        for (var i = 0u; i < POSITIONS; i++) { // unroll
            c[i] = v[source + tile[i]];
        }
        multiply_add(at, offsets, c, &sums);
        at += DEPTH * OUT_BLOCKS;
        source += tiles;
    }
    for (var i = 0u; i < POSITIONS; i++) { // unroll
        if (first + i * WORKGROUP_SIZE < tiles) {
            for (var j = 0u; j < WIDTH; j++) { // unroll
                m[model * M_STRIDE + (point * OUT_BLOCKS + column + j) * tiles + tile[i]] = sums[i][j];
            }
        }
    }
}
