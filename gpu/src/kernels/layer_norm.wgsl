// y = γ (x − mean)/√(variance + ε) + β over the elements of an image; and its moments, for the backward pass.
//
// A workgroup owns an image.

#import prelude
#import workgroup_sum
#import layer_norm_parameters

@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(4) var<storage, read_write> y: array<ChannelBlock>;
// Of each image: mean, 1/√(variance + ε).
@group(0) @binding(5) var<storage, read_write> moments: array<vec2f>;

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
    var sum = vec4f();
    for (var i = local; i < AREA * BLOCKS; i += 64) {
        sum += load(x[first + i]);
    }
    let sums = workgroup_sum(sum, local);
    let mean = (sums.x + sums.y + sums.z + sums.w) / f32(AREA * CHANNELS);
    var square = vec4f();
    for (var i = local; i < AREA * BLOCKS; i += 64) {
        let d = select(vec4f(), load(x[first + i]) - mean, is_channel(i % BLOCKS));
        square = fma(d, d, square);
    }
    let squares = workgroup_sum(square, local);
    let inverse = 1 / sqrt((squares.x + squares.y + squares.z + squares.w) / f32(AREA * CHANNELS) + 1e-5);
    for (var i = local; i < AREA * BLOCKS; i += 64) {
        let at = place.x + i / BLOCKS;
        let scaled = (load(x[first + i]) - mean) * inverse * theta_of(model, i % BLOCKS, at);
        y[first + i] = store(scaled + theta_of(model, i % BLOCKS, at + CHANNELS * AREA));
    }
    if (local == 0) {
        moments[model * IMAGES + image] = vec2f(mean, inverse);
    }
}
