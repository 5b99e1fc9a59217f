//! Dropout: while training, elements are set to 0 with probability p, and the others divided by 1 − p (Srivastava et al.
//! 2014). Measurements leave it out.
//!
//! Which elements are kept is a function of a seed and of the element, so the same in every engine and for every division
//! of a batch: a hash of 32 bits, which vectors and shaders compute quickly.
//!
//! # Layout
//! `x`, `y`, `dx`, `dy` (B, C, H, W). Element number: sample in the batch · C·H·W + (C, H, W), modulo 2³².

use nalgebra::{RealField, convert};

/// Which elements are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    /// Of the step and of the layer.
    pub seed: [u32; 2],
    /// Elements whose hash is below it are dropped: p · 2³², rounded.
    pub threshold: u32,
    /// 1 / (1 − p).
    pub scale: f32,
}

impl Mask {
    /// The mask of the layer in row `row` of a network, for the seed of a step.
    pub fn new(step: [u32; 2], row: usize, probability: f32) -> Self {
        let row = row_key(row);
        Self {
            seed: [mix(step[0] ^ row), mix(step[1].wrapping_add(row))],
            threshold: (f64::from(probability) * 4_294_967_296.0) as u32,
            scale: (1.0 / (1.0 - f64::from(probability))) as f32,
        }
    }

    /// Whether an element is kept.
    pub const fn keeps(&self, element: u32) -> bool {
        mix(mix(element ^ self.seed[0]).wrapping_add(self.seed[1])) >= self.threshold
    }
}

/// The key of a row of a network, which makes the masks of its layers different.
pub const fn row_key(row: usize) -> u32 {
    mix((row as u32).wrapping_add(0x9e37_79b9))
}

/// A bijection of 32 bits in which every bit of the result depends on every bit of the argument: two rounds of xor-shift
/// and multiplication, with the constants of C. Wellons' search (*Prospecting for hash functions*, 2018).
pub const fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ x >> 16
}

/// y = x / (1 − p) where an element is kept, else 0.
pub fn forward<T: RealField + Copy>(mask: &Mask, x: &[T], y: &mut [T]) {
    let scale: T = convert(f64::from(mask.scale));
    for ((y, &x), element) in y.iter_mut().zip(x).zip(0u32..) {
        *y = if mask.keeps(element) { x * scale } else { T::zero() };
    }
}

/// dx += dy / (1 − p) where an element is kept.
pub fn backward<T: RealField + Copy>(mask: &Mask, dy: &[T], dx: &mut [T]) {
    let scale: T = convert(f64::from(mask.scale));
    for ((dx, &dy), element) in dx.iter_mut().zip(dy).zip(0u32..) {
        *dx += if mask.keeps(element) { dy * scale } else { T::zero() };
    }
}
