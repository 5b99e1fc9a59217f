//! The models of a folder, and what in it is no model.

use super::{Files, Index, ModelFiles, Shard, SkippedFile, no_model};
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::foreign::foreign;
use crate::tensors::header::Header;
use crate::tensors::order::natural;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Endings of other checkpoints, of which a folder without safetensors says what they are.
const OTHERS: [&str; 11] =
    ["pt", "pth", "bin", "ckpt", "h5", "keras", "onnx", "gguf", "msgpack", "npz", "npy"];

/// Beginnings of the names of what trainers keep beside a model.
const STATES: [&str; 6] = ["optimizer", "scheduler", "training_args", "rng_state", "scaler", "random_states"];

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its models, in the natural order of their names.
    pub models: Vec<ModelFiles>,
    /// Files that are none, with the reason.
    pub skipped: Vec<SkippedFile>,
}

impl Listing {
    /// Lists a folder of model files, or of folders of model files (one level down).
    ///
    /// # Errors
    /// It cannot be listed; shards are missing.
    pub fn read(folder: &Path) -> Result<Self> {
        let (mut listing, folders) = Self::level(folder)?;
        let own = !listing.models.is_empty();
        for inside in folders {
            let (mut below, _) = Self::level(&inside)?;
            if own {
                if let Some(first) = below.models.first() {
                    let reason = format!("a folder beside model files, with {}; give it by name", first.name);
                    listing.skip(&inside, reason, false);
                }
                continue;
            }
            // A checkpoint is called what its folder is called.
            if let [model] = &mut below.models[..] {
                model.name = inside.display().to_string();
            }
            listing.models.extend(below.models);
            listing.skipped.extend(below.skipped);
        }
        Ok(listing)
    }

    /// The only model of the folder.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn single(self, folder: &Path) -> Result<ModelFiles> {
        let count = self.models.len();
        match <[ModelFiles; 1]>::try_from(self.models) {
            Ok([model]) => Ok(model),
            Err(models) if count > 0 => {
                let names: Vec<&str> = models.iter().take(4).map(|m| m.name.as_str()).collect();
                let more = if count > 4 { ", ..." } else { "" };
                let what = format!(
                    "{}: {count} models ({}{more}), but one is expected: give one of them",
                    folder.display(),
                    names.join(", ")
                );
                Err(CliError::new(ErrorKind::Data, what))
            }
            Err(_) => Err(empty(folder, &self.skipped)),
        }
    }

    fn skip(&mut self, path: &Path, reason: impl Into<String>, failed: bool) {
        self.skipped.push(SkippedFile { file: path.display().to_string(), reason: reason.into(), failed });
    }

    /// The models of a folder itself, and its folders.
    fn level(folder: &Path) -> Result<(Self, Vec<PathBuf>)> {
        let cannot = |e: &std::io::Error| {
            CliError::new(ErrorKind::Data, format!("cannot list {}: {e}", folder.display()))
        };
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|e| cannot(&e))? {
            paths.push(entry.map_err(|e| cannot(&e))?.path());
        }
        paths.sort_by_cached_key(|path| natural(&file_name(path)));
        let mut listing = Self::default();
        let (mut files, mut indexes, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        for path in paths {
            let name = file_name(&path);
            let is = |ending: &str| name.ends_with(ending);
            if path.is_dir() {
                if !name.starts_with('.') {
                    folders.push(path);
                }
            } else if !is(".safetensors") && !is(".safetensors.index.json") {
                let extension = path.extension().map_or_else(String::new, |e| e.to_string_lossy().into());
                if STATES.iter().any(|start| name.starts_with(start)) {
                    listing.skip(&path, "the state of a training, no model", false);
                } else if OTHERS.contains(&extension.as_str()) && !name.starts_with('.') {
                    let what = first_bytes(&path).and_then(|bytes| foreign(&bytes));
                    listing.skip(&path, what.unwrap_or_else(|| "not a safetensors file".to_owned()), false);
                }
            } else if name.starts_with("._") {
                listing.skip(&path, "a file of macOS beside the real one (AppleDouble)", false);
            } else if name.starts_with('.') {
                listing.skip(&path, "a hidden file", false);
            } else if is(".json") {
                indexes.push(path);
            } else {
                files.push(path);
            }
        }
        let mut models = Vec::new();
        for path in indexes {
            let shards = Index::read(&path)?.shards();
            files.retain(|file| !shards.contains(file));
            models.push(ModelFiles { name: path.display().to_string(), files: Files::Index(path) });
        }
        let mut readable = Vec::new();
        for path in files {
            match Header::open(&path) {
                Err(error) => {
                    let own = format!("{}: ", path.display());
                    let reason = error.message.strip_prefix(&own).unwrap_or(&error.message);
                    listing.skip(&path, reason, true);
                }
                Ok(header) => match no_model(&path, header.tensors()) {
                    Some(reason) => listing.skip(&path, reason, false),
                    None => readable.push(path),
                },
            }
        }
        models.extend(Shard::grouped(&readable)?);
        models.sort_by_cached_key(|model| natural(&model.name));
        listing.models = models;
        Ok((listing, folders))
    }
}

/// That a folder has no model, and what it has.
pub(super) fn empty(folder: &Path, skipped: &[SkippedFile]) -> CliError {
    let why = match skipped {
        [] => "no file ends in .safetensors".to_owned(),
        [first, others @ ..] => {
            let others = if others.is_empty() { String::new() } else { format!("; {} more", others.len()) };
            format!("no safetensors file is a model: {}: {}{others}", first.file, first.reason)
        }
    };
    CliError::new(ErrorKind::Data, format!("{}: {why}", folder.display()))
}

fn first_bytes(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(4096).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
