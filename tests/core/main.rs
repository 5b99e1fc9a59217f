//! Tests of `valleys-core`.

mod certify;
mod cycles;
mod descriptor;
mod distance;
mod embedded;
mod engine;
mod filtration;
mod fit;
mod gradients;
mod graph;
mod grid;
mod layers;
mod maps;
mod networks;
mod reduction;
mod rips;
mod statistics;
