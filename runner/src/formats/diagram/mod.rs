//! Persistence diagrams, as valleys, GUDHI, Ripser, ripser.py, persim and giotto-tda write them.

mod arrays;
mod json;
mod ripser;
mod table;

use super::read_info::ReadInfo;
use super::table::TableOptions;
use super::{Input, data_error};
use crate::error::Result;
use std::fmt::Write;
use valleys_core::topology::Interval;

/// Intervals with their indices, in the order of the file.
pub type Diagram = Vec<(usize, Interval)>;

/// Reads a diagram.
///
/// | file | from |
/// |---|---|
/// | table with the columns `index` (`dim`, `dimension`), `birth`, `death` | `valleys barcode --csv`, pandas, R |
/// | table `index birth death`, `birth death`, or `field index birth death` | GUDHI's `.pers` |
/// | JSON `{"bars": [...]}`, `{"dgms": [...]}`, a list of pairs, of lists of pairs, of `[index, [birth, death]]` | `valleys --json`, ripser.py, GUDHI |
/// | `.npy` (bars, 2) or (bars, 3), (1, bars, 3); `.npz` with one array (bars, 2) an index | persim, giotto-tda |
/// | `persistence intervals in dim 0:` | Ripser |
///
/// Infinite ends are `inf`, `Infinity`, `null` or nothing, as each of them writes it.
///
/// # Errors
/// Names the line or the bar; among others one that ends before it begins.
pub fn diagram(input: &Input, options: &TableOptions) -> Result<(Diagram, ReadInfo)> {
    if let Some(read) = arrays::read(input, options)? {
        return Ok(read);
    }
    let (bytes, mut info) = input.text("CSV")?;
    let start = bytes.trim_ascii_start().first();
    let diagram = if matches!(start, Some(b'{' | b'[')) && !ripser::is_interval(&bytes) {
        info.format = "JSON";
        json::read(&input.name, &bytes, &mut info)?
    } else if ripser::is_ripser(&bytes) {
        info.format = "Ripser";
        ripser::read(&input.name, &bytes)?
    } else {
        table::read(&input.name, &bytes, options, &mut info)?
    };
    Ok((diagram, info))
}

/// A diagram as CSV, which [`diagram`] reads back to the same bits.
pub fn diagram_csv(bars: impl IntoIterator<Item = (usize, Interval)>) -> String {
    let mut out = "index,birth,death\n".to_owned();
    for (index, Interval { birth, death }) in bars {
        let _ = writeln!(out, "{index},{birth:?},{death:?}");
    }
    out
}

/// Why two numbers are no bar.
fn fault(Interval { birth, death }: Interval) -> Option<String> {
    if birth.is_nan() || death.is_nan() {
        return Some("an end of the bar is NaN".to_owned());
    }
    if birth == f64::INFINITY || death == f64::NEG_INFINITY {
        return Some(format!("the bar from {birth} to {death} has no length"));
    }
    if death < birth {
        return Some(format!("the bar ends at {death}, before it begins at {birth}"));
    }
    let endless = birth.is_finite() && death.is_finite() && !(death - birth).is_finite();
    endless.then(|| format!("the length of the bar from {birth} to {death} is out of range"))
}

/// Says that the bars have no index.
fn without_index(info: &mut ReadInfo) {
    info.has_no_index = true;
    info.note("without indices: all bars are taken as one diagram, index 0");
}

/// A diagram for a command that asks for the bars of one index only: bars without an index are those. Says so, and what
/// there is where none has this index.
pub fn ask_index((mut diagram, mut info): (Diagram, ReadInfo), only: Option<usize>) -> (Diagram, ReadInfo) {
    let Some(only) = only else { return (diagram, info) };
    if info.has_no_index {
        diagram.iter_mut().for_each(|bar| bar.0 = only);
        info.notes.retain(|note| !note.starts_with("without indices"));
        info.note(format!("without indices: all bars are taken as index {only}"));
    } else if !diagram.is_empty() && diagram.iter().all(|(index, _)| *index != only) {
        let indices: std::collections::BTreeSet<usize> = diagram.iter().map(|(index, _)| *index).collect();
        let list = indices.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        info.note(format!("no bars of index {only}; there are bars of index {list}"));
    }
    (diagram, info)
}

/// The whole number from 0 on that an index is.
fn index_of(x: f64) -> Option<usize> {
    (x >= 0.0 && x.fract() == 0.0 && x < 1e6).then_some(x as usize)
}

/// Rows of two numbers (birth, death), three (with an index), or four (with the characteristic of a field before it) as
/// bars. Where the index is among three is found out.
///
/// # Errors
/// Names the row by `place`.
fn rows<const N: usize>(
    name: &str,
    rows: &[[f64; N]],
    place: impl Fn(usize) -> String,
    info: &mut ReadInfo,
) -> Result<Diagram> {
    let ordered = |[birth, death]: [f64; 2]| birth <= death;
    let columns: [Option<usize>; 3] = match N {
        2 => {
            without_index(info);
            [None, Some(0), Some(1)]
        }
        3 => {
            let first = rows.iter().all(|r| index_of(r[0]).is_some() && ordered([r[1], r[2]]));
            let last = rows.iter().all(|r| index_of(r[2]).is_some() && ordered([r[0], r[1]]));
            if first && last && !rows.is_empty() {
                let what = "two readings fit: index, birth, death, or birth, death, index; a header or --columns (index, \
                            birth, death in this order) decides";
                return Err(data_error(name, what));
            }
            if last && !first {
                info.layout = Some("birth, death, index".to_owned());
                info.note("the columns are birth, death, index");
                [Some(2), Some(0), Some(1)]
            } else {
                [Some(0), Some(1), Some(2)]
            }
        }
        _ => {
            info.note(
                "the columns are the characteristic of the field, index, birth, death, as GUDHI writes them",
            );
            [Some(1), Some(2), Some(3)]
        }
    };
    collect(name, rows, columns, place)
}

/// Rows as bars, whose columns of index, birth and death are known.
fn collect<const N: usize>(
    name: &str,
    rows: &[[f64; N]],
    [index, birth, death]: [Option<usize>; 3],
    place: impl Fn(usize) -> String,
) -> Result<Diagram> {
    let number = |row: &[f64; N], column: Option<usize>| column.map_or(0.0, |column| row[column]);
    let bar = |(i, row): (usize, &[f64; N])| {
        let interval = Interval::new(number(row, birth), number(row, death));
        let at = number(row, index);
        let wrong = match index_of(at) {
            None => Some(format!("the index `{at}` is not a whole number from 0 on")),
            Some(_) => fault(interval),
        };
        match wrong {
            Some(what) => Err(data_error(name, format_args!("{}: {what}", place(i)))),
            None => Ok((at as usize, interval)),
        }
    };
    rows.iter().enumerate().map(bar).collect()
}
