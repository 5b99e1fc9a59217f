//! Shared by the tests.

pub mod complexes;
pub mod differences;
pub mod rank;
pub mod scenarios;
pub mod tolerance;
