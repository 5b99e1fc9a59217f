// Part sums over places of g, and of g·x̂ where a batch norm follows; g = dz where z > 0, or dz.
//
// A thread owns one quad of channels and every SPLITS-th place.

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> part: array<vec4f>;
#if NORM
@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
#end
#if RELU
@group(0) @binding($(3+2*NORM)) var<storage, read> z: array<Quad>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    let quad = thread % $QUADS;
    let split = thread / $QUADS;
    if (split >= $SPLITS) {
        return;
    }
    let places = record.count * $AREA;
#if NORM
    let mean = norm[lane * $(4*QUADS) + quad];
    let inverse = norm[lane * $(4*QUADS) + $QUADS + quad];
    var product = vec4f();
#end
    var sum = vec4f();
    for (var p = split; p < places; p += $(SPLITS)u) {
        let i = (lane * $(IMAGES*AREA) + p) * $QUADS + quad;
        var g = dz[i];
#if RELU
        g = select(vec4f(), g, wide(z[i]) > vec4f());
#end
        sum += g;
#if NORM
        product = fma(g, (wide(x[i]) - mean) * inverse, product);
#end
    }
    let to = lane * $PART + thread * $(1+NORM);
    part[to] = sum;
#if NORM
    part[to + 1] = product;
#end
}
