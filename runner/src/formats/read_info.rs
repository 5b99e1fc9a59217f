//! What a reader found in a file: printed once, and part of every JSON document.

use serde::Serialize;

/// How a file was read. What was not there is left out.
#[derive(Clone, PartialEq, Serialize, Debug, Default)]
pub struct ReadInfo {
    /// The file.
    pub file: String,
    /// `CSV`, `npy`, `npz`, `JSON` or `Ripser`.
    pub format: &'static str,
    /// `gzip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<&'static str>,
    /// Another encoding than UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// The array of an archive that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// NumPy's name of the type of the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The shape of the array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// `comma`, `semicolon`, `tab`, `pipe` or `space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<&'static str>,
    /// `.` or `,`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// The names of the columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Vec<String>>,
    /// Columns that were left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Which part of a matrix or of a list the numbers are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Whether the bars of a diagram have no index, which stands as 0.
    #[serde(skip)]
    pub has_no_index: bool,
    /// Everything that was found or decided, as sentences without a full stop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ReadInfo {
    /// Adds a note.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The line for the user; none where the file is as plain as the guide describes it.
    pub fn sentence(&self) -> Option<String> {
        (!self.notes.is_empty()).then(|| format!("read {}: {}", self.file, self.notes.join("; ")))
    }
}
