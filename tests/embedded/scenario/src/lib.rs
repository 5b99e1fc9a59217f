//! What a device and a host both compute: one module a capability, each with its `Memory`, an array of const
//! length for everything it needs, and a `run` that tells every result, to the last bit.
//!
//! Nothing here knows where it runs. The firmwares print the [`Line`]s of a [`Record`] by semihosting, the tests
//! compute the same on the host, and the two must be equal.
#![no_std]
#![deny(unsafe_code)]

mod record;

pub mod cloud;
pub mod distance;
pub mod fitting;
pub mod grid;
pub mod map;
pub mod reduction;
pub mod surfaces;
pub mod training;
pub mod union_find;

pub use record::{Bits, Line, Record};

/// The memory of every capability.
#[derive(Debug)]
pub struct Every {
    cloud: cloud::Memory,
    grid: grid::Memory,
    distance: distance::Memory,
    reduction: reduction::Memory,
    union_find: union_find::Memory,
    training: training::Memory,
    fitting: fitting::Memory,
}

impl Every {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            cloud: cloud::Memory::new(),
            grid: grid::Memory::new(),
            distance: distance::Memory::new(),
            reduction: reduction::Memory::new(),
            union_find: union_find::Memory::new(),
            training: training::Memory::new(),
            fitting: fitting::Memory::new(),
        }
    }
}

/// Why a scenario ended early: the core refused something.
#[derive(Clone, Copy, Debug)]
pub enum Error {
    /// A map, an engine, a fit.
    Core(valleys_core::error::Error),
    /// A filtration or its reduction.
    Topology(valleys_core::topology::Error),
}

impl From<valleys_core::error::Error> for Error {
    fn from(error: valleys_core::error::Error) -> Self {
        Self::Core(error)
    }
}

impl From<valleys_core::topology::Error> for Error {
    fn from(error: valleys_core::topology::Error) -> Self {
        Self::Topology(error)
    }
}

/// Every capability, one after the other.
///
/// # Errors
/// Those of the capabilities.
pub fn every(memory: &mut Every, record: &mut Record<'_>) -> Result<(), Error> {
    map::run(&mut map::Memory::new(), record)?;
    cloud::run(&mut memory.cloud, record)?;
    grid::run(&mut memory.grid, record)?;
    distance::run(&mut memory.distance, record)?;
    union_find::run(&mut memory.union_find, record)?;
    reduction::run(&mut memory.reduction, record)?;
    training::run(&mut memory.training, record)?;
    fitting::run(&mut memory.fitting, record)
}
