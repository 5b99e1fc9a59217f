//! The index of a model in shards: `model.safetensors.index.json`.

use crate::error::{CliError, ErrorKind, Result, read_error};
use crate::formats::foreign::foreign;
use crate::tensors::header::Header;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

/// What an index says, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    path: PathBuf,
    /// Tensor and file, in the order of the index.
    entries: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Document {
    weight_map: Map,
}

struct Map(Vec<(String, String)>);

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// It cannot be read; as [`Index::decode`].
    pub fn read(path: &Path) -> Result<Self> {
        Self::decode(path, &std::fs::read(path).map_err(|e| read_error(path, &e))?)
    }

    /// The index of these bytes.
    ///
    /// # Errors
    /// It is no JSON with a `weight_map`, with the line; a tensor occurs twice; a shard is not beside the index.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| {
            CliError::new(ErrorKind::Data, format!("{}: no index of shards: {what}", path.display()))
        };
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|e| wrong(foreign(bytes).unwrap_or_else(|| e.to_string())))?;
        let Map(entries) = document.weight_map;
        if entries.is_empty() {
            return Err(wrong("its weight_map names no tensor".to_owned()));
        }
        for (tensor, file) in &entries {
            let mut parts = Path::new(file).components();
            let beside = matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
            if !beside {
                return Err(wrong(format!(
                    "tensor {tensor} is in {file:?}, which is no file beside the index"
                )));
            }
        }
        Ok(Self { path: path.to_owned(), entries })
    }

    /// The names of the tensors, in the order of the index.
    pub fn names(&self) -> Vec<String> {
        self.entries.iter().map(|(name, _)| name.clone()).collect()
    }

    /// The shards, beside the index.
    pub fn shards(&self) -> Vec<PathBuf> {
        let files: BTreeSet<&str> = self.entries.iter().map(|(_, file)| file.as_str()).collect();
        files.into_iter().map(|file| self.path.with_file_name(file)).collect()
    }

    /// Opens the shards.
    ///
    /// # Errors
    /// One is missing or malformed.
    pub fn open_shards(&self) -> Result<Vec<Header<File>>> {
        let shards = self.shards();
        let missing: Vec<&PathBuf> = shards.iter().filter(|path| !path.exists()).collect();
        if let Some(first) = missing.first() {
            let file = first.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let tensors = self.entries.iter().filter(|(_, of)| *of == file).count();
            let others = match missing.len() {
                1 => String::new(),
                n => format!(", and {} more shards are missing", n - 1),
            };
            let what = format!(
                "{}: the shard {file} is missing, which holds {tensors} of {} tensors{others}",
                self.path.display(),
                self.entries.len()
            );
            return Err(CliError::new(ErrorKind::Data, what));
        }
        shards.iter().map(|path| Header::open(path)).collect()
    }

    /// Compares the index with what the shards hold: what they hold besides is returned as a note.
    ///
    /// # Errors
    /// A tensor that the index names is not in its shard.
    pub fn check<F>(&self, headers: &[Header<F>]) -> Result<Option<String>>
    where
        F: std::io::Read + std::io::Seek,
    {
        let mut holds: HashMap<&str, String> = HashMap::new();
        for header in headers {
            let file = Path::new(header.name()).file_name().unwrap_or_default().to_string_lossy();
            holds.extend(header.tensors().iter().map(|t| (t.name.as_str(), file.clone().into_owned())));
        }
        let mut faults: Vec<String> = Vec::new();
        for (name, file) in &self.entries {
            match holds.remove(name.as_str()) {
                Some(found) if found == *file => {}
                Some(found) => faults.push(format!("{name} is in {found}, not in {file}")),
                None => faults.push(format!("{name} is not in {file}")),
            }
        }
        if !faults.is_empty() {
            let more =
                if faults.len() > 3 { format!(", and {} more", faults.len() - 3) } else { String::new() };
            let faults: Vec<String> = faults.into_iter().take(3).collect();
            let what = format!("{}: tensor {}{more}", self.path.display(), faults.join(", "));
            return Err(CliError::new(ErrorKind::Data, what));
        }
        let extra: BTreeSet<&str> = holds.keys().copied().collect();
        Ok(extra.first().map(|first| {
            format!(
                "{} tensors of the shards are not in the index, the first {first}; they are read",
                extra.len()
            )
        }))
    }
}

impl<'de> Deserialize<'de> for Map {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Map;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a map from tensors to files")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Map, M::Error> {
                let mut seen = std::collections::HashSet::new();
                let mut entries = Vec::new();
                while let Some((name, file)) = map.next_entry::<String, String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(M::Error::custom(format!("the tensor {name:?} occurs twice")));
                    }
                    entries.push((name, file));
                }
                Ok(Map(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
