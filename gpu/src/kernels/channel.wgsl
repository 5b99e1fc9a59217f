// Four numbers of θ from `at` on, 0 where a quad goes past the channels.
fn quad_of(quad: u32, at: u32) -> vec4f {
    var numbers = vec4f();
    for (var k = 0u; k < 4 && quad * 4 + k < $CHANNELS; k++) {
        numbers[k] = theta[at + quad * 4 + k];
    }
    return numbers;
}

// How a batch norm acts: mean, 1/√(variance + ε), γ/√(variance + ε), β, a vector of quads each.
fn act(quad: u32, mean: vec4f, variance: vec4f) {
    let inverse = 1 / sqrt(variance + 1e-5);
    norm[quad] = mean;
    norm[$QUADS + quad] = inverse;
    norm[$(2*QUADS) + quad] = quad_of(quad, place.x) * inverse;
    norm[$(3*QUADS) + quad] = quad_of(quad, place.x + $CHANNELS);
}
