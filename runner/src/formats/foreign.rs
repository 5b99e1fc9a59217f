//! Files of other formats.

/// What a file is, and the next step; none if nothing is known.
pub fn foreign(_start: &[u8]) -> Option<String> {
    None
}
