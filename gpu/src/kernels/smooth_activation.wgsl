// Functions of activations that WGSL has not, or not with the accuracy of f32.

#import prelude

// Where a result must be a NaN. The functions of some drivers return numbers for it.
fn keep_nan(y: vec4f, x: vec4f) -> vec4f {
    return select(y, x, (bitcast<vec4u>(x) & vec4u(0x7fffffff)) > vec4u(0x7f800000));
}

// 1 / (1 + e⁻ˣ), without overflow.
fn logistic(x: vec4f) -> vec4f {
    let e = exp(-abs(x));
    return keep_nan(select(vec4f(1), e, x < vec4f()) / (1 + e), x);
}

// tanh x. Where x is small, 1 − 2/(e²ˣ + 1) cancels: a polynomial (Moshier's Cephes library), relative error 2e-7.
fn hyperbolic_tangent(x: vec4f) -> vec4f {
    let a = abs(x);
    let s = x * x;
    var p = fma(s, vec4f(-5.70498872745e-3), vec4f(2.06390887954e-2));
    p = fma(p, s, vec4f(-5.37397155531e-2));
    p = fma(p, s, vec4f(1.33314422036e-1));
    p = fma(p, s, vec4f(-3.33332819422e-1));
    let small = fma(p * s, x, x);
    // The exponential of a large number may be anything.
    let large = sign(x) * (1 - 2 / (exp(2 * min(a, vec4f(10))) + 1));
    return keep_nan(select(large, small, a < vec4f(0.625)), x);
}

// The distribution function of the normal distribution, erfc(−x/√2)/2, by a rational Chebyshev approximation of erfc
// (Press and others, Numerical Recipes: erfcc) with a relative error below 1.2e-7, also in the tail.
fn normal_distribution(x: vec4f) -> vec4f {
    // Behind it both tails are 0 in f32.
    let a = min(abs(x) * 0.7071067811865476, vec4f(13));
    let t = 1 / fma(a, vec4f(0.5), vec4f(1));
    var p = fma(t, vec4f(0.17087277), vec4f(-0.82215223));
    p = fma(p, t, vec4f(1.48851587));
    p = fma(p, t, vec4f(-1.13520398));
    p = fma(p, t, vec4f(0.27886807));
    p = fma(p, t, vec4f(-0.18628806));
    p = fma(p, t, vec4f(0.09678418));
    p = fma(p, t, vec4f(0.37409196));
    p = fma(p, t, vec4f(1.00002368));
    p = fma(p, t, vec4f(-1.26551223));
    let tail = 0.5 * t * exp(fma(-a, a, p));
    return keep_nan(select(1 - tail, tail, x < vec4f()), x);
}
