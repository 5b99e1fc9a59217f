// dz = 0 where the ReLU that a convolution or linear layer ends with was not above 0, in place.

@group(0) @binding(1) var<storage, read> z: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> dz: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread < params.count * $(AREA*IN_BLOCKS)) {
        let i = model * $(IMAGES*AREA*IN_BLOCKS) + thread;
        dz[i] = select(vec4f(), dz[i], load(z[i]) > vec4f());
    }
}
