//! Diagrams as tables: columns by name, or by their place where they have no names.

use super::{Diagram, collect, rows, without_index};
use crate::error::Result;
use crate::formats::read_info::ReadInfo;
use crate::formats::table::{Columns, Table, TableOptions};
use crate::formats::{data_error, line_error};

/// What columns are called, in lower case. Beside a dimension, `index` is the number of a row of pandas.
const DIMENSION: [&str; 5] = ["dim", "dimension", "degree", "homology_dimension", "h"];
const INDEX: [&str; 1] = ["index"];
const BIRTH: [&str; 3] = ["birth", "b", "start"];
const DEATH: [&str; 3] = ["death", "d", "end"];

pub(super) fn read(name: &str, bytes: &[u8], options: &TableOptions, info: &mut ReadInfo) -> Result<Diagram> {
    let mut table = Table::open(name, bytes, Columns::Named, options, info)?;
    // Columns that are asked for are index, birth, death in this order.
    let names = table.names().filter(|_| options.columns.is_empty()).map(<[String]>::to_vec);
    let Some(names) = names else {
        let (mut lines, mut numbers, mut width) = (Vec::new(), Vec::new(), 0);
        while table.advance()? {
            let fields = table.len();
            if lines.is_empty() {
                width = fields;
            }
            if fields != width || !(2..=4).contains(&width) {
                let what = format!(
                    "{fields} fields; a bar has 2 (birth, death), 3 (index, birth, death) or 4 (field, index, birth, death)"
                );
                return Err(table.fault(what));
            }
            lines.push(table.line());
            for column in 0..width {
                numbers.push(table.number(column)?);
            }
        }
        let place = |i: usize| format!("line {}", lines[i]);
        return match width {
            0 => Err(data_error(
                name,
                "no bars and no header; an empty diagram has the line `index,birth,death`",
            )),
            2 => rows(name, numbers.as_chunks::<2>().0, place, info),
            3 if !options.columns.is_empty() => {
                collect(name, numbers.as_chunks::<3>().0, [Some(0), Some(1), Some(2)], place)
            }
            3 => rows(name, numbers.as_chunks::<3>().0, place, info),
            _ => rows(name, numbers.as_chunks::<4>().0, place, info),
        };
    };
    let find = |titles: &[&str]| names.iter().position(|name| titles.contains(&name.to_lowercase().as_str()));
    let column = |titles: &[&str]| {
        let what = format!("the header has no column `{}`; it has {}", titles[0], names.join(", "));
        find(titles).ok_or_else(|| line_error(name, 1, what))
    };
    let (birth, death) = (column(&BIRTH)?, column(&DEATH)?);
    let index = find(&DIMENSION).or_else(|| find(&INDEX));
    if index.is_none() {
        without_index(info);
    }
    let (mut lines, mut bars) = (Vec::new(), Vec::new());
    while table.advance()? {
        let fields = table.len();
        if fields != names.len() {
            return Err(table.fault(format_args!("{fields} fields where the header has {}", names.len())));
        }
        let index = index.map_or(Ok(0.0), |column| table.number(column))?;
        lines.push(table.line());
        bars.push([index, table.number(birth)?, table.number(death)?]);
    }
    collect(name, &bars, [Some(0), Some(1), Some(2)], |i| format!("line {}", lines[i]))
}
