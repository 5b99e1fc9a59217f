//! `valleys status`: how far a run is.

use super::{json, print};
use crate::error::Result;
use crate::run::{self, JobCounts};
use clap::Args;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Flags of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The run directory.
    directory: PathBuf,
    /// Look again every second, until nothing is running or left.
    #[arg(long)]
    watch: bool,
    /// Print one JSON document on stdout (with --watch, one a line).
    #[arg(long)]
    json: bool,
}

/// Prints how far a run is.
///
/// # Errors
/// No run directory.
pub fn run(args: &StatusArgs) -> Result<()> {
    loop {
        let status = run::status(&args.directory)?;
        let text = match (args.json, args.watch) {
            (true, _) => json(&status),
            (false, watch) => {
                // Home, and away with what was there.
                let clear = if watch && std::io::stdout().is_terminal() { "\x1b[H\x1b[J" } else { "" };
                format!("{clear}{}", table(&status))
            }
        };
        print(&text)?;
        let ended = status.all.running + status.all.left == 0;
        if !args.watch || ended {
            return Ok(());
        }
        std::thread::sleep(EVERY);
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
    status.kinds.iter().for_each(|(name, count)| row(name, count));
    row("all", &status.all);
    text += if status.report { "summary and report are there\n" } else { "no report yet\n" };
    status.at_work.iter().for_each(|job| text += &format!("running {job}\n"));
    status.failures.iter().for_each(|failed| text += &format!("failed {}: {}\n", failed.job, failed.what));
    text
}
