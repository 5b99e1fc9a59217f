//! The training engine: [`CpuEngine`].
//!
//! In order, each module uses only those before it: `threads`, `moves` (steps of the optimisers), `slots` (control
//! points), `gradient`, `samples` (reading and choosing samples), `targets` (of a sample tile), `elementwise` (activations,
//! dropout), `mlp` (kernels of linear layers), `cnn` (kernels of convolutional networks, on top of `mlp`), and the engine.

mod cnn;
mod cpu_engine;
mod elementwise;
mod gradient;
mod mlp;
mod moves;
mod samples;
mod slots;
mod targets;
mod threads;

pub use cpu_engine::CpuEngine;
