// The gradients of γ and β of a layer norm from their parts, in their order; θ has them in the order (C, H, W).

#import prelude

const AREA = 9;
const CHANNELS = 6;
const BLOCKS = 2;
const SPLITS = 4;

// Offset of γ, then β, in θ.
@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> partial: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
    let model = model_of(group);
    let thread = thread_of(group, local);
    if (thread >= AREA * BLOCKS) {
        return;
    }
    var product = vec4f();
    var sum = vec4f();
    for (var split = 0u; split < SPLITS; split++) {
        let at = model * PARTIAL + (split * (AREA * BLOCKS) + thread) * 2;
        product += partial[at];
        sum += partial[at + 1];
    }
    let block = thread % BLOCKS;
    for (var k = 0u; k < 4 && block * 4 + k < CHANNELS; k++) {
        let to = model * (4 * THETA) + place.x + (block * 4 + k) * AREA + thread / BLOCKS;
        gradient[to] = product[k];
        gradient[to + CHANNELS * AREA] = sum[k];
    }
}
