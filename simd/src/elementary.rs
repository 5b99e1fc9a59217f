//! exp and ln of vectors on the domains that softmax cross-entropy needs.

use fearless_simd::prelude::*;

/// Below this argument e^x is flushed to 0. A probability of 1e-30 changes no f32 sum, but products with it would be
/// denormal, which is slow.
pub const EXP_MIN: f32 = -69.0;

/// e^x for x ≤ 0 to 2 ulp; 0 below [`EXP_MIN`]; NaN for NaN.
///
/// x = n·ln 2 + r, |r| ≤ ½ ln 2; e^r = 1 + r + r²·q(r), q the minimax polynomial of degree 4 (relative error 3e-9).
#[inline(always)]
pub fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |x| S::f32s::splat(simd, x);
    // Adding this to a number below 2^22 leaves the nearest integer in the lowest bits of the mantissa.
    let round = splat(1.5 * 8_388_608.0);
    let shifted = x.mul_add(splat(std::f32::consts::LOG2_E), round);
    let n = shifted - round;
    // ln 2 in two parts. The first has 9 bits, so n times it is exact with and without fused multiplication.
    let r = n.mul_add(splat(2.121_944_4e-4), n.mul_add(splat(-355.0 / 512.0), x));
    let q = splat(0.001_381_446_7);
    let q = q.mul_add(r, splat(0.008_368_781));
    let q = q.mul_add(r, splat(0.041_668_393));
    let q = q.mul_add(r, splat(0.166_665_2));
    let q = q.mul_add(r, splat(0.499_999_94));
    let e = (r * r).mul_add(q, r) + splat(1.0);
    let scale: S::u32s = shifted.bitcast();
    let scale = (scale << 23u32) + S::u32s::splat(simd, 127 << 23);
    x.simd_lt(splat(EXP_MIN)).select(splat(0.0), e * scale.bitcast::<S::f32s>())
}

/// ln x for finite x ≥ 1 to 2 ulp; NaN for NaN.
///
/// x = 2^k·m, √½ ≤ m < √2; ln m = 2 artanh s, s = (m − 1)/(m + 1), by its minimax polynomial (error 1e-11).
#[inline(always)]
pub fn ln<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |x| S::f32s::splat(simd, x);
    let bits: S::u32s = x.bitcast();
    let k = (bits - S::u32s::splat(simd, std::f32::consts::FRAC_1_SQRT_2.to_bits())) >> 23u32;
    let m = (bits - (k << 23u32)).bitcast::<S::f32s>() - splat(1.0);
    let k: S::f32s = k.to_float();
    let s = m / (m + splat(2.0));
    let u = s * s;
    let q = splat(0.235_849_9);
    let q = q.mul_add(u, splat(0.285_371_7));
    let q = q.mul_add(u, splat(0.400_003_37));
    let q = q.mul_add(u, splat(0.666_666_6));
    // ln m = 2s + s·u·q = m − s·(m − u·q). In the last form the rounding error of s affects only the small second term.
    let ln_m = m - s * (m - u * q);
    let ln = k.mul_add(splat(355.0 / 512.0), k.mul_add(splat(-2.121_944_4e-4), ln_m));
    x.simd_eq(x).select(ln, x)
}

/// Φ(−|x|) and φ(x), the distribution function and the density of the normal distribution, with an absolute error below
/// 3e-7; NaN for NaN.
///
/// erfc z = t (a₁ + … + a₅ t⁴) e^(−z²) with t = 1 / (1 + 0.3275911 z) for z = |x| / √2 (Abramowitz and Stegun, 7.1.26: error
/// 1.5e-7).
#[inline(always)]
pub fn gelu_parts<S: Simd>(simd: S, x: S::f32s) -> [S::f32s; 2] {
    let splat = |x| S::f32s::splat(simd, x);
    let z = x.abs() * splat(std::f32::consts::FRAC_1_SQRT_2);
    let t = splat(1.0) / splat(0.327_591_1).mul_add(z, splat(1.0));
    let q = splat(1.061_405_4);
    let q = q.mul_add(t, splat(-1.453_152));
    let q = q.mul_add(t, splat(1.421_413_7));
    let q = q.mul_add(t, splat(-0.284_496_74));
    let q = q.mul_add(t, splat(0.254_829_6));
    let e = exp(simd, splat(-0.5) * x * x);
    [splat(0.5) * t * q * e, splat(0.398_942_3) * e]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::levels;
    use fearless_simd::dispatch;

    /// The largest error of `f` at many arguments from `low` to `high`, in units in the last place.
    fn worst(f: impl Fn(f32) -> f32, exact: fn(f64) -> f64, low: f32, high: f32) -> f64 {
        const COUNT: u32 = 1 << 18;
        (0..=COUNT).fold(0.0, |worst: f64, i| {
            let x = (low + (high - low) * (i as f32 / COUNT as f32)).clamp(low, high);
            let exact = exact(f64::from(x));
            let size = (exact as f32).abs();
            worst.max((f64::from(f(x)) - exact).abs() / f64::from(size.next_up() - size))
        })
    }

    #[test]
    fn two_units_in_the_last_place() {
        for level in levels() {
            let exp = |x| dispatch!(level, simd => exp(simd, SimdBase::splat(simd, x))[0]);
            let ln = |x| dispatch!(level, simd => ln(simd, SimdBase::splat(simd, x))[0]);
            for (low, high) in [(EXP_MIN, 0.0), (-1.0, 0.0)] {
                assert!(worst(exp, f64::exp, low, high) <= 2.0, "exp from {low} to {high}, {level:?}");
            }
            for (low, high) in [(1.0, 1.001), (1.0, 2.0), (2.0, 300.0), (1.0, 1e9)] {
                assert!(worst(ln, f64::ln, low, high) <= 2.0, "ln from {low} to {high}, {level:?}");
            }
        }
    }

    #[test]
    fn ends_of_the_domains() {
        for level in levels() {
            let exp = |x| dispatch!(level, simd => exp(simd, SimdBase::splat(simd, x))[0]);
            let ln = |x| dispatch!(level, simd => ln(simd, SimdBase::splat(simd, x))[0]);
            assert_eq!((exp(0.0), exp(-0.0), ln(1.0)), (1.0, 1.0, 0.0));
            for x in [EXP_MIN.next_down(), -88.0, -1e9, f32::MIN, f32::NEG_INFINITY] {
                assert_eq!(exp(x), 0.0, "{x}");
            }
            assert!(exp(EXP_MIN) > 1e-31);
            assert!(exp(f32::NAN).is_nan() && ln(f32::NAN).is_nan());
        }
    }
}
