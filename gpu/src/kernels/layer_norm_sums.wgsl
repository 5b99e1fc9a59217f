// Partial sums over images of dy·x̂ and of dy, for each element of an image: the gradients of γ and β of a layer norm.
//
// An invocation owns one channel block of a position and every SPLITS-th image.

#import prelude

const AREA = 9;
const BLOCKS = 2;
const SPLITS = 4;

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
// Of each image: mean, 1/√(variance + ε).
@group(0) @binding(2) var<storage, read> moments: array<vec2f>;
@group(0) @binding(3) var<storage, read> dy: array<vec4f>;
// (SPLITS, AREA, BLOCKS, 2): sums of dy·x̂, of dy.
@group(0) @binding(4) var<storage, read_write> partial: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let split = thread / (AREA * BLOCKS);
    if (split >= SPLITS) {
        return;
    }
    var sum = vec4f();
    var product = vec4f();
    for (var image = split; image < params.count; image += SPLITS) {
        let i = (model * IMAGES + image) * (AREA * BLOCKS) + thread % (AREA * BLOCKS);
        let moment = moments[model * IMAGES + image];
        sum += dy[i];
        product = fma(dy[i], (load(x[i]) - moment.x) * moment.y, product);
    }
    let to = model * PARTIAL + thread * 2;
    partial[to] = product;
    partial[to + 1] = sum;
}
