//! The commands of the command line: their flags, and what they print.

pub mod barcode;
pub mod bench;
pub mod certify;
pub mod compare;
pub mod device;
pub mod distance;
pub mod exec;
mod grid_complex;
pub mod plan;
pub mod status;
pub mod summary;
pub mod weights;

use crate::error::{Result, io_error};
use crate::formats::ReadInfo;
use crate::stderr;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes to stdout. A reader that closed the pipe is not an error.
///
/// # Errors
/// The text cannot be written.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(io_error("write", Path::new("standard output"), &e))
        }
        _ => Ok(()),
    }
}

/// A JSON document as one line. Every number reads back to the same bits.
fn json(document: &impl Serialize) -> String {
    let text = serde_json::to_string(document);
    text.expect("documents have string keys and finite numbers") + "\n"
}

/// A document with what was found out about the file that it was computed from.
#[derive(Serialize)]
struct WithRead<'a, T> {
    #[serde(flatten)]
    document: &'a T,
    /// What the file calls the points, by their numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Vec<String>>,
    read: &'a ReadInfo,
}

/// Says what was found out about a file, if it is worth saying.
fn tell(read: &ReadInfo) {
    if let Some(sentence) = read.sentence() {
        stderr::print_line(sentence);
    }
}
