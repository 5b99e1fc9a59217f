//! What moves control points: sums of vectors, and the steps of the optimisers, on vectors of a stride that is padded with
//! 0.

use fearless_simd::prelude::*;
use valleys_core::engine::{MAX_COUNT, Optimizer, StepParams, bias_corrections};

/// Momenta smaller than this are flushed to 0. Where a gradient vanishes they would decay to denormals, which are slow.
const MOMENTUM_MIN: f32 = 1e-30;

/// Second moments smaller than this are flushed to 0, for the same reason: their root is far below any ε.
const SECOND_MIN: f32 = 1e-37;

/// to = weight · from.
#[inline(always)]
pub fn scale<S: Simd>(simd: S, weight: f32, from: &[f32], to: &mut [f32]) {
    for (to, from) in vectors_mut::<S>(to).zip(vectors::<S>(from)) {
        (S::f32s::from_slice(simd, from) * weight).store_slice(to);
    }
}

/// to += weight · from.
#[inline(always)]
pub fn add_scaled<S: Simd>(simd: S, weight: f32, from: &[f32], to: &mut [f32]) {
    let weight = S::f32s::splat(simd, weight);
    for (to, from) in vectors_mut::<S>(to).zip(vectors::<S>(from)) {
        let sum = weight.mul_add(S::f32s::from_slice(simd, from), S::f32s::from_slice(simd, to));
        sum.store_slice(to);
    }
}

/// θ ← θ + shift · v, v ← decay · v.
#[inline(always)]
pub fn coast<S: Simd>(simd: S, decay: f32, shift: f32, point: &mut [f32], momentum: &mut [f32]) {
    let splat = |x: f32| S::f32s::splat(simd, x);
    let (decay, shift, zero, least) = (splat(decay), splat(shift), splat(0.0), splat(MOMENTUM_MIN));
    for (point, momentum) in vectors_mut::<S>(point).zip(vectors_mut::<S>(momentum)) {
        let v = S::f32s::from_slice(simd, momentum);
        shift.mul_add(v, S::f32s::from_slice(simd, point)).store_slice(point);
        let v = decay * v;
        v.abs().simd_lt(least).select(zero, v).store_slice(momentum);
    }
}

/// Some elements of a control point and its momentum, of θ and ∇L.
pub type Part<'a> = ((&'a mut [f32], &'a mut [f32]), (&'a [f32], &'a [f32]));

/// A step of a part of a control point.
#[inline(always)]
pub fn step_part<S: Simd>(simd: S, params: &StepParams, weight: f32, rate: f32, part: Part<'_>) {
    match params.optimizer {
        Optimizer::Sgd { momentum, nesterov: true } => {
            step_part_of::<S, true>(simd, [momentum, params.weight_decay, weight, rate], part);
        }
        Optimizer::Sgd { momentum, nesterov: false } => {
            step_part_of::<S, false>(simd, [momentum, params.weight_decay, weight, rate], part);
        }
        Optimizer::Adam { .. } => {}
    }
}

#[inline(always)]
fn step_part_of<S: Simd, const NESTEROV: bool>(
    simd: S,
    [mu, lambda, weight, rate]: [f32; 4],
    part: Part<'_>,
) {
    let ((point, momentum), (theta, gradient)) = part;
    let splat = |x| S::f32s::splat(simd, x);
    let (mu, lambda, rate) = (splat(mu), splat(lambda), splat(-rate));
    let (weight, zero, least) = (splat(weight), splat(0.0), splat(MOMENTUM_MIN));
    let target = vectors_mut::<S>(point).zip(vectors_mut::<S>(momentum));
    let source = vectors::<S>(theta).zip(vectors::<S>(gradient));
    for ((point, momentum), (theta, gradient)) in target.zip(source) {
        let load = |x: &[f32]| S::f32s::from_slice(simd, x);
        let g = lambda.mul_add(load(theta), load(gradient));
        let v = weight.mul_add(g, mu * load(momentum));
        let v = v.abs().simd_lt(least).select(zero, v);
        v.store_slice(momentum);
        let ahead = if NESTEROV { mu.mul_add(v, weight * g) } else { v };
        rate.mul_add(ahead, load(point)).store_slice(point);
    }
}

/// β₁, β₂ and ε of Adam, the weight in the mix, the weight decay that is added to the gradient, and the share of θ(t) by
/// which a decoupled decay shrinks the control point.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight: f32,
    decay: f32,
    shrink: f32,
}

