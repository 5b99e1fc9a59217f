//! Which jobs are done, decided from files alone.
//!
//! The last file of a job is its record, `NAME.json`: the hashes of the job's files, and the hashes of the records that
//! it was made from. A job is done if and only if its record exists and all these hashes agree. A chain of records ends
//! at `origin.json`.

use super::job::Job;
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::store::Store;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;

/// The file that says what a run was made from.
pub const ORIGIN: &str = "origin.json";

/// The record of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Hashes of the records of the jobs that it needs, or of `origin.json`, by name.
    pub inputs: BTreeMap<String, String>,
    /// Hashes of its files, by name.
    pub outputs: BTreeMap<String, String>,
    /// Where the loss stopped being finite. This is a result too: the job has no files, and is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<Divergence>,
}

/// Where the loss of a job stopped being finite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// The part of the job, its name, and which loss: "fit of minima/0: the loss".
    pub what: String,
    /// The step, counted from the first step of the first epoch, or the number of the lattice point.
    pub at: u64,
    /// The first layer whose output is not finite there, if it was found.
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

/// The result of a job whose record was verified.
#[derive(Clone, Debug)]
pub struct VerifiedRecord {
    /// Hash of the record.
    pub hash: String,
    /// See [`Record::diverged`].
    pub diverged: Option<Divergence>,
}

/// The records of a run directory. Each is verified once.
#[derive(Debug)]
pub struct Records {
    config: Config,
    verified: Mutex<HashMap<Job, VerifiedRecord>>,
}

/// The file name of a job's record.
pub fn record_file(job: Job) -> String {
    format!("{}.json", job.name())
}

impl Records {
    /// The records of a run with this configuration.
    pub fn new(config: Config) -> Self {
        Self { config, verified: Mutex::default() }
    }

    /// The verified record of a job, if the job is done.
    ///
    /// # Cost
    /// Reads all files of the job and of the jobs that it needs, the first time.
    pub fn verified(&self, root: &Path, job: Job) -> Option<VerifiedRecord> {
        if let Some(verified) = self.verified.lock().ok()?.get(&job) {
            return Some(verified.clone());
        }
        let bytes = std::fs::read(root.join(record_file(job))).ok()?;
        let record: Record = serde_json::from_slice(&bytes).ok()?;
        if record.inputs != self.inputs(root, job)? || !record.outputs.iter().all(|o| hash_agrees(root, o)) {
            return None;
        }
        let hash = blake3::hash(&bytes).to_hex().to_string();
        let verified = VerifiedRecord { hash, diverged: record.diverged };
        self.verified.lock().ok()?.insert(job, verified.clone());
        Some(verified)
    }

    /// Whether the files in the job's folder agree with its record, and the record with the current inputs. The lattice
    /// values, which are beside the folder, may be missing.
    pub fn folder_is_intact(&self, root: &Path, job: Job) -> bool {
        let record = std::fs::read(root.join(record_file(job))).ok();
        let record = record.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        record.is_some_and(|record| {
            let folder = format!("{}/", job.name());
            let mut inside = record.outputs.iter().filter(|(name, _)| name.starts_with(&folder)).peekable();
            self.inputs(root, job).is_some_and(|inputs| inputs == record.inputs)
                && inside.peek().is_some()
                && inside.all(|output| hash_agrees(root, output))
        })
    }

    /// The hashes of the records of a job's inputs. `None` if one of them is not done.
    pub fn inputs(&self, root: &Path, job: Job) -> Option<BTreeMap<String, String>> {
        let needed = job.inputs(&self.config);
        if needed.is_empty() {
            return Some(BTreeMap::from([(ORIGIN.to_owned(), file_hash(&root.join(ORIGIN)).ok()?)]));
        }
        needed.into_iter().map(|input| Some((input.name(), self.verified(root, input)?.hash))).collect()
    }

    /// The diverged job that a job depends on, directly or not. Such a job can never be done.
    pub fn diverged_dependency(&self, root: &Path, job: Job) -> Option<Job> {
        job.inputs(&self.config).into_iter().find_map(|input| match self.verified(root, input) {
            Some(verified) => verified.diverged.map(|_| input),
            None => self.diverged_dependency(root, input),
        })
    }

    /// Writes the record of a job whose files are complete.
    ///
    /// # Errors
    /// An input is not done; a file cannot be read or written; the record exists already.
    pub fn commit(
        &self,
        store: &Store,
        job: Job,
        outputs: Vec<String>,
        diverged: Option<Divergence>,
    ) -> Result<()> {
        let Some(inputs) = self.inputs(store.root(), job) else {
            return Err(self.missing_inputs(job));
        };
        let hashed = |name: String| {
            let path = store.root().join(&name);
            let to_error =
                |e| CliError::new(ErrorKind::Resources, format!("cannot read back {}: {e}", path.display()));
            Ok((name.clone(), file_hash(&path).map_err(to_error)?))
        };
        let outputs = outputs.into_iter().map(hashed).collect::<Result<_>>()?;
        let record = Record { inputs, outputs, diverged };
        let json = serde_json::to_string_pretty(&record).expect("strings and numbers are JSON");
        store.write_once(&record_file(job), (json + "\n").as_bytes())
    }

    /// The error of a job whose inputs are not all done.
    pub fn missing_inputs(&self, job: Job) -> CliError {
        let needed: Vec<String> = job.inputs(&self.config).iter().map(|input| input.name()).collect();
        let message = format!("{} needs {}, not all of which are done", job.name(), needed.join(", "));
        CliError::new(ErrorKind::Data, message)
    }
}

/// Whether a file has the hash of a record.
fn hash_agrees(root: &Path, (name, hash): (&String, &String)) -> bool {
    file_hash(&root.join(name)).is_ok_and(|found| found == *hash)
}

/// The BLAKE3 hash of a file.
fn file_hash(path: &Path) -> std::io::Result<String> {
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
