//! `valleys exec`: jobs by name.

use crate::error::{CliError, ErrorKind, Result};
use crate::run::{self, Options, Stop};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `exec`.
#[derive(Args, Clone, Debug)]
pub struct ExecArgs {
    /// The run directory: one with a config.toml.
    directory: PathBuf,
    /// Jobs, as `plan` and `status` name them: minima/0, uniform-1/0-1, networks/20-0; `report` comes last, when all are
    /// done.
    #[arg(required = true)]
    jobs: Vec<String>,
    #[command(flatten)]
    job_args: JobArgs,
}

/// Flags of everything that does jobs.
#[derive(Args, Clone, Debug, Default)]
pub struct JobArgs {
    /// Jobs side by side, on a GPU in the same dispatches; no result depends on it.
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// The GPU, where the backend is one: its number in `valleys devices` or a part of its name.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Stop at a checkpoint after this time, with exit code 75: 90, 50m, 3h50m.
    #[arg(long, value_name = "TIME", value_parser = time)]
    max_time: Option<Duration>,
    /// Seconds between two checkpoints of a job.
    #[arg(long, value_name = "SECONDS", value_parser = time, default_value = "30")]
    checkpoint: Option<Duration>,
}

impl JobArgs {
    /// As the library takes them; from now on signals stop at a checkpoint.
    ///
    /// # Errors
    /// No threads; signals that cannot be caught.
    pub fn options(&self) -> Result<Options> {
        if self.threads == Some(0) {
            return Err(CliError::new(ErrorKind::Usage, "--threads is 0, but must be at least 1"));
        }
        let mut stop = Stop::default().on_signals()?;
        stop = self.checkpoint.map_or(stop.clone(), |interval| stop.checkpoint_every(interval));
        stop = self.max_time.map_or(stop.clone(), |time| stop.after(time));
        Ok(Options { out: None, threads: self.threads, quiet: false, device: self.device.clone(), stop })
    }
}

/// Does the jobs.
///
/// # Errors
/// See [`run::exec`].
pub fn run(args: &ExecArgs) -> Result<()> {
    run::exec(&args.directory, &args.jobs, &args.job_args.options()?)
}

/// `90` seconds, `1.5`, `50m`, `3h50m10s`.
fn time(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("a time such as 90, 50m or 3h50m expected, not {text:?}");
    let (mut seconds, mut number) = (0.0, String::new());
    for c in text.chars().chain(std::iter::once('s')) {
        let unit = match c {
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => return Err(wrong()),
        };
        if !number.is_empty() {
            seconds += unit * number.parse::<f64>().map_err(|_| wrong())?;
            number.clear();
        } else if c != 's' || text.is_empty() {
            return Err(wrong());
        }
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}
