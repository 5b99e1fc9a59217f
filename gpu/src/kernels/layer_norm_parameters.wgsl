// The parameters of a layer norm, which θ has in the order (C, H, W).

#import prelude

const AREA = 9;
const CHANNELS = 6;
const BLOCKS = 2;

// Offset of γ, then β, in θ.
@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> theta: array<f32>;

// Which elements of a channel block are no padding.
fn is_channel(block: u32) -> vec4<bool> {
    return vec4u(0, 1, 2, 3) + block * 4 < vec4u(CHANNELS);
}

// A channel block of the parameters of which that of the first channel is at `at` in θ; 0 for padding channels.
fn theta_of(model: u32, block: u32, at: u32) -> vec4f {
    var values = vec4f();
    for (var k = 0u; k < 4 && block * 4 + k < CHANNELS; k++) {
        values[k] = theta[model * (4 * THETA) + at + (block * 4 + k) * AREA];
    }
    return values;
}
