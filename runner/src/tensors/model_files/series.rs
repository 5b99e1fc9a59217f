//! The models that a command line names, in order.

use super::folder::empty;
use super::{Files, Listing, ModelFiles, Shard, SkippedFile, no_model};
use crate::error::Result;
use crate::tensors::header::Header;
use crate::tensors::order::natural;
use std::path::PathBuf;

/// Models in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series {
    /// The models.
    pub models: Vec<ModelFiles>,
    /// Files in folders that are no model.
    pub skipped: Vec<SkippedFile>,
    /// What was guessed, and what was found, each in a sentence.
    pub notes: Vec<String>,
}

/// The models of files and folders, which are a series if they are several.
///
/// Files in the order that a shell gives them (by characters: `step-1000` before `step-500`) are put in natural order,
/// unless `keep_order`. A folder's models are in natural order.
///
/// # Errors
/// A folder cannot be listed, or holds no model; a shard is missing.
pub fn series(given: &[PathBuf], keep_order: bool) -> Result<Series> {
    let mut series = Series::default();
    let mut given = given.to_vec();
    let key = |path: &PathBuf| natural(&path.to_string_lossy());
    // By the bytes of the whole path: paths themselves compare folder by folder.
    let shell = given.is_sorted_by_key(|path| path.as_os_str());
    // `0.10` and `0.5` may be numbers with decimals, which have another order.
    let has_decimals = |path: &PathBuf| {
        let name = path.to_string_lossy().into_owned();
        name.as_bytes().windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit())
    };
    if !keep_order && shell && !given.iter().any(has_decimals) && !given.is_sorted_by_key(key) {
        given.sort_by_cached_key(key);
        series.notes.push(
            "the files were given in the order of their characters, as a shell lists them, and are taken in the order of their numbers; --keep-order takes them as given"
                .to_owned(),
        );
    }
    // An index with its own shards, as a pattern of a shell gives them, is one model.
    for path in given.clone().iter().filter(|path| path.to_string_lossy().ends_with(".index.json")) {
        if let Ok(index) = super::Index::read(path) {
            let shards = index.shards();
            given.retain(|path| !shards.contains(path));
        }
    }
    // Shards that are given one by one are a model in the place of the first.
    let mut run: Vec<PathBuf> = Vec::new();
    for path in &given {
        if path.is_dir() {
            series.extend(std::mem::take(&mut run))?;
            let listing = Listing::read(path)?;
            if listing.models.is_empty() {
                return Err(empty(path, &listing.skipped));
            }
            series.models.extend(listing.models);
            series.skipped.extend(listing.skipped);
        } else {
            run.push(path.clone());
        }
    }
    series.extend(run)?;
    Ok(series)
}

impl Series {
    /// Files by their names: they are read whatever they are.
    fn extend(&mut self, files: Vec<PathBuf>) -> Result<()> {
        for model in Shard::grouped(&files)? {
            if let Files::Single(path) = &model.files
                && let Ok(header) = Header::open(path)
                && let Some(reason) = no_model(path, header.tensors())
            {
                self.notes.push(format!("{}: {reason}; read because it is given by name", model.name));
            }
            self.models.push(model);
        }
        Ok(())
    }
}
