//! The training engine: [`CpuEngine`].
//!
//! In order, each module uses only those before it: `threads`, `sgd` (control points, the optimiser), `tangent`,
//! `samples` (reading and choosing samples), `mlp` (kernels of linear layers), `cnn` (kernels of convolutional networks, on
//! top of `mlp`), and the engine.

mod cnn;
mod cpu_engine;
mod mlp;
mod samples;
mod sgd;
mod tangent;
mod threads;

pub use cpu_engine::CpuEngine;
