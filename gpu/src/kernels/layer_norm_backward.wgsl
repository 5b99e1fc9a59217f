// Backward through a layer norm to its input: with x̂ the normalised input and g = γ dy, over the elements of an image,
// dx = (g − mean(g) − x̂ mean(g·x̂)) / √(variance + ε).
//
// A workgroup owns an image.

#import prelude
#import workgroup_sum
#import layer_norm_parameters

// Whether dx is added to what is there.
const ACCUMULATE = true;

@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>;
// Of each image: mean, 1/√(variance + ε).
@group(0) @binding(4) var<storage, read> moments: array<vec2f>;
@group(0) @binding(5) var<storage, read> dy: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dx: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let image = group.y / GRID_COPIES * GRID_WIDTH + group.x;
    // All invocations of a workgroup return, or none.
    if (image >= params.count) {
        return;
    }
    let first = (model * IMAGES + image) * (AREA * BLOCKS);
    let moment = moments[model * IMAGES + image];
    var sum = vec4f();
    var product = vec4f();
    for (var i = local; i < AREA * BLOCKS; i += 64) {
        // γ is 0 for padding channels.
        let g = theta_of(model, i % BLOCKS, place.x + i / BLOCKS) * dy[first + i];
        sum += g;
        product = fma(g, (load(x[first + i]) - moment.x) * moment.y, product);
    }
    let sums = workgroup_sum(sum, local);
    let products = workgroup_sum(product, local);
    let mean = (sums.x + sums.y + sums.z + sums.w) / f32(AREA * CHANNELS);
    let mean_product = (products.x + products.y + products.z + products.w) / f32(AREA * CHANNELS);
    for (var i = local; i < AREA * BLOCKS; i += 64) {
        let g = theta_of(model, i % BLOCKS, place.x + i / BLOCKS) * dy[first + i];
        let normalised = (load(x[first + i]) - moment.x) * moment.y;
        let d = select(vec4f(), moment.y * (g - (mean + normalised * mean_product)), is_channel(i % BLOCKS));
        if (ACCUMULATE) {
            dx[first + i] += d;
        } else {
            dx[first + i] = d;
        }
    }
}
