// g ← g − share · Σ coefficient_i (point_i − point_0).

@group(0) @binding(1) var<storage, read> coefficients: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
#for i in 0..TERMS
@group(0) @binding($(3+i)) var<storage, read> point$i: array<f32>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= $LENGTH || params.count == 0) {
        return;
    }
    let k = model * $(4*DIM) + thread;
    var g = gradient[k];
#for i in 1..TERMS
    g -= params.share * coefficients[model * 16 + $(i-1)] * (point$i[k] - point0[k]);
#end
    gradient[k] = g;
}
