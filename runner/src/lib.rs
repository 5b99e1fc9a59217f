//! The host side.

pub mod report;
