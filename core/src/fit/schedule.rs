//! The optimiser's constants and the schedule of its learning rate.

use crate::engine::Optimizer;
use crate::math;

/// The optimiser of a fit and its constants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptimizerOptions {
    /// Base learning rate.
    pub learning_rate: f32,
    /// How control points move.
    pub optimizer: Optimizer,
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
    /// Li et al. 2018: a tenth of the rate after 1/2, 3/4 and 11/12 of the epochs (150, 225 and 275 of 300).
    Step,
    /// Half a period of a cosine, from the base rate towards 0 (Loshchilov and Hutter, ICLR 2017, without restarts).
    Cosine,
}

impl Schedule {
    /// The factor of the last epochs of [`Schedule::Linear`]. Where the factor is this or less, control points are not spread.
    pub const LEAST: f64 = 0.01;

    /// The factor of the base rate in epoch `epoch` (from 0) of `epochs`.
    ///
    /// [`Schedule::Linear`], with a = (epoch + 1)/epochs: 1 for a ≤ 0.5, 1 − 0.99 · (a − 0.5)/0.4 for a ≤ 0.9, then
    /// 0.01 (method: section 3).
    ///
    /// [`Schedule::Step`], with a = epoch/epochs: 1 for a < 1/2, then 0.1, 0.01 from 3/4 and 0.001 from 11/12 on.
    /// [`Schedule::Cosine`]: (1 + cos πa)/2.
    ///
    /// ```
    /// use valleys_core::fit::Schedule;
    /// assert_eq!([0, 4, 9].map(|e| Schedule::Linear.factor(e, 10)), [1.0, 1.0, 0.01]);
    /// assert!((Schedule::Linear.factor(6, 10) - 0.505).abs() < 1e-12);
    /// assert_eq!([149, 150, 225, 275].map(|e| Schedule::Step.factor(e, 300)), [1.0, 0.1, 0.01, 0.001]);
    /// assert!((Schedule::Cosine.factor(5, 10) - 0.5).abs() < 1e-12);
    /// ```
    pub fn factor(self, epoch: u32, epochs: u32) -> f64 {
        let a = f64::from(epoch + 1) / f64::from(epochs);
        match self {
            Self::Constant => 1.0,
            Self::Step => {
                let (done, all) = (12 * u64::from(epoch), u64::from(epochs));
                match done {
                    done if done < 6 * all => 1.0,
                    done if done < 9 * all => 0.1,
                    done if done < 11 * all => 0.01,
                    _ => 0.001,
                }
            }
            Self::Cosine => {
                0.5 * (1.0 + math::cos(core::f64::consts::PI * f64::from(epoch) / f64::from(epochs)))
            }
            Self::Linear if a <= 0.5 => 1.0,
            Self::Linear if a <= 0.9 => 1.0 - 0.99 * (a - 0.5) / 0.4,
            Self::Linear => Self::LEAST,
        }
    }
}
