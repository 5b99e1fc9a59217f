//! Tests of `valleys-gpu`. Without an adapter they print SKIPPED, or fail where CI=true.

mod engine;
mod every_layer;
mod kernels;
mod paths;
mod shaders;
