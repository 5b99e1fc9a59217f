//! Every tolerance of the tests, with its reason. Relative to the size of the numbers compared unless said otherwise.

/// Weights of a map: a few subtractions and multiplications by at most 8 of numbers of at most 1, in f64, at each of
/// at most three depths.
pub const WEIGHTS: f64 = 1e-14;

/// A value of a map whose weights were rounded to f32: at most eight terms of size 1.
pub const MIXED: f64 = 1e-6;

/// A central difference in f64 with step 1e-5: truncation h² f'''/6, rounding ε/h, both near 1e-10, times the
/// curvature of the functions tested.
pub const DIFFERENCE: f64 = 1e-7;

/// An f32 result of a sum of `terms` products, against f64: error grows at most linearly with the length, and like its
/// root in practice.
pub fn sum_f32(terms: usize) -> f64 {
    2.0 * f64::from(f32::EPSILON) * (terms as f64).sqrt().max(4.0)
}

/// Critical values (method: section 6), which are given to six decimals.
pub const CRITICAL: f64 = 1e-6;

/// Parameters and losses after some ten f32 steps of the same optimiser from the same point, by kernels that sum in
/// other orders: each step adds the error of a gradient that is made of `flops` operations.
pub fn trajectory_f32(flops: usize) -> f64 {
    10.0 * sum_f32(flops)
}

/// A network in f64 against PyTorch's f64: sums of a few thousand terms in other orders, through up to twenty layers of
/// batch norms that divide by the deviations of a few numbers. Relative to the norm of the tensor.
pub const TORCH_F64: f64 = 1e-10;

/// The same in f32, through `depth` convolutions.
pub fn torch_f32(depth: usize) -> f64 {
    1e-5 * depth as f64
}

/// Gradients of a network with millions of rectified units, relative to their norm, in f32 with Winograd convolutions
/// (some 1e-6 of the largest output): a dozen units lie so near to 0 that they are on in one precision and off in the
/// other, and each of n moves a gradient by some 1/√n of its size. The kernels themselves are held to 3e-5.
pub const KINKS: f64 = 5e-3;

/// A loss where activations are rounded to f16 between layers: one rounding, for those of many numbers cancel.
pub const F16: f64 = 1e-3;

/// A gradient where activations are rounded to f16 between layers: see [`KINKS`], with 2⁻¹¹ in the place of 2⁻²⁴, so that a
/// few of some ten thousand units of a small batch change sides.
pub const F16_GRADIENT: f64 = 5e-2;

/// Logits of a network in f32 on real images, relative to the largest: what a comparison with PyTorch must reach.
pub const LOGITS: f64 = 1e-4;

/// Critical values of a function sampled at 601 x 601 points: steps of 0.02 or less, curvatures of 1,000 or less, so that
/// a saddle or maximum is missed by 0.02² / 4 · 1,000 = 0.1.
pub const GRID: f64 = 0.1;

/// Bars and distances of a library that computes in f64 from the same numbers, in another order; relative, or absolute
/// below 1.
pub const PEER_F64: f64 = 1e-9;

/// Bars of a library that computes in f32.
pub const PEER_F32: f64 = 1e-6;

/// The same sum of f64 distances in another order: some tens of terms, each with the error of its own short sum.
pub const BRUTE_F64: f64 = 1e-12;

/// Losses after some hundred f32 steps by kernels that sum in other orders: a difference of one rounding in the first
/// step has grown by then, but not to the third digit.
pub const RUN_F32: f64 = 1e-3;

/// Normalised images: a subtraction and two divisions in f32, of numbers of up to 5 after them.
pub const IMAGES: f64 = 1e-5;

/// Images that Pillow resized in f32, normalised: weights of up to a few tens of pixels, rounded otherwise.
pub const RESIZED: f64 = 1e-4;

/// JPEG images that another decoder decoded, normalised: a few of 255 steps, where the deviation of a channel is 30 steps or
/// more.
pub const JPEG: f64 = 0.1;
