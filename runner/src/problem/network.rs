//! A network on data.

use super::criterion::criterion;
use super::{AnyCertifiedLoss, Cost, Problem, Provenance};
use crate::config::{Augment, Backend, Config, Take};
use crate::data::{self, Dataset, LoadOptions, Loaded, Source, Subset, Targets};
use crate::engine_error::{AnyEngine, EngineError, boxed};
use crate::error::{CliError, ErrorKind, Result};
use crate::metrics::{self, Metric};
use crate::model::{Io, Model, NetworkSpec, State};
use crate::predictions;
use crate::reference;
use crate::schema::ErrorMeasure;
use std::sync::Arc;
use valleys_core::certify::NetworkBounds;
use valleys_core::engine::{Optimizer, Split, StepParams, epoch_order};
use valleys_core::error::Error;
use valleys_core::network::graph::{Graph, Op};
use valleys_core::network::{Criterion, CropFlip, OwnedCriterion, Shape, accumulate, initialise};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_gpu::{DeviceProvider, GpuDataset, GpuEngine, Paths};
use valleys_simd::engine::CpuEngine;

/// Engines allocate activations for groups of this number of samples.
const SAMPLE_GROUP_LEN: usize = 16;

/// Keys the permutation of labels; subsets and splits have other keys.
const LABELS: u64 = u32::MAX as u64 - 1;

/// The mean cross-entropy of a network over labelled samples.
#[derive(Clone, Debug)]
pub struct NetworkProblem {
    model: Model,
    data: Arc<Dataset>,
    shape: Shape,
    source: Source,
    criterion: OwnedCriterion,
    /// Engines have memory for what it needs.
    optimizer: Optimizer,
    batch: usize,
    augment: Augment,
    paths: Paths,
    backend: NetworkBackend,
}

/// What the engines run on.
#[derive(Clone, Debug)]
enum NetworkBackend {
    /// The fast kernels of the CPU.
    Cpu,
    /// The reference kernels.
    Reference,
    /// A GPU and its copy of the samples.
    Gpu(Arc<DeviceProvider>, Arc<GpuDataset>),
}

impl NetworkProblem {
    /// Loads the network and the data of a configuration.
    ///
    /// # Errors
    /// The network or the data set is unknown, with the nearest known name; data files are missing or malformed; the
    /// network does not fit the data; the backend `cpu` does not support the network.
    pub fn from_config(config: &Config) -> Result<Self> {
        let name = config.network.name();
        // A wrong name is told before the data are read.
        config.network.check()?;
        let Some(dataset) = config.dataset.as_deref() else {
            let message = format!("network {name:?} needs a dataset, such as \"digits\"");
            return Err(CliError::new(ErrorKind::Configuration, message));
        };
        let train = match (config.data.limit, config.data.take) {
            (0, _) => Subset::All,
            (count, Take::First) => Subset::First(count),
            (count, Take::Stratified) => Subset::Stratified { count, seed: config.seed },
        };
        let options = LoadOptions::of_keys(&config.data, train, Subset::All);
        let loaded = data::load(dataset, &options)?;
        let model = fitting_model(&config.network, dataset, &loaded)?;
        let Loaded { data, shape, source, outputs, .. } = loaded;
        if config.train.augment == Augment::CropFlip && shape.height * shape.width == 1 {
            let message = format!(
                "train.augment = \"crop-flip\" is for images, but dataset {dataset:?} has {shape} features"
            );
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        let criterion = criterion(&config.loss, &data.train.targets, outputs)?;
        let problem = Self {
            model,
            data: Arc::new(data),
            shape,
            source,
            criterion,
            optimizer: config.train.optimizer().optimizer,
            batch: config.train.batch,
            augment: config.train.augment,
            paths: config.gpu.parsed_paths()?,
            backend: if config.backend == Backend::Reference {
                NetworkBackend::Reference
            } else {
                NetworkBackend::Cpu
            },
        };
        if config.backend == Backend::Cpu {
            problem.check_cpu(name)?;
        }
        Ok(problem)
    }

    /// Returns an error with the reason if the backend `cpu` does not support the network.
    fn check_cpu(&self, name: &str) -> Result<()> {
        match CpuEngine::supports(&self.model.network()) {
            Err(Error::Unsupported { what }) => {
                let message = format!(
                    "backend = \"cpu\" does not support network {name:?}: {what}; \
                     backend = \"reference\" supports it, but is slow"
                );
                Err(CliError::new(ErrorKind::Configuration, message))
            }
            _ => Ok(()),
        }
    }

    /// The augmentation of the training samples.
    fn augmentation(&self) -> Option<CropFlip<Vec<f32>>> {
        let (shape, padding) = (self.shape, CropFlip::PADDING);
        let border = || self.source.black(shape);
        (self.augment == Augment::CropFlip).then(|| CropFlip { shape, padding, border: border() })
    }

    fn data_hash(&self) -> String {
        self.data.hash().to_hex().to_string()
    }

    /// An engine with the fast kernels of the CPU.
    fn cpu(
        &self,
        slots: usize,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> std::result::Result<CpuEngine, Error> {
        let engine = CpuEngine::new(&self.model.network(), self.data.clone(), self.batch, slots, augment)?;
        engine.with_criterion(self.criterion.get())
    }
}

impl Problem for NetworkProblem {
    fn dim(&self) -> usize {
        self.model.network().parameter_len()
    }

    fn batches(&self) -> u32 {
        self.data.train.len().div_ceil(self.batch) as u32
    }

    fn initial(&self, seed: u64, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.dim()];
        initialise(&self.model.network(), seed, vertex, &mut theta);
        theta
    }

    fn engine(&self, slots: usize) -> std::result::Result<AnyEngine<'_>, EngineError> {
        let (network, augment, batch) = (self.model.network(), self.augmentation(), self.batch);
        let has_second = self.optimizer.needs_second_moments();
        Ok(match &self.backend {
            NetworkBackend::Cpu if has_second => boxed(self.cpu(slots, augment)?.with_second_moments()),
            NetworkBackend::Cpu => boxed(self.cpu(slots, augment)?),
            NetworkBackend::Reference => {
                boxed(reference::engine(network, &self.data, batch, slots, augment, self.criterion.get())?)
            }
            NetworkBackend::Gpu(_, shared) => {
                let engine = GpuEngine::new(&network, shared.clone(), batch, slots, augment)?;
                if has_second { boxed(engine.with_second_moments()) } else { boxed(engine) }
            }
        })
    }

