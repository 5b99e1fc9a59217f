// How a batch norm acts with statistics that are given.

@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> norm: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let block = thread_of(group, local);
    if (block < $IN_BLOCKS) {
        let at = model * $(2*IN_BLOCKS) + block;
        norm_coefficients(model, block, statistics[at], statistics[at + $IN_BLOCKS]);
    }
}
