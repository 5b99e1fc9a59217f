//! Networks of valleys, trained and measured on any GPU that wgpu reaches: Vulkan, Metal, DX12.
//!
//! For whoever drives [`valleys_core::fit`] or [`valleys_core::evaluation`] and has a GPU: [`GpuEngine`] implements
//! their trait [`Engine`](valleys_core::engine::Engine) for a network on samples of classes or of numbers. Many steps, or many points, go
//! to the device in one submission; several engines can share their dispatches; nothing but losses is read back.
//! Reductions are trees of a fixed order, without atomics, so a run repeats bit for bit on one device.
//!
//! # Example
//! A small network, from its samples to two steps:
//! ```no_run
//! use std::sync::Arc;
//! use valleys_core::engine::{Engine, Mix, Optimizer, Step, StepParams};
//! use valleys_core::network::{LabelledData, Layer, Network, Samples, Shape, initialise};
//! use valleys_core::rng::Key;
//! use valleys_gpu::{DeviceOptions, DeviceProvider, GpuDataset, GpuEngine};
//!
//! /// Points of the classes x < y and x > y.
//! #[derive(Debug)]
//! struct Points;
//!
//! impl LabelledData for Points {
//!     fn train(&self) -> Samples<'_, f32> {
//!         Samples::labelled(&[0.0, 1.0, 1.0, 0.0, 0.2, 0.9, 0.8, 0.3], &[0, 1, 0, 1])
//!     }
//!
//!     fn test(&self) -> Samples<'_, f32> {
//!         Samples::labelled(&[0.1, 0.7], &[0])
//!     }
//! }
//!
//! let layers = [Layer::Linear { outputs: 8 }, Layer::RELU, Layer::Linear { outputs: 2 }];
//! let network = Network { input: Shape::flat(2), layers: &layers };
//! let provider = Arc::new(DeviceProvider::new(DeviceOptions::from_environment()));
//! let dataset = Arc::new(GpuDataset::new(provider, Arc::new(Points), 1));
//! // Batches of two samples, one slot.
//! let mut engine = GpuEngine::new(&network, dataset, 2, 1, None)?;
//!
//! let mut theta = vec![0.0; network.parameter_len()];
//! initialise(&network, 1, 0, &mut theta);
//! engine.put(0, &theta)?;
//! let params = StepParams {
//!     key: Key::new(1, 0),
//!     epoch: 0,
//!     first_trainable: 0,
//!     optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
//!     weight_decay: 0.0,
//!     tangent_removal: 0.0,
//!     max_gradient_norm: f32::INFINITY,
//! };
//! let step = |batch| Step { mix: Mix::from_iter([(0, 1.0)]), rate: 0.1, batch };
//! let mut losses = [0.0; 2];
//! engine.advance(&params, &[step(0), step(1)], &mut losses)?;
//! engine.get(0, &mut theta)?;
//! # Ok::<(), valleys_gpu::Error>(())
//! ```
//!
//! # Tour
//! The public API is the engine and what it needs: [`adapters`], [`DeviceOptions`], [`Paths`], [`DeviceProvider`],
//! [`GpuDataset`], [`GpuEngine`], [`Counts`], [`Error`]. [`step_bytes`] estimates memory traffic, [`check`] tests
//! kernels, [`bench`](mod@bench) measures them.
//!
//! Inside, modules import only from modules above them in this list:
//!
//! 1. `error`, `counts`, `options`, `key` (which engines can share dispatches), `request` (steps and
//!    values to compute).
//! 2. `preprocess` (shader text), `pipeline` (compiled shaders), `device`, `buffers`.
//! 3. `kernels`: `name.wgsl` beside the code that dispatches it.
//! 4. `memory`: sizes and bytes of a network. `palette`, `device_dataset`: samples on a device.
//! 5. `pass`: a [graph](valleys_core::network::graph) as lists of dispatches, forward and backward.
//! 6. `submitter`, `model_batch`: the lists of several models, with their parameters, in submissions.
//! 7. `scheduler`: which engines share a batch. `dataset`: data with its schedulers.
//! 8. `recovery`, `engine`: slots and lost devices; the trait's methods.
//! 9. `check`, `bench`.
//!
//! The README describes the format of the shaders.
//!
//! # MSRV
//! Rust 1.89.

pub mod bench;
mod buffers;
pub mod check;
mod counts;
mod dataset;
mod device;
mod device_dataset;
mod engine;
mod error;
mod kernels;
mod key;
mod memory;
mod model_batch;
mod options;
mod palette;
mod pass;
mod pipeline;
mod preprocess;
mod recovery;
mod request;
mod scheduler;
mod submitter;
#[cfg(feature = "test-hooks")]
#[doc(hidden)]
pub mod test_hooks;

pub use counts::Counts;
pub use dataset::GpuDataset;
pub use device::{Device, DeviceProvider, adapters, is_hardware, named};
pub use engine::GpuEngine;
pub use error::{Error, Result};
pub use kernels::MAX_MODELS;
pub use memory::step_bytes;
pub use options::{DeviceOptions, Paths, Winograd};
pub use wgpu::{Adapter, AdapterInfo};

/// The examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The Rust files of a module: `name.rs`, or those of `name/`.
    fn files(module: &Path) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(module) else { return vec![module.with_extension("rs")] };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
    }

    #[test]
    fn modules_import_only_from_those_above_them_in_the_tour() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let text = fs::read_to_string(source.join("lib.rs")).unwrap();
        let tour = text.split("# Tour").nth(1).unwrap().split("# MSRV").next().unwrap();
        let list = tour.split("1. ").nth(1).unwrap();
        let exists = |name: &&str| source.join(name).is_dir() || source.join(format!("{name}.rs")).is_file();
        let order: Vec<&str> = list.split('`').skip(1).step_by(2).filter(exists).collect();
        assert_eq!(
            order.len(),
            text.lines().filter(|line| line.contains("mod ") && line.ends_with(';')).count() - 1
        );
        for (at, module) in order.iter().enumerate() {
            for file in files(&source.join(module)) {
                let text = fs::read_to_string(&file).unwrap();
                let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
                for line in code {
                    let Some((_, path)) = line.split_once("crate::") else { continue };
                    let imported = path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
                    let is_above = order[..=at].contains(&imported);
                    assert!(is_above, "{}: {line}", file.display());
                }
            }
        }
    }
}