    fn fingerprint(&self) -> String {
        let data = self.data_hash();
        // Known data sets have known names. Others may be called otherwise without a change of a number.
        if self.source.own.is_none() {
            return data;
        }
        let Source { class_names, feature_names, target_names, .. } = &self.source;
        let names = serde_json::to_vec(&[class_names, feature_names, target_names]).expect("names are JSON");
        format!("{data}, names {}", &blake3::hash(&names).to_hex()[..16])
    }

    fn splits(&self) -> &[Split] {
        &[Split::Train, Split::Test]
    }

    fn state(&self) -> State {
        self.model.state()
    }

    fn statistics(&self, points: &[&[f32]]) -> std::result::Result<Vec<Vec<f32>>, Error> {
        let network = self.model.network();
        if network.statistics_len() == 0 {
            return Ok(vec![Vec::new(); points.len()]);
        }
        if let NetworkBackend::Reference = self.backend {
            let of = |theta: &&[f32]| reference::statistics(&network, theta, &self.data.train, self.batch);
            return points.iter().map(of).collect();
        }
        let mut engine = self.cpu(0, None)?;
        points.iter().map(|theta| engine.statistics(theta)).collect()
    }

    fn error_measure(&self) -> ErrorMeasure {
        match self.data.train.targets {
            Targets::Labels(_) => ErrorMeasure::Share,
            Targets::Values { .. } => ErrorMeasure::Rmse,
        }
    }

    fn test_metrics(&self, theta: &[f32]) -> std::result::Result<Vec<Metric>, Error> {
        let test = &self.data.test;
        if test.is_empty() {
            return Ok(Vec::new());
        }
        let is_reference = matches!(self.backend, NetworkBackend::Reference);
        let network = self.model.network();
        let outputs =
            predictions::outputs(is_reference, &network, &self.data, Split::Test, theta, None, self.batch)?;
        Ok(metrics::of(&outputs, &test.targets, &self.source).collect())
    }

    fn provenance(&self) -> Provenance {
        let adapter = match &self.backend {
            NetworkBackend::Gpu(provider, _) => provider.device().ok().map(|device| {
                let info = device.info();
                format!("{}, {:?}, {} {}", info.name, info.backend, info.driver, info.driver_info)
            }),
            NetworkBackend::Cpu | NetworkBackend::Reference => None,
        };
        Provenance {
            adapter,
            train_samples: Some(self.data.train.len()),
            test_samples: Some(self.data.test.len()),
            data: Some(self.data_hash()),
            source: Some(self.source.clone()),
        }
    }

    fn cost(&self) -> Cost {
        let (network, data) = (self.model.network(), &self.data);
        let flops = network.flops();
        // Values, gradients and packed copies, for whole groups of samples.
        let activations = 12 * self.batch.next_multiple_of(SAMPLE_GROUP_LEN) * network.activation_len();
        Cost {
            // Forward and backward take three times as many operations as forward.
            step_flops: 3 * self.batch * flops,
            sample_flops: flops,
            train_samples: data.train.len(),
            test_samples: data.test.len(),
            has_statistics: network.statistics_len() > 0,
            on_hardware: match &self.backend {
                NetworkBackend::Gpu(provider, _) => {
                    provider.device().is_ok_and(|device| device.is_hardware())
                }
                NetworkBackend::Cpu | NetworkBackend::Reference => false,
            },
            on_gpu: matches!(self.backend, NetworkBackend::Gpu(..)),
            data_bytes: (4.2 * (data.train.inputs.len() + data.test.inputs.len()) as f64) as u64,
            engine_bytes: activations as u64,
            gpu_step_bytes: valleys_gpu::step_bytes(&network, self.batch, self.paths).ok(),
        }
    }

