// Four numbers of a lane's θ from `at` on, 0 where a quad goes past the channels.
fn quad_of(lane: u32, quad: u32, at: u32) -> vec4f {
    var numbers = vec4f();
    for (var k = 0u; k < 4 && quad * 4 + k < $CHANNELS; k++) {
        numbers[k] = theta[lane * $(4*DIM) + at + quad * 4 + k];
    }
    return numbers;
}

// How a batch norm acts: mean, 1/√(variance + ε), γ/√(variance + ε), β, a vector of quads each.
fn act(lane: u32, quad: u32, mean: vec4f, variance: vec4f) {
    let inverse = 1 / sqrt(variance + 1e-5);
    let to = lane * $(4*QUADS) + quad;
    norm[to] = mean;
    norm[to + $QUADS] = inverse;
    norm[to + $(2*QUADS)] = quad_of(lane, quad, place.x) * inverse;
    norm[to + $(3*QUADS)] = quad_of(lane, quad, place.x + $CHANNELS);
}
