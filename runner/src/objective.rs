//! What a run is about: a network on data, or an analytic function. Nothing above this file knows which.

use crate::config::{Config, nearest};
use crate::cpu::Cpu;
use crate::data::{self, Dataset};
use crate::failure::{Failure, Kind, Result};
use std::ops::Range;
use std::sync::Arc;
use valleys_core::error::Error;
use valleys_core::landscape::{Analytic, EPOCH_LEN, Function, Landscape, Slots, rotate, rotation};
use valleys_core::network::{Layer, Network, Shape, initialise, zoo};
use valleys_core::rng::{Purpose, Stream};

/// Most layers of a multilayer perceptron.
const MLP_LAYERS: usize = 64;

/// Spread of the points from which minima of an analytic function are sought, around its wells.
const START_SPREAD: f64 = 0.1;

/// A named piece of θ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTensor {
    /// As in a PyTorch `state_dict`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Where it is in θ.
    pub range: Range<usize>,
}

/// The loss whose shape is studied.
#[derive(Debug)]
pub enum Objective {
    /// Mean cross-entropy of a network.
    Trained {
        /// The layers.
        layers: Vec<Layer>,
        /// Shape of a sample.
        input: Shape,
        /// The samples.
        data: Arc<Dataset>,
        /// Samples of a step.
        batch: usize,
    },
    /// A function with known critical values.
    Known {
        /// Which.
        function: Function,
        /// Orthogonal, (dim, dim): the identity unless there are more variables than the function needs.
        rotation: Vec<f64>,
        /// Number of variables.
        dim: usize,
    },
}

impl Objective {
    /// The objective of a configuration.
    ///
    /// # Errors
    /// Unknown network, data set or function, with the nearest known name; widths that do not fit the data.
    pub fn new(config: &Config) -> Result<Self> {
        let wrong = |message: String| Err(Failure::new(Kind::Configuration, message));
        let name = config.network.as_str();
        let (family, parameters) = name.split_once(':').unwrap_or((name, ""));
        if let Some(function) = Function::ALL.into_iter().find(|f| f.name() == family) {
            if let Some(dataset) = &config.dataset {
                return wrong(format!(
                    "network {family:?} is a function and takes no dataset, but dataset is {dataset:?}"
                ));
            }
            return Self::known(function, parameters, config.seed);
        }
        if family != "mlp" {
            let families = Function::ALL.into_iter().map(Function::name).chain(["mlp"]);
            return wrong(format!("unknown network {name:?}{}", nearest(family, families)));
        }
        let widths: Option<Vec<usize>> = parameters.split('-').map(|w| w.parse().ok()).collect();
        let Some(widths) = widths else {
            return wrong(format!("network {name:?}: widths such as mlp:64-32-10 expected"));
        };
        let layers = match zoo::mlp::<MLP_LAYERS>(&widths) {
            Ok(layers) => layers.to_vec(),
            Err(error) => return wrong(format!("network {name:?}: {error}")),
        };
        let (data, features, classes) = match config.dataset.as_deref() {
            Some("digits") => (data::digits::load(), data::digits::FEATURES, data::digits::CLASSES),
            Some(other) => {
                return wrong(format!("unknown dataset {other:?}{}", nearest(other, ["digits"].into_iter())));
            }
            None => return wrong(format!("network {name:?} needs a dataset, such as \"digits\"")),
        };
        let ends = (widths[0], widths[widths.len() - 1]);
        if ends != (features, classes) {
            return wrong(format!(
                "network {name:?} has {} inputs and {} outputs, but the dataset has {features} features and {classes} classes",
                ends.0, ends.1
            ));
        }
        Ok(Self::Trained {
            layers,
            input: Shape::flat(features),
            data: Arc::new(data),
            batch: config.train.batch,
        })
    }

