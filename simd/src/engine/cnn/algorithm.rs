//! The choice of the algorithm of a convolution.

use super::convolution::{Convolution, Epilogue};
use super::plain::Plain;
use super::planes::{Pixel, Planes};
use super::weight_gradient::add_weight_gradient;
use super::winograd::Winograd;
use fearless_simd::Level;
use valleys_core::kernels::Window;

/// How a convolution is computed.
#[derive(Clone, Debug)]
pub enum Algorithm {
    /// Product by product, for any window.
    Direct(Convolution),
    /// With fewer products, for windows of 3 × 3 taps and stride 1.
    Winograd(Winograd),
    /// Weight by weight: in groups, with dilation, or with a window that the direct convolution does not support.
    Plain(Plain),
}

impl Algorithm {
    /// y = x ∗ w. Its packed weights start at `packed`.
    pub fn forward(window: &Window, groups: usize, inputs: usize, outputs: usize, packed: usize) -> Self {
        if !Convolution::supports(window, groups) {
            return Self::Plain(Plain::forward(window, groups, inputs, outputs, packed));
        }
        match Winograd::forward(window, inputs, outputs, packed) {
            Some(winograd) => Self::Winograd(winograd),
            None => Self::Direct(Convolution::forward(window, inputs, outputs, packed)),
        }
    }

    /// The gradient of the inputs, in parts.
    pub fn backward(
        window: &Window,
        groups: usize,
        inputs: usize,
        outputs: usize,
        packed: usize,
    ) -> Vec<Self> {
        if !Convolution::supports(window, groups) {
            return vec![Self::Plain(Plain::backward(window, groups, inputs, outputs, packed))];
        }
        match Winograd::backward(window, inputs, outputs, packed) {
            Some(winograd) => vec![Self::Winograd(winograd)],
            None => {
                let phases = Convolution::backward(window, inputs, outputs, packed);
                phases.into_iter().map(Self::Direct).collect()
            }
        }
    }

    /// Number of its packed weights.
    pub const fn packed_len(&self) -> usize {
        match self {
            Self::Direct(convolution) => convolution.packed_len(),
            Self::Winograd(winograd) => winograd.packed_len(),
            Self::Plain(plain) => plain.packed_len(),
        }
    }

    /// Columns of zeros that it reads on either side of inputs of this width.
    pub fn halo(&self, width: usize) -> usize {
        match self {
            Self::Direct(convolution) => convolution.halo(width),
            Self::Winograd(winograd) => winograd.halo(),
            Self::Plain(_) => 0,
        }
    }

    /// Pixels of scratch memory.
    pub fn scratch_len(&self) -> usize {
        match self {
            Self::Direct(_) | Self::Plain(_) => 0,
            Self::Winograd(winograd) if winograd.has_gradient() => winograd.gradient_scratch_len(),
            Self::Winograd(winograd) => winograd.scratch_len(),
        }
    }

    /// Writes the weights, (O, I, K, K), in the order in which [`run`](Self::run) reads them. `packed` has their length.
    pub fn pack(&self, level: Level, weight: &[f32], packed: &mut [f32]) {
        match self {
            Self::Direct(convolution) => convolution.pack(weight, packed),
            Self::Winograd(winograd) => winograd.pack(level, weight, packed),
            Self::Plain(plain) => plain.pack(weight, packed),
        }
    }

    /// Computes the outputs.
    pub fn run(
        &self,
        level: Level,
        packed: &[f32],
        x: (&[Pixel], &Planes),
        y: (&mut [Pixel], &Planes),
        epilogue: Epilogue,
        scratch: &mut [Pixel],
    ) {
        match self {
            Self::Direct(convolution) => convolution.run(level, packed, x, y, epilogue),
            Self::Winograd(winograd) => winograd.run(level, packed, x, y, epilogue, scratch),
            Self::Plain(plain) => plain.run(level, packed, x, y, epilogue),
        }
    }

    /// Adds the contribution of a sample group to the gradient of the weights. `self` is the forward convolution.
    pub fn add_gradient(
        &self,
        level: Level,
        window: &Window,
        x: (&[Pixel], &Planes),
        dy: (&[Pixel], &Planes),
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        match self {
            Self::Winograd(winograd) if winograd.has_gradient() => {
                winograd.add_gradient(level, x, dy, gradient, scratch);
            }
            Self::Plain(plain) => plain.add_gradient(level, x, dy, gradient),
            _ => add_weight_gradient(level, window, x, dy, gradient),
        }
    }
}
