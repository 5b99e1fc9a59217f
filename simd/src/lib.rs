//! Fast CPU kernels of valleys: a training engine for networks, and minimum spanning trees of point clouds.
//!
//! The crate is for hosts with `std`: it allocates, and it uses threads (rayon). The mathematics, the contract of engines,
//! and readable reference kernels are in [`valleys_core`], which also runs on devices without an operating system. Every
//! kernel here is tested against the reference kernels in f64.
//!
//! - [`engine::CpuEngine`] trains and measures networks of any layers. Use it through the trait
//!   [`Engine`](valleys_core::engine::Engine), directly or with [`fit`](valleys_core::fit).
//! - [`spanning_tree::spanning_tree`] computes persistent homology of dimension 0 of a point cloud.
//!
//! All kernels exist once, in portable SIMD. They are compiled for SSE2, AVX2 and AVX-512 (on AArch64 for NEON), and the best
//! instruction set of the machine is chosen at run time. Results do not depend on the number of threads.
//!
//! # Example: train a network
//! ```
//! use std::sync::Arc;
//! use valleys_core::engine::{Engine, Mix, Optimizer, Split, Step, StepParams, Value};
//! use valleys_core::network::{LabelledData, Network, Samples, Shape, initialise, zoo};
//! use valleys_core::rng::Key;
//! use valleys_simd::engine::CpuEngine;
//!
//! // Four samples of two features: the label is 1 where exactly one feature is 1.
//! #[derive(Debug)]
//! struct Xor;
//!
//! impl LabelledData for Xor {
//!     fn train(&self) -> Samples<'_, f32> {
//!         Samples::labelled(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], &[0, 1, 1, 0])
//!     }
//!     fn test(&self) -> Samples<'_, f32> {
//!         self.train()
//!     }
//! }
//!
//! let layers = zoo::mlp::<4>(&[2, 8, 2])?;
//! let network = Network { input: Shape::flat(2), layers: &layers };
//! // Batches of four samples, one slot for a control point.
//! let mut engine = CpuEngine::new(&network, Arc::new(Xor), 4, 1, None)?;
//! let mut theta = vec![0.0; network.parameter_len()];
//! initialise(&network, 1, 0, &mut theta);
//! engine.put(0, &theta)?;
//!
//! // 500 steps of SGD with momentum.
//! let mut params = StepParams {
//!     key: Key::new(1, 0),
//!     epoch: 0,
//!     first_trainable: 0,
//!     optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
//!     weight_decay: 0.0,
//!     tangent_removal: 0.0,
//!     max_gradient_norm: f32::INFINITY,
//! };
//! let step = Step { mix: Mix::from_iter([(0, 1.0)]), rate: 0.1, batch: 0 };
//! for epoch in 0..500 {
//!     params.epoch = epoch;
//!     engine.advance(&params, std::slice::from_ref(&step), &mut [0.0])?;
//! }
//!
//! let mut values = [Value::default()];
//! engine.values(&[Split::Train], None, &[step.mix], &mut values)?;
//! assert!(values[0].loss < 0.05 && values[0].error == Some(0.0));
//! # Ok::<(), valleys_core::error::Error>(())
//! ```
//!
//! # Example: the bars of a point cloud
//! ```
//! use valleys_simd::spanning_tree::{Distance, spanning_tree};
//!
//! // Two pairs of points on a line. The finite bars of dimension 0 are [0, length] for each edge.
//! let tree = spanning_tree(&[0.0f32, 1.0, 10.0, 12.0], 1, Distance::Euclidean, 1)?;
//! assert!(tree.iter().map(|edge| edge.length).eq([1.0, 2.0, 9.0]));
//! # Ok::<(), valleys_core::topology::Error>(())
//! ```
//!
//! # Inside
//! Each module uses only those before it:
//!
//! 1. vector primitives: `floats` (aligned memory, lines of 32 floats), `register_tile` (the micro kernel of all matrix
//!    products), `transpose`, `elementary` (exp, ln);
//! 2. [`spanning_tree`], and independent of it [`engine`].
//!
//! A kernel is a function that takes a `Level`, the instruction set, and calls `dispatch!` with an inlined body that is
//! generic over it. Everything above the kernels is compiled once. A kernel is thus a function of its own in the program,
//! which matters for compile time: one function with all kernels inlined takes LLVM several times as long.

mod elementary;
pub mod engine;
mod floats;
mod register_tile;
pub mod spanning_tree;
mod transpose;

#[cfg(test)]
mod tests {
    use fearless_simd::Level;

    /// The instruction sets of this machine, best first.
    pub fn levels() -> Vec<Level> {
        let mut levels = vec![Level::new()];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Level::new().as_avx2().map(Level::Avx2));
            levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
        }
        levels
    }
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
