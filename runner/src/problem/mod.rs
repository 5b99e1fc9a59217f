//! The loss that a run studies.
//!
//! [`Problem`] is everything that a run needs to know about it. There are three implementations: [`NetworkProblem`] (a
//! network on data), [`FunctionProblem`] (a function with known critical values) and [`LossProblem`] (any
//! [`Loss`](valleys_core::engine::Loss)). Modules above this one depend on the trait only.

mod criterion;
mod function;
mod loss;
mod network;

use crate::config::Config;
use crate::data::Source;
use crate::engine_error::{AnyEngine, EngineError};
use crate::error::{CliError, ErrorKind, Result};
use crate::metrics::Metric;
use crate::model::{NamedTensor, State};
use crate::schema::ErrorMeasure;
use std::fmt::Debug;
use std::sync::Arc;
use valleys_core::certify::CertifiedLoss;
use valleys_core::engine::{Function, Split, StepParams};
use valleys_core::error::Error;
use valleys_core::fit::PeakSampling;
use valleys_core::network::graph::{Graph, Op};
use valleys_gpu::DeviceProvider;

pub use criterion::criterion;
pub use function::FunctionProblem;
pub use loss::LossProblem;
pub use network::{NetworkProblem, fitting_model};

/// A loss to study: its dimension, its engines, and what describes it.
///
/// Five methods are required: [`dim`](Self::dim), [`batches`](Self::batches), [`initial`](Self::initial),
/// [`engine`](Self::engine) and [`fingerprint`](Self::fingerprint). Methods are called from several threads at the same
/// time.
pub trait Problem: Send + Sync + Debug {
    /// Number of parameters, the length of θ.
    fn dim(&self) -> usize;

    /// Number of batches, which is the number of steps of an epoch.
    fn batches(&self) -> u32;

    /// The initial θ of minimum `vertex`. It must depend on the arguments only.
    fn initial(&self, seed: u64, vertex: u32) -> Vec<f32>;

    /// Makes an engine with `slots` slots for control points.
    ///
    /// # Errors
    /// The engine does not support the problem, or there is not enough memory.
    fn engine(&self, slots: usize) -> std::result::Result<AnyEngine<'_>, EngineError>;

    /// What the values of the loss depend on besides the configuration, such as a hash of the data or a version of the
    /// function. Problems with different values must have different texts: a run directory belongs to one text.
    fn fingerprint(&self) -> String;

    /// The splits on which losses are evaluated. Segments and bars are computed from the first one.
    fn splits(&self) -> &[Split] {
        &[Split::Train]
    }

    /// Names and shapes of the tensors of a checkpoint; by default one tensor `theta`.
    fn state(&self) -> State {
        let dim = self.dim();
        let theta = NamedTensor { name: "theta".into(), shape: vec![dim], range: 0..dim };
        State { parameters: vec![theta], statistics: Vec::new() }
    }

    /// The batch-norm statistics of a checkpoint at each of these points; by default none.
    ///
    /// # Errors
    /// A slice has the wrong length.
    fn statistics(&self, points: &[&[f32]]) -> std::result::Result<Vec<Vec<f32>>, Error> {
        Ok(vec![Vec::new(); points.len()])
    }

    /// What the errors of its values are.
    fn error_measure(&self) -> ErrorMeasure {
        ErrorMeasure::Share
    }

    /// Other measures of the predictions on the test samples at θ; by default none.
    ///
    /// # Errors
    /// A slice has the wrong length.
    fn test_metrics(&self, theta: &[f32]) -> std::result::Result<Vec<Metric>, Error> {
        let _ = theta;
        Ok(Vec::new())
    }

    /// What the values are computed from, for `summary.json`.
    fn provenance(&self) -> Provenance {
        Provenance::default()
    }

    /// The cost of steps and evaluations; by default all zero, for a loss that costs almost nothing.
    fn cost(&self) -> Cost {
        Cost::default()
    }

    /// The constants of peak sampling. Its tangent removal is that of the configuration. Every cell is evaluated on a few
    /// samples, so a loss that costs almost nothing can have more cells, measured more often
    /// ([`FunctionProblem::PEAK_SAMPLING`]).
    fn peak_sampling(&self) -> PeakSampling {
        PeakSampling::default()
    }

