//! What a run is about: a loss with everything that a run needs to know of it.
//!
//! Two kinds come with this crate: [`NetworkProblem`] (a network on data) and [`FunctionProblem`] (a function with known
//! critical values). [`LossProblem`] makes one of any [`Loss`](valleys_core::engine::Loss). Nothing above this module
//! asks which one it has.

mod function;
mod loss;
mod network;

use crate::config::Config;
use crate::data::Source;
use crate::engine_error::{AnyEngine, EngineError};
use crate::error::{CliError, ErrorKind, Result};
use crate::model::{NamedTensor, State};
use std::fmt::Debug;
use std::sync::Arc;
use valleys_core::engine::{Function, Split, StepParams};
use valleys_core::error::Error;
use valleys_core::fit::PeakSampling;
use valleys_gpu::Opener;

pub use function::FunctionProblem;
pub use loss::LossProblem;
pub use network::{NetworkProblem, check_shapes};

/// The loss whose shape is studied, and what a run needs to know of it.
///
/// Only the first five methods have no default. Methods are called from several threads at once.
pub trait Problem: Send + Sync + Debug {
    /// Number of parameters: the length of every θ.
    fn dim(&self) -> usize;

    /// Steps of an epoch.
    fn batches(&self) -> u32;

    /// Where the training of minimum `vertex` starts.
    fn initial(&self, seed: u64, vertex: u32) -> Vec<f32>;

    /// A new engine with `slots` slots.
    ///
    /// # Errors
    /// It cannot be made.
    fn engine(&self, slots: usize) -> std::result::Result<AnyEngine<'_>, EngineError>;

    /// What the loss is made from, beside the configuration: a hash of the data, a version of the function. Two problems
    /// that may give other numbers have other texts. A run directory belongs to one text.
    fn fingerprint(&self) -> String;

    /// The splits that losses are measured on. The first is the one whose losses make segments and bars.
    fn splits(&self) -> &[Split] {
        &[Split::Train]
    }

    /// The names and shapes of what a checkpoint holds; by default one tensor `theta`.
    fn state(&self) -> State {
        let dim = self.dim();
        let theta = NamedTensor { name: "theta".into(), shape: vec![dim], range: 0..dim };
        State { parameters: vec![theta], statistics: Vec::new() }
    }

    /// What a checkpoint holds beside θ, at each of some points: the running statistics of batch norms.
    ///
    /// # Errors
    /// Lengths that do not fit.
    fn statistics(&self, points: &[&[f32]]) -> std::result::Result<Vec<Vec<f32>>, Error> {
        Ok(vec![Vec::new(); points.len()])
    }

    /// Where the numbers come from.
    fn provenance(&self) -> Provenance {
        Provenance::default()
    }

    /// What steps and measurements cost.
    fn cost(&self) -> Cost {
        Cost::default()
    }

    /// Cells on an edge from which peak sampling draws t. Measuring them costs a pass over a few samples each, so a
    /// problem whose loss costs next to nothing has more.
    fn cells(&self) -> u32 {
        PeakSampling::default().cells
    }

    /// The same problem on fewer training samples, drawn by a seed with the same share of every class.
    ///
    /// # Errors
    /// There are no samples, or not so many.
    fn on_subset(&self, count: usize, seed: u64) -> std::result::Result<Box<dyn Problem>, String> {
        let _ = (count, seed);
        Err("this problem has no samples".to_owned())
    }

    /// Whether a GPU can train and measure it.
    fn supports_gpu(&self) -> bool {
        false
    }

    /// The same problem, trained and measured on a GPU, as many as `models` at a time in the same dispatches; none where
    /// it does not [support](Self::supports_gpu) that.
    fn on_gpu(&self, provider: Arc<Opener>, models: usize) -> Option<Box<dyn Problem>> {
        let _ = (provider, models);
        None
    }

    /// The name of the first layer whose output is not finite at θ, for a batch; none where it cannot be told.
    fn diverging_layer(&self, params: &StepParams, batch: u32, theta: &[f32]) -> Option<String> {
        let _ = (params, batch, theta);
        None
    }
}

/// Where the numbers of a problem come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The GPU that trains and measures, with its driver; none for the processor.
    pub adapter: Option<String>,
    /// Training samples.
    pub train_samples: Option<usize>,
    /// Test samples.
    pub test_samples: Option<usize>,
    /// Hash of the data.
    pub data: Option<String>,
    /// The files of the data, and how they were normalised.
    pub source: Option<Source>,
}

/// What a problem costs, counted. All zero where it is negligible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations of a step.
    pub step_flops: usize,
    /// Floating-point operations of the forward passes over all training samples.
    pub train_flops: usize,
    /// Floating-point operations of measuring a point on every split, with the statistics of batch norms.
    pub point_flops: usize,
    /// Whether a GPU of hardware does the work.
    pub on_hardware: bool,
    /// Whether a GPU does the work.
    pub on_gpu: bool,
    /// Bytes of the data in memory.
    pub data_bytes: u64,
    /// Bytes of the activations of an engine.
    pub engine_bytes: u64,
    /// Bytes that a step moves on a GPU that keeps nothing in a cache; none where no GPU can do it.
    pub gpu_step_bytes: Option<u64>,
}

/// The problem of a configuration, on the processor.
///
/// # Errors
/// Unknown network, data set or function, with the nearest known name; widths that do not fit the data; a network that
/// the fast engine does not support.
pub fn from_config(config: &Config) -> Result<Box<dyn Problem>> {
    let name = config.network.as_str();
    let (family, parameters) = name.split_once(':').unwrap_or((name, ""));
    let Some(function) = Function::ALL.into_iter().find(|f| f.name() == family) else {
        return Ok(Box::new(NetworkProblem::from_config(config)?));
    };
    if let Some(dataset) = &config.dataset {
        let message =
            format!("network {family:?} is a function and takes no dataset, but dataset is {dataset:?}");
        return Err(CliError::new(ErrorKind::Configuration, message));
    }
    Ok(Box::new(FunctionProblem::new(function, parameters, config.seed)?))
}
