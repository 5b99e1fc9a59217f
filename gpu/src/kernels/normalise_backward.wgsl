// Backward through `normalise`: with g = dz where z > 0 (or dz), and m, mx the means of g and g·x̂,
// dx = γ/√(variance + ε) · (g − m − x̂·mx), or g where there is no batch norm; the other branch gets g.

@group(0) @binding(1) var<storage, read> dz: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
#if NORM
@group(0) @binding(3) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(4) var<storage, read> norm: array<vec4f>;
@group(0) @binding(5) var<storage, read> means: array<vec4f>;
#end
#if RELU
@group(0) @binding($(3+3*NORM)) var<storage, read> z: array<ChannelBlock>;
#end
#if ADD
@group(0) @binding($(3+3*NORM+RELU)) var<storage, read_write> dother: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
    if (thread >= params.count * $(AREA*IN_BLOCKS)) {
        return;
    }
    let i = model * $(IMAGES*AREA*IN_BLOCKS) + thread;
    var g = dz[i];
#if RELU
    g = select(vec4f(), g, load(z[i]) > vec4f());
#end
#if ADD
#if ACCUMULATE_OTHER
    dother[i] += g;
#else
    dother[i] = g;
#end
#end
#if NORM
    let block = thread % $IN_BLOCKS;
    let at = model * $(4*IN_BLOCKS) + block;
    let mean = model * $(2*IN_BLOCKS) + block;
    let normalised = (load(x[i]) - norm[at]) * norm[at + $IN_BLOCKS];
    g = norm[at + $(2*IN_BLOCKS)] * (g - (means[mean] + normalised * means[mean + $IN_BLOCKS]));
#end
#if ACCUMULATE
    dx[i] += g;
#else
    dx[i] = g;
#end
}
