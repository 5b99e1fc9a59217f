// The coefficients of the projection: the symmetric system of products solved by Gauss–Jordan without exchanges. A
// direction that depends on earlier ones, up to rounding, gets 0.

@group(0) @binding(1) var<storage, read> partial: array<f32>;
@group(0) @binding(2) var<storage, read_write> coefficients: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    var product: array<f32, $OTHERS>;
    var gram: array<array<f32, $OTHERS>, $OTHERS>;
#for k in 0..PRODUCTS
    var sum$k = 0.0;
    for (var split = local; split < $SPLITS; split += 64u) {
        sum$k += partial[model * $(4*PARTIAL) + split * $PRODUCTS + $k];
    }
    let all$k = workgroup_sum(vec4f(sum$k), local).x;
#end
    if (local != 0) {
        return;
    }
#for i in 0..OTHERS
    product[$i] = all$i;
#for j in 0..(i+1)
    gram[$i][$j] = all$(OTHERS + i*(i+1)/2 + j);
    gram[$j][$i] = all$(OTHERS + i*(i+1)/2 + j);
#end
#end
    for (var i = 0; i < $OTHERS; i++) {
        let pivot = gram[i][i];
        var size = 0.0;
        for (var j = 0; j < $OTHERS; j++) {
            size = max(size, abs(gram[i][j]));
        }
        if (pivot <= 1.1920929e-7 * size || pivot <= 0) {
            product[i] = 0;
            for (var j = 0; j < $OTHERS; j++) {
                gram[i][j] = 0;
                gram[j][i] = 0;
            }
            continue;
        }
        for (var j = 0; j < $OTHERS; j++) {
            gram[i][j] /= pivot;
        }
        product[i] /= pivot;
        for (var k = 0; k < $OTHERS; k++) {
            if (k == i) {
                continue;
            }
            let factor = gram[k][i];
            for (var j = 0; j < $OTHERS; j++) {
                gram[k][j] -= factor * gram[i][j];
            }
            product[k] -= factor * product[i];
        }
    }
#for i in 0..OTHERS
    coefficients[model * 16 + $i] = product[$i];
#end
}
