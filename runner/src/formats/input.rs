//! Files as bytes: found, decompressed, and told apart from files that are something else.

use super::read_info::ReadInfo;
use super::{data_error, foreign, text};
use crate::error::{CliError, ErrorKind, Result};
use crate::{gzip, memory};
use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that was read, or standard input.
#[derive(Clone, Debug)]
pub struct Input {
    /// What messages call it.
    pub name: String,
    /// All of it, decompressed.
    pub bytes: Vec<u8>,
    /// The part that is asked for: `NAME` of `FILE.npz:NAME`, `3` of `FILE.npy:3`.
    pub member: Option<String>,
    /// Whether it was compressed by gzip.
    pub is_gzip: bool,
}

impl Input {
    /// Bytes under a name.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into(), member: None, is_gzip: false }
    }

    /// Reads a file; `-` is standard input. Gzip files are decompressed, whatever their name. `FILE.npz:NAME` and
    /// `FILE.npy:NAME` name a part of a file.
    ///
    /// # Errors
    /// It cannot be read or decompressed; it is a file of another kind, with the way to convert it.
    pub fn read(path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        let mut input = if path == Path::new("-") {
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|e| data_error("standard input", format_args!("cannot be read: {e}")))?;
            Self::new("standard input", bytes)
        } else {
            let name = path.display().to_string();
            let (file, member) = member(&name).filter(|_| !path.exists()).unwrap_or((&name, None));
            if Path::new(file).is_dir() {
                return Err(data_error(file, "a folder, not a file"));
            }
            let bytes = std::fs::read(file)
                .map_err(|e| CliError::new(ErrorKind::Data, format!("cannot read {file}: {e}")))?;
            Self { member: member.map(str::to_owned), ..Self::new(name.clone(), bytes) }
        };
        if input.bytes.starts_with(b"\x1f\x8b") {
            input.bytes = gunzip(&input.name, &input.bytes)?;
            input.is_gzip = true;
        }
        match foreign::foreign(&input.bytes[..input.bytes.len().min(4096)]) {
            Some(what) if !input.is_array() => Err(data_error(&input.name, what)),
            _ => Ok(input),
        }
    }

    /// The file of a path that may name a part of it: `x.npz` of `x.npz:NAME`.
    pub(crate) fn file_of(path: &Path) -> PathBuf {
        let name = path.display().to_string();
        match member(&name).filter(|_| !path.exists()) {
            Some((file, _)) => PathBuf::from(file),
            None => path.to_owned(),
        }
    }

    /// The name alone: the bytes are freed.
    pub fn into_name(self) -> String {
        self.name
    }

    /// Whether it is an array of NumPy, alone or in an archive.
    pub(crate) fn is_array(&self) -> bool {
        self.bytes.starts_with(b"\x93NUMPY") || self.bytes.starts_with(b"PK")
    }

    /// What there is to say of the file before its contents are known.
    pub fn info(&self, format: &'static str) -> ReadInfo {
        let mut info = ReadInfo { file: self.name.clone(), format, ..ReadInfo::default() };
        if self.is_gzip {
            info.compression = Some("gzip");
            info.note("compressed by gzip");
        }
        info
    }

    /// The contents as text in UTF-8, with what there is to say so far.
    ///
    /// # Errors
    /// UTF-16 with half a character.
    pub(crate) fn text(&self, format: &'static str) -> Result<(Cow<'_, [u8]>, ReadInfo)> {
        let mut info = self.info(format);
        let bytes = text::utf8(&self.bytes, &self.name, &mut info)?;
        Ok((bytes, info))
    }
}

/// The file and the part in `FILE.npz:NAME`.
fn member(name: &str) -> Option<(&str, Option<&str>)> {
    let end = [".npz:", ".npy:"].iter().filter_map(|end| name.find(end)).min()? + 4;
    Some((&name[..end], Some(&name[end + 1..])))
}

/// The contents of a gzip file that fit into memory.
fn gunzip(name: &str, bytes: &[u8]) -> Result<Vec<u8>> {
    let most = memory::available() as u64;
    let decoded = gzip::decompress(bytes, most).map_err(|what| data_error(name, what))?;
    if decoded.len() as u64 > most {
        let what = format!("{name}: its contents do not fit into the memory that is free ({most} bytes)");
        return Err(CliError::new(ErrorKind::Resources, what));
    }
    Ok(decoded)
}
