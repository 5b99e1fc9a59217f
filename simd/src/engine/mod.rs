//! The training engine: [`CpuEngine`].
//!
//! In order, each module uses only those before it: `threads`, `sgd` (control points, the optimiser), `gradient`,
//! `samples` (reading and choosing samples), `mlp` (kernels of linear layers), `cnn` (kernels of convolutional networks, on
//! top of `mlp`), and the engine.

mod cnn;
mod cpu_engine;
mod gradient;
mod mlp;
mod samples;
mod sgd;
mod threads;

pub use cpu_engine::CpuEngine;
