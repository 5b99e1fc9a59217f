//! What can go wrong on a device.

/// A device that is not there, is lost, has no room; or a wrong call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No adapter answers to what was asked for.
    #[error("no usable GPU {wanted}; there are: {found}")]
    NoDevice {
        /// What was asked for.
        wanted: String,
        /// The adapters that are there.
        found: String,
    },
    /// A faster way that is not there.
    #[error("there is no path {given:?} for kernels of a GPU; there are: {known}")]
    NoPath {
        /// What was asked for.
        given: String,
        /// The paths that are there.
        known: String,
    },
    /// The device went away: unplugged, reset by its driver, or destroyed.
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The device has no room for a buffer.
    #[error("the GPU has no room for {needed} bytes of {what}")]
    OutOfMemory {
        /// What should have been made.
        what: &'static str,
        /// Its size in bytes.
        needed: u64,
    },
    /// A buffer above what the adapter binds at once.
    #[error("{what} needs a buffer of {needed} bytes, but this GPU binds {limit} at most")]
    TooLarge {
        /// What should have been made.
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

/// The result of everything that happens on a device.
pub type Result<T> = std::result::Result<T, Error>;

/// Checks the length of a slice that the caller provides.
pub(crate) fn length(what: &'static str, needed: usize, given: usize) -> Result<()> {
    match needed == given {
        true => Ok(()),
        false => Err(valleys_core::error::Error::Length { what, needed, given }.into()),
    }
}

/// Checks that a number is within its range.
pub(crate) fn range(what: &'static str, least: u64, most: u64, given: u64) -> Result<()> {
    match (least..=most).contains(&given) {
        true => Ok(()),
        false => Err(valleys_core::error::Error::Range { what, least, most, given }.into()),
    }
}
