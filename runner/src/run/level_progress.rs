//! What a user sees while a run goes on: bars on a terminal, plain lines elsewhere, all of it on stderr.

use crate::stderr;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shortest time between two plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// The progress of one stage.
#[derive(Debug)]
pub struct LevelProgress {
    bar: ProgressBar,
    name: String,
    plain: Option<std::sync::Mutex<Instant>>,
    start: Instant,
}

impl LevelProgress {
    /// A stage of `total` units of work.
    pub fn new(name: &str, total: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        if quiet || !terminal {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{msg:>22} {wide_bar} {percent:>3}% {eta:>4} left");
        bar.set_style(style.expect("the template is right"));
        bar.set_message(name.to_owned());
        if !quiet && !terminal {
            stderr::print_line(format_args!("{name} ..."));
        }
        let start = Instant::now();
        let plain = (!quiet && !terminal).then(|| std::sync::Mutex::new(start));
        Self { bar, name: name.to_owned(), plain, start }
    }

    /// Some units are done.
    pub fn add(&self, units: u64) {
        self.bar.inc(units);
        let Some(last) = &self.plain else { return };
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= PLAIN_EVERY {
            *last = Instant::now();
            let share = self.bar.position() as f64 / self.bar.length().unwrap_or(1).max(1) as f64;
            let left = self.start.elapsed().as_secs_f64() * (1.0 / share - 1.0);
            stderr::print_line(format_args!("{}: {:.0} %, {left:.0} s left", self.name, 100.0 * share));
        }
    }

    /// The stage is done.
    pub fn finish(self, quiet: bool) {
        self.bar.finish_and_clear();
        if !quiet {
            stderr::print_line(format_args!("{}: {:.1} s", self.name, self.start.elapsed().as_secs_f64()));
        }
    }
}
