// z = (x − mean)·scale + β, plus another branch, cut off at 0: each part of it where it is asked for.

@group(0) @binding(1) var<storage, read> x: array<Quad>;
@group(0) @binding(2) var<storage, read_write> z: array<Quad>;
#if NORM
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
#end
#if ADD
@group(0) @binding($(3+NORM)) var<storage, read> other: array<Quad>;
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
    var value = wide(x[i]);
#if NORM
    let at = lane * $(4*QUADS) + thread % $QUADS;
    value = (value - norm[at]) * norm[at + $(2*QUADS)] + norm[at + $(3*QUADS)];
#end
#if ADD
    value += wide(other[i]);
#end
#if RELU
    value = select(value, vec4f(), value < vec4f());
#end
    z[i] = narrow(value);
}
