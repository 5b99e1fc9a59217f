//! Topology of loss surfaces, in the caller's memory: no `std`, and no allocator without the feature `alloc`.
//! The feature `all-layers` adds the layers beyond linear, ReLU, branch and addition.
//!
//! # Example
//! The finite bars of index 0 of a point cloud (its connected components), and the map ψ of a triangle:
//! ```
//! use valleys_core::simplex::{ControlPointId, ControlPoints};
//! use valleys_core::topology::{Edge, Euclidean, spanning_tree};
//!
//! let points = [0.0, 0.0, 3.0, 4.0, 3.0, 5.0]; // three points in the plane
//! let mut tree = [Edge::default(); 2];
//! let bars = spanning_tree(&Euclidean::new(&points, 2)?, &mut tree)?.iter().map(|edge| edge.interval());
//! assert!(bars.map(|bar| bar.death).eq([1.0, 5.0]));
//!
//! let mut ids = [ControlPointId::BLANK; 7]; // three minima, three points of edges, one inside
//! let triangle = ControlPoints::new(3, 1, &mut ids)?;
//! let mix = triangle.mix(&[0.5, 0.3, 0.2]); // (t₀ − t₁) θ₀ + 2 (t₁ − t₂) θ₀₁ + 3 t₂ θ₀₁₂, equation (6)
//! assert!(mix.iter().map(|&(slot, _)| slot).eq([0, 3, 6]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! The README has more: loss and gradient of a perceptron, and a fitted curve with its largest loss, in static memory.
//!
//! # Tour
//! In the order of a run:
//!
//! - [`simplex`]: sets of minima, the map ψ of a simplex into parameter space, lattices, sampling of t;
//! - [`network`]: networks as data, their memory layout, forward and backward with the reference [`kernels`];
//! - [`engine`]: the contract between topology and training; analytic functions; a network on data;
//! - [`fit`]: fitting minima, curves, triangles and higher simplices (Algorithm 1);
//! - [`evaluation`]: losses on lattices and their maxima (Algorithm 2);
//! - [`certify`]: proved bounds of the largest loss on a simplex;
//! - [`topology`]: filtrations, their reduction over Z/2, bars;
//! - [`rng`], [`math`], [`error`]: counter-based random numbers, functions of libm, errors.
#![no_std]
#![deny(unsafe_code)]

// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod certify;
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