impl Adam {
    /// The step of a control point of this weight in the mix; none for other optimisers.
    pub fn new(params: &StepParams, weight: f32, rate: f32) -> Option<Self> {
        let Optimizer::Adam { beta1, beta2, epsilon, decoupled } = params.optimizer else { return None };
        let (decay, shrink) = match decoupled {
            true => (0.0, rate * params.weight_decay * weight),
            false => (params.weight_decay, 0.0),
        };
        Some(Self { beta1, beta2, epsilon, weight, decay, shrink })
    }

    /// The step of a control point that is not in the mix.
    pub fn outside(beta1: f32, beta2: f32, epsilon: f32) -> Self {
        Self { beta1, beta2, epsilon, weight: 0.0, decay: 0.0, shrink: 0.0 }
    }

    /// What some steps of a control point multiply with, after `count` earlier ones.
    pub fn corrections(&self, rate: f32, count: u32, steps: u32) -> Vec<[f32; 2]> {
        let counts = (1..=steps).map(|step| count.saturating_add(step).min(MAX_COUNT as u32));
        counts.map(|count| bias_corrections(self.beta1, self.beta2, rate, count)).collect()
    }

    /// A step: with h = weight · (∇L + decay · θ), m ← β₁ m + (1 − β₁) h, v ← β₂ v + (1 − β₂) h²,
    /// point ← point − shrink · θ − size · m / (√v · root + ε).
    #[inline(always)]
    pub fn step<S: Simd>(
        &self,
        simd: S,
        correction: [f32; 2],
        (point, first, second): (&mut [f32], &mut [f32], &mut [f32]),
        (theta, gradient): (&[f32], &[f32]),
    ) {
        let splat = |x| S::f32s::splat(simd, x);
        let (decay, weight, shrink) = (splat(self.decay), splat(self.weight), splat(-self.shrink));
        let target = vectors_mut::<S>(point).zip(vectors_mut::<S>(first)).zip(vectors_mut::<S>(second));
        let source = vectors::<S>(theta).zip(vectors::<S>(gradient));
        for (((point, first), second), (theta, gradient)) in target.zip(source) {
            let load = |x: &[f32]| S::f32s::from_slice(simd, x);
            let theta = load(theta);
            let h = weight * decay.mul_add(theta, load(gradient));
            let moments = [shrink.mul_add(theta, load(point)), load(first), load(second)];
            let [p, m, v] = self.moved(simd, correction, h, moments);
            p.store_slice(point);
            m.store_slice(first);
            v.store_slice(second);
        }
    }

    /// Steps outside the mix, one after the other for each element: the same bits as steps of their own.
    #[inline(always)]
    pub fn coast<S: Simd>(
        &self,
        simd: S,
        corrections: &[[f32; 2]],
        (point, first, second): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let zero = S::f32s::splat(simd, 0.0);
        let target = vectors_mut::<S>(point).zip(vectors_mut::<S>(first)).zip(vectors_mut::<S>(second));
        for ((point, first), second) in target {
            let load = |x: &[f32]| S::f32s::from_slice(simd, x);
            let mut moments = [load(point), load(first), load(second)];
            for &correction in corrections {
                moments = self.moved(simd, correction, zero, moments);
            }
            let [p, m, v] = moments;
            p.store_slice(point);
            m.store_slice(first);
            v.store_slice(second);
        }
    }

    /// Point, first and second moment after a step.
    #[inline(always)]
    fn moved<S: Simd>(
        &self,
        simd: S,
        [size, root]: [f32; 2],
        h: S::f32s,
        [p, m, v]: [S::f32s; 3],
    ) -> [S::f32s; 3] {
        let splat = |x| S::f32s::splat(simd, x);
        let zero = splat(0.0);
        let m = splat(self.beta1).mul_add(m, splat(1.0 - self.beta1) * h);
        let m = m.abs().simd_lt(splat(MOMENTUM_MIN)).select(zero, m);
        let v = splat(self.beta2).mul_add(v, splat(1.0 - self.beta2) * h * h);
        let v = v.simd_lt(splat(SECOND_MIN)).select(zero, v);
        let divisor = v.sqrt().mul_add(splat(root), splat(self.epsilon));
        [p - splat(size) * m / divisor, m, v]
    }
}

/// Elements from one θ to the next in memory: the dimension in whole cache lines.
pub const fn stride(dim: usize) -> usize {
    dim.next_multiple_of(16)
}

/// The vectors of a slice.
#[inline(always)]
pub fn vectors<S: Simd>(floats: &[f32]) -> impl Iterator<Item = &[f32]> {
    floats.chunks_exact(S::f32s::LEN)
}

/// The vectors of a slice, to write.
#[inline(always)]
pub fn vectors_mut<S: Simd>(floats: &mut [f32]) -> impl Iterator<Item = &mut [f32]> {
    floats.chunks_exact_mut(S::f32s::LEN)
}
