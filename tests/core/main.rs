//! Tests of `valleys-core`.

mod certify;
mod cycles;
mod descent;
mod descriptor;
mod distance;
mod embedded;
mod filtration;
mod gradients;
mod graph;
mod grid;
mod landscapes;
mod layers;
mod maps;
mod networks;
mod reduction;
mod rips;
mod statistics;
