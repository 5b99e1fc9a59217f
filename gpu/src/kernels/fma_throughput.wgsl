// Nothing but multiplications and additions: how many a device does.

@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size($SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let thread = thread_of(group, local);
    let factor = vec4f(0.999 + f32(thread % 2) * 0.0001);
#for i in 0..CHAINS
    var s$i = vec4f($(i).0);
#end
    for (var k = 0; k < $ROUNDS; k++) {
#for i in 0..CHAINS
        s$i = fma(s$i, factor, vec4f(0.5));
#end
    }
    var sum = vec4f();
#for i in 0..CHAINS
    sum += s$i;
#end
    y[thread] = sum;
}
