//! Which files are one model: a file, an index and its shards, shards by their names, the models of a folder.

mod folder;
mod index;
mod series;

pub use folder::Listing;
pub use index::Index;
pub use series::{Series, series};

use super::header::StoredTensor;
use super::numbers::is_float;
use crate::error::{CliError, ErrorKind, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The files of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// What messages and results call it.
    pub name: String,
    /// The files.
    pub files: Files,
}

/// How a model is divided into files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// One file.
    Single(PathBuf),
    /// All shards, in their order.
    Shards(Vec<PathBuf>),
    /// An index that names the shards.
    Index(PathBuf),
}

/// A file of a folder that is no model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SkippedFile {
    /// The file.
    pub file: String,
    /// Why.
    pub reason: String,
    /// Whether it should have been a model, and cannot be read.
    #[serde(skip)]
    pub failed: bool,
}

impl ModelFiles {
    /// The model of a file, of an index, or of a folder that holds one.
    ///
    /// # Errors
    /// No model in the folder, or several; one shard of several.
    pub fn one(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Listing::read(path)?.single(path);
        }
        let file = Self::of_file(path);
        if let (Files::Single(_), Some(shard)) = (&file.files, Shard::of(path)) {
            return Err(shard.missing(path, &[shard.number]));
        }
        Ok(file)
    }

    /// A file by its name alone.
    fn of_file(path: &Path) -> Self {
        let name = path.display().to_string();
        let files = match name.ends_with(".index.json") {
            true => Files::Index(path.to_owned()),
            false => Files::Single(path.to_owned()),
        };
        Self { name, files }
    }
}

/// What the name of a shard says: `model-00001-of-00002.safetensors`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shard {
    /// What goes before the numbers, with the folder.
    stem: PathBuf,
    /// From 1.
    number: usize,
    /// How many there are.
    count: usize,
    /// Digits of the numbers.
    digits: usize,
}

impl Shard {
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".safetensors")?;
        let (start, count) = name.rsplit_once("-of-")?;
        let (stem, number) = start.rsplit_once('-')?;
        let (number, count, digits) = (number.parse().ok()?, count.parse().ok()?, count.len());
        (1..=count).contains(&number).then(|| Self { stem: path.with_file_name(stem), number, count, digits })
    }

    /// Another shard of the same model.
    fn path(&self, number: usize) -> PathBuf {
        let digits = self.digits;
        let stem = self.stem.file_name().map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        self.stem.with_file_name(format!("{stem}-{number:0digits$}-of-{:0digits$}.safetensors", self.count))
    }

    fn missing(&self, path: &Path, given: &[usize]) -> CliError {
        let missing: Vec<usize> = (1..=self.count).filter(|n| !given.contains(n)).collect();
        let names: Vec<String> =
            missing.iter().take(3).map(|&n| self.path(n).display().to_string()).collect();
        let more = if missing.len() > 3 { format!(" and {} more", missing.len() - 3) } else { String::new() };
        let what = format!(
            "{}: one of {} shards of a model, of which {} {} missing{more}: give all of them, their folder or their index",
            path.display(),
            self.count,
            names.join(", "),
            if missing.len() == 1 { "is" } else { "are" }
        );
        CliError::new(ErrorKind::Data, what)
    }

    /// The models of some files: shards of one name together, in the place of the first.
    fn grouped(files: &[PathBuf]) -> Result<Vec<ModelFiles>> {
        let mut models: Vec<ModelFiles> = Vec::new();
        let mut done: Vec<Self> = Vec::new();
        for path in files {
            let Some(shard) = Self::of(path) else {
                models.push(ModelFiles::of_file(path));
                continue;
            };
            let same = |other: &Self| other.stem == shard.stem && other.count == shard.count;
            if done.iter().any(same) {
                continue;
            }
            let mut given: Vec<(usize, &PathBuf)> =
                files.iter().filter_map(|path| Some((Self::of(path).filter(same)?.number, path))).collect();
            given.sort();
            given.dedup();
            let numbers: Vec<usize> = given.iter().map(|(number, _)| *number).collect();
            if numbers != (1..=shard.count).collect::<Vec<_>>() {
                return Err(shard.missing(path, &numbers));
            }
            let name = format!("{} ({} shards)", shard.path(1).display(), shard.count);
            let shards = given.into_iter().map(|(_, path)| path.clone()).collect();
            models.push(ModelFiles { name, files: Files::Shards(shards) });
            done.push(shard);
        }
        Ok(models)
    }
}

/// Parts of the names of an optimiser's numbers.
const OPTIMISER: [&str; 6] =
    ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer", "square_avg", "grad_avg"];

/// Whether a tensor is the state of an optimiser: `exp_avg`, `momentum_buffer`.
pub fn is_optimiser_state(name: &str) -> bool {
    name.split(['.', '/']).any(|part| OPTIMISER.contains(&part))
}

/// Whether a tensor is a factor of a low-rank adapter.
pub fn is_adapter(name: &str) -> bool {
    let words = ["lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector"];
    name.split('.').any(|part| words.contains(&part) || matches!(part, "lora_down" | "lora_up"))
}

/// What a file holds instead of a model, if its tensors are of one kind, or its name says so.
fn no_model(path: &Path, tensors: &[StoredTensor]) -> Option<&'static str> {
    let file = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
    let numbered = |name: &str| {
        let rest = name.strip_prefix("optimizer.").unwrap_or(name).strip_prefix("state.");
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let mut floats = tensors.iter().filter(|t| is_float(t.kind) && !t.shape.is_empty()).peekable();
    let any = floats.peek().is_some();
    let all = |of: &dyn Fn(&str) -> bool| any && floats.clone().all(|t| of(&t.name));
    if file.starts_with("optimizer") || all(&|name| is_optimiser_state(name) || numbered(name)) {
        Some("the state of an optimiser, no model")
    } else if file.starts_with("adapter_model") || all(&is_adapter) {
        Some("a low-rank adapter (LoRA): what is added to a model, no model")
    } else {
        None
    }
}