    /// The same problem on `count` training samples, drawn with a seed with the same share of every class.
    ///
    /// # Errors
    /// The problem has no samples, or fewer than `count`.
    fn on_subset(&self, count: usize, seed: u64) -> std::result::Result<Box<dyn Problem>, String> {
        let _ = (count, seed);
        Err("this problem has no samples".to_owned())
    }

    /// The same problem with its training labels permuted at random; by default an error.
    ///
    /// # Errors
    /// The problem has no labels.
    fn with_shuffled_labels(&self, seed: u64) -> std::result::Result<Box<dyn Problem>, String> {
        let _ = seed;
        Err("this problem has no labels".to_owned())
    }

    /// Whether [`on_gpu`](Self::on_gpu) returns a problem.
    fn supports_gpu(&self) -> bool {
        false
    }

    /// The same problem with engines on a GPU. Up to `models` engines run in the same dispatches. `None` if the problem
    /// does not [support](Self::supports_gpu) GPUs.
    fn on_gpu(&self, provider: Arc<DeviceProvider>, models: usize) -> Option<Box<dyn Problem>> {
        let _ = (provider, models);
        None
    }

    /// The loss on the training samples with proved bounds, for one thread.
    ///
    /// # Errors
    /// Nothing can be proved of this loss; by default of any.
    fn certified_loss(&self) -> std::result::Result<Box<dyn AnyCertifiedLoss + '_>, Error> {
        Err(Error::Unsupported { what: "proved bounds of this loss" })
    }

    /// The graph of fused operations. `None` if the problem is not a network.
    fn graph(&self) -> Option<Graph<Vec<Op>>> {
        None
    }

    /// The first layer whose output is not finite at θ on a batch. `None` if the problem has no layers.
    fn diverging_layer(&self, params: &StepParams, batch: u32, theta: &[f32]) -> Option<String> {
        let _ = (params, batch, theta);
        None
    }
}

/// A loss with proved bounds.
pub trait AnyCertifiedLoss: CertifiedLoss<Error = Error> {}

impl<L: CertifiedLoss<Error = Error>> AnyCertifiedLoss for L {}

/// What the values of a problem are computed from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// Name and driver of the GPU; none on the CPU.
    pub adapter: Option<String>,
    /// Number of training samples.
    pub train_samples: Option<usize>,
    /// Number of test samples.
    pub test_samples: Option<usize>,
    /// Hash of the data.
    pub data: Option<String>,
    /// The data files, and the constants of their normalisation.
    pub source: Option<Source>,
}

/// The cost of a problem, in floating-point operations and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations of a step.
    pub step_flops: usize,
    /// Operations of a forward pass of a sample.
    pub sample_flops: usize,
    /// Number of training samples; 0 for a loss without samples.
    pub train_samples: usize,
    /// Number of test samples.
    pub test_samples: usize,
    /// Whether a measurement starts with a pass over its training samples, for batch-norm statistics.
    pub has_statistics: bool,
    /// Whether the engines run on a hardware GPU.
    pub on_hardware: bool,
    /// Whether the engines run on a GPU, in hardware or software.
    pub on_gpu: bool,
    /// Bytes of memory of the data.
    pub data_bytes: u64,
    /// Bytes of memory of the activations of an engine.
    pub engine_bytes: u64,
    /// Bytes of memory traffic of a step on a GPU without caches; none if no GPU can run it.
    pub gpu_step_bytes: Option<u64>,
}

impl Cost {
    /// Forward passes of samples that a measurement of a point takes: on `len` samples at most of each split, of the
    /// training split alone (1) or of both (2). 1 for a loss without samples.
    pub fn passes(&self, len: usize, splits: usize) -> usize {
        let train = self.train_samples.min(len);
        let test = if splits > 1 { self.test_samples.min(len) } else { 0 };
        (train * (1 + usize::from(self.has_statistics)) + test).max(1)
    }

    /// Operations of a forward pass over all training samples.
    pub fn train_flops(&self) -> usize {
        self.train_samples * self.sample_flops
    }
}

/// The problem of a configuration, with engines on the CPU.
///
/// # Errors
/// The network, data set or function is unknown, with the nearest known name; the network does not fit the data; the
/// backend `cpu` does not support the network.
pub fn from_config(config: &Config) -> Result<Box<dyn Problem>> {
    let name = config.network.name();
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
