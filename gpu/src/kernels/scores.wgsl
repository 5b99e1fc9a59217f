// Sums of the losses and errors of a batch.

#import prelude
#import workgroup_sum

// Of each image: loss, error.
@group(0) @binding(1) var<storage, read> scores: array<vec2f>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec2f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    if (params.count == 0) {
        return;
    }
    var sum = vec2f();
    for (var i = local; i < params.count; i += 64) {
        sum += scores[model * IMAGES + i];
    }
    let total = workgroup_sum(vec4f(sum, 0.0, 0.0), local);
    if (local == 0) {
        sums[params.loss_index] = total.xy;
    }
}
