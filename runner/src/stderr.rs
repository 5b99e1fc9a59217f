//! What a user is told while something goes on.

use std::io::Write;

/// A line on stderr. A reader that has gone away, or a full disk behind it, is no reason to stop.
pub fn print_line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
