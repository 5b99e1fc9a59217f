//! Which adapter is used, and which kernels.

use crate::error::{Error, Result};
use std::str::FromStr;

/// The tile of a Winograd convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winograd {
    /// F(2 × 2, 3 × 3): 16 products for 4 outputs, instead of 36.
    F2,
    /// F(4 × 4, 3 × 3): 36 products for 16 outputs, instead of 144.
    F4,
}

impl Winograd {
    /// Outputs of a tile along an edge.
    pub const fn outputs(self) -> usize {
        match self {
            Self::F2 => 2,
            Self::F4 => 4,
        }
    }

    /// Points at which tiles are multiplied.
    pub const fn points(self) -> usize {
        (self.outputs() + 2) * (self.outputs() + 2)
    }

    /// The expected rounding error, as a multiple of that of a direct convolution.
    ///
    /// Errors of one size at all points, relative to the sums there, add up in the outputs. For independent elements of
    /// variance 1 along one edge, the mean variance of the outputs is Σ A² · ‖B‖² · ‖G‖² / 3 times theirs, with the rows
    /// of B and G of a point: 5/3 and 5.02. Two edges square it; the error is its root.
    pub const fn amplification(self) -> f64 {
        match self {
            Self::F2 => 5.0 / 3.0,
            Self::F4 => 5.02,
        }
    }
}

/// Kernels that compute the same values up to rounding; by default none of them is used.
///
/// A run repeats bit for bit on one device with the same paths; other paths give other bits.
///
/// # Example
/// ```
/// use valleys_gpu::{Paths, Winograd};
/// let paths: Paths = "winograd4,f16".parse()?;
/// assert_eq!(paths, Paths { winograd: Some(Winograd::F4), f16: true, ..Paths::default() });
/// assert!("winograd3".parse::<Paths>().is_err());
/// # Ok::<(), valleys_gpu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// Winograd convolutions for 3 × 3 kernels with stride 1 between 16 channels or more.
    pub winograd: Option<Winograd>,
    /// Invocations of a subgroup do not share loads, even where the adapter supports it; see
    /// [`Device::subgroup_size`](crate::Device::subgroup_size).
    pub no_subgroups: bool,
    /// Activations are stored as f16, in half of the bytes. Sums, gradients, parameters and logits stay f32.
    pub f16: bool,
}

impl Paths {
    /// Their names.
    pub const NAMES: [&str; 4] = ["winograd2", "winograd4", "no-subgroups", "f16"];
}

impl FromStr for Paths {
    type Err = Error;

    /// Names separated by commas. The later of two Winograd paths wins.
    ///
    /// # Errors
    /// An unknown name.
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

/// Which adapter is opened, and how its pipelines are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// The number of an adapter in [`adapters`](crate::adapters), or a part of its name in any case; `None` for the best
    /// one.
    pub device: Option<String>,
    /// Keep the driver's checks of every index. Without them kernels are faster, and a wrong index is undefined
    /// behaviour.
    pub checked: bool,
    /// Use the tile sizes for hardware, or those for a software adapter; `None` for what the adapter is.
    pub as_hardware: Option<bool>,
    /// Kernels that compute the same values up to rounding.
    pub paths: Paths,
}

impl DeviceOptions {
    /// The adapter that the environment variable `VALLEYS_DEVICE` names, if any; with checks in debug builds.
    pub fn from_environment() -> Self {
        Self {
            device: std::env::var("VALLEYS_DEVICE").ok(),
            checked: cfg!(debug_assertions),
            ..Self::default()
        }
    }

    /// The same options with the adapter that the user names, if any.
    pub fn or_named(self, device: Option<&str>) -> Self {
        Self { device: device.map(str::to_owned).or(self.device), ..self }
    }
}
