//! Files of data sets: where they are, compressed or not, never more than they may hold.

use super::LoadOptions;
use crate::error::{CliError, ErrorKind, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of a file's content: the largest official one has 47 million.
const MOST: u64 = 64 << 20;

/// The file of a data set by its official name, plain or with `.gz`, in the directory or in its folder of the data set's
/// name; none where it is not there.
pub fn find(options: &LoadOptions, set: &str, name: &str) -> Result<Option<PathBuf>> {
    let Some(dir) = options.dir else {
        let message = format!("dataset {set} needs its directory: --data DIR, or the key data.dir");
        return Err(CliError::new(ErrorKind::Configuration, message));
    };
    let places = [dir.to_owned(), dir.join(set)];
    let files = places.iter().flat_map(|dir| [dir.join(name), dir.join(format!("{name}.gz"))]);
    Ok(files.into_iter().find(|file| file.is_file()))
}

/// The content of a file that must be there.
pub fn read(options: &LoadOptions, set: &str, name: &str) -> Result<(PathBuf, Vec<u8>)> {
    match find(options, set, name)? {
        Some(path) => read_path(&path).map(|bytes| (path, bytes)),
        None => {
            let dir = options.dir.unwrap_or(Path::new("")).display();
            Err(CliError::new(
                ErrorKind::Data,
                format!("{name} or {name}.gz expected in {dir} or {dir}/{set}"),
            ))
        }
    }
}

/// The content of a file.
pub fn read_path(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)
        .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display())))?;
    bounded(path, file)
}

/// The content of a file, decompressed where its name ends in `.gz`, and no more than a data set's file may hold.
///
/// # Errors
/// It cannot be read or decompressed, or is too long.
pub fn bounded(path: &Path, file: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    let done = if compressed {
        flate2::read::GzDecoder::new(file).take(MOST + 1).read_to_end(&mut bytes)
    } else {
        file.take(MOST + 1).read_to_end(&mut bytes)
    };
    let shown = path.display();
    let wrong = |what: String| Err(CliError::new(ErrorKind::Data, what));
    match done {
        Err(e) if compressed => {
            wrong(format!("{shown}: content offset {}: gzip data expected, found: {e}", bytes.len()))
        }
        Err(e) => wrong(format!("cannot read {shown}: {e}")),
        Ok(_) if bytes.len() as u64 > MOST => {
            wrong(format!("{shown}: content offset {MOST}: the end of the file expected, found more"))
        }
        Ok(_) => Ok(bytes),
    }
}
