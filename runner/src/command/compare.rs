//! `valleys compare`: runs side by side.

use super::print;
use crate::compare::Comparison;
use crate::error::{Result, io_error};
use crate::report;
use clap::Args;
use std::path::PathBuf;

/// Flags of `valleys compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareArgs {
    /// Run directories with a summary. One of a run of several networks stands for all of them.
    #[arg(required = true)]
    directories: Vec<PathBuf>,
    /// Write a page with tables, maps on a common scale, barcodes and diagrams.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON document instead of a table.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print a row for each run and fit as CSV instead of a table.
    #[arg(long)]
    csv: bool,
}

/// Compares and prints.
///
/// # Errors
/// Those of [`Comparison::read`]; the page cannot be written.
pub fn run(args: &CompareArgs) -> Result<()> {
    let comparison = Comparison::read_all(&args.directories)?;
    if let Some(path) = &args.html {
        let page = report::comparison::page(&comparison)?;
        std::fs::write(path, page).map_err(|e| io_error("write", path, &e))?;
    }
    print(&match (args.json, args.csv) {
        (true, _) => comparison.to_json(),
        (_, true) => comparison.to_csv(),
        _ => comparison.to_table(),
    })
}
