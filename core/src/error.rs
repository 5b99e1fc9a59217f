//! What can be wrong with a call: each variant says what was needed and what was given.

use core::fmt;

/// An input that a checked constructor or a call refuses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error {
    /// A slice of the wrong length.
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

/// Checks the length of a slice that the caller provides.
pub(crate) fn length(what: &'static str, needed: usize, given: usize) -> Result<(), Error> {
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
