//! Progress and warnings for the user.

use std::io::Write;

/// Prints a line to stderr. A closed or full stderr does not end the run.
pub fn print_line(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
