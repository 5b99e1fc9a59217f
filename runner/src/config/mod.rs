//! The configuration of a run: keys, presets, overrides, checks.

mod keys;
pub mod preset;

use crate::error::{CliError, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use valleys_gpu::Paths;

pub use keys::{KEYS, nearest};

/// Everything a run depends on but the data: two runs of the same configuration end in the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A network or an analytic objective, by name.
    pub network: String,
    /// The data set; none for an analytic objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// What trains and measures networks; without effect on an analytic objective.
    pub backend: Backend,
    /// How a GPU does.
    #[serde(default, skip_serializing_if = "Gpu::is_default")]
    pub gpu: Gpu,
    /// What of the data set is used, and how.
    pub data: Data,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Highest index r of the barcode: simplices of up to r + 2 vertices are fitted.
    pub index: usize,
    /// Rank 0.
    pub minima: Minima,
    /// Rank 1.
    pub curves: Curves,
    /// Rank 2 and higher.
    pub triangles: Triangles,
    /// The optimiser of every stage.
    pub train: Train,
    /// Where losses are measured.
    pub lattice: Lattice,
    /// The map of a simplex and how t is drawn.
    pub fit: Fit,
    /// A second fit, beside the main one.
    pub second_fit: SecondFit,
    /// A comparison of fits.
    pub convergence: Convergence,
    /// A study of weights in the place of minima and all that follows.
    pub study: Study,
}

/// `backend`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor.
    Cpu,
    /// The reference kernels of the core on the processor: every network, slowly.
    Reference,
    /// The GPU that `--device` or VALLEYS_DEVICE names, or the best one.
    Gpu,
}

/// `[gpu]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Names of [`Paths`]; results differ by their rounding.
    pub paths: Vec<String>,
}

impl Gpu {
    fn is_default(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths.
    ///
    /// # Errors
    /// One that is not there.
    pub fn parsed_paths(&self) -> Result<Paths> {
        let named = self.paths.join(",").parse::<Paths>();
        named.map_err(|e| CliError::new(ErrorKind::Configuration, format!("gpu.paths: {e}")))
    }
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The directory of the files; none for embedded data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// Training samples, 0 for all.
    pub limit: usize,
    /// Which, where there is a limit.
    pub take: Take,
    /// Means in the place of the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f64>>,
    /// Standard deviations in the place of the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f64>>,
}

/// `data.take`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Take {
    /// Of every class the same share, drawn by the seed.
    Stratified,
    /// The first ones in the order of the files.
    First,
}

/// `[minima]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minima {
    /// How many, 1 to 64.
    pub count: usize,
    /// Epochs of each, at least 1.
    pub epochs: u32,
    /// Only minima of the same group of so many are connected; 0 connects all.
    pub group: usize,
    /// Checkpoints in the place of training, one for each minimum; none to train.
    pub files: Vec<String>,
}

/// `[curves]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Epochs of each; 0 leaves the straight segment.
    pub epochs: u32,
}

/// `[triangles]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triangles {
    /// Epochs of each triangle, and of each simplex of higher rank; 0 leaves the initial centre.
    pub epochs: u32,
    /// Whether the control points of lower faces move.
    pub centres: Faces,
}

/// `triangles.centres`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Faces {
    /// Only the simplex's own control points move.
    Fixed,
    /// All but the minima move, as private copies.
    Trainable,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Samples of a batch; without effect on an analytic objective.
    pub batch: usize,
    /// Base learning rate of the schedule.
    pub learning_rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, at the mixed point.
    pub weight_decay: f64,
    /// What is done to the images of a step.
    pub augment: Augment,
}

/// `train.augment`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augment {
    /// Nothing.
    None,
    /// Shifted by up to four pixels either way, and mirrored or not.
    CropFlip,
}

/// `[lattice]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lattice {
    /// Intervals on an edge.
    pub n: u32,
}

/// `[fit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// How t is drawn.
    pub sampling: Sampling,
    /// Depth of the maps: 1 has one bend in a curve, 2 three, 3 seven.
    pub depth: usize,
    /// Share of the gradient along the simplex that peak sampling leaves out, 0 to 1.
    pub tangent_removal: f64,
    /// Standard deviation of a seeded displacement of new centres: 0 but where the straight start is stationary.
    pub perturbation: f64,
}

/// `fit.sampling`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// Uniformly, as in the paper.
    Uniform,
    /// More often where the loss is high.
    Peak,
}

impl Sampling {
    /// Its name in configurations, files and tables.
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
    /// Depth of its maps; 0 for no second fit.
    pub depth: usize,
    /// How many times the epochs of the main fit.
    pub epoch_multiplier: u32,
}

/// `[convergence]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// Fits of depth 1 to this, with uniform and with peak sampling; 0 for none.
    pub depth: usize,
    /// How many times the epochs of the main fit, each.
    pub epoch_multipliers: Vec<u32>,
}

/// `[study]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Training samples of the networks; none for no study.
    pub sizes: Vec<usize>,
    /// Networks of each size.
    pub seeds: u32,
    /// Measurements inside the first epoch.
    pub early: u32,
}

impl Study {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.sizes.is_empty()
    }
}

