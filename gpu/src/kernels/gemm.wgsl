// C = op(A) op(B), or the squared distances of the rows of A and B. Rows of all three matrices are padded with 0 to whole
// vec4s; op is the identity or the transpose.
//
// An invocation owns TILE rows and WIDTH vec4s of columns of C; consecutive invocations own consecutive vec4s. It goes
// through the depth four at a time, then through the rest. An invocation beyond the edge computes what one at the edge
// computes, and writes nothing: see `multiply_add.wgsl`, also for what subgroups share.

#import prelude

// 0 where each invocation loads all elements of A itself.
const SUBGROUP_SIZE = 8;
// C is (ROWS, COLUMNS), with COLUMN_BLOCKS vec4s in a row; a sum has DEPTH terms.
const ROWS = 9;
const COLUMNS = 9;
const COLUMN_BLOCKS = 3;
const DEPTH = 7;
// 1 where DEPTH is no multiple of 4.
const REST = 1;
const TILE = 8;
const WIDTH = 2;
const TRANSPOSE_A = true;
const TRANSPOSE_B = true;
const DISTANCES = true;
// vec4s of a row of A, of its transpose, and of a column of C's tile.
const ROW_BLOCKS = (ROWS + 3) / 4;
const DEPTH_BLOCKS = (DEPTH + 3) / 4;
const TILE_BLOCKS = TILE / 4;

@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(subgroup_invocation_id) subgroup_invocation_id: u32, // if SUBGROUP_SIZE > 0
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_index) local: u32,
) {
    let column = group.y * (WORKGROUP_SIZE * WIDTH) + local;
    let row = group.x * TILE;
    var n: array<u32, WIDTH>;
    var m: array<u32, TILE>;
    for (var j = 0u; j < WIDTH; j++) { // unroll
        n[j] = min(column + j * WORKGROUP_SIZE, COLUMN_BLOCKS - 1);
    }
    for (var i = 0u; i < TILE; i++) { // unroll
        m[i] = min(row + i, ROWS - 1);
    }
    var sums: array<array<vec4f, WIDTH>, TILE>;
    // What was loaded of A, of a transposed B; element e of the depth of B.
    var loaded: array<vec4f, TILE>;
    var columns: array<array<vec4f, WIDTH>, 4>;
    var y: array<vec4f, WIDTH>;
    for (var rest = 0u; rest < 1 + REST; rest++) { // unroll
        for (var k = rest * (DEPTH / 4); k < DEPTH / 4 + rest; k++) {
            if (SUBGROUP_SIZE > 0) {
                for (var p = 0u; p < TILE / SUBGROUP_SIZE; p++) { // unroll
                    let o = subgroup_invocation_id + p * SUBGROUP_SIZE;
                    if (TRANSPOSE_A) {
                        let depth = min(k * 4 + o / TILE_BLOCKS, DEPTH - 1);
                        loaded[p] = a[depth * ROW_BLOCKS + min(row / 4 + o % TILE_BLOCKS, (ROWS - 1) / 4)];
                    } else {
                        loaded[p] = a[min(row + o, ROWS - 1) * DEPTH_BLOCKS + k];
                    }
                }
            } else {
                if (TRANSPOSE_A) {
                    for (var e = 0u; e < 4 - (4 - DEPTH % 4) * rest; e++) { // unroll
                        for (var i = 0u; i < TILE_BLOCKS; i++) { // unroll
                            let at = min(row / 4 + i, (ROWS - 1) / 4);
                            loaded[e * TILE_BLOCKS + i] = a[(k * 4 + e) * ROW_BLOCKS + at];
                        }
                    }
                } else {
                    for (var i = 0u; i < TILE; i++) { // unroll
                        loaded[i] = a[m[i] * DEPTH_BLOCKS + k];
                    }
                }
            }
            if (TRANSPOSE_B) {
                for (var j = 0u; j < WIDTH; j++) { // unroll
                    for (var e = 0u; e < 4; e++) { // unroll
                        columns[e][j] = b[min(n[j] * 4 + e, COLUMNS - 1) * DEPTH_BLOCKS + k];
                    }
                }
            }
            for (var e = 0u; e < 4 - (4 - DEPTH % 4) * rest; e++) { // unroll
                for (var j = 0u; j < WIDTH; j++) { // unroll
                    if (TRANSPOSE_B) {
                        y[j] = vec4f(columns[0][j][e], columns[1][j][e], columns[2][j][e], columns[3][j][e]);
                    } else {
                        y[j] = b[(k * 4 + e) * COLUMN_BLOCKS + n[j]];
                    }
                }
                for (var i = 0u; i < TILE; i++) { // unroll
                    var x: f32;
                    if (SUBGROUP_SIZE > 0) {
                        if (TRANSPOSE_A) {
                            let o = (e * TILE + i) / 4;
                            x = subgroupBroadcast(loaded[o / SUBGROUP_SIZE][i % 4], o % SUBGROUP_SIZE);
                        } else {
                            x = subgroupBroadcast(loaded[i / SUBGROUP_SIZE][e], i % SUBGROUP_SIZE);
                        }
                    } else {
                        if (TRANSPOSE_A) {
                            x = loaded[e * TILE_BLOCKS + i / 4][i % 4];
                        } else {
                            x = loaded[i][e];
                        }
                    }
                    for (var j = 0u; j < WIDTH; j++) { // unroll
                        if (DISTANCES) {
                            let d = vec4f(x) - y[j];
                            sums[i][j] = fma(d, d, sums[i][j]);
                        } else {
                            sums[i][j] = fma(vec4f(x), y[j], sums[i][j]);
                        }
                    }
                }
            }
        }
    }
    for (var i = 0u; i < TILE; i++) { // unroll
        if (row + i < ROWS) {
            for (var j = 0u; j < WIDTH; j++) { // unroll
                if (column + j * WORKGROUP_SIZE < COLUMN_BLOCKS) {
                    // The padding of a row stays 0.
                    let is_column = vec4u(0, 1, 2, 3) + n[j] * 4 < vec4u(COLUMNS);
                    c[m[i] * COLUMN_BLOCKS + n[j]] = select(vec4f(), sums[i][j], is_column);
                }
            }
        }
    }
}
