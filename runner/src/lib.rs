//! The host side.
//!
//! - [`data`]: labelled samples in memory;
//! - [`cpu`]: a [`Landscape`](valleys_core::landscape::Landscape) of networks, with fast kernels.

pub mod cpu;
pub mod data;
