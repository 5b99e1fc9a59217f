//! Readers of what others wrote: points, distances, complexes, grids, lattices, diagrams.
//!
//! One reader for tables ([`table`](TableOptions), text files of every dialect), one for arrays ([`Npy`], `.npy` and
//! `.npz`); every kind of input takes both. Each reader takes an [`Input`], so that a test can hand it any bytes, and
//! returns what it read with a [`ReadInfo`]: what it found out about the file, to be told once. What is wrong is one
//! sentence with the name and the line or the element, and no reader allocates more than a small multiple of the bytes it
//! was given, whatever a header says.
//!
//! | file | [`Points`] | [`Distances`] | [`complex`] | [`Array`] | [`lattice`] | [`diagram`] |
//! |---|---|---|---|---|---|---|
//! | table | one point a line | square, triangle, condensed | | one grid row a line | `t1,t2,t3,loss` | `index,birth,death` |
//! | array | (n, d) | square, condensed | | 1-D to 3-D | (n, 4) | (n, 2), (n, 3) |
//! | JSON | | | simplices | | | what `barcode`, ripser.py, GUDHI print |

mod array;
mod complex;
mod diagram;
mod distances;
mod dtype;
pub(crate) mod foreign;
mod input;
mod lattice;
mod npy;
pub(crate) mod npz;
mod points;
mod read_info;
pub(crate) mod table;
mod text;

pub use array::Array;
pub use complex::complex;
pub use diagram::{Diagram, ask_index, diagram, diagram_csv};
pub use distances::{DistanceOptions, Distances, Triangle};
pub use dtype::{Dtype, Kind};
pub use input::Input;
pub use lattice::{Segment, lattice};
pub use npy::{Npy, Numbers};
pub use points::Points;
pub use read_info::ReadInfo;
pub use table::{Answer, Decimal, Delimiter, TableOptions};

use crate::error::{CliError, ErrorKind};
use valleys_core::topology;

/// What is wrong with a file.
fn data_error(name: &str, what: impl std::fmt::Display) -> CliError {
    CliError::new(ErrorKind::Data, format!("{name}: {what}"))
}

/// The same about one of its lines, numbered from 1.
pub(crate) fn line_error(name: &str, line: u64, what: impl std::fmt::Display) -> CliError {
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

/// The beginning of a text, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(24).flat_map(char::escape_debug).collect();
    if text.chars().count() > 24 { start + "…" } else { start }
}
