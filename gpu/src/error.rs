//! What can go wrong on a device.

/// A device that is missing, lost or full; a wrong call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// This machine has no adapter.
    #[error("no usable GPU: no adapter of Vulkan, Metal or DX12 was found")]
    NoAdapter,
    /// No adapter has the wanted name or number.
    #[error("no usable GPU {wanted:?}: the adapters are {found}")]
    NoDevice {
        /// The name or number.
        wanted: String,
        /// Numbers, names and kinds of the adapters of this machine.
        found: String,
    },
    /// Several adapters have the wanted name.
    #[error("the GPU {wanted:?} may be any of {found}")]
    SeveralDevices {
        /// The part of a name.
        wanted: String,
        /// Numbers, names and kinds of these adapters.
        found: String,
    },
    /// An adapter that cannot be opened.
    #[error("the GPU {name} cannot be opened: {reason}")]
    NotOpened {
        /// The name of the adapter.
        name: String,
        /// What wgpu or the driver says.
        reason: String,
    },
    /// An unknown name of a path; see [`Paths`](crate::Paths).
    #[error("unknown path {given:?} for GPU kernels; known paths: {known}")]
    NoPath {
        /// The name.
        given: String,
        /// The known names.
        known: String,
    },
    /// The device was lost: unplugged, reset by its driver, or destroyed.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The device has no memory left for a buffer.
    #[error("the GPU has no memory for {needed} bytes of {what}")]
    OutOfMemory {
        /// What the buffer holds.
        what: &'static str,
        /// Its size in bytes; 0 if it is not known.
        needed: u64,
    },
    /// A buffer above the largest binding of the adapter.
    #[error("{what} needs a buffer of {needed} bytes, but this GPU binds {limit} at most")]
    TooLarge {
        /// What the buffer holds.
        what: &'static str,
        /// Its size in bytes.
        needed: u64,
        /// The largest size in bytes.
        limit: u64,
    },
    /// The driver or wgpu refused an operation: a defect of this crate or of the driver.
    #[error("the GPU refused: {0}")]
    Refused(String),
    /// A wrong call.
    #[error(transparent)]
    Call(#[from] valleys_core::error::Error),
}

/// The result of an operation on a device.
pub type Result<T> = std::result::Result<T, Error>;

/// Checks the length of a slice that the caller provides.
pub(crate) fn length(what: &'static str, needed: usize, given: usize) -> Result<()> {
    Ok(valleys_core::error::length(what, needed, given)?)
}

/// Checks that a number is in its range.
pub(crate) fn range(what: &'static str, least: u64, most: u64, given: u64) -> Result<()> {
    match (least..=most).contains(&given) {
        true => Ok(()),
        false => Err(valleys_core::error::Error::Range { what, least, most, given }.into()),
    }
}
