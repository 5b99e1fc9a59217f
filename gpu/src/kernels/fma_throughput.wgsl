// Nothing but multiplications and additions: how many a device does in a second.

#import prelude

// Independent chains of an invocation, and their length.
const CHAINS = 8;
const ROUNDS = 512;

@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let thread = thread_of(group, local);
    let factor = vec4f(0.999 + f32(thread % 2) * 0.0001);
    var chain: array<vec4f, CHAINS>;
    for (var i = 0; i < CHAINS; i++) { // unroll
        chain[i] = vec4f(f32(i));
    }
    for (var k = 0; k < ROUNDS; k++) {
        for (var i = 0; i < CHAINS; i++) { // unroll
            chain[i] = fma(chain[i], factor, vec4f(0.5));
        }
    }
    var sum = vec4f();
    for (var i = 0; i < CHAINS; i++) { // unroll
        sum += chain[i];
    }
    y[thread] = sum;
}
