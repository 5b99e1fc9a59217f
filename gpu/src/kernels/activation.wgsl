// The elementwise function that a kernel applies last, and its derivative.

#import smooth_activation // if ACTIVATION > 2

// 0 none, 1 ReLU, 2 leaky ReLU, 3 tanh, 4 sigmoid, 5 SiLU, 6 GELU.
const ACTIVATION = 6;
// The bits of the slope of a leaky ReLU.
const SLOPE = 1008981770;
// Channels, where padding channels would not stay 0 on their own: of a sigmoid.
const CHANNELS = 6;

// f(x) of a channel block; a NaN stays one, so that a diverged network is seen.
fn activate(x: vec4f, block: u32) -> vec4f {
    var y = x;
    if (ACTIVATION == 1) {
        y = select(x, vec4f(), x < vec4f());
    }
    if (ACTIVATION == 2) {
        y = select(x, x * bitcast<f32>(SLOPE), x < vec4f());
    }
    if (ACTIVATION == 3) {
        y = hyperbolic_tangent(x);
    }
    if (ACTIVATION == 4) {
        let is_channel = vec4u(0, 1, 2, 3) + block * 4 < vec4u(CHANNELS);
        y = select(vec4f(), logistic(x), is_channel);
    }
    if (ACTIVATION == 5) {
        y = x * logistic(x);
    }
    if (ACTIVATION == 6) {
        y = x * normal_distribution(x);
    }
    return y;
}

// g · f'(x), from the output z = f(x); from the input x of a SiLU or GELU.
fn activate_backward(g: vec4f, z: vec4f) -> vec4f {
    var d = g;
    if (ACTIVATION == 1) {
        d = select(vec4f(), g, z > vec4f());
    }
    if (ACTIVATION == 2) {
        d = select(g * bitcast<f32>(SLOPE), g, z > vec4f());
    }
    if (ACTIVATION == 3) {
        d = g * (1 - z * z);
    }
    if (ACTIVATION == 4) {
        d = g * (z * (1 - z));
    }
    if (ACTIVATION == 5) {
        let s = logistic(z);
        d = g * (s * (1 + z * (1 - s)));
    }
    if (ACTIVATION == 6) {
        d = g * (normal_distribution(z) + z * (exp(-0.5 * z * z) * 0.3989422804014327));
    }
    return d;
}
