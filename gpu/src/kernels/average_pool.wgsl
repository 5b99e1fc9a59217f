// The mean of each channel; backward every place gets its share of the gradient.

#if BACKWARD
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
#else
@group(0) @binding(1) var<storage, read> x: array<ChannelBlock>;
@group(0) @binding(2) var<storage, read_write> y: array<ChannelBlock>;
#end

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let params = pass_params[model];
    let thread = thread_of(group, local);
#if BACKWARD
    if (thread >= params.count * $(AREA*IN_BLOCKS)) {
        return;
    }
    let i = model * $(IMAGES*AREA*IN_BLOCKS) + thread;
    let g = x[i / $(AREA*IN_BLOCKS) * $IN_BLOCKS + i % $IN_BLOCKS] * (1.0 / $(AREA).0);
#if ACCUMULATE
    y[i] += g;
#else
    y[i] = g;
#end
#else
    if (thread >= params.count * $IN_BLOCKS) {
        return;
    }
    let i = model * $(IMAGES*IN_BLOCKS) + thread;
    let first = i / $IN_BLOCKS * $(AREA*IN_BLOCKS) + i % $IN_BLOCKS;
    var sum = vec4f();
    for (var p = 0u; p < $AREA; p++) {
        sum += load(x[first + p * $IN_BLOCKS]);
    }
    y[i] = store(sum * (1.0 / $(AREA).0));
#end
}
