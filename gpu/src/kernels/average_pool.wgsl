// The mean of each channel; backward every place gets its share of the gradient.

#if BACKWARD
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> x: array<Quad>;
@group(0) @binding(2) var<storage, read_write> y: array<Quad>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let lane = lane_of(group);
    let record = records[lane];
    let thread = thread_of(group, local);
#if BACKWARD
    if (thread >= record.count * $(AREA*QUADS)) {
        return;
    }
    let i = lane * $(IMAGES*AREA*QUADS) + thread;
    let g = x[i / $(AREA*QUADS) * $QUADS + i % $QUADS] * (1.0 / $(AREA).0);
#if ACCUMULATE
    y[i] += g;
#else
    y[i] = g;
#end
#else
    if (thread >= record.count * $QUADS) {
        return;
    }
    let i = lane * $(IMAGES*QUADS) + thread;
    let first = i / $QUADS * $(AREA*QUADS) + i % $QUADS;
    var sum = vec4f();
    for (var p = 0u; p < $AREA; p++) {
        sum += wide(x[first + p * $QUADS]);
    }
    y[i] = narrow(sum * (1.0 / $(AREA).0));
#end
}
