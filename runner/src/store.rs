//! The run directory: every file in it is complete or absent, at any moment.
//!
//! A file or a folder is made under a temporary name in the same directory, flushed to disk, renamed, and the
//! directory flushed. What is there is done; what is not there is to do: there is no other state.
//!
//! Any number of processes may work in a directory: each holds `lock` shared, and the lock of each job it works on.

use crate::error::{CliError, ErrorKind, Result, io_error};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Temporary names start with this; a directory that nobody works in may be swept of them.
const TEMPORARY_PREFIX: &str = ".tmp-";

/// Endings of the names of what a job needs only until it is done.
const CHECKPOINT_SUFFIX: &str = ".checkpoint";
const LOCK_SUFFIX: &str = ".lock";

/// How long an opening process waits for another that tidies up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A run directory, shared by all processes that work in it.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// The lock is held as long as the file is open.
    _lock: File,
}

impl Store {
    /// Opens or makes a run directory with these files in it: name, text, and what a directory with another text holds.
    ///
    /// # Errors
    /// The directory cannot be made or written; another process has it for itself; a file has another text.
    pub fn open(root: &Path, files: &[(&str, &str, &str)]) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| io_error("make the directory", root, &e))?;
        let path = root.join("lock");
        let options = File::options().create(true).append(true).open(&path);
        let lock = options.map_err(|e| io_error("write", &path, &e))?;
        let wrong = |e| io_error("lock", &path, &e);
        let alone = acquired(lock.try_lock()).map_err(wrong)?;
        if alone {
            clean_up(root)?;
            lock.unlock().map_err(wrong)?;
        }
        let start = Instant::now();
        while !acquired(lock.try_lock_shared()).map_err(wrong)? {
            if start.elapsed() > LOCK_TIMEOUT {
                let message = format!("{} is in use by another process", root.display());
                return Err(CliError::new(ErrorKind::Busy, message));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let store = Self { root: root.to_owned(), _lock: lock };
        for (name, text, other) in files {
            if !store.has(name) {
                store.write(name, text.as_bytes())?;
            } else if store.read(name)? != text.as_bytes() {
                let message =
                    format!("{} holds {other} (see its {name}); give another --out", root.display());
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
        }
        Ok(store)
    }

    /// Locks a job for this process; none where another works on it.
    ///
    /// # Errors
    /// The lock cannot be made.
    pub fn lock_job(&self, job: &str) -> Result<Option<JobLock>> {
        let path = self.root.join(format!("{job}{LOCK_SUFFIX}"));
        self.create_parent(&path)?;
        loop {
            let file = File::options().create(true).append(true).open(&path);
            let file = file.map_err(|e| io_error("write", &path, &e))?;
            if !acquired(file.try_lock()).map_err(|e| io_error("lock", &path, &e))? {
                return Ok(None);
            }
            // Whoever had it before may have removed it after it was opened here.
            if is_same_file(&file, &path) {
                return Ok(Some(JobLock { _file: file, path }));
            }
        }
    }

    /// Whether a process works on a job.
    pub fn is_locked(root: &Path, job: &str) -> bool {
        let file = File::open(root.join(format!("{job}{LOCK_SUFFIX}")));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The name of a job's checkpoint.
    pub fn checkpoint_name(job: &str) -> String {
        format!("{job}{CHECKPOINT_SUFFIX}")
    }

    /// Removes a file or folder, all at once; it may be absent.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        let removed = match (path.is_dir(), path.exists()) {
            (true, _) => temporary_file(0o777).tempdir_in(self.create_parent(&path)?).and_then(|folder| {
                let away = folder.path().join("removed");
                fs::rename(&path, away)
            }),
            (false, true) => fs::remove_file(&path),
            (false, false) => Ok(()),
        };
        removed.map_err(|e| io_error("remove", &path, &e))
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a file or folder is there, and so complete.
    pub fn has(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.root.join(name);
        fs::read(&path)
            .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))
    }

    /// Makes a file, or replaces it.
    ///
    /// # Errors
    /// It cannot be written; what was there before is untouched.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_file(name, bytes, true)
    }

    /// Makes a file that is not there.
    ///
    /// # Errors
    /// It cannot be written; it is there, and untouched.
    pub fn write_once(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_file(name, bytes, false)
    }

    fn write_file(&self, name: &str, bytes: &[u8], replace: bool) -> Result<()> {
        let path = self.root.join(name);
        let parent = self.create_parent(&path)?;
        let written = temporary_file(0o666).tempfile_in(parent).and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            if replace {
                file.persist(&path)?
            } else {
                file.persist_noclobber(&path)?
            };
            sync_directory(parent)
        });
        written.map_err(|e| io_error("write", &path, &e))
    }

    /// Makes a folder with these files in it, all at once.
    ///
    /// # Errors
    /// It cannot be written; then it is not there.
    pub fn write_folder(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<()> {
        let path = self.root.join(name);
        let parent = self.create_parent(&path)?;
        let written = temporary_file(0o777).tempdir_in(parent).and_then(|folder| {
            for (name, bytes) in files {
                let mut file = File::create_new(folder.path().join(name))?;
                file.write_all(bytes)?;
                file.sync_all()?;
            }
            sync_directory(folder.path())?;
            fs::rename(folder.path(), &path)?;
            // Renamed away: there is nothing left to remove.
            let _ = folder.keep();
            sync_directory(parent)
        });
        written.map_err(|e| io_error("write", &path, &e))
    }

    fn create_parent<'a>(&self, path: &'a Path) -> Result<&'a Path> {
        let parent = path.parent().unwrap_or(path);
        fs::create_dir_all(parent).map_err(|e| io_error("make the directory", parent, &e))?;
        Ok(parent)
    }
}

/// A job that this process has for itself.
#[derive(Debug)]
pub struct JobLock {
    /// The lock is held as long as the file is open.
    _file: File,
    path: PathBuf,
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // Elsewhere it cannot be told whether a lock is of the file that is there, so that it must stay.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a lock was free.
fn acquired(lock: std::result::Result<(), TryLockError>) -> std::io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Whether an open file is the one that is there.
fn is_same_file(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let [here, there] = [file.metadata(), fs::metadata(path)].map(|m| m.map(|m| (m.dev(), m.ino())).ok());
        here.is_some() && here == there
    }
    #[cfg(not(unix))]
    true
}

/// Removes what killed processes left half-made, and what jobs no longer need. Nobody else works in the directory.
fn clean_up(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| io_error("list", folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| io_error("list", folder, &e))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        let done = |job: &str| path.with_file_name(format!("{job}.json")).exists();
        let old = name.ends_with(LOCK_SUFFIX) || name.strip_suffix(CHECKPOINT_SUFFIX).is_some_and(done);
        let removed = match (name.starts_with(TEMPORARY_PREFIX), is_folder) {
            (true, true) => fs::remove_dir_all(&path),
            (true, false) => fs::remove_file(&path),
            (false, false) if old => fs::remove_file(&path),
            (false, true) => {
                clean_up(&path)?;
                Ok(())
            }
            (false, false) => Ok(()),
        };
        removed.map_err(|e| io_error("remove", &path, &e))?;
    }
    Ok(())
}

/// A temporary name with the permissions of ordinary files, less the user's mask.
fn temporary_file(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Flushes a directory, so that a rename in it survives a power cut; where directories cannot be opened there is
/// nothing to flush.
fn sync_directory(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
