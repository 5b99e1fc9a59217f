//! The configuration of a run.
//!
//! A configuration is a preset or a TOML file, completed by defaults and changed by overrides `key=value`.
//!
//! # Tour
//!
//! - [`Config`] and its sections, a field for each key.
//! - `keys`: the help text of each key, overrides, names of the previous version, "did you mean".
//! - `check`: the range of each value.
//! - `data`: the values of the keys of data of one's own.
//! - [`preset`]: the defaults and the presets.

mod check;
mod data;
mod keys;
pub mod preset;
mod scale;
mod sections;

use crate::data::train_len;
use crate::error::{CliError, ErrorKind, Result};
use crate::model::NetworkSpec;
use crate::store::file_name;
use crate::toml_file;
use crate::wording::without_rust_types;
use serde::{Deserialize, Serialize};
use std::path::Path;

pub use data::{Column, Columns, Missing, Normalise, NormaliseTarget, Split, Task};
pub use keys::{KEYS, current_path_name};
pub use scale::Scale;
pub use sections::{
    Augment, Backend, ClassWeights, Convergence, CurvePaths, Curves, Data, Faces, Fit, FitStart, Gpu,
    Initial, Lattice, Loss, LossKind, Measure, Minima, NamedWeights, Optimizer, Peaks, Sampling, Schedule,
    SecondFit, StageSchedule, Study, Take, Train, Triangles,
};

/// A complete configuration. Two runs with the same configuration and data compute the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A network, by name or by its layers; a function or a user-defined problem by name.
    pub network: NetworkSpec,
    /// The data set of a network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// What trains and evaluates networks. Without effect on a function.
    pub backend: Backend,
    /// Options of the GPU.
    #[serde(default, skip_serializing_if = "Gpu::is_default")]
    pub gpu: Gpu,
    /// Options of the data set.
    pub data: Data,
    /// How much the samples and epochs of a preset were reduced. Without effect of its own: the other keys say all.
    pub scale: Scale,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Highest index of the barcode, r. Simplices of up to r + 2 vertices are fitted.
    pub index: usize,
    /// Simplices of rank 0.
    pub minima: Minima,
    /// Simplices of rank 1.
    pub curves: Curves,
    /// Simplices of rank 2 and higher.
    pub triangles: Triangles,
    /// The loss of a network.
    pub loss: Loss,
    /// The optimiser.
    pub train: Train,
    /// The points where losses are evaluated.
    pub lattice: Lattice,
    /// The value of a simplex.
    pub peaks: Peaks,
    /// The samples of measurements.
    pub measure: Measure,
    /// The main fit.
    pub fit: Fit,
    /// A second fit.
    pub second_fit: SecondFit,
    /// A comparison of fits.
    pub convergence: Convergence,
    /// A study of weights. It replaces minima, curves and triangles.
    pub study: Study,
}

impl Config {
    /// Loads a file or a preset, then applies the overrides `key=value`. Without both, the preset is `digits`.
    ///
    /// # Errors
    /// The file cannot be read; its TOML is malformed, with the line; a preset or key is unknown, with the nearest known
    /// one; a value is out of its range.
    pub fn load(file: Option<&Path>, preset: Option<&str>, overrides: &[String]) -> Result<Self> {
        let configs = Self::load_all(file, preset, overrides)?;
        let [config] = <[Self; 1]>::try_from(configs).map_err(|configs| {
            let message = format!("network is a list of {} networks; one is expected here", configs.len());
            CliError::new(ErrorKind::Configuration, message)
        })?;
        Ok(config)
    }

