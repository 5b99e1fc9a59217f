// z = (x − mean)·scale + β, plus another branch, cut off at 0: each partial of it where it is asked for.

@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> z: array<ChannelBlock>;
#if NORM
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
#end
#if ADD
@group(0) @binding($(3+NORM)) var<storage, read> other: array<ChannelBlock>;
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
    var value = load(x[i]);
#if NORM
    let at = model * $(4*IN_BLOCKS) + thread % $IN_BLOCKS;
    value = (value - norm[at]) * norm[at + $(2*IN_BLOCKS)] + norm[at + $(3*IN_BLOCKS)];
#end
#if ADD
    value += load(other[i]);
#end
#if RELU
    value = select(value, vec4f(), value < vec4f());
#end
    z[i] = store(value);
}
