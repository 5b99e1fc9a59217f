//! Tests of `valleys-simd`: its kernels against the reference kernels of core.

mod case;
mod images;
mod layers;
mod mlp;
mod spanning_tree;
