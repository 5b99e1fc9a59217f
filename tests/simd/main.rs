//! Tests of `valleys-simd`: its kernels against the reference kernels of core.

mod images;
mod mlp;
mod spanning_tree;
