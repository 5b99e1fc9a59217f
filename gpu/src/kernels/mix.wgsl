// θ(t) = Σ weight · centre, in the order of the mix; further terms are added to those before.

@group(0) @binding(1) var<storage, read_write> theta: array<vec4f>;
#for i in 0..TERMS
@group(0) @binding($(2+i)) var<storage, read> centre$i: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let i = thread_of(group, local);
    if (i >= $LENGTH || record.count == 0) {
        return;
    }
#if FIRST
    var value = theta[lane * $DIM + i];
#else
    var value = vec4f();
#end
#for i in 0..TERMS
    value += record.mix[$((FIRST+i)/4)][$((FIRST+i)%4)] * centre$i[record.home * $DIM + i];
#end
    theta[lane * $DIM + i] = value;
}
