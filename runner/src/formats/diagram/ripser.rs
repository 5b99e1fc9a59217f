//! Diagrams as Ripser prints them.

use super::{Diagram, fault};
use crate::error::Result;
use crate::formats::{line_error, shown};
use valleys_core::topology::Interval;

/// What stands before the bars of an index.
const TITLE: &str = "persistence intervals in dim";

/// Whether a text is what Ripser prints.
pub(super) fn is_ripser(bytes: &[u8]) -> bool {
    bytes.windows(TITLE.len()).any(|part| part == TITLE.as_bytes())
}

/// Whether a text begins with an interval: `[0,1)`, unlike a list of JSON.
pub(super) fn is_interval(bytes: &[u8]) -> bool {
    let line = bytes.trim_ascii_start().split(|&b| b == b'\n').next().unwrap_or_default();
    line.trim_ascii_end().ends_with(b")")
}

pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Diagram> {
    let text = String::from_utf8_lossy(bytes);
    let (mut index, mut bars) = (None, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let wrong = || line_error(name, number, format_args!("`{}` is not understood", shown(line)));
        if let Some(rest) = line.strip_prefix(TITLE) {
            index = Some(rest.trim().trim_end_matches(':').parse().map_err(|_| wrong())?);
        } else if let (Some(index), Some(interval)) = (index, line.strip_prefix('[')) {
            // A representative may follow the interval.
            let (birth, death) =
                interval.split_once(')').and_then(|(ends, _)| ends.split_once(',')).ok_or_else(wrong)?;
            let end = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
            let death = if death.trim().is_empty() { f64::INFINITY } else { end(death)? };
            let interval = Interval::new(end(birth)?, death);
            if let Some(what) = fault(interval) {
                return Err(line_error(name, number, what));
            }
            bars.push((index, interval));
        }
    }
    Ok(bars)
}
