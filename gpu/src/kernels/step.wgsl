// v ← μ v + weight·(g + λ θ(t)), centre ← centre − rate·v.

@group(0) @binding(1) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(2) var<storage, read> theta: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> centre: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> momentum: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    if (thread >= $LENGTH || record.count == 0) {
        return;
    }
    let i = lane * $DIM + thread;
    let g = gradient[i] + record.decay * theta[i];
    let v = record.momentum * momentum[i] + record.weight * g;
    momentum[i] = v;
    centre[i] -= record.rate * v;
}
