//! Topology of loss surfaces, in caller's memory: no `std`, no allocator (but for the feature `alloc`).
//!
//! The tour, in the order of a run:
//!
//! - [`simplex`]: sets of minima, the map ψ of a simplex into parameter space, lattices, sampling of t;
//! - [`topology`]: filtrations, their reduction over Z/2, bars.
#![no_std]
#![deny(unsafe_code)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod error;
pub mod kernels;
pub mod landscape;
pub mod math;
pub mod network;
pub mod rng;
pub mod simplex;
pub mod topology;
