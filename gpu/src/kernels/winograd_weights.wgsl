// u = G g Gᵀ: the 3 x 3 taps g of a filter at EDGE points along each edge. Four filters an invocation.

#import prelude

// Outputs of a tile along an edge, 2 or 4, and points.
const OUTPUTS = 4;
const EDGE = OUTPUTS + 2;
// Rows of the table.
const LENGTH = 8;
// vec4s between the transformed weights of consecutive models.
const U_STRIDE = 0;

// Of a row: index of its first tap, step to the next tap (negative where the filter is mirrored); index of its first
// point, step to the next point.
@group(0) @binding(1) var<storage, read> table: array<vec4i>;
@group(0) @binding(2) var<storage, read> packed: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> u: array<vec4f>;

// G g for one column g of taps.
fn transform(g: array<vec4f, 3>) -> array<vec4f, EDGE> {
    var t: array<vec4f, EDGE>;
    t[0] = g[0];
    t[EDGE - 1] = g[2];
    if (OUTPUTS == 4) {
        let inner = g[0] * (2.0 / 3.0) + g[2] * (1.0 / 3.0);
        let outer = g[0] * (1.0 / 6.0) + g[2] * (1.0 / 3.0);
        let odd = g[1] * 0.23570226039551584;
        t[1] = -inner - 2.0 * odd;
        t[2] = 2.0 * odd - inner;
        t[3] = outer + odd;
        t[4] = outer - odd;
    } else {
        let even = 0.5 * (g[0] + g[2]);
        let odd = 0.5 * g[1];
        t[1] = even + odd;
        t[2] = even - odd;
    }
    return t;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let i = thread_of(group, local);
    if (i >= LENGTH) {
        return;
    }
    let row = table[i];
    let first = i32(model * PACKED) + row.x;
    // G g, transposed; then G (G g)ᵀ, transposed.
    var columns: array<array<vec4f, EDGE>, 3>;
    for (var x = 0; x < 3; x++) { // unroll
        columns[x] = transform(array<vec4f, 3>(
            packed[first + x * row.y],
            packed[first + (3 + x) * row.y],
            packed[first + (6 + x) * row.y],
        ));
    }
    for (var y = 0; y < EDGE; y++) { // unroll
        let points = transform(array<vec4f, 3>(columns[0][y], columns[1][y], columns[2][y]));
        for (var x = 0; x < EDGE; x++) { // unroll
            u[i32(model * U_STRIDE) + row.z + (EDGE * y + x) * row.w] = points[x];
        }
    }
}
