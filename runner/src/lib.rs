//! The command line `valleys` and its library: from a configuration or a loss of your own to a run directory.
//!
//! # A run
//!
//! In the order of the work:
//!
//! - [`config`]: keys, defaults, presets.
//! - [`problem`]: the loss to study. A network ([`model`]) on data ([`data`]), a function, or a loss of your own
//!   ([`LossProblem`](problem::LossProblem)), with engines of several backends: the CPU (crate `valleys_simd`), a GPU
//!   ([`gpu`]), the reference kernels ([`mod@reference`]). [`engine_error`] has their common type.
//! - [`run`]: the jobs of a run, and which of them are done. [`study`]: the jobs of a study of weights.
//! - [`store`], [`checkpoint`], [`schema`]: files that are complete or absent; θ in files; the definition of every file.
//! - [`table`], [`report`]: the result on the terminal and as a page. [`compare`]: several results side by side.
//! - [`plan`]: time, memory and disk of a run; its jobs as a workflow.
//!
//! # Single commands
//!
//! [`command`] has the flags and the output of the commands that give one answer to one input. They use [`formats`]
//! (readers of foreign files), [`barcode`] (the choice of algorithm), [`weights`] (the layers of checkpoints) and
//! [`evaluate`] (loss and error of a checkpoint).
//!
//! # Example
//!
//! ```
//! use valleys::config::Config;
//! use valleys::run::{Options, run};
//!
//! // Two minima of a function with known critical values, and the curve between them.
//! let overrides = ["minima.count=2", "index=0", "lattice.n=12"].map(str::to_owned);
//! let config = Config::load(None, Some("three-well-ring"), &overrides)?;
//! # let folder = tempfile::tempdir().unwrap();
//! # let out = Some(folder.path().join("run"));
//! let options = Options { out, quiet: true, ..Options::default() };
//! let (summary, directory) = run(config, &options)?;
//! assert_eq!((summary.minima.len(), summary.bars.len()), (2, 2));
//! assert!(directory.join("report.html").exists());
//! # Ok::<(), valleys::error::CliError>(())
//! ```
//!
//! `examples/own_loss.rs` does the same for a loss of your own.

pub mod barcode;
pub mod checkpoint;
mod clock;
pub mod command;
pub mod compare;
pub mod config;
pub mod data;
pub mod device_select;
pub mod engine_error;
pub mod error;
pub mod evaluate;
pub mod formats;
pub mod gpu;
mod gzip;
mod memory;
pub mod metrics;
pub mod model;
pub mod plan;
mod predictions;
pub mod problem;
pub mod reference;
pub mod report;
pub mod run;
pub mod schema;
pub mod stderr;
pub mod store;
pub mod study;
pub mod table;
pub mod tensors;
mod toml_file;
pub mod weights;
mod wording;

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