    fn known(function: Function, parameters: &str, seed: u64) -> Result<Self> {
        let least = function.least_dim();
        let dim = if parameters.is_empty() { Some(least) } else { parameters.parse().ok() };
        let Some(dim) = dim.filter(|d| (least..=4096).contains(d)) else {
            let message =
                format!("network \"{}:{parameters}\": {least} to 4096 variables expected", function.name());
            return Err(Failure::new(Kind::Configuration, message));
        };
        let mut matrix = vec![0.0; dim * dim];
        if dim > least {
            rotation(seed, dim, &mut matrix).expect("the matrix is square");
        } else {
            (0..dim).for_each(|i| matrix[i * (dim + 1)] = 1.0);
        }
        Ok(Self::Known { function, rotation: matrix, dim })
    }

    /// Number of parameters.
    pub fn dim(&self) -> usize {
        match self {
            Self::Trained { layers, input, .. } => Network { input: *input, layers }.parameter_len(),
            Self::Known { dim, .. } => *dim,
        }
    }

    /// Steps of an epoch.
    pub fn epoch_len(&self) -> u64 {
        match self {
            Self::Trained { data, batch, .. } => data.train.len().div_ceil(*batch) as u64,
            Self::Known { .. } => u64::from(EPOCH_LEN),
        }
    }

    /// The samples; none for a function.
    pub fn data(&self) -> Option<&Dataset> {
        match self {
            Self::Trained { data, .. } => Some(data),
            Self::Known { .. } => None,
        }
    }

    /// The names and shapes of the pieces of θ.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        let Self::Trained { layers, input, .. } = self else {
            return vec![NamedTensor { name: "theta".into(), shape: vec![self.dim()], range: 0..self.dim() }];
        };
        let mut tensors = Vec::new();
        let mut linear = 0;
        for row in (Network { input: *input, layers }).rows() {
            let pieces = row.layer.tensors(row.input);
            linear += usize::from(!pieces.is_empty());
            let mut start = row.parameter_offset;
            for piece in pieces {
                let len: usize = piece.shape.iter().product();
                tensors.push(NamedTensor {
                    name: format!("fc{linear}.{}", piece.name),
                    shape: piece.shape.to_vec(),
                    range: start..start + len,
                });
                start += len;
            }
        }
        tensors
    }

    /// Where the training of minimum `vertex` starts: random parameters, or near the function's wells in turn.
    pub fn start(&self, seed: u64, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.dim()];
        match self {
            Self::Trained { layers, input, .. } => {
                initialise(&Network { input: *input, layers }, seed, vertex, &mut theta);
            }
            Self::Known { function, rotation, dim } => {
                let mut stream = Stream::new(seed, Purpose::Init, 1 << vertex, 0, 0);
                let mut x: Vec<f64> = (0..*dim).map(|_| START_SPREAD * stream.normal()).collect();
                let wells = function.wells();
                let well = wells[vertex as usize % wells.len()];
                x.iter_mut().zip(well).for_each(|(x, w)| *x += w);
                rotate(rotation, &x, &mut theta);
            }
        }
        theta
    }

    /// Calls `work` with a landscape of this objective that has `slots` slots.
    ///
    /// # Errors
    /// Those of `work`, and of a landscape that cannot be made.
    pub fn with_landscape<R>(
        &self,
        slots: usize,
        work: impl FnOnce(&mut dyn Landscape<Error = Error>) -> std::result::Result<R, Error>,
    ) -> std::result::Result<R, Error> {
        match self {
            Self::Trained { layers, input, data, batch } => {
                work(&mut Cpu::new(layers, *input, data.clone(), *batch, slots)?)
            }
            Self::Known { function, rotation, dim } => {
                let mut memory = vec![0.0; Slots::memory_len(slots, *dim)];
                let (mut vectors, mut theta) = (vec![0.0; 2 * dim], vec![0.0; 2 * dim]);
                let slots = Slots::new(&mut memory, *dim)?;
                work(&mut Analytic::new(*function, rotation, slots, &mut vectors, &mut theta)?)
            }
        }
    }
}
