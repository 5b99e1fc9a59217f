//! The host side: from a configuration to a run directory.
//!
//! The tour, in the order of a run: [`config`] (keys, presets), [`problem`] (which loss), [`model`] (networks by name),
//! [`data`], [`mod@reference`] (all networks, slowly), [`run`] (jobs and
//! their order), [`study`] (the jobs of a study of weights), [`store`] (files that are complete or absent),
//! [`checkpoint`] (θ in files), [`table`] (what is printed),
//! [`report`] (the page of figures), [`plan`] (what a run will take, and the same jobs for an engine).
//!
//! Beside it: [`command`] (one answer to one input: `barcode`, `summary`, `distance`, `weights`), made of [`formats`] (readers of
//! foreign files), [`barcode`] (which algorithm, counts, the second algorithm) and [`weights`] (layers of checkpoints); [`evaluate`] (loss and error of one
//! checkpoint).

pub mod barcode;
pub mod checkpoint;
pub mod command;
pub mod config;
pub mod data;
pub mod engine_error;
pub mod error;
pub mod evaluate;
pub mod formats;
pub mod gpu;
pub mod model;
pub mod plan;
pub mod problem;
pub mod reference;
pub mod report;
pub mod run;
pub mod schema;
pub mod stderr;
pub mod store;
pub mod study;
pub mod table;
pub mod weights;
