//! Commands of the command line that are one answer to one input: their flags, what they print.

pub mod barcode;
pub mod bench;
pub mod device;
pub mod distance;
pub mod exec;
mod memory;
pub mod plan;
pub mod status;
pub mod summary;
pub mod weights;

use crate::error::{Result, io_error};
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Writes to stdout. A reader that has gone away has seen enough: that is no failure.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(io_error("write", Path::new("standard output"), &e))
        }
        _ => Ok(()),
    }
}

/// One JSON document, one line; every number reads back to the same bits.
fn json(document: &impl Serialize) -> String {
    let text = serde_json::to_string(document);
    text.expect("documents have string keys and finite numbers") + "\n"
}
