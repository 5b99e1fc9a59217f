//! The name and the identity of a run directory.
//!
//! A directory belongs to one configuration (`config.toml`), and to one version of the program, one problem and one set
//! of given minima (`origin.json`). Anything else is refused, because it may compute other numbers.

use super::record::ORIGIN;
use crate::checkpoint;
use crate::config::Config;
use crate::error::{CliError, ErrorKind, Result};
use crate::model::State;
use crate::problem::Problem;
use crate::stderr;
use crate::store::{IdentityFile, file_name};
use std::path::{Path, PathBuf};

/// The file with every key of the configuration.
pub const CONFIG: &str = "config.toml";

/// The files that identify a run directory.
pub fn identity_files<'a>(config_toml: &'a str, origin: &'a str) -> [IdentityFile<'a>; 2] {
    [
        IdentityFile {
            name: CONFIG,
            text: config_toml,
            conflict: "a run of another configuration",
            next: ", or no flag but this --out to resume that run",
        },
        IdentityFile {
            name: ORIGIN,
            text: origin,
            conflict: "a run of other data or of another version",
            next: "",
        },
    ]
}

/// `runs/NETWORK-DATASET-HASH`, with the hash of version, configuration, problem and given minima.
pub fn run_directory(config: &Config, problem: &dyn Problem, loaded_minima: &[Vec<f32>]) -> PathBuf {
    let mut hasher = hasher(&config.to_toml());
    hasher.update(problem.fingerprint().as_bytes());
    hash_minima(&mut hasher, loaded_minima);
    directory(config.network.name(), config, &hasher)
}

/// `runs/N-networks-DATASET-HASH`, with the hash of version and configurations: the directories inside belong to their data.
pub fn run_directory_of_several(configs: &[Config]) -> PathBuf {
    let hasher = hasher(&Config::all_to_toml(configs));
    directory(&format!("{}-networks", configs.len()), &configs[0], &hasher)
}

fn hasher(config_toml: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.update(config_toml.as_bytes());
    hasher
}

fn directory(name: &str, config: &Config, hasher: &blake3::Hasher) -> PathBuf {
    // Of a path the last part is enough.
    let last = |dataset: &String| {
        let name = Path::new(dataset).file_name().map_or(dataset.into(), |name| name.to_string_lossy());
        name.chars().take(64).collect::<String>()
    };
    let dataset = config.dataset.as_ref().map_or(String::new(), |dataset| format!("-{}", last(dataset)));
    let name = file_name(&format!("{name}{dataset}"));
    Path::new("runs").join(format!("{name}-{}", &hasher.finalize().to_hex()[..12]))
}

/// The text of `origin.json`.
pub fn origin_json(problem: &dyn Problem, loaded_minima: &[Vec<f32>]) -> String {
    let mut hasher = blake3::Hasher::new();
    hash_minima(&mut hasher, loaded_minima);
    let given = (!loaded_minima.is_empty()).then(|| hasher.finalize().to_hex().to_string());
    let origin = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"), "problem": problem.fingerprint(), "given": given
    });
    serde_json::to_string_pretty(&origin).expect("strings are JSON") + "\n"
}

fn hash_minima(hasher: &mut blake3::Hasher, minima: &[Vec<f32>]) {
    minima.iter().flatten().for_each(|x| _ = hasher.update(&x.to_le_bytes()));
}

/// Reads the minima of `minima.files`: safetensors files, indexes of shards, or folders that hold one model. Says on
/// stderr what was converted.
pub fn load_minima(config: &Config, state: &State) -> Result<Vec<Vec<f32>>> {
    let read = |file: &String| {
        let read = checkpoint::read(Path::new(file), state, false)?;
        read.notes.iter().for_each(stderr::print_line);
        Ok(read.theta)
    };
    config.minima.files.iter().map(read).collect()
}

/// Reads the configuration of a run directory.
pub fn load_config(root: &Path) -> Result<Config> {
    Config::load(Some(&config_path(root)?), None, &[])
}

/// The configuration file of a run directory.
///
/// # Errors
/// It is no run directory: what it is, and where the run directories in it or above it are.
pub fn config_path(root: &Path) -> Result<PathBuf> {
    let path = root.join(CONFIG);
    if path.exists() {
        return Ok(path);
    }
    let shown = root.display();
    let message = if !root.exists() {
        format!(
            "{shown} is not a run directory: it does not exist, so there is no {CONFIG}; a run directory is printed by \
             valleys run, and chosen by its --out"
        )
    } else if !root.is_dir() {
        format!("{shown} is not a run directory, but a file")
    } else {
        format!("{shown} is not a run directory: it has no {CONFIG}; {}", elsewhere(root))
    };
    Err(CliError::new(ErrorKind::Data, message))
}

/// Whether a folder has the files that identify a run directory.
pub fn is_run_directory(root: &Path) -> bool {
    [CONFIG, ORIGIN].iter().all(|name| root.join(name).is_file())
}

/// Most run directories that a message names.
const NAMED: usize = 4;

/// Where run directories are, if not here.
fn elsewhere(root: &Path) -> String {
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if let Some(above) = absolute.ancestors().skip(1).find(|above| is_run_directory(above)) {
        return format!("it is a folder of the run directory {}", above.display());
    }
    // runs/NAME-HASH, and a folder for each of several networks inside.
    let mut inside: Vec<PathBuf> = folders(root);
    inside.extend(inside.iter().flat_map(|folder| folders(folder)).collect::<Vec<_>>());
    inside.retain(|folder| is_run_directory(folder));
    inside.sort();
    if inside.is_empty() {
        return "a run directory is printed by valleys run, and chosen by its --out".to_owned();
    }
    let names: Vec<String> = inside.iter().take(NAMED).map(|folder| folder.display().to_string()).collect();
    let more = inside.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("run directories in it: {}{more}", names.join(", "))
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}
