// The coefficients of tangent removal: the symmetric system of the products, solved by Gauss–Jordan elimination without
// pivoting. A direction that depends on earlier ones, up to rounding, gets 0.

#import prelude
#import workgroup_sum

const OTHERS = 4;
const PRODUCTS = 14;
const SPLITS = 512;

// (SPLITS, PRODUCTS): d_i · g, then d_i · d_j for j ≤ i.
@group(0) @binding(1) var<storage, read> partial: array<f32>;
// (model, 16).
@group(0) @binding(2) var<storage, read_write> coefficients: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    var sums: array<f32, PRODUCTS>;
    for (var k = 0u; k < PRODUCTS; k++) { // unroll
        var sum = 0.0;
        for (var split = local; split < SPLITS; split += 64) {
            sum += partial[model * (4 * PARTIAL) + split * PRODUCTS + k];
        }
        sums[k] = workgroup_sum(vec4f(sum), local).x;
    }
    if (local != 0) {
        return;
    }
    var product: array<f32, OTHERS>;
    var gram: array<array<f32, OTHERS>, OTHERS>;
    for (var i = 0; i < OTHERS; i++) { // unroll
        product[i] = sums[i];
        for (var j = 0; j < i + 1; j++) { // unroll
            gram[i][j] = sums[OTHERS + i * (i + 1) / 2 + j];
            gram[j][i] = sums[OTHERS + i * (i + 1) / 2 + j];
        }
    }
    for (var i = 0; i < OTHERS; i++) {
        let pivot = gram[i][i];
        var size = 0.0;
        for (var j = 0; j < OTHERS; j++) {
            size = max(size, abs(gram[i][j]));
        }
        if (pivot <= 1.1920929e-7 * size || pivot <= 0) {
            product[i] = 0;
            for (var j = 0; j < OTHERS; j++) {
                gram[i][j] = 0;
                gram[j][i] = 0;
            }
            continue;
        }
        for (var j = 0; j < OTHERS; j++) {
            gram[i][j] /= pivot;
        }
        product[i] /= pivot;
        for (var k = 0; k < OTHERS; k++) {
            if (k == i) {
                continue;
            }
            let factor = gram[k][i];
            for (var j = 0; j < OTHERS; j++) {
                gram[k][j] -= factor * gram[i][j];
            }
            product[k] -= factor * product[i];
        }
    }
    for (var i = 0u; i < OTHERS; i++) { // unroll
        coefficients[model * 16 + i] = product[i];
    }
}
