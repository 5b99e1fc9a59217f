//! The sections of a configuration file. Each structure is a section, each field a key.

use super::data::{Columns, Missing, Normalise, NormaliseTarget, Split, Task};
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::{Decimal, Delimiter};
use serde::{Deserialize, Serialize};
use valleys_core::engine;
use valleys_core::fit::{self, OptimizerOptions};
use valleys_gpu::Paths;

/// `backend`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The fast kernels of the CPU.
    Cpu,
    /// The reference kernels of the core, on the CPU: every network, slowly.
    Reference,
    /// The GPU that `--device` or VALLEYS_DEVICE names, or the best one.
    Gpu,
}

/// `[gpu]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Names of GPU algorithms, see [`Paths`]. Their results differ by rounding.
    pub paths: Vec<String>,
}

impl Gpu {
    /// Whether no algorithm is named.
    pub fn is_default(&self) -> bool {
        self.paths.is_empty()
    }

    /// The algorithms.
    ///
    /// # Errors
    /// A name is unknown.
    pub fn parsed_paths(&self) -> Result<Paths> {
        let paths = self.paths.join(",").parse::<Paths>();
        paths.map_err(|e| CliError::new(ErrorKind::Configuration, format!("gpu.paths: {e}")))
    }
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Directory of the data files; none for embedded data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// The target: a column of a table or several, an array of an archive, `fine` or `coarse` of cifar-100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Columns>,
    /// File of the target, where the samples are in a file of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<String>,
    /// What the target is; by default found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// What is done with missing values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// Columns that are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Columns>,
    /// Columns of numbers that are categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Columns>,
    /// Height and width to which images are resized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<[u32; 2]>,
    /// How features are normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
    /// How the target of a regression is normalised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise_target: Option<NormaliseTarget>,
    /// How the test part is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Seed of the split by a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_seed: Option<u64>,
    /// Whether the first line of a table names the columns; by default found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// What separates the columns of a table; by default found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The decimal mark of a table; by default found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<Decimal>,
    /// Number of training samples; 0 for all.
    pub limit: usize,
    /// Which samples a limit selects.
    pub take: Take,
    /// Means of the normalisation, instead of those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
    /// Standard deviations of the normalisation, instead of those of the data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f64>>,
}

/// `data.take`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// The same share of every class, drawn with the seed.
    Stratified,
    /// The first samples in the order of the files.
    First,
}

/// `[minima]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minima {
    /// Number of minima, 1 to 64.
    pub count: usize,
    /// Epochs of each minimum, at least 1.
    pub epochs: u32,
    /// Connect only minima of the same group of this size; 0 connects all.
    pub group: usize,
    /// Checkpoints of the minima; empty to train them.
    pub files: Vec<String>,
}

/// `[curves]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Epochs of each curve; 0 leaves the straight segment.
    pub epochs: u32,
    /// Base learning rate; 0 for that of `train.learning_rate`.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: StageSchedule,
    /// Which paths a curve may take.
    pub paths: CurvePaths,
}

/// `curves.paths`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CurvePaths {
    /// Each pair of minima has its own curve, fitted from the straight segment (Algorithm 2).
    Direct,
    /// The last phase of a curve starts on the chain of two curves through a third minimum where that is lower.
    Any,
}

/// `[triangles]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triangles {
    /// Epochs of each triangle and of each simplex of higher rank; 0 leaves the initial control point.
    pub epochs: u32,
    /// Base learning rate; 0 for that of `train.learning_rate`.
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: StageSchedule,
    /// Whether the control points of the faces are trained.
    pub centres: Faces,
}

/// `triangles.centres`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Faces {
    /// Only the interior control points are trained. Simplices share their faces.
    Fixed,
    /// All control points except the minima are trained. Each simplex has private copies of its faces.
    Trainable,
}

