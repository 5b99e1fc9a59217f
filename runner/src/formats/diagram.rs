//! Persistence diagrams.

use super::complex::json;
use super::csv_reader::{CsvReader, shown};
use super::data_error;
use crate::error::Result;
use serde::Deserialize;
use std::fmt::Write;
use valleys_core::topology::Interval;

/// Intervals with their indices, in the order of the file.
pub type Diagram = Vec<(usize, Interval)>;

#[derive(Deserialize)]
struct Bar {
    index: usize,
    birth: f64,
    // `null` and not left out: a bar without a death is more likely a mistake.
    #[serde(deserialize_with = "Option::deserialize")]
    death: Option<f64>,
}

/// Reads a diagram: CSV with the header `index,birth,death`, where `inf` is an essential class, or the JSON that
/// `barcode` prints.
///
/// # Errors
/// Names the line or the bar; among others one that ends before it begins.
pub fn diagram(name: &str, bytes: &[u8]) -> Result<Diagram> {
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        from_json(name, bytes)
    } else {
        from_csv(name, bytes)
    }
}

/// A diagram as CSV, which [`diagram`] reads back to the same bits.
pub fn diagram_csv(bars: impl IntoIterator<Item = (usize, Interval)>) -> String {
    let mut out = "index,birth,death\n".to_owned();
    for (index, Interval { birth, death }) in bars {
        let _ = writeln!(out, "{index},{birth:?},{death:?}");
    }
    out
}

fn from_json(name: &str, bytes: &[u8]) -> Result<Diagram> {
    // Told apart first: an untagged document says nothing of where it is wrong.
    let document: serde_json::Map<String, serde_json::Value> = json(name, bytes)?;
    let bars = if document.contains_key("bars") {
        #[derive(Deserialize)]
        struct Bars {
            bars: Vec<Bar>,
        }
        json::<Bars>(name, bytes)?.bars
    } else {
        #[derive(Deserialize)]
        struct Segment {
            birth: f64,
            death: f64,
        }
        if !document.contains_key("birth") {
            return Err(data_error(name, "neither `bars` nor `birth` and `death` are there"));
        }
        let Segment { birth, death } = json(name, bytes)?;
        vec![Bar { index: 1, birth, death: Some(death) }]
    };
    let interval = |(number, Bar { index, birth, death }): (usize, Bar)| {
        let interval = Interval::new(birth, death.unwrap_or(f64::INFINITY));
        match fault(interval) {
            Some(fault) => Err(data_error(name, format_args!("bars[{number}]: {fault}"))),
            None => Ok((index, interval)),
        }
    };
    bars.into_iter().enumerate().map(interval).collect()
}

fn from_csv(name: &str, bytes: &[u8]) -> Result<Diagram> {
    let mut rows = CsvReader::new(name, bytes);
    rows.advance()?;
    let header = rows.record.clone();
    let column = |title: &str| {
        let found = header.iter().position(|t| t == title);
        let what = format!("the header has no column `{title}`; it must be index,birth,death");
        found.ok_or_else(|| rows.fault(what))
    };
    let (index, birth, death) = (column("index")?, column("birth")?, column("death")?);
    let mut diagram = Vec::new();
    while rows.advance()? {
        let fields = rows.record.len();
        if fields != header.len() {
            return Err(rows.fault(format_args!("{fields} fields where the header has {}", header.len())));
        }
        let text = &rows.record[index];
        let number: usize = text.parse().map_err(|_| {
            rows.fault(format_args!("the index `{}` is not a whole number from 0 on", shown(text)))
        })?;
        let end = rows.record[death].to_ascii_lowercase();
        let essential = ["inf", "+inf", "infinity", "∞"].contains(&end.as_str());
        let death = if essential { f64::INFINITY } else { rows.number(death)? };
        let interval = Interval::new(rows.number(birth)?, death);
        if let Some(fault) = fault(interval) {
            return Err(rows.fault(fault));
        }
        diagram.push((number, interval));
    }
    Ok(diagram)
}

fn fault(Interval { birth, death }: Interval) -> Option<String> {
    if death < birth {
        return Some(format!("the bar ends at {death}, before it begins at {birth}"));
    }
    let endless = death.is_finite() && !(death - birth).is_finite();
    endless.then(|| format!("the length of the bar from {birth} to {death} is out of range"))
}
