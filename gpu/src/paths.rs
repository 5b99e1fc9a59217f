//! Faster ways to the same numbers, up to rounding, that are taken only where they are asked for.

use crate::error::{Error, Result};
use crate::kernels::winograd::Winograd;
use std::str::FromStr;

/// Which faster ways are taken; by default none.
///
/// On one device, with the same paths, a run still repeats bit for bit; with others its bits are others.
///
/// # Example
/// ```
/// use valleys_gpu::{Paths, kernels::winograd::Winograd};
/// let paths: Paths = "winograd4".parse().unwrap();
/// assert_eq!(paths.winograd, Some(Winograd::F4));
/// assert_eq!("".parse(), Ok(Paths::default()));
/// assert!("winograd3".parse::<Paths>().unwrap_err().to_string().contains("winograd2, winograd4"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Convolutions of 3 × 3 taps, one apart, between 16 channels or more by minimal filtering.
    pub winograd: Option<Winograd>,
}

impl Paths {
    /// The environment variable that names them, with commas between them.
    pub const VARIABLE: &str = "VALLEYS_GPU_PATHS";

    /// Their names.
    pub const NAMES: [&str; 2] = ["winograd2", "winograd4"];

    /// Those that [`Paths::VARIABLE`] names.
    ///
    /// # Errors
    /// It names one that is not there.
    pub fn from_environment() -> Result<Self> {
        std::env::var_os(Self::VARIABLE).map_or(Ok(Self::default()), |names| names.to_string_lossy().parse())
    }
}

impl FromStr for Paths {
    type Err = Error;

    /// Names with commas between them; none, the plain ways. The later of two for the same layers holds.
    fn from_str(names: &str) -> Result<Self> {
        let mut paths = Self::default();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "winograd2" => paths.winograd = Some(Winograd::F2),
                "winograd4" => paths.winograd = Some(Winograd::F4),
                _ => return Err(Error::NoPath { given: name.to_owned(), known: Self::NAMES.join(", ") }),
            }
        }
        Ok(paths)
    }
}
