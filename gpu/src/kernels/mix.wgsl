// θ(t) = Σ weight · point, in the order of the mix; further terms are added to those before.

@group(0) @binding(1) var<storage, read_write> theta: array<vec4f>;
#for i in 0..TERMS
@group(0) @binding($(2+i)) var<storage, read> point$i: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let i = thread_of(group, local);
    if (i >= $LENGTH || params.count == 0) {
        return;
    }
#if FIRST
    var value = theta[model * $DIM + i];
#else
    var value = vec4f();
#end
#for i in 0..TERMS
    value += params.mix[$((FIRST+i)/4)][$((FIRST+i)%4)] * point$i[params.slot_model * $DIM + i];
#end
    theta[model * $DIM + i] = value;
}
