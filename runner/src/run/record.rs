//! Which jobs are done, by their files alone.
//!
//! The last file of a job is its record, `NAME.json`: the hashes of its outputs, and of the records that it was made
//! from. A job is done iff its record is there and all these hashes fit; so a chain of records ends at `origin.json`.

use super::job::Job;
use crate::error::{CliError, ErrorKind, Result};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;

/// The record of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hashes of the records of the jobs that it needs, or of `origin.json`.
    pub inputs: BTreeMap<String, String>,
    /// Hashes of its files.
    pub outputs: BTreeMap<String, String>,
    /// Why it has none: that a loss is not finite is a result, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<Divergence>,
}

/// A loss that is not finite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The job's work, and which loss.
    pub what: String,
    /// The step, counted from the first of the first epoch; or the point of the lattice.
    pub at: u64,
    /// The first layer whose output is not finite there, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not finite at {}", self.what, self.at)?;
        if let Some(layer) = &self.layer {
            write!(f, ", nor the output of {layer}")?;
        }
        write!(f, "; a smaller train.learning_rate may help")
    }
}

/// A job whose record fits.
#[derive(Clone, Debug)]
pub struct VerifiedRecord {
    /// Hash of the record.
    pub hash: String,
    /// See [`Record::diverged`].
    pub diverged: Option<Divergence>,
}

/// The records of a run directory, each read once.
#[derive(Debug, Default)]
pub struct Records {
    verified: Mutex<HashMap<Job, VerifiedRecord>>,
}

/// The name of the record of a job.
pub fn record_file(job: Job) -> String {
    format!("{}.json", job.name())
}

impl Records {
    /// What a job left, if it is done.
    pub fn verified(&self, root: &Path, job: Job) -> Option<VerifiedRecord> {
        if let Some(verified) = self.verified.lock().ok()?.get(&job) {
            return Some(verified.clone());
        }
        let bytes = std::fs::read(root.join(record_file(job))).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        let fits =
            |(name, hash): (&String, &String)| file_hash(&root.join(name)).is_ok_and(|found| found == *hash);
        if record.inputs != self.inputs(root, job)? || !record.outputs.iter().all(fits) {
            return None;
        }
        let verified = VerifiedRecord { hash: blake3::hash(&bytes).to_hex().to_string(), diverged: record.diverged };
        self.verified.lock().ok()?.insert(job, verified.clone());
        Some(verified)
    }

    /// Whether the folder of a job is as its record says, and the record of what is there now.
    pub fn folder_is_intact(&self, root: &Path, job: Job) -> bool {
        let record = std::fs::read(root.join(record_file(job))).ok();
        let record = record.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        record.is_some_and(|record| {
            let folder = format!("{}/", job.name());
            let mut inside = record.outputs.iter().filter(|(name, _)| name.starts_with(&folder)).peekable();
            self.inputs(root, job).is_some_and(|inputs| inputs == record.inputs)
                && inside.peek().is_some()
                && inside.all(|(name, hash)| file_hash(&root.join(name)).is_ok_and(|found| found == *hash))
        })
    }

    /// The hashes of what a job needs; none where some of it is not done.
    pub fn inputs(&self, root: &Path, job: Job) -> Option<BTreeMap<String, String>> {
        let needed = job.inputs();
        if needed.is_empty() {
            return Some(BTreeMap::from([(ORIGIN.to_owned(), file_hash(&root.join(ORIGIN)).ok()?)]));
        }
        needed.into_iter().map(|input| Some((input.name(), self.verified(root, input)?.hash))).collect()
    }

    /// The diverged job on which a job depends, so that it is never done.
    pub fn diverged_dependency(&self, root: &Path, job: Job) -> Option<Job> {
        job.inputs().into_iter().find_map(|input| match self.verified(root, input) {
            Some(verified) => verified.diverged.map(|_| input),
            None => self.diverged_dependency(root, input),
        })
    }

    /// Writes the record of a job whose files are there.
    ///
    /// # Errors
    /// The disk; an input that is not done; a record that is there already.
    pub fn commit(
        &self,
        store: &Store,
        job: Job,
        outputs: Vec<String>,
        diverged: Option<Divergence>,
    ) -> Result<()> {
        let Some(inputs) = self.inputs(store.root(), job) else {
            return Err(missing_inputs(job));
        };
        let hashed = |name: String| {
            let path = store.root().join(&name);
            let wrong =
                |e| CliError::new(ErrorKind::Resources, format!("cannot read back {}: {e}", path.display()));
            Ok((name.clone(), file_hash(&path).map_err(wrong)?))
        };
        let outputs = outputs.into_iter().map(hashed).collect::<Result<_>>()?;
        let json =
            serde_json::to_string_pretty(&Record { inputs, outputs, diverged }).expect("words are JSON");
        store.write_once(&record_file(job), (json + "\n").as_bytes())
    }
}

/// Where a run says what it was made from.
pub const ORIGIN: &str = "origin.json";

/// A job was asked for before its inputs.
pub fn missing_inputs(job: Job) -> CliError {
    let needed: Vec<String> = job.inputs().iter().map(|input| input.name()).collect();
    CliError::new(
        ErrorKind::Data,
        format!("{} needs {}, not all of which are done", job.name(), needed.join(", ")),
    )
}

/// The hash of a file.
pub fn file_hash(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            count => _ = hasher.update(&buffer[..count]),
        }
    }
}
