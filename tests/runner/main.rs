//! Tests of the library of the runner, and of the engines through it.

mod browser;
mod checkpoint;
mod checkpoint_kinds;
mod compare;
mod contour;
mod contract;
mod data;
mod data_folders;
mod digits;
mod gpu;
mod hostile;
mod invariance;
mod known_answers;
mod made_run;
mod measure;
mod metrics;
mod models;
mod own_data;
mod own_data_files;
mod plan;
mod report;
mod study;
mod torch_vectors;
mod weights;
