// Backward through `normalise`: with g = dz where z > 0 (or dz), and m, mx the means of g and g·x̂,
// dx = γ/√(variance + ε) · (g − m − x̂·mx), or g where there is no batch norm; the other branch gets g.

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
#if NORM
@group(0) @binding(3) var<storage, read> x: array<Quad>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read> means: array<vec4f>;
#end
#if RELU
@group(0) @binding($(3+3*NORM)) var<storage, read> z: array<Quad>;
#end
#if ADD
@group(0) @binding($(3+3*NORM+RELU)) var<storage, read_write> dother: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
    if (thread >= record.count * $(AREA*QUADS)) {
        return;
    }
    let i = lane * $(IMAGES*AREA*QUADS) + thread;
    var g = dz[i];
#if RELU
    g = select(vec4f(), g, wide(z[i]) > vec4f());
#end
#if ADD
#if ACCUMULATE_OTHER
    dother[i] += g;
#else
    dother[i] = g;
#end
#end
#if NORM
    let quad = thread % $QUADS;
    let at = lane * $(4*QUADS) + quad;
    let mean = lane * $(2*QUADS) + quad;
    let normalised = (wide(x[i]) - norm[at]) * norm[at + $QUADS];
    g = norm[at + $(2*QUADS)] * (g - (means[mean] + normalised * means[mean + $QUADS]));
#end
#if ACCUMULATE
    dx[i] += g;
#else
    dx[i] = g;
#end
}
