//! Progress on stderr: a bar on a terminal, plain lines elsewhere.

use crate::stderr;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Minimum time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The progress of one level of jobs.
#[derive(Debug)]
pub struct LevelProgress {
    bar: ProgressBar,
    name: String,
    /// Time of the last plain line; none if no plain lines are printed.
    last_line: Option<std::sync::Mutex<Instant>>,
    start: Instant,
}

impl LevelProgress {
    /// Starts a level of `total` units of work. Prints nothing if `quiet`.
    pub fn new(name: &str, total: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if quiet || !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg:>28} {wide_bar} {percent:>3}% {eta:>4} left");
        bar.set_style(style.expect("the template is valid"));
        bar.set_message(name.to_owned());
        if !quiet && !terminal {
            stderr::print_line(format_args!("{name} ..."));
        }
        let start = Instant::now();
        let last_line = (!quiet && !terminal).then(|| std::sync::Mutex::new(start));
        Self { bar, name: name.to_owned(), last_line, start }
    }

    /// Adds finished units of work.
    pub fn add(&self, units: u64) {
        self.bar.inc(units);
        let Some(last) = &self.last_line else { return };
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= PLAIN_EVERY {
            *last = Instant::now();
            let share = self.bar.position() as f64 / self.bar.length().unwrap_or(1).max(1) as f64;
            let seconds_left = self.start.elapsed().as_secs_f64() * (1.0 / share - 1.0);
            stderr::print_line(format_args!(
                "{}: {:.0} %, {seconds_left:.0} s left",
                self.name,
                100.0 * share
            ));
        }
    }

    /// Ends the level and prints its time.
    pub fn finish(self, quiet: bool) {
        self.bar.finish_and_clear();
        if !quiet {
            stderr::print_line(format_args!("{}: {:.1} s", self.name, self.start.elapsed().as_secs_f64()));
        }
    }
}
