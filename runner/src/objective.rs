//! What a run is about: a network on data, or an analytic function. Nothing above this file knows which.

use crate::config::{Augment, Config, Take};
use crate::cpu::Cpu;
use crate::cpu::images::Images;
use crate::data::{self, Dataset, Loaded, Source, Subset, Wanted};
use crate::failure::{Failure, Kind, Result};
use crate::fault::{Any, Fault};
use crate::model::{Model, NamedTensor, State};
use crate::reference;
use std::path::Path;
use std::sync::Arc;
use valleys_core::engine::{BATCHES, Engine, Function, FunctionLoss, Sgd, rotate, rotation};
use valleys_core::error::Error;
use valleys_core::network::{CropFlip, Layer, Shape, initialise};
use valleys_core::rng::{Purpose, Stream};
use valleys_gpu::{Gpu, Opener, Shared};

/// What a data set is that nobody asked for.
const NO_DATASET: &str = "a dataset, such as \"digits\"";

/// Spread of the points from which minima of an analytic function are sought, around its wells.
const START_SPREAD: f64 = 0.1;

/// The loss whose shape is studied.
#[derive(Debug)]
pub enum Objective {
    /// Mean cross-entropy of a network.
    Trained {
        /// The network.
        model: Model,
        /// The samples.
        data: Arc<Dataset>,
        /// Their shape.
        shape: Shape,
        /// Where they came from.
        source: Source,
        /// Samples of a step.
        batch: usize,
        /// What is done to the images of a step.
        augment: Augment,
        /// The samples on a GPU; none for the processor.
        gpu: Option<(Arc<Opener>, Arc<Shared>)>,
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
        let model = Model::by_name(name)?;
        let Some(dataset) = config.dataset.as_deref() else {
            return wrong(format!("network {name:?} needs {NO_DATASET}"));
        };
        let train = match (config.data.limit, config.data.take) {
            (0, _) => Subset::All,
            (count, Take::First) => Subset::First(count),
            (count, Take::Stratified) => Subset::Stratified { count, seed: config.seed },
        };
        let wanted = Wanted {
            dir: config.data.dir.as_deref().map(Path::new),
            train,
            test: Subset::All,
            mean: config.data.mean.as_deref(),
            std: config.data.std.as_deref(),
        };
        let loaded = data::load(dataset, &wanted)?;
        fits(name, &model, dataset, &loaded)?;
        let Loaded { data, shape, source, .. } = loaded;
        let augment = config.train.augment;
        let (data, batch) = (Arc::new(data), config.train.batch);
        Ok(Self::Trained { model, data, shape, source, batch, augment, gpu: None })
    }

    /// The same objective, trained and measured on the device of an opener, in the same dispatches for as many as
    /// `models` landscapes. A function stays on the processor.
    pub fn on_gpu(mut self, opener: Arc<Opener>, models: usize) -> Self {
        if let Self::Trained { data, shape, gpu, .. } = &mut self {
            let shared = Shared::new(opener.clone(), data.clone(), shape.channels).side_by_side(models);
            *gpu = Some((opener, Arc::new(shared)));
        }
        self
    }

    /// Whether a GPU of hardware trains and measures.
    pub fn is_on_hardware(&self) -> bool {
        let Self::Trained { gpu: Some((opener, _)), .. } = self else { return false };
        opener.device().is_ok_and(|device| device.is_hardware())
    }

