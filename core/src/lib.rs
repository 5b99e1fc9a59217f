//! Topology of loss surfaces, in the caller's memory: no `std`, and no allocator without the feature `alloc`.
//! The feature `images` adds the layers of convolutional networks.
//!
//! The tour, in the order of a run:
//!
//! - [`simplex`]: sets of minima, the map ψ of a simplex into parameter space, lattices, sampling of t;
//! - [`network`]: networks as data, their memory layout, forward and backward with the reference [`kernels`];
//! - [`engine`]: the contract between topology and training; analytic functions; a network on data;
//! - [`fit`]: fitting minima, curves, triangles and higher simplices (Algorithm 1);
//! - [`evaluation`]: losses on lattices and their maxima (Algorithm 2);
//! - [`topology`]: filtrations, their reduction over Z/2, bars;
//! - [`rng`], [`math`], [`error`]: counter-based random numbers, the door to libm, what can be wrong.
#![no_std]
#![deny(unsafe_code)]

// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod engine;
pub mod error;
pub mod evaluation;
pub mod fit;
pub mod kernels;
pub mod math;
pub mod network;
pub mod rng;
pub mod simplex;
pub mod topology;
