//! The optimiser's constants and the schedule of its learning rate.

/// Constants of stochastic gradient descent with momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdOptions {
    /// Base learning rate.
    pub learning_rate: f32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ, at the mixed point.
    pub weight_decay: f32,
    /// See [`StepParams::max_gradient_norm`](crate::engine::StepParams::max_gradient_norm).
    pub max_gradient_norm: f32,
}

/// How the learning rate changes from epoch to epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// Garipov et al. 2018: constant for half of the epochs, then linear to a hundredth at nine tenths of them.
    #[default]
    Linear,
    /// Always the base rate.
    Constant,
}

impl Schedule {
    /// The factor of the last epochs of [`Schedule::Linear`].
    pub const LEAST: f64 = 0.01;

    /// The factor of the base rate in epoch `epoch` (from 0) of `epochs`.
    ///
    /// [`Schedule::Linear`], with a = (epoch + 1)/epochs: 1 for a ≤ 0.5, 1 − 0.99 · (a − 0.5)/0.4 for a ≤ 0.9, then
    /// 0.01 (method: section 3).
    ///
    /// ```
    /// use valleys_core::fit::Schedule;
    /// assert_eq!([0, 4, 9].map(|e| Schedule::Linear.factor(e, 10)), [1.0, 1.0, 0.01]);
    /// assert!((Schedule::Linear.factor(6, 10) - 0.505).abs() < 1e-12);
    /// ```
    pub fn factor(self, epoch: u32, epochs: u32) -> f64 {
        let a = f64::from(epoch + 1) / f64::from(epochs);
        match self {
            Self::Constant => 1.0,
            Self::Linear if a <= 0.5 => 1.0,
            Self::Linear if a <= 0.9 => 1.0 - 0.99 * (a - 0.5) / 0.4,
            Self::Linear => Self::LEAST,
        }
    }
}
