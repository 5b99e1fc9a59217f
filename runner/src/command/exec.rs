//! `valleys exec`: runs jobs by name.

use crate::error::{CliError, ErrorKind, Result};
use crate::run::{self, Options, Stop};
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// Flags of `valleys exec`.
#[derive(Args, Clone, Debug)]
pub struct ExecArgs {
    /// Run directory. It must contain config.toml.
    directory: PathBuf,
    /// Names of jobs: minima/0, uniform-1/0-1, networks/20-0. The job `report` needs all others.
    #[arg(required = true)]
    jobs: Vec<String>,
    #[command(flatten)]
    job_args: JobArgs,
}

/// Flags of the commands that run jobs.
#[derive(Args, Clone, Debug, Default)]
pub struct JobArgs {
    /// Jobs that run at the same time, on a GPU in the same dispatches; by default one per core, on a hardware GPU eight.
    /// No result depends on it.
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// GPU to use if the backend is a GPU: its number in `valleys devices`, or a part of its name.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Stop at a checkpoint after this time, with exit code 75: 90 (seconds), 50m, 3h50m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    max_time: Option<Duration>,
    /// Time between two checkpoints of a job, in seconds.
    #[arg(long, value_name = "SECONDS", value_parser = parse_time, default_value = "30")]
    checkpoint: Option<Duration>,
}

impl JobArgs {
    /// The options of the library. From this call on, SIGTERM, SIGINT and SIGUSR1 stop jobs at a checkpoint.
    ///
    /// # Errors
    /// The number of threads is 0; the signal handlers cannot be installed.
    pub fn options(&self) -> Result<Options> {
        if self.threads == Some(0) {
            return Err(CliError::new(ErrorKind::Usage, "--threads is 0, but must be at least 1"));
        }
        let mut stop = Stop::default().on_signals()?;
        stop = self.checkpoint.map_or(stop.clone(), |time| stop.checkpoint_every(time));
        stop = self.max_time.map_or(stop.clone(), |time| stop.after(time));
        Ok(Options { out: None, threads: self.threads, quiet: false, device: self.device.clone(), stop })
    }
}

/// Runs the jobs.
///
/// # Errors
/// Those of [`run::exec`].
pub fn run(args: &ExecArgs) -> Result<()> {
    run::exec(&args.directory, &args.jobs, &args.job_args.options()?)
}

/// Parses a time: `90` or `1.5` (seconds), `50m`, `3h50m10s`.
pub(super) fn parse_time(text: &str) -> std::result::Result<Duration, String> {
    let malformed = || format!("expected a time such as 90, 50m or 3h50m, not {text:?}");
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
            _ => return Err(malformed()),
        };
        if !number.is_empty() {
            seconds += unit * number.parse::<f64>().map_err(|_| malformed())?;
            number.clear();
        } else if c != 's' || text.is_empty() {
            return Err(malformed());
        }
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| malformed())
}
