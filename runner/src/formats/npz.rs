//! NumPy's archives of arrays, `.npz`: zip files of `.npy` files, compressed or not.

use super::{data_error, foreign, shown};
use crate::error::{CliError, ErrorKind, Result};
use crate::memory;
use rawzip::{CompressionMethod, ZipArchive};
use std::io::Read;

/// Whether a file is a zip archive.
pub(crate) fn is_archive(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// The arrays of an archive: names without `.npy`, in the order of the archive.
///
/// # Errors
/// It is damaged, or another kind of archive.
pub(crate) fn members(name: &str, bytes: &[u8]) -> Result<Vec<String>> {
    let damaged = |e: rawzip::Error| data_error(name, format_args!("the zip archive is damaged: {e}"));
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let mut names = Vec::new();
    for entry in archive.entries() {
        let path = entry.map_err(damaged)?.file_path().as_ref().to_vec();
        if let Some(member) = path.strip_suffix(b".npy") {
            names.push(String::from_utf8_lossy(member).into_owned());
        }
    }
    let has = |part: &str| names.iter().any(|name| name == part);
    if has("indices") && has("indptr") && has("format") {
        let what = "a sparse matrix of SciPy; in Python: numpy.save(\"x.npy\", scipy.sparse.load_npz(FILE).toarray()), where entries that are not stored are 0";
        return Err(data_error(name, what));
    }
    if names.is_empty() {
        let what = foreign::foreign(&bytes[..bytes.len().min(4096)]);
        return Err(data_error(
            name,
            what.unwrap_or_else(|| "a zip archive without arrays of NumPy".to_owned()),
        ));
    }
    Ok(names)
}

/// The name and the bytes of an array: the one that is named, or the only one.
///
/// # Errors
/// No array of this name; several arrays and none named; a damaged or an encrypted archive.
pub(super) fn member(name: &str, bytes: &[u8], wanted: Option<&str>) -> Result<(String, Vec<u8>)> {
    let names = members(name, bytes)?;
    let list = names.iter().map(|member| shown(member)).collect::<Vec<_>>().join(", ");
    let member = match (wanted, &names[..]) {
        (Some(wanted), _) => names.iter().find(|member| *member == wanted).ok_or_else(|| {
            data_error(name, format_args!("no array `{}`; there are: {list}", shown(wanted)))
        })?,
        (None, [only]) => only,
        (None, [first, ..]) => {
            let what =
                format!("{} arrays; name one as {name}:{}; there are: {list}", names.len(), shown(first));
            return Err(data_error(name, what));
        }
        (None, []) => unreachable!("an archive without arrays is an error"),
    };
    read(name, bytes, member).map(|bytes| (member.clone(), bytes))
}

/// The contents of a member.
pub(crate) fn read(name: &str, bytes: &[u8], member: &str) -> Result<Vec<u8>> {
    let damaged =
        |e: rawzip::Error| data_error(name, format_args!("array `{}` is damaged: {e}", shown(member)));
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    for entry in archive.entries() {
        let entry = entry.map_err(damaged)?;
        let path = entry.file_path().as_ref().to_vec();
        if path.strip_suffix(b".npy").is_none_or(|path| String::from_utf8_lossy(path) != member) {
            continue;
        }
        let local = archive.get_entry(entry.wayfinder()).map_err(damaged)?;
        let source: Box<dyn Read> = match entry.compression_method() {
            CompressionMethod::STORE => Box::new(local.data()),
            CompressionMethod::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(local.data())),
            other => {
                let what = format!(
                    "array `{}` is compressed by another method than NumPy's ({other:?})",
                    shown(member)
                );
                return Err(data_error(name, what));
            }
        };
        let most = memory::available() as u64;
        let mut contents = Vec::new();
        let read = local.verifying_reader(source).take(most).read_to_end(&mut contents);
        read.map_err(|e| data_error(name, format_args!("array `{}` is damaged: {e}", shown(member))))?;
        if contents.len() as u64 == most {
            let what = format!("{name}: array `{}` does not fit into the memory that is free", shown(member));
            return Err(CliError::new(ErrorKind::Resources, what));
        }
        return Ok(contents);
    }
    Err(data_error(name, format_args!("no array `{}`", shown(member))))
}
