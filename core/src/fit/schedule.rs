//! The optimiser's constants and the schedule of its learning rate.

/// Stochastic gradient descent with momentum, and the schedule of Garipov et al.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// Base learning rate.
    pub learning_rate: f32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ, at the mixed point.
    pub weight_decay: f32,
}

/// The learning rate's factor in epoch `epoch` (from 0) of `epochs`, with a = (epoch + 1)/epochs: 1 up to a = 0.5,
/// falling linearly to 0.01 at a = 0.9, 0.01 after (method: section 3).
///
/// ```
/// use valleys_core::fit::schedule;
/// assert_eq!([0, 4, 9].map(|e| schedule(e, 10)), [1.0, 1.0, 0.01]);
/// assert!((schedule(6, 10) - 0.505).abs() < 1e-12);
/// ```
pub fn schedule(epoch: u32, epochs: u32) -> f64 {
    let a = f64::from(epoch + 1) / f64::from(epochs);
    if a <= 0.5 {
        1.0
    } else if a <= 0.9 {
        1.0 - 0.99 * (a - 0.5) / 0.4
    } else {
        0.01
    }
}
