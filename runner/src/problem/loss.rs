//! A user-defined loss as a problem.

use super::Problem;
use crate::engine_error::{AnyEngine, EngineError, boxed};
use std::fmt;
use valleys_core::engine::{Direct, Loss, Slots};
use valleys_core::fit::PeakSampling;

/// Points of one call of a loss at most, and their elements together.
const MAX_POINTS: usize = 64;
const MAX_SCRATCH_LEN: usize = 1 << 24;

/// Makes an instance of a loss. Each engine has its own.
type LossFactory<L> = dyn Fn() -> L + Send + Sync;

/// The initial θ of a minimum, from seed and vertex.
type InitialPoint = dyn Fn(u64, u32) -> Vec<f32> + Send + Sync;

/// A problem from a [`Loss`].
///
/// # Example
/// `examples/own_loss.rs` goes from `impl Loss` to a run directory with report and barcode.
pub struct LossProblem<L> {
    name: String,
    make: Box<LossFactory<L>>,
    initial: Box<InitialPoint>,
    peak_sampling: PeakSampling,
    dim: usize,
    batches: u32,
}

impl<L: Loss> LossProblem<L> {
    /// A problem whose engines each call `make` for an instance of the loss. The training of minimum `vertex` starts at
    /// `initial(seed, vertex)`.
    ///
    /// `name` is the [fingerprint](Problem::fingerprint) of the problem. Add a version to it and change that with the
    /// loss: otherwise a run directory of the old loss is resumed.
    pub fn new(
        name: impl Into<String>,
        make: impl Fn() -> L + Send + Sync + 'static,
        initial: impl Fn(u64, u32) -> Vec<f32> + Send + Sync + 'static,
    ) -> Self {
        let loss = make();
        let (dim, batches) = (loss.dim(), loss.batches());
        Self {
            name: name.into(),
            make: Box::new(make),
            initial: Box::new(initial),
            peak_sampling: PeakSampling::default(),
            dim,
            batches,
        }
    }

    /// Sets the constants of peak sampling; see [`Problem::peak_sampling`].
    pub fn with_peak_sampling(self, peak_sampling: PeakSampling) -> Self {
        Self { peak_sampling, ..self }
    }
}

impl<L: Loss> Problem for LossProblem<L>
where
    EngineError: From<L::Error>,
{
    fn dim(&self) -> usize {
        self.dim
    }

    fn batches(&self) -> u32 {
        self.batches
    }

    fn initial(&self, seed: u64, vertex: u32) -> Vec<f32> {
        (self.initial)(seed, vertex)
    }

    fn engine(&self, slots: usize) -> Result<AnyEngine<'_>, EngineError> {
        let loss = (self.make)();
        let dim = loss.dim();
        let points = (MAX_SCRATCH_LEN / dim.max(1)).clamp(1, MAX_POINTS);
        let second = vec![0.0; Slots::second_len(slots, dim)];
        let (slots, scratch) = (vec![0.0; Slots::memory_len(slots, dim)], vec![0.0; (1 + points) * dim]);
        Ok(boxed(Direct::new(loss, slots, scratch)?.with_second_moments(second)?))
    }

    fn fingerprint(&self) -> String {
        self.name.clone()
    }

    fn peak_sampling(&self) -> PeakSampling {
        self.peak_sampling
    }
}

impl<L> fmt::Debug for LossProblem<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LossProblem")
            .field("name", &self.name)
            .field("dim", &self.dim)
            .field("batches", &self.batches)
            .finish_non_exhaustive()
    }
}
