//! Activations and dropout of vectors: what is done element by element, in any layout.

use super::moves::{vectors, vectors_mut};
use crate::elementary::{exp, gelu_parts};
use crate::floats::LINE_LEN;
use fearless_simd::prelude::*;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::dropout::Mask;

/// y ← f(y). The length is a multiple of a vector.
#[inline(always)]
pub fn activate_with<S: Simd>(simd: S, activation: Activation, y: &mut [f32]) {
    let (zero, one) = (S::f32s::splat(simd, 0.0), S::f32s::splat(simd, 1.0));
    match activation {
        Activation::Relu => each(simd, y, |x| x.simd_lt(zero).select(zero, x)),
        Activation::LeakyRelu { slope } => {
            let slope = S::f32s::splat(simd, slope);
            each(simd, y, |x| x.simd_lt(zero).select(slope * x, x));
        }
        Activation::Tanh => each(simd, y, |x| tanh(simd, x)),
        Activation::Sigmoid => each(simd, y, |x| sigmoid(simd, x)),
        Activation::Silu => each(simd, y, |x| x * sigmoid(simd, x)),
        Activation::Gelu => each(simd, y, |x| {
            let [tail, _] = gelu_parts(simd, x);
            x * x.simd_lt(zero).select(tail, one - tail)
        }),
    }
}

/// dy ← dy · f'(x), x the input; or the output, divided by `scale`, where the derivative is a function of it.
#[inline(always)]
pub fn differentiate_with<S: Simd>(simd: S, activation: Activation, scale: f32, x: &[f32], dy: &mut [f32]) {
    let splat = |x: f32| S::f32s::splat(simd, x);
    let (zero, one, share) = (splat(0.0), splat(1.0), splat(1.0 / scale));
    match activation {
        Activation::Relu => each_two(simd, x, dy, |y, dy| y.simd_gt(zero).select(dy, zero)),
        Activation::LeakyRelu { slope } => {
            let slope = splat(slope);
            each_two(simd, x, dy, |y, dy| y.simd_gt(zero).select(dy, slope * dy));
        }
        Activation::Tanh => each_two(simd, x, dy, |y, dy| {
            let y = y * share;
            dy * (one - y * y)
        }),
        Activation::Sigmoid => each_two(simd, x, dy, |y, dy| {
            let y = y * share;
            dy * (y * (one - y))
        }),
        Activation::Silu => each_two(simd, x, dy, |x, dy| {
            let s = sigmoid(simd, x);
            dy * (s * (one + x * (one - s)))
        }),
        Activation::Gelu => each_two(simd, x, dy, |x, dy| {
            let [tail, density] = gelu_parts(simd, x);
            dy * (x * density + x.simd_lt(zero).select(tail, one - tail))
        }),
    }
}

/// 1 / (1 + e⁻ˣ); NaN for NaN.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (zero, one) = (S::f32s::splat(simd, 0.0), S::f32s::splat(simd, 1.0));
    let e = exp(simd, zero - x.abs());
    let share = one / (one + e);
    x.simd_lt(zero).select(e * share, share)
}

/// tanh x; NaN for NaN. Below 0.625 an odd polynomial (Cephes, `tanhf`), else (1 − e⁻²ˣ) / (1 + e⁻²ˣ).
#[inline(always)]
fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let splat = |x| S::f32s::splat(simd, x);
    let (zero, one, size) = (splat(0.0), splat(1.0), x.abs());
    let e = exp(simd, splat(-2.0) * size);
    let large = (one - e) / (one + e);
    let large = x.simd_lt(zero).select(zero - large, large);
    let z = x * x;
    let p = splat(-5.704_988_7e-3).mul_add(z, splat(0.020_639_09));
    let p = p.mul_add(z, splat(-5.373_971_6e-2));
    let p = p.mul_add(z, splat(0.133_314_42));
    let p = p.mul_add(z, splat(-0.333_332_8));
    size.simd_lt(splat(0.625)).select((p * z).mul_add(x, x), large)
}

#[inline(always)]
fn each<S: Simd>(simd: S, y: &mut [f32], f: impl Fn(S::f32s) -> S::f32s) {
    vectors_mut::<S>(y).for_each(|y| f(S::f32s::from_slice(simd, y)).store_slice(y));
}

#[inline(always)]
fn each_two<S: Simd>(simd: S, x: &[f32], dy: &mut [f32], f: impl Fn(S::f32s, S::f32s) -> S::f32s) {
    for (x, dy) in vectors::<S>(x).zip(vectors_mut::<S>(dy)) {
        f(S::f32s::from_slice(simd, x), S::f32s::from_slice(simd, dy)).store_slice(dy);
    }
}

/// Dropout of some samples of a batch that are side by side in a vector.
#[derive(Clone, Debug)]
pub struct Dropper {
    mask: Mask,
    /// The number of the first element of each sample.
    elements: [u32; LINE_LEN],
}

