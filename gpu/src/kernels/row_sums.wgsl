// Part sums over places of g, and of g·x̂ where a batch norm follows; g = dz where z > 0, or dz.
//
// A thread owns one block of channels and every SPLITS-th place.

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partial: array<vec4f>;
#if NORM
@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
#end
#if RELU
@group(0) @binding($(3+2*NORM)) var<storage, read> z: array<ChannelBlock>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    let block = thread % $IN_BLOCKS;
    let split = thread / $IN_BLOCKS;
    if (split >= $SPLITS) {
        return;
    }
    let places = params.count * $AREA;
#if NORM
    let mean = norm[model * $(4*IN_BLOCKS) + block];
    let inverse = norm[model * $(4*IN_BLOCKS) + $IN_BLOCKS + block];
    var product = vec4f();
#end
    var sum = vec4f();
    for (var p = split; p < places; p += $(SPLITS)u) {
        let i = (model * $(IMAGES*AREA) + p) * $IN_BLOCKS + block;
        var g = dz[i];
#if RELU
        g = select(vec4f(), g, load(z[i]) > vec4f());
#end
        sum += g;
#if NORM
        product = fma(g, (load(x[i]) - mean) * inverse, product);
#end
    }
    let to = model * $PARTIAL + thread * $(1+NORM);
    partial[to] = sum;
#if NORM
    partial[to + 1] = product;
#end
}
