// Weights in the order in which their kernels read them, from θ; 0 for padding channels.

#import prelude

// Packed weights.
const LENGTH = 64;

// Of each packed weight its index in θ; the largest u32 for padding.
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
@group(0) @binding(3) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let i = thread_of(group, local);
    if (i >= LENGTH || params.count == 0) {
        return;
    }
    let weight = table[i];
    var value = 0.0;
    if (weight != 0xffffffffu) {
        value = theta[model * (4 * THETA) + weight];
    }
    packed[model * (4 * PACKED) + i] = value;
}
