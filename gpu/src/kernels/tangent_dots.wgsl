// Weight decay, then partial products for tangent removal: with d_i = control point i + 1 − control point 0, first
// d_i · g, then d_i · d_j for j ≤ i.

#import prelude

// Control points, one less than that, products: OTHERS + OTHERS (OTHERS + 1) / 2.
const TERMS = 5;
const OTHERS = 4;
const PRODUCTS = 14;
// Invocations of a model, each of which owns every SPLITS-th element.
const SPLITS = 512;
// Elements of θ.
const LENGTH = 256;

@group(0) @binding(1) var<storage, read> theta: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
// (SPLITS, PRODUCTS).
@group(0) @binding(3) var<storage, read_write> partial: array<f32>;
@group(0) @binding(4) var<storage, read> point_0: array<f32>;
@group(0) @binding(5) var<storage, read> point_1: array<f32>; // if TERMS > 1
@group(0) @binding(6) var<storage, read> point_2: array<f32>; // if TERMS > 2
@group(0) @binding(7) var<storage, read> point_3: array<f32>; // if TERMS > 3
@group(0) @binding(8) var<storage, read> point_4: array<f32>; // if TERMS > 4

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= SPLITS || params.count == 0) {
        return;
    }
    var d: array<f32, OTHERS>;
    var product: array<f32, OTHERS>;
    var gram: array<array<f32, OTHERS>, OTHERS>;
    let first = model * (4 * THETA);
    for (var k = first + thread; k < first + LENGTH; k += SPLITS) {
        let g = gradient[k] + params.weight_decay * theta[k];
        gradient[k] = g;
        d[0] = point_1[k] - point_0[k]; // if TERMS > 1
        d[1] = point_2[k] - point_0[k]; // if TERMS > 2
        d[2] = point_3[k] - point_0[k]; // if TERMS > 3
        d[3] = point_4[k] - point_0[k]; // if TERMS > 4
        for (var i = 0; i < OTHERS; i++) { // unroll
            product[i] = fma(d[i], g, product[i]);
            for (var j = 0; j < i + 1; j++) { // unroll
                gram[i][j] = fma(d[i], d[j], gram[i][j]);
            }
        }
    }
    let to = model * (4 * PARTIAL) + thread * PRODUCTS;
    for (var i = 0; i < OTHERS; i++) { // unroll
        partial[to + u32(i)] = product[i];
        for (var j = 0; j < i + 1; j++) { // unroll
            partial[to + u32(OTHERS + i * (i + 1) / 2 + j)] = gram[i][j];
        }
    }
}