impl Dropper {
    /// For samples from number `first` of the batch on, of `len` elements.
    pub fn new(mask: Mask, first: u32, len: usize) -> Self {
        let elements = std::array::from_fn(|i| first.wrapping_add(i as u32).wrapping_mul(len as u32));
        Self { mask, elements }
    }

    /// What an element that is kept was multiplied with.
    pub fn scale(&self) -> f32 {
        self.mask.scale
    }

    /// x / (1 − p) where element `number` of the samples from `lane` on is kept, else 0.
    #[inline(always)]
    pub fn apply<S: Simd>(&self, simd: S, lane: usize, number: u32, x: S::f32s) -> S::f32s {
        let splat = |x| S::u32s::splat(simd, x);
        let element = S::u32s::from_slice(simd, &self.elements[lane..][..S::u32s::LEN]) + splat(number);
        let hash = mix(simd, mix(simd, element ^ splat(self.mask.seed[0])) + splat(self.mask.seed[1]));
        let kept = hash.simd_ge(splat(self.mask.threshold));
        kept.select(x * S::f32s::splat(simd, self.mask.scale), S::f32s::splat(simd, 0.0))
    }
}

/// [`valleys_core::kernels::dropout::mix`] of a vector.
#[inline(always)]
fn mix<S: Simd>(simd: S, x: S::u32s) -> S::u32s {
    let x = x ^ (x >> 16u32);
    let x = x * S::u32s::splat(simd, 0x7feb_352d);
    let x = x ^ (x >> 15u32);
    let x = x * S::u32s::splat(simd, 0x846c_a68b);
    x ^ (x >> 16u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::levels;
    use fearless_simd::{Level, dispatch};

    fn activate(level: Level, activation: Activation, y: &mut [f32]) {
        dispatch!(level, simd => activate_with(simd, activation, y));
    }

    const ALL: [Activation; 6] = [
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Silu,
        Activation::Gelu,
    ];

    /// Values and derivatives are those of f64 up to a few roundings of the larger of 1 and |x|.
    #[test]
    fn activations_are_those_of_f64() {
        let x: Vec<f32> = (-1600..1600).map(|i| i as f32 * 0.01).chain([1e-6; 16]).collect();
        for (level, activation) in levels().into_iter().flat_map(|level| ALL.map(|a| (level, a))) {
            let (mut y, mut slope) = (x.clone(), vec![1.0; x.len()]);
            activate(level, activation, &mut y);
            let of = if activation.derives_from_output() { &y } else { &x };
            dispatch!(level, simd => differentiate_with(simd, activation, 1.0, of, &mut slope));
            for ((&x, &y), &slope) in x.iter().zip(&y).zip(&slope) {
                let wide = f64::from(x);
                let exact = activation.value(wide);
                let near = |a: f32, b: f64| (f64::from(a) - b).abs() <= 5e-7 * wide.abs().max(1.0);
                assert!(near(y, exact), "{activation:?} of {x}: {y} {exact}");
                assert!(near(slope, activation.derivative(wide, exact)), "{activation:?}' of {x}: {slope}");
            }
            let mut odd = vec![f32::NAN; 16];
            activate(level, activation, &mut odd);
            assert!(odd[0].is_nan(), "{activation:?}");
        }
    }

    #[test]
    fn tanh_is_relatively_accurate_near_0() {
        for level in levels() {
            let mut y: Vec<f32> = (0..640).map(|i| 1e-4 * (1 + i) as f32).collect();
            let x = y.clone();
            activate(level, Activation::Tanh, &mut y);
            assert!(x.iter().zip(&y).all(|(&x, &y)| (y / x.tanh() - 1.0).abs() < 4.0 * f32::EPSILON));
        }
    }

    #[test]
    fn masks_are_those_of_the_core() {
        let mask = Mask::new([7, 9], 3, 0.3);
        let dropper = Dropper::new(mask, 40, 17);
        for level in levels() {
            for number in 0..17 {
                let mut y = [1.0f32; LINE_LEN];
                dispatch!(level, simd => drop_line(simd, &dropper, number, &mut y));
                for (i, &y) in (0..).zip(&y) {
                    let kept = mask.keeps((40 + i) * 17 + number);
                    assert_eq!(y, if kept { mask.scale } else { 0.0 });
                }
            }
        }
    }

    #[inline(always)]
    fn drop_line<S: Simd>(simd: S, dropper: &Dropper, number: u32, y: &mut [f32]) {
        for (i, y) in vectors_mut::<S>(y).enumerate() {
            let x = S::f32s::from_slice(simd, y);
            dropper.apply(simd, i * S::f32s::LEN, number, x).store_slice(y);
        }
    }
}
