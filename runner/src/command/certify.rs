//! `valleys certify`: proved upper bounds of the losses on the fitted simplices of a run.

use super::exec::parse_time;
use super::{json, print};
use crate::error::{CliError, ErrorKind, Result};
use crate::run::{self, CertifyOptions};
use crate::schema::{CertifiedMaxLoss, simplex_name};
use crate::stderr;
use crate::table::rounded;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `valleys certify`.
#[derive(Args, Clone, Debug)]
pub struct CertifyArgs {
    /// Run directory with a summary.
    directory: PathBuf,
    /// Bound triangles, too. They take longer.
    #[arg(long)]
    triangles: bool,
    /// How far a bound may be above the largest loss found, as a share of it.
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    tolerance: f64,
    /// Time for each simplex: 90 (seconds), 5m. What is proved until then is reported.
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60")]
    max_time: Duration,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// Proves and prints the bounds.
///
/// # Errors
/// The tolerance is not positive; those of [`run::certify`].
pub fn run(args: &CertifyArgs) -> Result<()> {
    if args.tolerance.is_nan() || args.tolerance <= 0.0 {
        let message = format!("--tolerance is {}, but must be above 0", args.tolerance);
        return Err(CliError::new(ErrorKind::Usage, message));
    }
    let rank = if args.triangles { 2 } else { 1 };
    let options = CertifyOptions { rank, tolerance: args.tolerance, time: args.max_time };
    let progress = |certified: &CertifiedMaxLoss| {
        stderr::print_line(format_args!(
            "{} {}: {} cells, {:.1} s",
            certified.fit,
            simplex_name(&certified.simplex),
            certified.cells,
            certified.seconds
        ));
    };
    let all = run::certify(&args.directory, &options, progress)?;
    print(&if args.json { json(&all) } else { table(&all) })
}

fn table(all: &[CertifiedMaxLoss]) -> String {
    let mut text = format!(
        "{:<14} {:<8} {:>12} {:>18} {:>9} {:>9}\n",
        "fit", "simplex", "found", "proved at most", "above", "cells"
    );
    for c in all {
        let above = 100.0 * (c.upper - c.found) / c.found.abs();
        let _ = writeln!(
            text,
            "{:<14} {:<8} {:>12} {:>18} {:>7.2} % {:>9}",
            c.fit,
            simplex_name(&c.simplex),
            rounded(c.found, 5),
            rounded(c.upper, 6),
            above,
            c.cells
        );
    }
    text
}
