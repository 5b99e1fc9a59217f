//! The way a convolution takes.

use super::correlation::{Correlation, End};
use super::planes::{Pixel, Planes};
use super::weights;
use super::winograd::Winograd;
use fearless_simd::prelude::*;
use valleys_core::kernels::Window;

/// y = Σ w·x through a moving window.
#[derive(Clone, Debug)]
pub enum Filter {
    /// Product by product: any window.
    Direct(Correlation),
    /// With fewer products: windows of 3 × 3 taps, one apart.
    Minimal(Winograd),
}

impl Filter {
    /// y = x ∗ w; its packed weights begin at `packed`.
    pub fn forward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Self {
        match Winograd::forward(window, inputs, outputs, packed) {
            Some(winograd) => Self::Minimal(winograd),
            None => Self::Direct(Correlation::forward(window, inputs, outputs, packed)),
        }
    }

    /// The gradient of the inputs, part after part.
    pub fn backward(window: &Window, inputs: usize, outputs: usize, packed: usize) -> Vec<Self> {
        match Winograd::backward(window, inputs, outputs, packed) {
            Some(winograd) => vec![Self::Minimal(winograd)],
            None => {
                let phases = Correlation::backward(window, inputs, outputs, packed);
                phases.into_iter().map(Self::Direct).collect()
            }
        }
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        match self {
            Self::Direct(correlation) => correlation.packed_len(),
            Self::Minimal(winograd) => winograd.packed_len(),
        }
    }

    /// Columns of zeros that it reads beside its inputs.
    pub fn halo(&self, width: usize) -> usize {
        match self {
            Self::Direct(correlation) => correlation.halo(width),
            Self::Minimal(winograd) => winograd.halo(),
        }
    }

    /// Pixels of scratch memory.
    pub fn scratch_len(&self) -> usize {
        match self {
            Self::Direct(_) => 0,
            Self::Minimal(winograd) if winograd.has_gradient() => winograd.gradient_scratch_len(),
            Self::Minimal(winograd) => winograd.scratch_len(),
        }
    }

    /// Puts the weights, (O, I, K, K), in the order in which they are read.
    #[inline(always)]
    pub fn pack<S: Simd>(&self, simd: S, weight: &[f32], packed: &mut [f32]) {
        match self {
            Self::Direct(correlation) => correlation.pack(weight, packed),
            Self::Minimal(winograd) => winograd.pack(simd, weight, packed),
        }
    }

    /// Makes the outputs.
    #[inline(always)]
    pub fn run<S: Simd>(
        &self,
        simd: S,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        end: End,
        scratch: &mut [Pixel],
    ) {
        match self {
            Self::Direct(correlation) => correlation.run(simd, packed, x, y, end),
            Self::Minimal(winograd) => winograd.run(simd, packed, x, y, end, scratch),
        }
    }

    /// Adds a panel's part to the gradient of the weights of a convolution whose forward filter this is.
    #[inline(always)]
    pub fn gradient<S: Simd>(
        &self,
        simd: S,
        window: &Window,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        match self {
            Self::Minimal(winograd) if winograd.has_gradient() => {
                winograd.gradient(simd, x, dy, gradient, scratch);
            }
            _ => weights::gradient(simd, window, x, dy, gradient),
        }
    }
}
