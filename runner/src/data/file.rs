//! Files of data sets: where they are, compressed or not, never more than they may hold.

use super::LoadOptions;
use crate::error::{CliError, ErrorKind, Result};
use crate::gzip;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file's content: the largest official one, that of CIFAR-100, has 154 million.
const MOST: u64 = 256 << 20;

/// The folder with the files of a data set.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder that has any of these files, plain or with `.gz`: the directory of the options, its folder with the name of
    /// the data set, or one of the others, which programs unpack to.
    ///
    /// # Errors
    /// There is no directory; no folder has such a file, with all places; several have one, with their names.
    pub fn find(options: &LoadOptions, set: &str, others: &[&str], names: &[String]) -> Result<Self> {
        let wrong = |message: String| Err(CliError::new(ErrorKind::Data, message));
        let Some(dir) = options.dir else {
            let message = format!("dataset {set} needs its directory: --data DIR, or the key data.dir");
            return Err(CliError::new(ErrorKind::Configuration, message));
        };
        let shown = dir.display();
        if !dir.is_dir() {
            let what = if dir.exists() { "is not a folder" } else { "does not exist" };
            return wrong(format!("{shown} {what}; --data DIR is the folder of the files of {set}"));
        }
        let places = places(dir, set, others);
        let mut found: Vec<PathBuf> = Vec::new();
        for place in places.iter().filter(|place| names.iter().any(|name| file(place, name).is_some())) {
            // Links to one folder are one place.
            let same = |other: &PathBuf| other.canonicalize().ok() == place.canonicalize().ok();
            if !found.iter().any(same) {
                found.push(place.clone());
            }
        }
        match &found[..] {
            [place] => Ok(Self(place.clone())),
            [] => {
                let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
                wrong(format!(
                    "no file of {set} ({0} or {0}.gz, and so on) is in any of {1}; give the folder of the unpacked \
                     files with --data DIR",
                    names[0],
                    places.join(", ")
                ))
            }
            [first, second, ..] => wrong(format!(
                "both {} and {} have files of {set}; give the folder to be used with --data DIR, or move the other away",
                first.display(),
                second.display()
            )),
        }
    }

    /// The file of a name, plain or with `.gz`; none where it is not there.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        file(&self.0, name)
    }

    /// The content of a file that must be there, by one of these names.
    pub fn read(&self, names: &[String]) -> Result<(PathBuf, Vec<u8>)> {
        match names.iter().find_map(|name| self.file(name)) {
            Some(path) => read_path(&path).map(|bytes| (path, bytes)),
            None => {
                let all: Vec<String> = names.iter().map(|name| format!("{name} or {name}.gz")).collect();
                let message = format!("{} expected in {}", all.join(" or "), self.0.display());
                Err(CliError::new(ErrorKind::Data, message))
            }
        }
    }
}

/// The folders in which the files of a data set can be.
pub fn places(dir: &Path, set: &str, others: &[&str]) -> Vec<PathBuf> {
    let inside = [set].into_iter().chain(others.iter().copied());
    std::iter::once(dir.to_owned()).chain(inside.map(|name| dir.join(name))).collect()
}

fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|file| file.is_file())
}

/// The content of a file.
pub fn read_path(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    bounded(path, file)
}

/// The content of a file, decompressed where its name ends in `.gz`, and no more than a data set's file may hold. A
/// compressed file may have several members, as concatenation makes them.
///
/// # Errors
/// It cannot be read or decompressed, has other bytes behind a member, or is too long.
pub fn bounded(path: &Path, file: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let shown = path.display();
    let wrong = |what: String| CliError::new(ErrorKind::Data, what);
    if path.extension().is_some_and(|extension| extension == "gz") {
        bytes =
            gzip::decompress(BufReader::new(file), MOST).map_err(|what| wrong(format!("{shown}: {what}")))?;
    } else {
        let read = file.take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(|e| wrong(format!("cannot read {shown}: {e}")))?;
    }
    if bytes.len() as u64 > MOST {
        let message = format!("{shown}: content offset {MOST}: the end of the file expected, found more");
        return Err(wrong(message));
    }
    Ok(bytes)
}
