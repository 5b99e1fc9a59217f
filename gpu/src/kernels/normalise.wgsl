// z = (x − mean)·scale + β, plus another branch, cut off at 0: each part of it where it is asked for.

@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> z: array<vec4f>;
#if NORM
@group(0) @binding(3) var<storage, read> norm: array<vec4f>;
#end
#if ADD
@group(0) @binding($(3+NORM)) var<storage, read> other: array<vec4f>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let i = thread_of(group, local);
    if (i >= record.count * $(AREA*QUADS)) {
        return;
    }
    var value = x[i];
#if NORM
    let quad = i % $QUADS;
    value = (value - norm[quad]) * norm[$(2*QUADS) + quad] + norm[$(3*QUADS) + quad];
#end
#if ADD
    value += other[i];
#end
#if RELU
    value = select(value, vec4f(), value < vec4f());
#end
    z[i] = value;
}
