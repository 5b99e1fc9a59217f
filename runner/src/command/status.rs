//! `valleys status`: the progress of a run.

use super::plan::time;
use super::{json, print};
use crate::error::Result;
use crate::run::{self, JobCounts};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Time between two updates of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Moves the cursor of a terminal to the top left corner and clears the screen below it.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Flags of `valleys status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Run directory.
    directory: PathBuf,
    /// Update every second until no job is running or left.
    #[arg(long)]
    watch: bool,
    /// Print one JSON document, with --watch one per line.
    #[arg(long)]
    json: bool,
}

/// Prints the progress of a run.
///
/// # Errors
/// The directory is not a run directory.
pub fn run(args: &StatusArgs) -> Result<()> {
    loop {
        let status = run::status(&args.directory)?;
        let is_screen = args.watch && std::io::stdout().is_terminal();
        print(&match (args.json, is_screen) {
            (true, _) => json(&status),
            (false, true) => format!("{CLEAR}{}", table(&status)),
            (false, false) => table(&status),
        })?;
        if !args.watch || status.all.running + status.all.left == 0 {
            return Ok(());
        }
        std::thread::sleep(WATCH_INTERVAL);
    }
}

fn table(status: &run::Status) -> String {
    let mut text = format!(
        "{:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
        "kind", "jobs", "done", "running", "failed", "skipped", "left"
    );
    let mut row = |name: &str, c: &JobCounts| {
        text += &format!(
            "{name:<10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}\n",
            c.jobs, c.done, c.running, c.failed, c.skipped, c.left
        );
    };
    status.kinds.iter().for_each(|(name, counts)| row(name, counts));
    row("all", &status.all);
    text += if status.report {
        "summary.json and report.html are written\n"
    } else {
        "summary.json and report.html are not written yet\n"
    };
    let measured = status.training_seconds + status.measuring_seconds;
    if measured > 0.0 {
        text += &format!(
            "jobs took {} of training and {} of measuring so far\n",
            time(status.training_seconds),
            time(status.measuring_seconds)
        );
    }
    status.at_work.iter().for_each(|job| text += &format!("running {job}\n"));
    status.failures.iter().for_each(|failed| text += &format!("failed {}: {}\n", failed.job, failed.what));
    text
}