    /// [`load`](Self::load), where `network` may be a list: a configuration for each network, with all other keys the same.
    ///
    /// # Errors
    /// Those of [`load`](Self::load); an empty list; a network that occurs twice.
    pub fn load_all(file: Option<&Path>, preset: Option<&str>, overrides: &[String]) -> Result<Vec<Self>> {
        let (preset, mut table) = match (file, preset) {
            (Some(path), None) => (toml::Table::new(), toml_file::read(path)?),
            (None, name) => (preset::table(name.unwrap_or("digits"))?, toml::Table::new()),
            (Some(_), Some(_)) => {
                let message = "give a configuration file or --preset, not both";
                return Err(CliError::new(ErrorKind::Usage, message));
            }
        };
        for text in overrides {
            keys::set_override(&mut table, text)?;
        }
        let network = table.get("network").or(preset.get("network"));
        let Some(toml::Value::Array(networks)) = network else {
            return Ok(vec![Self::from_table(preset, table)?]);
        };
        let networks = networks.clone();
        if networks.is_empty() {
            return Err(CliError::new(ErrorKind::Configuration, "network: the list is empty"));
        }
        let of_network = |(number, network): (usize, &toml::Value)| {
            if networks[..number].contains(network) {
                let message = format!("network: {network} occurs twice");
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
            let mut table = table.clone();
            table.insert("network".to_owned(), network.clone());
            Self::from_table(preset.clone(), table)
        };
        let configs = networks.iter().enumerate().map(of_network).collect::<Result<Vec<_>>>()?;
        check_folders(&configs)?;
        Ok(configs)
    }

    /// Configurations that differ in `network` alone, as one file for [`load_all`](Self::load_all).
    pub fn all_to_toml(configs: &[Self]) -> String {
        let [first, _, ..] = configs else { return configs.iter().map(Self::to_toml).collect() };
        let mut table = first.to_table();
        let networks = configs.iter().filter_map(|config| config.to_table().remove("network")).collect();
        table.insert("network".to_owned(), toml::Value::Array(networks));
        toml::to_string(&table).expect("a configuration is a table of numbers and strings")
    }

    /// The default configuration of a user-defined problem with this name, then the overrides `key=value`. The defaults
    /// are those of networks: four minima, and a `train.weight_decay` of 0.001.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn for_problem(name: &str, overrides: &[&str]) -> Result<Self> {
        let mut table =
            toml::Table::from_iter([("network".to_owned(), toml::Value::String(name.to_owned()))]);
        overrides.iter().try_for_each(|text| keys::set_override(&mut table, text))?;
        Self::from_table(toml::Table::new(), table)
    }

    /// Parses the text of a file. `path` is for error messages.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        Self::from_table(toml::Table::new(), toml_file::parse(path, text)?)
    }

    /// Completes a table with a preset, at the scale of the table, and with the defaults.
    fn from_table(preset: toml::Table, mut table: toml::Table) -> Result<Self> {
        keys::rename_old_keys(&mut table)?;
        keys::check_names(&table)?;
        if let Some(network) = table.get_mut("network") {
            // The layers of a file become part of the configuration: a run does not depend on the file later.
            let spec = match &*network {
                toml::Value::String(text) => NetworkSpec::from_text(text)?,
                value => NetworkSpec::from_toml(value)?,
            };
            *network = toml::Value::try_from(spec).expect("a network is a string or a table");
        }
        keys::default_minima_count(&mut table);
        let mut complete = preset::defaults();
        keys::merge(&mut complete, preset);
        let text = |key| table.get(key).or(complete.get(key)).and_then(toml::Value::as_str);
        let samples = text("dataset").and_then(train_len);
        // An unknown scale is refused below, with its name.
        let scale = text("scale").and_then(|name| Scale::deserialize(toml::Value::from(name)).ok());
        scale.unwrap_or(Scale::Full).apply(&mut complete, samples);
        keys::merge(&mut complete, table);
        let config: Self = serde_path_to_error::deserialize(toml::Value::Table(complete)).map_err(|e| {
            let message = without_rust_types(e.inner().message());
            CliError::new(ErrorKind::Configuration, format!("{}: {message}", e.path()))
        })?;
        config.check()?;
        Ok(config)
    }

    fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("a configuration is a table of numbers and strings")
    }

    /// The configuration as TOML, with every key.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is a table of numbers and strings")
    }
}

/// Longest name of a folder of a network.
const LONGEST_FOLDER: usize = 128;

/// Checks that each network of a list can have a folder of its own in the run directory, beside the files there.
fn check_folders(configs: &[Config]) -> Result<()> {
    let folder = |config: &Config| file_name(config.network.name()).to_lowercase();
    for (number, config) in configs.iter().enumerate() {
        let (name, own) = (config.network.name(), folder(config));
        let is_file =
            own == "lock" || [".toml", ".json", ".html", ".csv"].iter().any(|end| own.ends_with(end));
        let twin = configs[..number].iter().find(|other| folder(other) == own);
        let why = if own.is_empty() || own.starts_with('.') || is_file {
            "which cannot name its folder in the run directory".to_owned()
        } else if own.len() > LONGEST_FOLDER {
            format!("which is longer than {LONGEST_FOLDER} characters")
        } else if let Some(twin) = twin {
            format!("whose folder in the run directory is that of network {:?}", twin.network.name())
        } else {
            continue;
        };
        let message = format!(
            "network: a network of the list is called {name:?}, {why}; the key name of its layers gives it another"
        );
        return Err(CliError::new(ErrorKind::Configuration, message));
    }
    Ok(())
}
