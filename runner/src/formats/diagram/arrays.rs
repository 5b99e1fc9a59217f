//! Diagrams as arrays of NumPy.

use super::{Diagram, collect, rows};
use crate::error::Result;
use crate::formats::read_info::ReadInfo;
use crate::formats::table::TableOptions;
use crate::formats::{Input, Npy, data_error, npz, shown};

/// The diagram of an `.npy` or `.npz`; none if the file is neither.
pub(super) fn read(input: &Input, options: &TableOptions) -> Result<Option<(Diagram, ReadInfo)>> {
    options.refuse_arrays(input)?;
    let name = &input.name;
    // `FILE.npy:2` is the third diagram of a batch of giotto-tda.
    if Npy::is_npy(&input.bytes) {
        let array = Npy::parse(name, &input.bytes)?;
        let mut info = input.info("npy");
        info.shape = Some(array.shape.clone());
        return one(name, array, input.member.as_deref(), &mut info).map(|bars| Some((bars, info)));
    }
    if !npz::is_archive(&input.bytes) {
        return Ok(None);
    }
    let mut names = npz::members(name, &input.bytes)?;
    let mut info = input.info("npz");
    if names.len() == 1 || input.member.is_some() {
        let (array, mut info) = Npy::of_archive(input)?;
        let index = info.member.as_deref().and_then(number_of);
        let mut bars = one(name, array, None, &mut info)?;
        if let (true, Some(index)) = (info.has_no_index, index) {
            bars.iter_mut().for_each(|bar| bar.0 = index);
            info.has_no_index = false;
            info.notes.pop();
            info.note(format!("its bars have index {index}, as its name ends"));
        }
        return Ok(Some((bars, info)));
    }
    // What ripser.py returns, saved whole: `dgm0`, `dgm1`, and other arrays.
    if input.member.is_none() && names.iter().any(|name| name.starts_with("dgm")) {
        let (kept, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.starts_with("dgm"));
        if !others.is_empty() {
            info.note(format!("the arrays {} are left out", others.join(", ")));
        }
        names = kept;
    }
    let mut diagram = Vec::new();
    let mut seen = Vec::new();
    for member in &names {
        let Some(index) = number_of(member).filter(|index| !seen.contains(index)) else {
            let list = names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
            let what = format!(
                "which array has which index? They are called {list}; name one as {name}:{}",
                shown(member)
            );
            return Err(data_error(name, what));
        };
        seen.push(index);
        let place = format!("{name}, array `{member}`");
        let array = Npy::parse(&place, &npz::read(name, &input.bytes, member)?)?;
        let mut ignored = ReadInfo::default();
        let bars = one(&place, array, None, &mut ignored)?;
        diagram.extend(bars.into_iter().map(|(_, interval)| (index, interval)));
    }
    diagram.sort_by_key(|(index, _)| *index);
    info.note(format!("the arrays {} have the indices that end their names", names.join(", ")));
    Ok(Some((diagram, info)))
}

/// The number at the end of a name: 1 of `H1` and of `arr_1`.
fn number_of(member: &str) -> Option<usize> {
    let digits = member.len() - member.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    member[member.len() - digits..].parse().ok()
}

/// The bars of one array.
fn one(name: &str, array: Npy, member: Option<&str>, info: &mut ReadInfo) -> Result<Diagram> {
    let Npy { shape, numbers, .. } = array;
    let numbers = numbers.into_f64();
    let place = |i: usize| format!("row {i}");
    let bars = match *shape {
        [_, 2] => rows(name, numbers.as_chunks::<2>().0, place, info)?,
        [_, 3] => rows(name, numbers.as_chunks::<3>().0, place, info)?,
        // What `np.array([])` makes of an empty diagram.
        [0] => Vec::new(),
        [batch, bars, 3] => {
            let number = match (member.map(str::parse::<usize>), batch) {
                (Some(Ok(number)), _) if number < batch => number,
                (None, 1) => 0,
                _ => {
                    let file =
                        name.rsplit_once(':').filter(|_| member.is_some()).map_or(name, |(file, _)| file);
                    let what =
                        format!("{batch} diagrams; name one, {file}:0 to {file}:{}", batch.saturating_sub(1));
                    return Err(data_error(name, what));
                }
            };
            info.layout = Some("birth, death, index, as giotto-tda pads them".to_owned());
            info.note(format!("diagram {number} of {batch} of giotto-tda: birth, death, index"));
            let (all, _) = numbers.as_chunks::<3>();
            collect(name, &all[number * bars..(number + 1) * bars], [Some(2), Some(0), Some(1)], place)?
        }
        _ => {
            let what = format!("an array of shape {shape:?}, but a diagram has shape (bars, 2) or (bars, 3)");
            return Err(data_error(name, what));
        }
    };
    Ok(bars)
}
