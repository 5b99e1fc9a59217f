//! Errors of networks, engines and fits. Each variant states what was needed and what was given.
//!
//! The rule for slices is the same here and in [`topology`](crate::topology): data has exactly the length that its
//! meaning gives it ([`Error::Length`]); working memory may be longer than needed ([`Error::Short`]), and its first
//! elements are used.

use core::fmt;

/// An input that a checked constructor or a call refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Working memory that is too short.
    Short {
        /// Which slice.
        what: &'static str,
        /// Its least length.
        needed: usize,
        /// Its length.
        given: usize,
    },
    /// Something valid that this implementation does not support.
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },
    /// Something that is there twice.
    Repeated {
        /// What.
        what: &'static str,
        /// Which.
        given: u64,
    },
    /// Data of the wrong length.
    Length {
        /// Which slice.
        what: &'static str,
        /// Elements needed.
        needed: usize,
        /// Elements given.
        given: usize,
    },
    /// A number outside of its range.
    Range {
        /// Which number.
        what: &'static str,
        /// Smallest legal value.
        least: u64,
        /// Largest legal value.
        most: u64,
        /// Value given.
        given: u64,
    },
    /// A value that is NaN or infinite.
    NotFinite {
        /// Which value.
        what: &'static str,
        /// Its place: an element, a step.
        at: u64,
    },
    /// A label that is no class of the network.
    Label {
        /// Sample number.
        sample: usize,
        /// The label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// A layer that does not fit those before it.
    Layer {
        /// Its row in the network.
        row: usize,
        /// Its name.
        layer: &'static str,
        /// What it needs and does not have.
        needed: &'static str,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { what, needed, given } => {
                write!(f, "{what}: {needed} elements needed, {given} given")
            }
            Self::Short { what, needed, given } => {
                write!(f, "{what}: at least {needed} elements needed, {given} given")
            }
            Self::Repeated { what, given } => write!(f, "{what}: {given} is given twice"),
            Self::Unsupported { what } => write!(f, "not supported: {what}"),
            Self::Range { what, least, most, given } => {
                write!(f, "{what}: {least} to {most} needed, {given} given")
            }
            Self::NotFinite { what, at } => write!(f, "{what} is not finite at {at}"),
            Self::Label { sample, label, classes } => {
                write!(f, "sample {sample} has label {label}, but there are {classes} classes")
            }
            Self::Layer { row, layer, needed } => {
                write!(f, "row {row} of the network: {layer} needs {needed}")
            }
        }
    }
}

impl core::error::Error for Error {}

/// Checks the length of working memory.
pub(crate) fn enough(what: &'static str, needed: usize, given: usize) -> Result<(), Error> {
    if given < needed { Err(Error::Short { what, needed, given }) } else { Ok(()) }
}

/// Checks the length of a slice that the caller provides.
///
/// # Errors
/// [`Error::Length`] if `given` is not `needed`.
pub fn length(what: &'static str, needed: usize, given: usize) -> Result<(), Error> {
    if needed == given { Ok(()) } else { Err(Error::Length { what, needed, given }) }
}

/// Checks that a number is within its range.
pub(crate) fn range(what: &'static str, least: usize, most: usize, given: usize) -> Result<(), Error> {
    if (least..=most).contains(&given) {
        Ok(())
    } else {
        Err(Error::Range { what, least: least as u64, most: most as u64, given: given as u64 })
    }
}
