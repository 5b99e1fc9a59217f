// The coefficients with which a batch norm acts, from its statistics and its parameters.

#import prelude

const CHANNELS = 6;
const BLOCKS = 2;

// Offset of γ, then β, in θ.
@group(0) @binding(1) var<uniform> place: vec4u;
@group(0) @binding(2) var<storage, read> theta: array<f32>;
// (model, 4, BLOCKS): mean, 1/√(variance + ε), γ/√(variance + ε), β.
@group(0) @binding(3) var<storage, read_write> norm: array<vec4f>;

// A channel block of a vector of parameters that starts at `at` in θ; 0 for padding channels.
fn theta_block(model: u32, block: u32, at: u32) -> vec4f {
    var values = vec4f();
    for (var k = 0u; k < 4 && block * 4 + k < CHANNELS; k++) {
        values[k] = theta[model * (4 * THETA) + at + block * 4 + k];
    }
    return values;
}

fn write_coefficients(model: u32, block: u32, mean: vec4f, variance: vec4f) {
    let inverse = 1 / sqrt(variance + 1e-5);
    let to = model * (4 * BLOCKS) + block;
    norm[to] = mean;
    norm[to + BLOCKS] = inverse;
    norm[to + 2 * BLOCKS] = theta_block(model, block, place.x) * inverse;
    norm[to + 3 * BLOCKS] = theta_block(model, block, place.x + CHANNELS);
}
