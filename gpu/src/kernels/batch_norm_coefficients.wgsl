// Four numbers of a model's θ from `at` on, 0 where a block goes past the channels.
fn theta_block(model: u32, block: u32, at: u32) -> vec4f {
    var numbers = vec4f();
    for (var k = 0u; k < 4 && block * 4 + k < $CHANNELS; k++) {
        numbers[k] = theta[model * $(4*DIM) + at + block * 4 + k];
    }
    return numbers;
}

// How a batch norm acts: mean, 1/√(variance + ε), γ/√(variance + ε), β, a vector of channel blocks each.
fn norm_coefficients(model: u32, block: u32, mean: vec4f, variance: vec4f) {
    let inverse = 1 / sqrt(variance + 1e-5);
    let to = model * $(4*IN_BLOCKS) + block;
    norm[to] = mean;
    norm[to + $IN_BLOCKS] = inverse;
    norm[to + $(2*IN_BLOCKS)] = theta_block(model, block, place.x) * inverse;
    norm[to + $(3*IN_BLOCKS)] = theta_block(model, block, place.x + $CHANNELS);
}
