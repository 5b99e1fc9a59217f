//! What a user insists on about a table.

use crate::error::{CliError, ErrorKind, Result};
use crate::formats::Input;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What separates columns.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delimiter {
    /// `,`
    #[value(alias = ",")]
    Comma,
    /// `;`
    #[value(alias = ";")]
    Semicolon,
    /// A tab stop.
    #[value(alias = "\t", alias = "\\t")]
    Tab,
    /// `|`
    #[value(alias = "|")]
    Pipe,
    /// Any blanks: spaces, tab stops.
    #[value(alias = " ", alias = "whitespace")]
    Space,
}

impl Delimiter {
    /// All of them, the more usual first.
    pub(super) const ALL: [Self; 5] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe, Self::Space];

    /// Its name in flags and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Comma => "comma",
            Self::Semicolon => "semicolon",
            Self::Tab => "tab",
            Self::Pipe => "pipe",
            Self::Space => "space",
        }
    }

    /// Its byte; none for any blanks.
    pub(super) fn byte(self) -> Option<u8> {
        match self {
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Tab => Some(b'\t'),
            Self::Pipe => Some(b'|'),
            Self::Space => None,
        }
    }
}

/// The mark between the whole part and the fraction of a number.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Decimal {
    /// `0.5`
    #[value(name = ".", alias = "point")]
    #[serde(rename = ".", alias = "point")]
    Point,
    /// `0,5`
    #[value(name = ",", alias = "comma")]
    #[serde(rename = ",", alias = "comma")]
    Comma,
}

impl Decimal {
    /// The mark.
    pub fn char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }
}

/// Yes or no.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not.
    No,
}

impl TableOptions {
    /// Refuses flags that an array has no use for.
    ///
    /// # Errors
    /// The first of them (exit code 2), if the file is an array.
    pub(in crate::formats) fn refuse_arrays(&self, input: &Input) -> Result<()> {
        let Self { delimiter, decimal, header, index_column, columns } = self;
        let given = [
            ("--delimiter", delimiter.is_some()),
            ("--decimal", decimal.is_some()),
            ("--header", header.is_some()),
            ("--index-column", index_column.is_some()),
            ("--columns", !columns.is_empty()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) if input.is_array() => {
                let what = format!("{}: a NumPy array; {flag} is for text files", input.name);
                Err(CliError::new(ErrorKind::Usage, what))
            }
            _ => Ok(()),
        }
    }
}

/// What a table must be read as. What is not said is found out, and told.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct TableOptions {
    /// What separates the columns of a text file [default: detected].
    #[arg(long, value_enum, value_name = "NAME", help_heading = "Reading")]
    pub delimiter: Option<Delimiter>,
    /// The decimal mark of a text file [default: detected].
    #[arg(long, value_enum, value_name = "MARK", help_heading = "Reading")]
    pub decimal: Option<Decimal>,
    /// Whether the first line names the columns [default: detected].
    #[arg(long, value_enum, value_name = "yes|no", help_heading = "Reading")]
    pub header: Option<Answer>,
    /// Whether the first column names or numbers the rows and is left out [default: detected].
    #[arg(long, value_enum, value_name = "yes|no", help_heading = "Reading")]
    pub index_column: Option<Answer>,
    /// Only these columns, in this order: names, or numbers and ranges from 1, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = "Reading")]
    pub columns: Vec<String>,
}
