//! What a configuration says of a network: a name, or layers.

use super::{Io, LayerSpec, Model, layers};
use crate::error::{CliError, ErrorKind, Result};
use crate::toml_file;
use crate::wording::{nearest, without_rust_types};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;
use valleys_core::network::{Layer, Shape};

/// The key `network` of a configuration: a name, or a table with a list of layers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum NetworkSpec {
    /// A network or a function by name, or a user-defined problem.
    Name(String),
    /// A list of layers.
    Layers {
        /// What it is called in titles and files.
        name: String,
        /// The layers, first to last.
        layers: Vec<LayerSpec>,
    },
}

/// The table of a network in a file.
#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    name: Option<String>,
    layers: Vec<LayerSpec>,
}

impl NetworkSpec {
    /// The name of a network whose table has none.
    const UNNAMED: &'static str = "custom";

    /// From a value of TOML: a name, or a table with `layers` and a `name`.
    ///
    /// # Errors
    /// Another value; an unknown or missing field of a layer, with the place of the layer.
    pub fn from_toml(value: &toml::Value) -> Result<Self> {
        let wrong = |what: String| Err(CliError::new(ErrorKind::Configuration, format!("network: {what}")));
        let table = match value {
            toml::Value::String(name) => return Ok(Self::Name(name.clone())),
            toml::Value::Table(table) => table,
            other => {
                return wrong(format!(
                    "the name of a network, a file NAME.toml, or a table of layers expected, found {}",
                    other.type_str()
                ));
            }
        };
        if let Some(key) = table.keys().find(|key| !["name", "layers"].contains(&key.as_str())) {
            let hint = nearest(key, ["name", "layers"].into_iter());
            return wrong(format!("unknown key {key:?}{hint}"));
        }
        if let Some(list) = table.get("layers") {
            layers::check_types(list, "layers")
                .map_err(|what| CliError::new(ErrorKind::Configuration, format!("network.{what}")))?;
        }
        let table: Table =
            serde_path_to_error::deserialize(toml::Value::Table(table.clone())).map_err(|e| {
                let message = without_rust_types(e.inner().message());
                CliError::new(ErrorKind::Configuration, format!("network.{}: {message}", e.path()))
            })?;
        let name = table.name.unwrap_or_else(|| Self::UNNAMED.to_owned());
        if name.is_empty() || name.chars().any(|c| c.is_control() || c == '/') {
            return wrong(format!("name is {name:?}, but must be a word without a slash"));
        }
        Ok(Self::Layers { name, layers: table.layers })
    }

    /// From a flag or a key: a name, or the path of a TOML file with a list of layers.
    ///
    /// # Errors
    /// The file cannot be read or is malformed, with its line; those of [`from_toml`](Self::from_toml).
    pub fn from_text(text: &str) -> Result<Self> {
        match read_file(text)? {
            Some(table) => Self::from_toml(&toml::Value::Table(table)).map_err(|e| {
                let what = e.message.trim_start_matches("network").trim_start_matches([':', '.', ' ']);
                CliError::new(e.kind, format!("{text}: {what}"))
            }),
            None => Ok(Self::Name(text.to_owned())),
        }
    }

    /// Its name in titles and files.
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Layers { name, .. } => name,
        }
    }

    /// The network for these inputs and outputs.
    ///
    /// # Errors
    /// An unknown name, with the nearest known one; the first layer that does not fit, with the shape that arrives.
    pub fn model(&self, io: Io) -> Result<Model> {
        match self {
            Self::Name(name) => Model::for_data(name, io),
            Self::Layers { name, layers } => layers::build(layers, io)
                .map_err(|what| CliError::new(ErrorKind::Configuration, format!("network {name:?}: {what}"))),
        }
    }

    /// Checks what can be known without data: that a name is known. Returns whether the network has a batch norm.
    ///
    /// # Errors
    /// It is not, with the nearest known one.
    pub fn check(&self) -> Result<bool> {
        match self {
            Self::Name(name) => {
                // Large enough for every network.
                let io = Io { input: Shape { channels: 3, height: 64, width: 64 }, outputs: 10 };
                Ok(Model::for_data(name, io)?.layers.contains(&Layer::BatchNorm))
            }
            Self::Layers { layers, .. } => Ok(layers.iter().any(LayerSpec::has_batch_norm)),
        }
    }
}

impl fmt::Display for NetworkSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for NetworkSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        Self::from_toml(&value).map_err(|e| serde::de::Error::custom(e.message))
    }
}

/// The table of the file that a text names, with the file's name as that of the network; none for a text that does not end
/// in `.toml`.
///
/// # Errors
/// The file cannot be read, or is no TOML, with the line.
pub fn read_file(text: &str) -> Result<Option<toml::Table>> {
    let path = Path::new(text);
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Ok(None);
    }
    let mut table = toml_file::read(path)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    table.entry("name").or_insert(toml::Value::String(name));
    Ok(Some(table))
}

impl From<&str> for NetworkSpec {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}
