//! The rule by which a step moves control points.

use crate::error::Error;

/// An optimiser, with g_S = w_S · ∇L(θ(t)) the gradient for a control point S of weight w_S in the mix, λ the weight decay
/// and η the learning rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum: v ← μ v + g_S + λ w_S θ(t), θ_S ← θ_S − η v.
    Sgd {
        /// Momentum μ, 0 to below 1.
        momentum: f32,
        /// Whether the momentum is Nesterov's: the control point moves by η (g_S + λ w_S θ(t) + μ v) in place of η v
        /// (Sutskever and others, ICML 2013; what PyTorch's SGD does).
        nesterov: bool,
    },
    /// Adam (Kingma and Ba, ICLR 2015). With h = g_S + λ w_S θ(t), or h = g_S where the decay is decoupled, in step k since
    /// the control point was put: m ← β₁ m + (1 − β₁) h, v ← β₂ v + (1 − β₂) h²,
    /// θ_S ← θ_S − η (m / (1 − β₁ᵏ)) / (√(v / (1 − β₂ᵏ)) + ε).
    Adam {
        /// β₁, 0 to below 1.
        beta1: f32,
        /// β₂, 0 to below 1.
        beta2: f32,
        /// ε, above 0.
        epsilon: f32,
        /// AdamW (Loshchilov and Hutter, ICLR 2019): before the step θ_S ← θ_S − η λ w_S θ(t).
        decoupled: bool,
    },
}

impl Optimizer {
    /// Whether its steps need second moments.
    pub const fn needs_second_moments(self) -> bool {
        matches!(self, Self::Adam { .. })
    }

    /// Checks that an engine has the memory that its steps need.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where they need second moments and there are none.
    pub const fn check_memory(self, has_second_moments: bool) -> Result<(), Error> {
        if self.needs_second_moments() && !has_second_moments {
            return Err(Error::Unsupported { what: "Adam in an engine without memory for second moments" });
        }
        Ok(())
    }
}

/// What Adam multiplies with in step `count` (from 1): the step size η / (1 − β₁ᵏ), and 1 / √(1 − β₂ᵏ).
///
/// Computed in f64: 1 − β₂ᵏ is a thousandth in the first step.
pub fn bias_corrections(beta1: f32, beta2: f32, rate: f32, count: u32) -> [f32; 2] {
    let power = |beta: f32| 1.0 - crate::math::powi(f64::from(beta), count);
    [(f64::from(rate) / power(beta1)) as f32, (1.0 / crate::math::sqrt(power(beta2))) as f32]
}

/// Steps that are counted; behind it both corrections are 1 in f32. A count of f32 is exact up to here.
pub const MAX_COUNT: f32 = 16_777_216.0;
