//! Networks trained and measured on any GPU that wgpu reaches.
#![doc = include_str!("../README.md")]

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
pub mod test_hooks;

pub use counts::Counts;
pub use dataset::GpuDataset;
pub use device::{Device, DeviceProvider, adapters, is_hardware, is_named};
pub use engine::GpuEngine;
pub use error::{Error, Result};
pub use kernels::MAX_MODELS;
pub use memory::step_bytes;
pub use options::{DeviceOptions, Paths, Winograd};
pub use wgpu::{Adapter, AdapterInfo};
