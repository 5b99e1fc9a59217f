//! Other ways to the same numbers, up to rounding, that are taken only where they are asked for.

use crate::error::{Error, Result};
use crate::kernels::winograd::Winograd;
use std::str::FromStr;

/// Which other ways are taken; by default none.
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
    /// Convolutions of 3 × 3 taps, one apart, between 16 channels or more by minimal winograd_convolution.
    pub winograd: Option<Winograd>,
    /// Threads of a vector do not read for each other, though the adapter would let them: see [`Device::vector`].
    ///
    /// [`Device::vector`]: crate::Device::vector
    pub no_subgroups: bool,
    /// Activations stored as f16, in half of the bytes; sums, gradients, parameters and logits stay f32.
    pub f16: bool,
}

impl Paths {
    /// Their names.
    pub const NAMES: [&str; 4] = ["winograd2", "winograd4", "no-subgroups", "f16"];
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
                "no-subgroups" => paths.no_subgroups = true,
                "f16" => paths.f16 = true,
                _ => return Err(Error::NoPath { given: name.to_owned(), known: Self::NAMES.join(", ") }),
            }
        }
        Ok(paths)
    }
}