impl Faces {
    /// The name in configurations, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Trainable => "trainable",
        }
    }
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Samples of a step. Without effect on a function.
    pub batch: usize,
    /// Base learning rate of the schedule.
    pub learning_rate: f64,
    /// How the learning rate changes from epoch to epoch.
    pub schedule: Schedule,
    /// How control points move.
    pub optimizer: Optimizer,
    /// Momentum of stochastic gradient descent.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// Adam's rate of the mean of the gradients, β₁.
    pub beta1: f64,
    /// Adam's rate of the mean of their squares, β₂.
    pub beta2: f64,
    /// Adam's ε.
    pub epsilon: f64,
    /// Weight decay, applied at the evaluated point.
    pub weight_decay: f64,
    /// Largest norm of what a step moves along; 0 for no limit.
    pub max_gradient_norm: f64,
    /// Augmentation of images in training.
    pub augment: Augment,
}

impl Train {
    /// The constants of the optimiser.
    pub fn optimizer(&self) -> OptimizerOptions {
        OptimizerOptions {
            learning_rate: self.learning_rate as f32,
            optimizer: match self.optimizer {
                Optimizer::Sgd => {
                    engine::Optimizer::Sgd { momentum: self.momentum as f32, nesterov: self.nesterov }
                }
                Optimizer::Adam | Optimizer::AdamW => engine::Optimizer::Adam {
                    beta1: self.beta1 as f32,
                    beta2: self.beta2 as f32,
                    epsilon: self.epsilon as f32,
                    decoupled: self.optimizer == Optimizer::AdamW,
                },
            },
            weight_decay: self.weight_decay as f32,
            max_gradient_norm: match self.max_gradient_norm {
                0.0 => f32::INFINITY,
                norm => norm as f32,
            },
        }
    }
}

/// `train.optimizer`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam (Kingma and Ba 2015), weight decay in the gradient.
    Adam,
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW,
}

/// `[loss]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
    /// Which loss.
    pub kind: LossKind,
    /// Weights of the classes in a cross-entropy.
    pub class_weights: ClassWeights,
    /// Label smoothing of a cross-entropy, 0 to below 1.
    pub label_smoothing: f64,
    /// Where Huber's loss goes from a parabola to a line, above 0.
    pub delta: f64,
}

/// `loss.kind`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Cross-entropy of classes, mean squared error of numbers.
    Default,
    /// Softmax cross-entropy.
    CrossEntropy,
    /// Mean squared error.
    Mse,
    /// Huber's loss.
    Huber,
}

/// `loss.class_weights`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "\"balanced\" expected, or a list with a number for each class")]
pub enum ClassWeights {
    /// One for each class, in the order of the classes; none for 1.
    List(Vec<f64>),
    /// By name.
    Named(NamedWeights),
}

/// Class weights by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedWeights {
    /// N / (C · N_c) for N_c of the N training samples in class c of C: every class has the same total weight.
    Balanced,
}

/// `train.schedule`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Constant for half of the epochs, then decreasing linearly to a hundredth (Garipov et al.).
    Linear,
    /// Always the base rate.
    Constant,
    /// A tenth after 1/2, 3/4 and 11/12 of the epochs (Li et al.).
    Step,
    /// Half a period of a cosine.
    Cosine,
}

impl From<Schedule> for fit::Schedule {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Linear => Self::Linear,
            Schedule::Constant => Self::Constant,
            Schedule::Step => Self::Step,
            Schedule::Cosine => Self::Cosine,
        }
    }
}

/// `curves.schedule` and `triangles.schedule`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageSchedule {
    /// That of `train.schedule`.
    Same,
    /// [`Schedule::Linear`]
    Linear,
    /// [`Schedule::Constant`]
    Constant,
    /// [`Schedule::Step`]
    Step,
    /// [`Schedule::Cosine`]
    Cosine,
}

impl StageSchedule {
    /// The schedule of a stage.
    pub fn or(self, same: Schedule) -> Schedule {
        match self {
            Self::Same => same,
            Self::Linear => Schedule::Linear,
            Self::Constant => Schedule::Constant,
            Self::Step => Schedule::Step,
            Self::Cosine => Schedule::Cosine,
        }
    }
}

