//! The run directory as a store of files that are complete or absent at any moment.
//!
//! A file or folder is written under a temporary name in the same directory, flushed to disk and renamed. Then the
//! directory is flushed. So a file that exists is complete, and a job whose files are missing is not done.
//!
//! Any number of processes may work in one directory. Each holds the file `lock` shared, and the lock file of every job
//! that it works on.

use crate::error::{CliError, ErrorKind, Result, io_error, read_error};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Prefix of temporary names. The clean-up removes files with this prefix.
const TEMPORARY_PREFIX: &str = ".tmp-";

/// Suffixes of the files that only an unfinished job needs.
const CHECKPOINT_SUFFIX: &str = ".checkpoint";
const LOCK_SUFFIX: &str = ".lock";

/// How long [`Store::open`] waits for a process that holds the directory exclusively: one that cleans up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// A run directory, shared by all processes that work in it.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// The lock is held as long as the file is open.
    _lock: File,
}

/// A file that identifies a run: a directory belongs to one text of it.
#[derive(Clone, Copy, Debug)]
pub struct IdentityFile<'a> {
    /// The file name.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// What a directory with another text holds, for the error message: "a run of another configuration".
    pub conflict: &'a str,
    /// What a user can do then, besides another directory.
    pub next: &'a str,
}

impl Store {
    /// Opens a run directory, or creates it. Writes the identity files that are missing. If no other process works in
    /// the directory, removes what interrupted processes left.
    ///
    /// # Errors
    /// The directory cannot be created or written; another process holds it exclusively ([`ErrorKind::Busy`]); an
    /// identity file has another text ([`ErrorKind::Configuration`]).
    pub fn open(root: &Path, files: &[IdentityFile]) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| io_error("make the directory", root, &e))?;
        let path = root.join("lock");
        let options = File::options().create(true).append(true).open(&path);
        let lock = options.map_err(|e| io_error("write", &path, &e))?;
        let cannot_lock = |e| io_error("lock", &path, &e);
        if acquired(lock.try_lock()).map_err(cannot_lock)? {
            clean_up(root)?;
            lock.unlock().map_err(cannot_lock)?;
        }
        let start = Instant::now();
        while !acquired(lock.try_lock_shared()).map_err(cannot_lock)? {
            if start.elapsed() > LOCK_TIMEOUT {
                let message = format!("{} is in use by another process", root.display());
                return Err(CliError::new(ErrorKind::Busy, message));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let store = Self { root: root.to_owned(), _lock: lock };
        for &IdentityFile { name, text, conflict, next } in files {
            if !store.has(name) {
                store.write(name, text.as_bytes())?;
            } else if store.read(name)? != text.as_bytes() {
                let message =
                    format!("{} holds {conflict} (see its {name}); give another --out{next}", root.display());
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
        }
        Ok(store)
    }

    /// Locks a job for this process. `None` if another process holds the lock.
    ///
    /// # Errors
    /// The lock file cannot be created or locked.
    pub fn lock_job(&self, job: &str) -> Result<Option<JobLock>> {
        let path = self.root.join(format!("{job}{LOCK_SUFFIX}"));
        self.create_parent(&path)?;
        loop {
            let file = File::options().create(true).append(true).open(&path);
            let file = file.map_err(|e| io_error("write", &path, &e))?;
            if !acquired(file.try_lock()).map_err(|e| io_error("lock", &path, &e))? {
                return Ok(None);
            }
            // The previous owner may have removed the file between `open` and `try_lock`.
            if is_same_file(&file, &path) {
                return Ok(Some(JobLock { _file: file, path }));
            }
        }
    }

    /// Whether a process holds the lock of a job.
    pub fn is_locked(root: &Path, job: &str) -> bool {
        let file = File::open(root.join(format!("{job}{LOCK_SUFFIX}")));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// The file name of a job's checkpoint.
    pub fn checkpoint_name(job: &str) -> String {
        format!("{job}{CHECKPOINT_SUFFIX}")
    }

    /// Removes a file or folder atomically. It may be absent.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        let removed = match (path.is_dir(), path.exists()) {
            (true, _) => temporary_file(0o777).tempdir_in(self.create_parent(&path)?).and_then(|folder| {
                let moved = folder.path().join("removed");
                fs::rename(&path, moved)
            }),
            (false, true) => fs::remove_file(&path),
            (false, false) => Ok(()),
        };
        removed.map_err(|e| io_error("remove", &path, &e))
    }

    /// The path of the directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a file or folder exists, which means that it is complete.
    pub fn has(&self, name: &str) -> bool {
        self.root.join(name).exists()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.root.join(name);
        fs::read(&path).map_err(|e| read_error(&path, &e))
    }

    /// Writes a file, or replaces it.
    ///
    /// # Errors
    /// It cannot be written. Then an existing file is unchanged.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.write_file(name, bytes, true)
    }

    /// Writes a file that must not exist.
    ///
    /// # Errors
    /// It exists, or cannot be written. Then an existing file is unchanged.
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

    /// Adds a line to a file of notes, which no result depends on. Lines of several processes do not mix.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn append(&self, name: &str, line: &str) -> Result<()> {
        let path = self.root.join(name);
        let file = File::options().create(true).append(true).open(&path);
        file.and_then(|mut file| file.write_all(line.as_bytes())).map_err(|e| io_error("write", &path, &e))
    }

    /// Writes a folder with these files (name, bytes) atomically.
    ///
    /// # Errors
    /// It cannot be written. Then the folder does not exist.
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
            // The temporary folder no longer exists: nothing is to be removed on drop.
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

/// The lock of a job, held by this process until it is dropped.
#[derive(Debug)]
pub struct JobLock {
    /// The lock is held as long as the file is open.
    _file: File,
    path: PathBuf,
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // Elsewhere `is_same_file` cannot compare files, so the lock file must stay.
        if cfg!(unix) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether an attempt to lock succeeded. That another process holds the lock is not an error.
fn acquired(lock: std::result::Result<(), TryLockError>) -> std::io::Result<bool> {
    match lock {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Whether an open file is the one that the path names.
fn is_same_file(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let [open, named] = [file.metadata(), fs::metadata(path)].map(|m| m.map(|m| (m.dev(), m.ino())).ok());
        open.is_some() && open == named
    }
    #[cfg(not(unix))]
    true
}

/// Removes temporary files, lock files and the checkpoints of finished jobs. The caller holds the directory exclusively.
fn clean_up(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).map_err(|e| io_error("list", folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| io_error("list", folder, &e))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        let is_done = |job: &str| path.with_file_name(format!("{job}.json")).exists();
        let is_obsolete =
            name.ends_with(LOCK_SUFFIX) || name.strip_suffix(CHECKPOINT_SUFFIX).is_some_and(is_done);
        let removed = match (name.starts_with(TEMPORARY_PREFIX), is_folder) {
            (true, true) => fs::remove_dir_all(&path),
            (true, false) => fs::remove_file(&path),
            (false, false) if is_obsolete => fs::remove_file(&path),
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

/// Makes temporary files with the permissions of ordinary files: `mode` without the bits of the user's umask.
fn temporary_file(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Flushes a directory, so that a rename in it survives a power failure. Does nothing where directories cannot be
/// opened.
fn sync_directory(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A name with only the characters that every file system accepts.
pub fn file_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect()
}
