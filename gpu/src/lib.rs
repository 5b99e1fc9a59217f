//! Networks trained and measured on any GPU that wgpu reaches: Vulkan, Metal, DX12.
//!
//! [`device`] opens an adapter, [`kernels`] are WGSL beside their dispatchers, [`network`] joins the layers of a network
//! into operations, of which `pass` makes lists of dispatches, and [`engine`] replays these behind the contract of
//! [`valleys_core::engine::Engine`]: many steps or many points a submission, with no round trip to the host
//! between them. No atomics: sums are trees of a fixed order, so a run repeats bit for bit on one device.

pub mod bench;
mod buffers;
pub mod check;
pub mod dataset;
pub mod device;
pub mod engine;
pub mod error;
mod gradients;
pub mod kernels;
mod model_batch;
pub mod network;
mod packing;
mod palette;
mod pass;
pub mod paths;
mod request;
mod scheduler;
mod submitter;
pub mod template;
mod winograd_layers;

pub use dataset::GpuDataset;
pub use device::{Device, DeviceOptions, DeviceProvider, adapters, is_hardware, is_named};
pub use engine::{Counts, GpuEngine};
pub use error::{Error, Result};
pub use paths::Paths;
pub use wgpu::Adapter;
