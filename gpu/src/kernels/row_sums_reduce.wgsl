// From partial sums the gradient of γ and β, and the means that go back through the batch norm; or the gradient of a bias.
//
// A workgroup owns one block of channels.

@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
#if NORM
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>;
#end

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let block = group.x;
    var sum = vec4f();
#if NORM
    var product = vec4f();
#end
    for (var split = local; split < $SPLITS; split += 64u) {
        let at = model * $PARTIAL + (split * $IN_BLOCKS + block) * $(1+NORM);
        sum += partial[at];
#if NORM
        product += partial[at + 1];
#end
    }
    let all = workgroup_sum(sum, local);
#if NORM
    let products = workgroup_sum(product, local);
    let number = f32(params.count * $AREA);
#end
    if (local == 0) {
#if NORM
        let mean = model * $(2*IN_BLOCKS) + block;
        means[mean] = all / number;
        means[mean + $IN_BLOCKS] = products / number;
#end
        let to = model * $(4*DIM) + place.x + block * 4;
        for (var k = 0u; k < 4 && block * 4 + k < $CHANNELS; k++) {
#if NORM
            gradient[to + k] = products[k];
            gradient[to + $CHANNELS + k] = all[k];
#else
            gradient[to + k] = all[k];
#end
        }
    }
}
