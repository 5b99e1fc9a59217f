//! Shared by the tests.

pub mod complexes;
pub mod rank;
pub mod scenarios;
pub mod tolerance;
