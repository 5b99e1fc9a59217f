//! Reference kernels: readable, generic over the float type, the oracle of every faster one. They stay.

pub mod cross_entropy;
pub mod linear;
pub mod relu;