    /// The GPU that trains and measures, with its driver; none for the processor.
    pub fn adapter(&self) -> Option<String> {
        let Self::Trained { gpu: Some((opener, _)), .. } = self else { return None };
        let device = opener.device().ok()?;
        let info = device.info();
        Some(format!("{}, {:?}, {} {}", info.name, info.backend, info.driver, info.driver_info))
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

    /// The same objective on a part of its training samples.
    ///
    /// # Errors
    /// A function has no samples; the part has none, or more than there are.
    pub fn on(&self, part: Subset) -> std::result::Result<Self, String> {
        let Self::Trained { model, data, shape, source, batch, augment, gpu } = self else {
            return Err("a function has no samples".to_owned());
        };
        let numbers = part.numbers(&data.train.labels, model.network().classes());
        if numbers.is_empty() || matches!(part, Subset::Stratified { count, .. } if count > numbers.len()) {
            return Err(format!("1 to {} training samples expected", data.train.len()));
        }
        let data = Dataset { train: data.train.pick(&numbers), test: data.test.clone() };
        let (model, source) = (model.clone(), source.clone());
        let part = Self::Trained {
            model,
            data: Arc::new(data),
            shape: *shape,
            source,
            batch: *batch,
            augment: *augment,
            gpu: None,
        };
        Ok(match gpu {
            Some((opener, _)) => part.on_gpu(opener.clone(), 1),
            None => part,
        })
    }

    /// Number of parameters.
    pub fn dim(&self) -> usize {
        match self {
            Self::Trained { model, .. } => model.network().parameter_len(),
            Self::Known { dim, .. } => *dim,
        }
    }

    /// Steps of an epoch.
    pub fn batches(&self) -> u64 {
        match self {
            Self::Trained { data, batch, .. } => data.train.len().div_ceil(*batch) as u64,
            Self::Known { .. } => u64::from(BATCHES),
        }
    }

    /// Where the samples came from; none for a function.
    pub fn source(&self) -> Option<&Source> {
        match self {
            Self::Trained { source, .. } => Some(source),
            Self::Known { .. } => None,
        }
    }

    /// The samples; none for a function.
    pub fn data(&self) -> Option<&Dataset> {
        match self {
            Self::Trained { data, .. } => Some(data),
            Self::Known { .. } => None,
        }
    }

    /// The names of what a checkpoint holds.
    pub fn state(&self) -> State {
        match self {
            Self::Trained { model, .. } => model.state(),
            Self::Known { dim, .. } => {
                let theta = NamedTensor { name: "theta".into(), shape: vec![*dim], range: 0..*dim };
                State { parameters: vec![theta], statistics: Vec::new() }
            }
        }
    }

    /// The statistics of the batch norms at some points, recomputed over the training data.
    ///
    /// # Errors
    /// Lengths that do not fit.
    pub fn statistics(&self, points: &[&[f32]]) -> std::result::Result<Vec<Vec<f32>>, Error> {
        let Self::Trained { model, data, batch, .. } = self else {
            return Ok(vec![Vec::new(); points.len()]);
        };
        let network = model.network();
        if network.statistics_len() == 0 {
            return Ok(vec![Vec::new(); points.len()]);
        }
        match Images::new(&network, data.clone(), *batch, 0, None) {
            Ok(mut images) => points.iter().map(|theta| images.statistics(theta)).collect(),
            Err(_) => {
                let of = |theta: &&[f32]| reference::statistics(&network, theta, &data.train, *batch);
                points.iter().map(of).collect()
            }
        }
    }

    /// Where the training of minimum `vertex` starts: random parameters, or near the function's wells in turn.
    pub fn start(&self, seed: u64, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.dim()];
        match self {
            Self::Trained { model, .. } => initialise(&model.network(), seed, vertex, &mut theta),
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
    pub fn with_engine<R>(
        &self,
        slots: usize,
        work: impl FnOnce(&mut dyn Engine<Error = Fault>) -> std::result::Result<R, Fault>,
    ) -> std::result::Result<R, Fault> {
        match self {
            Self::Trained { model, shape, source, batch, augment, gpu: Some((_, shared)), .. } => {
                let augment = (*augment == Augment::CropFlip).then(|| valleys_gpu::Augment {
                    shape: *shape,
                    padding: CropFlip::PADDING,
                    border: source.black(*shape),
                });
                let mut gpu = Gpu::new(&model.network(), shared.clone(), *batch, slots, augment)?;
                work(&mut Any(&mut gpu))
            }
            Self::Trained { model, data, shape, source, batch, augment, gpu: None } => {
                let perceptron =
                    model.layers.iter().all(|layer| matches!(layer, Layer::Linear { .. } | Layer::Relu));
                if perceptron && *augment == Augment::None {
                    let mut cpu = Cpu::new(&model.layers, model.input, data.clone(), *batch, slots)?;
                    return work(&mut Any(&mut cpu));
                }
                let border = (*augment == Augment::CropFlip).then(|| (*shape, source.black(*shape)));
                let network = model.network();
                if let Ok(mut images) = Images::new(&network, data.clone(), *batch, slots, border.clone()) {
                    return work(&mut Any(&mut images));
                }
                // Layers without fast kernels; or what is wrong with the data, said by the reference.
                let border = border.as_ref().map(|(shape, border)| (*shape, border.as_slice()));
                reference::with_engine(&network, data, *batch, slots, border, |l| work(&mut Any(l)))
            }
            Self::Known { function, rotation, dim } => {
                let mut memory = vec![0.0; Sgd::memory_len(slots, *dim)];
                let (mut vectors, mut theta) = (vec![0.0; 2 * dim], vec![0.0; 2 * dim]);
                let slots = Sgd::new(&mut memory, *dim)?;
                work(&mut Any(&mut FunctionLoss::new(*function, rotation, slots, &mut vectors, &mut theta)?))
            }
        }
    }
}

/// Whether a network reads the samples of a data set and knows its classes.
pub fn fits(name: &str, model: &Model, dataset: &str, loaded: &Loaded) -> Result<()> {
    let network = model.network();
    let (inputs, classes) = (network.input, network.classes());
    // A multilayer perceptron reads any shape as a vector.
    let flat = inputs == Shape::flat(inputs.len());
    let shape = if flat { Shape::flat(loaded.shape.len()) } else { loaded.shape };
    if (inputs, classes) == (shape, loaded.classes) {
        return Ok(());
    }
    let message = format!(
        "network {name:?} has {inputs} inputs and {classes} outputs, but dataset {dataset:?} has {shape} features and {} classes",
        loaded.classes
    );
    Err(Failure::new(Kind::Configuration, message))
}
