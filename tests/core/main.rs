//! Tests of `valleys-core`.

mod certify;
mod cubical;
mod cycles;
mod descriptor;
mod distance;
mod embedded;
mod engine;
mod evaluation;
mod filtration;
mod fit;
mod gradients;
mod graph;
mod grid;
mod layers;
mod maps;
mod networks;
mod plain_engine;
mod reduction;
mod rips;
mod statistics;
