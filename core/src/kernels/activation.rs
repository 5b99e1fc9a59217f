//! Elementwise activations, forward and backward.

use crate::math;
use nalgebra::{RealField, convert, try_convert};

/// An elementwise function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x where x > 0, else `slope` · x.
    LeakyRelu {
        /// 0 or above, so that the sign of y is that of x.
        slope: f32,
    },
    /// tanh x.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// x / (1 + e⁻ˣ), also called swish.
    Silu,
    /// x · Φ(x), Φ the distribution function of the normal distribution (Hendrycks and Gimpel 2016): not its
    /// approximation by tanh.
    Gelu,
}

impl Activation {
    /// Names in files and messages, in the order of the variants.
    pub const NAMES: [&str; 6] = ["relu", "leaky relu", "tanh", "sigmoid", "silu", "gelu"];

    /// Its name.
    pub const fn name(self) -> &'static str {
        Self::NAMES[match self {
            Self::Relu => 0,
            Self::LeakyRelu { .. } => 1,
            Self::Tanh => 2,
            Self::Sigmoid => 3,
            Self::Silu => 4,
            Self::Gelu => 5,
        }]
    }

    /// Whether its derivative is a function of its output, so that the backward pass does not need the input.
    pub const fn derives_from_output(self) -> bool {
        !matches!(self, Self::Silu | Self::Gelu)
    }

    /// y = f(x). A NaN stays one, so that a diverged network is seen.
    pub fn value<T: RealField + Copy>(self, x: T) -> T {
        match self {
            Self::Relu if x < T::zero() => T::zero(),
            Self::LeakyRelu { slope } if x < T::zero() => x * convert(f64::from(slope)),
            Self::Relu | Self::LeakyRelu { .. } => x,
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Silu => x * sigmoid(x),
            Self::Gelu => x * normal_distribution(x),
        }
    }

    /// f'(x), from the input x and the output y; as PyTorch, the derivative of ReLU at 0 is 0, and of leaky ReLU its
    /// slope.
    pub fn derivative<T: RealField + Copy>(self, x: T, y: T) -> T {
        let one = T::one();
        match self {
            Self::Relu if y > T::zero() => one,
            Self::Relu => T::zero(),
            Self::LeakyRelu { .. } if y > T::zero() => one,
            Self::LeakyRelu { slope } => convert(f64::from(slope)),
            Self::Tanh => one - y * y,
            Self::Sigmoid => y * (one - y),
            Self::Silu => {
                let s = sigmoid(x);
                s * (one + x * (one - s))
            }
            Self::Gelu => {
                let density = (x * x * convert(-0.5)).exp() * convert(INVERSE_ROOT_2_PI);
                normal_distribution(x) + x * density
            }
        }
    }
}

/// 1 / √(2π).
const INVERSE_ROOT_2_PI: f64 = 0.398_942_280_401_432_7;

/// 1 / (1 + e⁻ˣ), without overflow.
fn sigmoid<T: RealField + Copy>(x: T) -> T {
    let one = T::one();
    if x < T::zero() {
        let e = x.exp();
        e / (one + e)
    } else {
        one / (one + (-x).exp())
    }
}

/// Φ(x) = (1 + erf(x / √2)) / 2.
fn normal_distribution<T: RealField + Copy>(x: T) -> T {
    let x = try_convert::<T, f64>(x).unwrap_or(f64::NAN);
    convert(0.5 * math::erfc(-x * core::f64::consts::FRAC_1_SQRT_2))
}

/// y = f(x).
///
/// # Layout
/// `x`, `y` of equal length.
pub fn forward<T: RealField + Copy>(activation: Activation, x: &[T], y: &mut [T]) {
    if activation == Activation::Relu {
        // The common case in a loop of its own.
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x < T::zero() { T::zero() } else { x });
        return;
    }
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = activation.value(x));
}

/// dx += dy · f'(x).
///
/// # Layout
/// `x`, `dx` and the output `y`, `dy` of equal length.
pub fn backward<T: RealField + Copy>(activation: Activation, x: &[T], y: &[T], dy: &[T], dx: &mut [T]) {
    if activation == Activation::Relu {
        for ((dx, &dy), &y) in dx.iter_mut().zip(dy).zip(y) {
            *dx += if y > T::zero() { dy } else { T::zero() };
        }
        return;
    }
    for (((dx, &dy), &y), &x) in dx.iter_mut().zip(dy).zip(y).zip(x) {
        *dx += dy * activation.derivative(x, y);
    }
}
