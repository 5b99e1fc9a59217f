//! TOML files, with the line of an error.

use crate::error::{CliError, ErrorKind, Result};
use std::path::Path;

/// Reads a file.
///
/// # Errors
/// It cannot be read or is no TOML, with the line.
pub fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CliError::new(ErrorKind::Configuration, format!("cannot read {}: {e}", path.display()))
    })?;
    parse(path, &text)
}

/// Parses the text of a file. `path` is for error messages.
///
/// # Errors
/// It is no TOML, with the line.
pub fn parse(path: &Path, text: &str) -> Result<toml::Table> {
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let message = e.message().lines().next().unwrap_or_default().to_owned();
        CliError::new(ErrorKind::Configuration, format!("{}, line {line}: {message}", path.display()))
    })
}
