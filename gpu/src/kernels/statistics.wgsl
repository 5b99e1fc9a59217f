// The coefficients of a batch norm with statistics that are given.

#import prelude
#import norm_coefficients

// (model, 2, BLOCKS): means, variances.
@group(0) @binding(4) var<storage, read> statistics: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let block = thread_of(group, local);
    if (block < BLOCKS) {
        let at = model * (2 * BLOCKS) + block;
        write_coefficients(model, block, statistics[at], statistics[at + BLOCKS]);
    }
}