    fn on_subset(&self, count: usize, seed: u64) -> std::result::Result<Box<dyn Problem>, String> {
        let train = &self.data.train;
        let subset = Subset::Stratified { count, seed };
        let samples = subset.numbers(&train.targets, self.model.network().outputs());
        if samples.is_empty() || count > samples.len() {
            return Err(format!("1 to {} training samples expected", train.len()));
        }
        Ok(Box::new(self.with_train(train.pick(&samples))))
    }

    fn with_shuffled_labels(&self, seed: u64) -> std::result::Result<Box<dyn Problem>, String> {
        let mut train = self.data.train.clone();
        let mut stream = Stream::new(Key::new(seed, LABELS), Purpose::Split, 0, 0);
        for last in (1..train.len()).rev() {
            train.targets.swap(last, stream.below(last as u32 + 1) as usize);
        }
        Ok(Box::new(self.with_train(train)))
    }

    fn supports_gpu(&self) -> bool {
        true
    }

    fn on_gpu(&self, provider: Arc<DeviceProvider>, models: usize) -> Option<Box<dyn Problem>> {
        Some(Box::new(Self { backend: self.gpu(provider, models), ..self.clone() }))
    }

    fn certified_loss(&self) -> std::result::Result<Box<dyn AnyCertifiedLoss + '_>, Error> {
        if self.criterion.get() != Criterion::PLAIN {
            return Err(Error::Unsupported {
                what: "proved bounds of a loss other than plain cross-entropy",
            });
        }
        let network = self.model.network();
        let train = &self.data.train;
        let samples = train.borrowed();
        let scratch = vec![0.0; NetworkBounds::scratch_len(&network)];
        Ok(Box::new(NetworkBounds::new(network, samples, scratch)?))
    }

    fn graph(&self) -> Option<Graph<Vec<Op>>> {
        Graph::of(&self.model.network()).ok()
    }

    fn diverging_layer(&self, params: &StepParams, batch: u32, theta: &[f32]) -> Option<String> {
        let (network, train) = (self.model.network(), &self.data.train);
        let mut order = vec![0; train.len()];
        epoch_order(params.key, params.epoch, &mut order);
        let chosen = order.chunks(self.batch).nth(batch as usize)?;
        let len = network.input.len();
        let inputs: Vec<f32> =
            chosen.iter().flat_map(|&i| &train.inputs[i as usize * len..][..len]).copied().collect();
        let mut outputs = vec![0.0; network.activation_len() * chosen.len()];
        let mut statistics = vec![0.0; network.statistics_len()];
        accumulate(&network, theta, &inputs, chosen.len(), 1.0, &mut outputs, &mut statistics).ok()?;
        let mut rows = network.rows().zip(&self.model.modules);
        let (row, module) =
            rows.find(|(row, _)| !outputs[row.activations(chosen.len())].iter().all(|x| x.is_finite()))?;
        Some(if module.is_empty() {
            format!("row {} ({})", row.number, row.layer.name())
        } else {
            module.clone()
        })
    }
}

impl NetworkProblem {
    /// The same problem with these training samples.
    fn with_train(&self, train: data::Samples) -> Self {
        let data = Dataset { train, test: self.data.test.clone() };
        let mut problem = Self { data: Arc::new(data), ..self.clone() };
        if let NetworkBackend::Gpu(provider, _) = &self.backend {
            problem.backend = problem.gpu(provider.clone(), 1);
        }
        problem
    }

    fn gpu(&self, provider: Arc<DeviceProvider>, models: usize) -> NetworkBackend {
        let shared = GpuDataset::new(provider.clone(), self.data.clone(), self.shape.channels);
        let shared = shared.with_criterion(self.criterion.get()).expect("it fits the targets of the problem");
        NetworkBackend::Gpu(provider, Arc::new(shared.with_models(models)))
    }
}

/// The network of a specification for a data set.
///
/// # Errors
/// The network has other inputs or outputs, with both shapes; the specification makes no network for them.
pub fn fitting_model(spec: &NetworkSpec, dataset: &str, loaded: &Loaded) -> Result<Model> {
    let model = spec.model(Io { input: loaded.shape, outputs: loaded.outputs })?;
    let network = model.network();
    let (inputs, outputs) = (network.input, network.outputs());
    // A multilayer perceptron accepts samples of any shape as flat vectors.
    let flat = inputs == Shape::flat(inputs.len());
    let shape = if flat { Shape::flat(loaded.shape.len()) } else { loaded.shape };
    if (inputs, outputs) == (shape, loaded.outputs) {
        return Ok(model);
    }
    let what = if loaded.data.train.targets.labels().is_some() { "classes" } else { "targets" };
    let message = format!(
        "network {:?} has {inputs} inputs and {outputs} outputs, but dataset {dataset:?} has {shape} features and {} {what}",
        spec.name(),
        loaded.outputs
    );
    Err(CliError::new(ErrorKind::Configuration, message))
}
