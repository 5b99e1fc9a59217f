//! Text in UTF-8 or UTF-16, with or without a byte order mark.

use super::data_error;
use super::read_info::ReadInfo;
use crate::error::Result;
use std::borrow::Cow;

/// The bytes of a file as UTF-8 without a byte order mark. Bytes that are no UTF-8 are left for the reader, which can
/// name their line.
///
/// # Errors
/// UTF-16 with half a character.
pub(super) fn utf8<'a>(bytes: &'a [u8], name: &str, info: &mut ReadInfo) -> Result<Cow<'a, [u8]>> {
    let (encoding, rest) = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Ok(Cow::Borrowed(rest)),
        [0xff, 0xfe, rest @ ..] => ("UTF-16LE", rest),
        [0xfe, 0xff, rest @ ..] => ("UTF-16BE", rest),
        // Digits and line breaks of UTF-16 have a zero byte each.
        [first, 0, _, 0, ..] if *first != 0 => ("UTF-16LE", bytes),
        [0, first, 0, _, ..] if *first != 0 => ("UTF-16BE", bytes),
        _ => return Ok(Cow::Borrowed(bytes)),
    };
    let wrong = || data_error(name, format_args!("not a text in {encoding}, as its first bytes say"));
    let (pairs, rest) = rest.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let unit = if encoding == "UTF-16LE" { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = pairs.iter().map(|&pair| unit(pair));
    let text: String =
        char::decode_utf16(units).collect::<std::result::Result<_, _>>().map_err(|_| wrong())?;
    info.encoding = Some(encoding);
    info.note(format!("text in {encoding}"));
    Ok(Cow::Owned(text.into_bytes()))
}