/// `train.augment`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// No augmentation.
    None,
    /// Random shifts by up to four pixels, and random horizontal flips.
    CropFlip,
}

/// `[lattice]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lattice {
    /// Intervals on an edge.
    pub n: u32,
    /// The same for curves; 0 for `n`.
    pub curves: u32,
    /// The same for triangles; 0 for `n`.
    pub triangles: u32,
    /// The same for simplices of a higher rank; 0 for `n`.
    pub simplices: u32,
}

impl Lattice {
    /// Intervals on an edge of the lattice of a simplex of a rank.
    pub fn intervals(&self, rank: usize) -> u32 {
        let own = match rank {
            0 => 0,
            1 => self.curves,
            2 => self.triangles,
            _ => self.simplices,
        };
        if own == 0 { self.n } else { own }
    }
}

/// `[peaks]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peaks {
    /// Whether the value of a simplex is the largest loss that lattice and search found on it, or else that of its
    /// lattice alone (Algorithm 2).
    pub search: bool,
}

/// `[measure]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// Samples of each split on which lattices and searches are measured; 0 for all.
    pub samples: u32,
}

impl Measure {
    /// The number of samples of each split on which a simplex of a rank is measured; none for all. Minima are measured on
    /// all.
    pub fn part(&self, rank: usize) -> Option<u32> {
        (self.samples > 0 && rank > 0).then_some(self.samples)
    }
}

/// `[fit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// How the point t of a step is drawn.
    pub sampling: Sampling,
    /// Depth of the maps: a curve of depth 1 has one bend, of depth 2 three, of depth 3 seven.
    pub depth: usize,
    /// Where the interior of a simplex starts, with peak sampling.
    pub start: FitStart,
    /// Share of the gradient along the simplex that peak sampling removes, 0 to 1.
    pub tangent_removal: f64,
    /// Standard deviation of a seeded displacement of new control points, for losses where the straight simplex is a
    /// stationary point.
    pub perturbation: f64,
}

/// `fit.start`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FitStart {
    /// On the straight simplex, as in the paper, then at each depth where the map of the depth before is unchanged.
    Straight,
    /// The same, but first at the mean of the control points of the faces.
    Mean,
    /// At each depth at the lowest of several starts.
    Lowest,
}

/// `fit.sampling`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Uniformly (Algorithm 1).
    Uniform,
    /// More often where the loss is large (method: section 7).
    Peak,
}

impl Sampling {
    /// The name in configurations, files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Peak => "peak",
        }
    }
}

/// `[second_fit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFit {
    /// Depth of the maps; 0 for no second fit.
    pub depth: usize,
    /// Epochs, as a multiple of those of the main fit.
    pub epoch_multiplier: u32,
}

/// `[convergence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// Fits of depth 1 to this depth; 0 for none.
    pub depth: usize,
    /// Epochs of these fits, as multiples of those of the main fit.
    pub epoch_multipliers: Vec<u32>,
    /// How these fits draw t.
    pub samplings: Vec<Sampling>,
    /// Which control points these fits train.
    pub centres: Vec<Faces>,
}

/// `[study]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Numbers of training samples; empty for no study.
    pub sizes: Vec<usize>,
    /// Networks of each size.
    pub seeds: u32,
    /// Measurements in the first epoch.
    pub early: u32,
    /// Whether the networks of a replicate start from the same parameters.
    pub initial: Initial,
    /// Whether every network takes as many steps as that with the most samples.
    pub equal_steps: bool,
    /// Whether the training labels are permuted at random.
    pub shuffle_labels: bool,
}

/// `study.initial`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initial {
    /// The networks of a replicate have the same initial parameters.
    Shared,
    /// Every network has its own.
    Own,
}

impl Study {
    /// Whether the run is not a study of weights.
    pub fn is_none(&self) -> bool {
        self.sizes.is_empty()
    }
}
