//! Files compressed by gzip.

use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, Read};

/// Decompresses all members of a gzip file, one after the other, as `gunzip` does, and no more than `most` + 1 bytes of
/// content: whoever gets so many knows that there are more.
///
/// # Errors
/// What is wrong, with its offset: data that are no gzip, other bytes behind a member, a failed read.
pub fn decompress(input: impl BufRead, most: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut input = Counted { inner: input, offset: 0 };
    loop {
        let (member, start) = (input.offset, bytes.len());
        let decoder = GzDecoder::new(&mut input);
        // A member that follows must have a header; what has none is not compressed data.
        let has_header = decoder.header().is_some();
        let left = most + 1 - bytes.len() as u64;
        decoder.take(left).read_to_end(&mut bytes).map_err(|e| {
            if member > 0 && !has_header && bytes.len() == start {
                format!(
                    "offset {member}: the end of the file or another gzip member expected, found other bytes"
                )
            } else {
                format!("content offset {}: gzip data expected, found: {e}", bytes.len())
            }
        })?;
        let at_end = input.fill_buf().map_err(|e| format!("cannot be read: {e}"))?.is_empty();
        if at_end || bytes.len() as u64 > most {
            return Ok(bytes);
        }
    }
}

/// A reader that counts the bytes that are used.
struct Counted<R> {
    inner: R,
    offset: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.offset += count as u64;
    }
}
