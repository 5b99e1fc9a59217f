// g ← g − share · Σ coefficient_i (centre_i − centre_0).

@group(0) @binding(1) var<storage, read> coefficients: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;
#for i in 0..TERMS
@group(0) @binding($(3+i)) var<storage, read> centre$i: array<f32>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    if (thread >= $LENGTH || record.count == 0) {
        return;
    }
    let k = lane * $(4*DIM) + thread;
    var g = gradient[k];
#for i in 1..TERMS
    g -= record.share * coefficients[lane * 16 + $(i-1)] * (centre$i[k] - centre0[k]);
#end
    gradient[k] = g;
}
