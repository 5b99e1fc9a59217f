//! Filtered simplicial complexes.

use super::read_info::ReadInfo;
use super::{Input, data_error, topology_error};
use crate::error::Result;
use serde::Deserialize;
use valleys_core::topology::Filtration;

#[derive(Deserialize)]
struct Document {
    simplices: Vec<Simplex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Simplex {
    vertices: Vec<u32>,
    value: f64,
}

/// Reads JSON `{"simplices": [{"vertices": [0, 1], "value": 0.5}, ...]}`, in any order, of any dimension.
///
/// # Errors
/// Names the element that is not as it should be; the simplex with a value that is not finite, with a vertex twice,
/// that is there twice, lacks a face or comes before one.
pub fn complex(input: &Input) -> Result<(Filtration<'static>, ReadInfo)> {
    let name = &input.name;
    let (bytes, info) = input.text("JSON")?;
    let document: Document = json(name, &bytes)?;
    let cells = document.simplices.iter().map(|s| (s.vertices.iter().copied(), s.value + 0.0));
    Ok((Filtration::new(cells).map_err(|e| topology_error(name, e))?, info))
}

/// Reads JSON and says where it is wrong.
pub(super) fn json<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|e| {
        let path = e.path().to_string();
        let inner = e.inner();
        // What Python writes for numbers that are not finite is no JSON.
        let line = bytes.split(|&b| b == b'\n').nth(inner.line().saturating_sub(1)).unwrap_or_default();
        let mut start = inner.column().saturating_sub(1).min(line.len());
        start -= usize::from(line[..start].ends_with(b"-"));
        let word =
            ["NaN", "Infinity", "-Infinity"].into_iter().find(|w| line[start..].starts_with(w.as_bytes()));
        let place = if path == "." { String::new() } else { format!("{path}: ") };
        match word {
            Some(word) if inner.is_syntax() => {
                data_error(name, format_args!("{place}{word} is not finite, line {}", inner.line()))
            }
            _ => data_error(name, format_args!("{place}{inner}")),
        }
    })?;
    deserializer.end().map_err(|e| data_error(name, format_args!("after the document: {e}")))?;
    Ok(value)
}