impl Config {
    /// A preset or a file, then the overrides `key=value`.
    ///
    /// # Errors
    /// Unreadable file or bad TOML with its line; unknown preset or key with the nearest known one; a value out of
    /// its range.
    pub fn load(file: Option<&Path>, preset: Option<&str>, overrides: &[String]) -> Result<Self> {
        let mut table = match (file, preset) {
            (Some(path), None) => read(path)?,
            (None, name) => preset::table(name.unwrap_or("digits"))?,
            (Some(_), Some(_)) => {
                return Err(CliError::new(
                    ErrorKind::Usage,
                    "give a configuration file or --preset, not both",
                ));
            }
        };
        for text in overrides {
            keys::set_override(&mut table, text)?;
        }
        Self::from_table(table)
    }

    /// The defaults for a problem of one's own with this name, then the overrides `key=value`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn for_problem(name: &str, overrides: &[&str]) -> Result<Self> {
        let mut table =
            toml::Table::from_iter([("network".to_owned(), toml::Value::String(name.to_owned()))]);
        overrides.iter().try_for_each(|text| keys::set_override(&mut table, text))?;
        Self::from_table(table)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        Self::from_table(table(path, text)?)
    }

    /// Everything that a table leaves unsaid is as the defaults have it.
    fn from_table(mut table: toml::Table) -> Result<Self> {
        keys::rename_old_keys(&mut table)?;
        keys::check_names(&table)?;
        keys::default_minima_count(&mut table);
        let mut complete = preset::defaults();
        keys::merge(&mut complete, table);
        let config: Self = serde_path_to_error::deserialize(toml::Value::Table(complete)).map_err(|e| {
            let message = keys::without_rust_types(e.inner().message());
            CliError::new(ErrorKind::Configuration, format!("{}: {message}", e.path()))
        })?;
        config.check()?;
        Ok(config)
    }

    /// Every value in its range.
    fn check(&self) -> Result<()> {
        self.gpu.parsed_paths()?;
        let most_vertices = valleys_core::simplex::MAX_VERTICES;
        // Beyond triangles the number of control points explodes: 149 in a tetrahedron of depth 2, 2,065 of depth 3.
        let deepest = if self.index > 1 { 1 } else { valleys_core::simplex::MAX_DEPTH as u64 };
        let integer = [
            ("minima.count", self.minima.count as u64, 1, 64),
            ("minima.epochs", u64::from(self.minima.epochs), 1, 1_000_000),
            ("curves.epochs", u64::from(self.curves.epochs), 0, 1_000_000),
            ("triangles.epochs", u64::from(self.triangles.epochs), 0, 1_000_000),
            ("train.batch", self.train.batch as u64, 1, 1 << 20),
            ("lattice.n", u64::from(self.lattice.n), 1, 10_000),
            ("index", self.index as u64, 0, most_vertices as u64 - 2),
            ("minima.group", self.minima.group as u64, 0, 64),
            ("fit.depth", self.fit.depth as u64, 1, deepest),
            ("second_fit.depth", self.second_fit.depth as u64, 0, deepest),
            ("second_fit.epoch_multiplier", u64::from(self.second_fit.epoch_multiplier), 1, 1000),
            ("study.seeds", u64::from(self.study.seeds), 1, 1000),
            ("study.early", u64::from(self.study.early), 1, 1000),
            ("convergence.depth", self.convergence.depth as u64, 0, deepest),
        ];
        let epoch_multipliers = self
            .convergence
            .epoch_multipliers
            .iter()
            .map(|&e| ("convergence.epoch_multipliers", u64::from(e), 1, 1000));
        let sizes = self.study.sizes.iter().map(|&n| ("study.sizes", n as u64, 1, u64::from(u32::MAX)));
        let files = self.minima.files.len();
        if files > 0 && files != self.minima.count {
            let message =
                format!("minima.files names {files} files, but minima.count is {}", self.minima.count);
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        for (key, given, least, most) in integer.into_iter().chain(epoch_multipliers).chain(sizes) {
            if !(least..=most).contains(&given) {
                return Err(CliError::new(
                    ErrorKind::Configuration,
                    format!("{key} is {given}, but must be {least} to {most}"),
                ));
            }
        }
        let real = [
            ("train.learning_rate", self.train.learning_rate > 0.0, self.train.learning_rate, "above 0"),
            (
                "train.momentum",
                (0.0..1.0).contains(&self.train.momentum),
                self.train.momentum,
                "from 0 to below 1",
            ),
            ("train.weight_decay", self.train.weight_decay >= 0.0, self.train.weight_decay, "0 or above"),
            (
                "fit.tangent_removal",
                (0.0..=1.0).contains(&self.fit.tangent_removal),
                self.fit.tangent_removal,
                "from 0 to 1",
            ),
            ("fit.perturbation", self.fit.perturbation >= 0.0, self.fit.perturbation, "0 or above"),
        ];
        let all = |values: &Option<Vec<f64>>| values.clone().unwrap_or_default();
        let means = all(&self.data.mean).into_iter().map(|x| ("data.mean", true, x, "that is finite"));
        let deviations = all(&self.data.std).into_iter().map(|x| ("data.std", x > 0.0, x, "above 0"));
        for (key, in_range, given, range) in real.into_iter().chain(means).chain(deviations) {
            if !(in_range && given.is_finite()) {
                let message = format!("{key} is {given}, but must be a number {range}");
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
        }
        Ok(())
    }

    /// The configuration as TOML, every key with its value.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is a table of numbers and words")
    }
}

fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CliError::new(ErrorKind::Configuration, format!("cannot read {}: {e}", path.display()))
    })?;
    table(path, &text)
}

fn table(path: &Path, text: &str) -> Result<toml::Table> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let message = e.message().lines().next().unwrap_or_default().to_owned();
        CliError::new(ErrorKind::Configuration, format!("{}, line {line}: {message}", path.display()))
    })
}
