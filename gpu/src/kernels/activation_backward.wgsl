// dz ← dz · f'(z), in place: backward through the activation of a convolution or linear layer, from its output.

#import prelude
#import activation

const AREA = 9;
const BLOCKS = 2;

@group(0) @binding(1) var<storage, read> z: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> dz: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread < params.count * (AREA * BLOCKS)) {
        let i = model * (IMAGES * AREA * BLOCKS) + thread;
        dz[i] = activate_backward(dz[i], load(z[i]));
    }
}
