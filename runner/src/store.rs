//! The run directory: every file in it is complete or absent, at any moment.
//!
//! A file or a folder is made under a temporary name in the same directory, flushed to disk, renamed, and the
//! directory flushed. What is there is done; what is not there is to do: there is no other state.

use crate::failure::{Failure, Kind, Result, disk};
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Temporary names start with this; a directory that nobody works in may be swept of them.
const TEMPORARY: &str = ".tmp-";

/// A run directory, locked for this process.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// The lock is held as long as the file is open.
    _lock: File,
}

impl Store {
    /// Opens or makes a run directory for a configuration (as TOML).
    ///
    /// # Errors
    /// The directory cannot be made or written; another process works in it; it holds another configuration.
    pub fn open(root: &Path, config: &str) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| disk("make the directory", root, &e))?;
        let path = root.join("lock");
        let options = File::options().create(true).append(true).open(&path);
        let lock = options.map_err(|e| disk("write", &path, &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is in use by another process", root.display());
                return Err(Failure::new(Kind::Busy, message));
            }
            Err(TryLockError::Error(e)) => return Err(disk("lock", &path, &e)),
        }
        let store = Self { root: root.to_owned(), _lock: lock };
        store.sweep(root)?;
        if !store.has("config.toml") {
            store.write("config.toml", config.as_bytes())?;
        } else if store.read("config.toml")? != config.as_bytes() {
            let message = format!(
                "{} holds a run of another configuration (see its config.toml); give another --out",
                root.display()
            );
            return Err(Failure::new(Kind::Configuration, message));
        }
        Ok(store)
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
        fs::read(&path).map_err(|e| Failure::new(Kind::Data, format!("cannot read {}: {e}", path.display())))
    }

    /// Makes a file, or replaces it.
    ///
    /// # Errors
    /// It cannot be written; what was there before is untouched.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.root.join(name);
        let parent = self.parent(&path)?;
        let written = temporary(0o666).tempfile_in(parent).and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            sync(parent)
        });
        written.map_err(|e| disk("write", &path, &e))
    }

    /// Makes a folder with these files in it, all at once.
    ///
    /// # Errors
    /// It cannot be written; then it is not there.
    pub fn write_folder(&self, name: &str, files: &[(String, Vec<u8>)]) -> Result<()> {
        let path = self.root.join(name);
        let parent = self.parent(&path)?;
        let written = temporary(0o777).tempdir_in(parent).and_then(|folder| {
            for (name, bytes) in files {
                let mut file = File::create_new(folder.path().join(name))?;
                file.write_all(bytes)?;
                file.sync_all()?;
            }
            sync(folder.path())?;
            fs::rename(folder.path(), &path)?;
            // Renamed away: there is nothing left to remove.
            let _ = folder.keep();
            sync(parent)
        });
        written.map_err(|e| disk("write", &path, &e))
    }

    fn parent<'a>(&self, path: &'a Path) -> Result<&'a Path> {
        let parent = path.parent().unwrap_or(path);
        fs::create_dir_all(parent).map_err(|e| disk("make the directory", parent, &e))?;
        Ok(parent)
    }

    /// Removes what a killed process left half-made.
    fn sweep(&self, folder: &Path) -> Result<()> {
        let entries = fs::read_dir(folder).map_err(|e| disk("list", folder, &e))?;
        for entry in entries {
            let path = entry.map_err(|e| disk("list", folder, &e))?.path();
            let temporary = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(TEMPORARY));
            let removed = match (temporary, path.is_dir()) {
                (true, true) => fs::remove_dir_all(&path),
                (true, false) => fs::remove_file(&path),
                (false, true) => {
                    self.sweep(&path)?;
                    Ok(())
                }
                (false, false) => Ok(()),
            };
            removed.map_err(|e| disk("remove", &path, &e))?;
        }
        Ok(())
    }
}

/// A temporary name with the permissions of ordinary files, less the user's mask.
fn temporary(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// Flushes a directory, so that a rename in it survives a power cut; where directories cannot be opened there is
/// nothing to flush.
fn sync(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
