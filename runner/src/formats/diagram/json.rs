//! Diagrams as JSON documents of several programs.

use super::{Diagram, fault, rows};
use crate::error::Result;
use crate::formats::complex::json;
use crate::formats::data_error;
use crate::formats::read_info::ReadInfo;
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, de};
use std::fmt;
use valleys_core::topology::Interval;

/// A number that may be infinite: `"inf"`, or `Infinity` before it was quoted.
#[derive(Clone, Copy)]
struct End(f64);

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Ends;
        impl Visitor<'_> for Ends {
            type Value = End;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E: Error>(self, x: f64) -> std::result::Result<End, E> {
                Ok(End(x))
            }

            fn visit_u64<E: Error>(self, x: u64) -> std::result::Result<End, E> {
                Ok(End(x as f64))
            }

            fn visit_i64<E: Error>(self, x: i64) -> std::result::Result<End, E> {
                Ok(End(x as f64))
            }

            fn visit_str<E: Error>(self, text: &str) -> std::result::Result<End, E> {
                let number: Option<f64> = text.parse().ok().filter(|x: &f64| !x.is_nan());
                number.map(End).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Ends)
    }
}

#[derive(Deserialize)]
struct Bar {
    #[serde(alias = "dim", alias = "dimension")]
    index: usize,
    birth: End,
    // `null` and not left out: a bar without a death is more likely a mistake.
    #[serde(deserialize_with = "Option::deserialize")]
    death: Option<End>,
}

/// A bar without an index.
type Pair = (End, Option<End>);

pub(super) fn read(name: &str, bytes: &[u8], info: &mut ReadInfo) -> Result<Diagram> {
    let bytes = &quoted(bytes)[..];
    // The kind is told apart first: an untagged document says nothing of where it is wrong.
    let document: serde_json::Value = json(name, bytes)?;
    match &document {
        serde_json::Value::Array(list) => list_of(name, bytes, list, info),
        serde_json::Value::Object(map) if map.contains_key("bars") => {
            #[derive(Deserialize)]
            struct Bars {
                bars: Vec<Bar>,
            }
            bars(name, "bars", json::<Bars>(name, bytes)?.bars)
        }
        serde_json::Value::Object(map) if map.contains_key("dgms") => {
            #[derive(Deserialize)]
            struct Dgms {
                dgms: Vec<Vec<Pair>>,
            }
            info.note("the lists of `dgms` are indices 0, 1, ..., as ripser.py has them");
            by_place(name, "dgms", json::<Dgms>(name, bytes)?.dgms)
        }
        serde_json::Value::Object(map) if map.contains_key("birth") => {
            #[derive(Deserialize)]
            struct Segment {
                birth: End,
                death: End,
            }
            let Segment { birth, death } = json(name, bytes)?;
            bars(name, "bar", vec![Bar { index: 1, birth, death: Some(death) }])
        }
        _ => Err(data_error(name, "neither `bars`, `dgms`, nor `birth` and `death` are there")),
    }
}

/// A list: of bars, of pairs, of lists of pairs, of `[index, [birth, death]]`, of triples.
fn list_of(name: &str, bytes: &[u8], list: &[serde_json::Value], info: &mut ReadInfo) -> Result<Diagram> {
    use serde_json::Value::{Array, Object};
    let is_list = |value: &serde_json::Value| matches!(value, Array(_));
    // The first element that tells the kind: diagrams may be empty.
    let telling = list.iter().find(|value| !matches!(value, Array(inner) if inner.is_empty()));
    match telling {
        None => Ok(Vec::new()),
        Some(Object(_)) => bars(name, "", json(name, bytes)?),
        Some(Array(inner)) if inner.len() == 2 && !is_list(&inner[0]) && is_list(&inner[1]) => {
            let read: Vec<(usize, Pair)> = json(name, bytes)?;
            let bar = |(index, (birth, death))| Bar { index, birth, death };
            bars(name, "", read.into_iter().map(bar).collect())
        }
        Some(Array(inner)) if is_list(&inner[0]) => {
            info.note("the lists are indices 0, 1, ...");
            by_place(name, "", json(name, bytes)?)
        }
        Some(Array(inner)) if inner.len() == 3 => {
            let read: Vec<(End, End, End)> = json(name, bytes)?;
            let triples: Vec<[f64; 3]> = read.into_iter().map(|(a, b, c)| [a.0, b.0, c.0]).collect();
            rows(name, &triples, |i| format!("[{i}]"), info)
        }
        Some(Array(_)) => {
            let read: Vec<Pair> = json(name, bytes)?;
            let pairs: Vec<[f64; 2]> = read.into_iter().map(|(birth, death)| [birth.0, end(death)]).collect();
            rows(name, &pairs, |i| format!("[{i}]"), info)
        }
        Some(_) => {
            Err(data_error(name, "a list, but not of bars: [birth, death] or [index, [birth, death]]"))
        }
    }
}

/// The death that `null` stands for.
fn end(death: Option<End>) -> f64 {
    death.map_or(f64::INFINITY, |death| death.0)
}

fn by_place(name: &str, list: &str, diagrams: Vec<Vec<Pair>>) -> Result<Diagram> {
    let mut all = Vec::new();
    for (index, pairs) in diagrams.into_iter().enumerate() {
        let bar = |(birth, death)| Bar { index, birth, death };
        all.extend(bars(name, &format!("{list}[{index}]"), pairs.into_iter().map(bar).collect())?);
    }
    Ok(all)
}

fn bars(name: &str, list: &str, bars: Vec<Bar>) -> Result<Diagram> {
    let interval = |(number, Bar { index, birth, death }): (usize, Bar)| {
        let interval = Interval::new(birth.0, end(death));
        match fault(interval) {
            Some(fault) => Err(data_error(name, format_args!("{list}[{number}]: {fault}"))),
            None => Ok((index, interval)),
        }
    };
    bars.into_iter().enumerate().map(interval).collect()
}

/// `Infinity` and `-Infinity`, which Python writes and JSON does not have, as texts.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    const WORD: &[u8] = b"Infinity";
    let mut out = Vec::with_capacity(bytes.len());
    let (mut in_text, mut i) = (false, 0);
    while i < bytes.len() {
        let rest = &bytes[i..];
        let sign = usize::from(rest.starts_with(b"-"));
        if !in_text && rest[sign..].starts_with(WORD) {
            out.extend(if sign == 1 { &b"\"-inf\""[..] } else { b"\"inf\"" });
            i += sign + WORD.len();
            continue;
        }
        if in_text && rest[0] == b'\\' {
            out.extend(&rest[..rest.len().min(2)]);
            i += 2;
            continue;
        }
        in_text ^= rest[0] == b'"';
        out.push(rest[0]);
        i += 1;
    }
    out
}
