//! Readers of what others wrote: points, distances, complexes, grids, lattices, diagrams.
//!
//! Every reader takes the name and the bytes of a file, so that a test can hand it anything. What is wrong is one
//! sentence with the name and the line or the element, and no reader allocates more than a small multiple of the
//! bytes it was given, whatever a header says.
//!
//! | file | [`Points`] | [`distances`] | [`complex`] | [`Array`] | [`lattice`] | [`diagram`] |
//! |---|---|---|---|---|---|---|
//! | CSV | one point a line | lower triangle or square | | one grid row a line | `t1,t2,t3,loss` | `index,birth,death` |
//! | `.npy` | 2-D | square | | 1-D to 3-D | | |
//! | JSON | | | simplices | | | what `barcode` prints |

mod array;
mod complex;
pub(crate) mod csv_reader;
mod diagram;
mod distances;
pub(crate) mod foreign;
mod lattice;
mod npy;
mod points;

pub use array::Array;
pub use complex::complex;
pub use diagram::{Diagram, diagram, diagram_csv};
pub use distances::{Distances, distances};
pub use lattice::{Segment, lattice};
pub use npy::{Npy, Numbers};
pub use points::Points;

use crate::error::{CliError, ErrorKind, Result};
use std::io::Read;
use std::path::Path;
use valleys_core::topology;

/// A file that was read, or standard input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What messages call it.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Input {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|e| data_error("standard input", format_args!("cannot be read: {e}")))?;
            return Ok(Self { name: "standard input".to_owned(), bytes });
        }
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {name}: {e}")))?;
        Ok(Self { name, bytes })
    }
}

/// What is wrong with a file.
fn data_error(name: &str, what: impl std::fmt::Display) -> CliError {
    CliError::new(ErrorKind::Data, format!("{name}: {what}"))
}

/// The same about one of its lines, numbered from 1.
fn line_error(name: &str, line: u64, what: impl std::fmt::Display) -> CliError {
    CliError::new(ErrorKind::Data, format!("{name}, line {line}: {what}"))
}

/// What the library says about the contents of a file, under the exit code of its kind.
pub fn topology_error(name: &str, error: topology::Error) -> CliError {
    let kind = match error {
        topology::Error::Memory { .. } | topology::Error::TooMany { .. } => ErrorKind::Resources,
        topology::Error::Exponent { .. } => ErrorKind::Usage,
        _ => ErrorKind::Data,
    };
    CliError::new(kind, format!("{name}: {error}"))
}
