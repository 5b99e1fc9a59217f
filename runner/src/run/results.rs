//! The end of a run: summary, report, and the errors of its jobs.

use super::directory::CONFIG;
use super::{Job, Level, REPORT, Run, levels};
use crate::error::{CliError, ErrorKind, Result, read_error};
use crate::report;
use crate::schema::Summary;
use crate::store::{IdentityFile, Store};
use std::path::{Path, PathBuf};

/// Builds `report.html` from the files of a finished run directory of one network. Returns its path.
///
/// # Errors
/// `root` is not a run directory; one of its files is missing or malformed; the report cannot be written.
pub fn report_one(root: &Path) -> Result<PathBuf> {
    let path = root.join(CONFIG);
    let config = std::fs::read_to_string(&path).map_err(|e| read_error(&path, &e))?;
    write_report(&Store::open(
        root,
        &[IdentityFile { name: CONFIG, text: &config, conflict: "", next: "" }],
    )?)?;
    Ok(root.join("report.html"))
}

fn write_report(store: &Store) -> Result<()> {
    let page = report::render(store.root())?;
    store.write("report.html", page.as_bytes())
}

/// The error that a command returns if some of its jobs failed: an error that is not about a single job, or else a
/// request to stop, or else the first error with the number of failed jobs.
pub fn combine_errors(errors: Vec<CliError>, root: &Path) -> Result<()> {
    let Some(first) = errors.first() else { return Ok(()) };
    let general = errors.iter().find(|e| !matches!(e.kind, ErrorKind::Jobs | ErrorKind::Stopped));
    if let Some(error) = general.or_else(|| errors.iter().find(|e| e.kind == ErrorKind::Stopped)) {
        return Err(error.clone());
    }
    let (count, root) = (errors.len(), root.display());
    let message = match count {
        1 => format!("1 job failed, all jobs that do not need it are done in {root}: {first}"),
        _ => format!(
            "{count} jobs failed, all jobs that do not need them are done in {root}; the first: {first}"
        ),
    };
    Err(CliError::new(ErrorKind::Jobs, message))
}

impl Run {
    /// The errors of the jobs that diverged.
    pub(super) fn diverged_jobs(&self, levels: &[Level]) -> Vec<CliError> {
        let jobs = levels.iter().flat_map(|level| &level.jobs);
        let diverged = jobs.filter_map(|&job| self.records.verified(self.store.root(), job)?.diverged);
        diverged.map(|diverged| CliError::new(ErrorKind::Jobs, diverged.to_string())).collect()
    }

    /// The errors of the jobs that need a job that diverged.
    pub(super) fn skipped_jobs(&self, levels: &[Level]) -> Vec<CliError> {
        let root = self.store.root();
        let jobs = levels.iter().flat_map(|level| &level.jobs);
        let skipped = jobs.filter(|&&job| self.records.verified(root, job).is_none());
        let skipped = skipped.filter_map(|&job| Some((job, self.records.diverged_dependency(root, job)?)));
        let message =
            |(job, cause): (Job, Job)| format!("{} is skipped: {} diverged", job.name(), cause.name());
        skipped.map(|pair| CliError::new(ErrorKind::Jobs, message(pair))).collect()
    }

    /// Writes `summary.json`, `minmax.csv` and `report.html`, from the files of all jobs that are done.
    pub(super) fn write_summary(&self) -> Result<Summary> {
        let summary = self.summary()?;
        self.store.write("summary.json", summary.to_json().as_bytes())?;
        if !summary.minmax.is_empty() {
            self.store.write("minmax.csv", summary.minmax_csv().as_bytes())?;
        }
        write_report(&self.store)?;
        Ok(summary)
    }

    /// Writes summary and report of all jobs that are done.
    ///
    /// # Errors
    /// A job is neither done nor failed; `errors` or a job that diverged, after the files are written.
    pub(super) fn write_results(&self, errors: Vec<CliError>) -> Result<Summary> {
        let root = self.store.root();
        let (mut errors, general): (Vec<_>, Vec<_>) =
            errors.into_iter().partition(|error| error.kind == ErrorKind::Jobs);
        combine_errors(general, root)?;
        let levels = levels(&self.config);
        let is_open = |&&job: &&Job| {
            self.records.verified(root, job).is_none()
                && self.records.diverged_dependency(root, job).is_none()
        };
        let open = levels.iter().flat_map(|level| &level.jobs).filter(is_open).count();
        if open > errors.len() {
            // What failed says more than what could not begin after it.
            combine_errors(errors.clone(), root)?;
            let message = format!("{REPORT} needs all jobs, but {open} of {} are not done", root.display());
            return Err(CliError::new(ErrorKind::Data, message));
        }
        let summary = self.write_summary()?;
        errors.extend(self.diverged_jobs(&levels));
        combine_errors(errors, root)?;
        Ok(summary)
    }
}
