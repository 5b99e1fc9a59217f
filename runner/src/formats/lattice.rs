//! Losses on the lattice of a triangle.

use super::read_info::ReadInfo;
use super::table::{Columns, Table, TableOptions};
use super::{Input, Npy, data_error, line_error};
use crate::error::Result;
use serde::Serialize;

/// What Algorithm 2 reads off a triangle: the largest loss on each edge, on all edges, on the whole of it.
#[derive(Clone, Copy, PartialEq, Serialize, Debug)]
pub struct Segment {
    /// Largest loss on the edge t3 = 0.
    pub h12: f64,
    /// Largest loss on the edge t2 = 0.
    pub h13: f64,
    /// Largest loss on the edge t1 = 0.
    pub h23: f64,
    /// The largest of the three, h1.
    pub birth: f64,
    /// Largest loss on the triangle, h2.
    pub death: f64,
}

/// How far n·t may be from a whole number: coordinates may come rounded to few decimals.
const ROUNDED: f64 = 0.05;

/// Reads a table `t1,t2,t3,loss`, or an array (points, 4) of NumPy: the loss at every point of the lattice
/// { t : n·t_i ∈ N }, in any order, n from the number of lines. With a header columns go by name, and `column` may be
/// another than `loss`.
///
/// ```
/// use valleys::formats::{Input, TableOptions, lattice};
/// let csv = "t1,t2,t3,loss\n1,0,0,0.1\n0,1,0,0.2\n0,0,1,0.3\n.5,.5,0,1\n.5,0,.5,2\n0,.5,.5,1.5\n";
/// let (segment, _) = lattice(&Input::new("mine.csv", csv), "loss", &TableOptions::default())?;
/// assert_eq!((segment.h12, segment.h13, segment.birth, segment.death), (1.0, 2.0, 2.0, 2.0));
/// # Ok::<(), valleys::error::CliError>(())
/// ```
///
/// # Errors
/// Names the line that is no point of the lattice, or a second time the same, or has a number that is not finite;
/// a number of lines that no lattice has.
pub fn lattice(input: &Input, column: &str, options: &TableOptions) -> Result<(Segment, ReadInfo)> {
    let name = &input.name;
    let (points, info) = points(input, column, options)?;
    let rows = points.len();
    let n = (1..).take_while(|n| n * n <= 2 * rows).find(|n| (n + 1) * (n + 2) / 2 == rows);
    let Some(n) = n else {
        let what = format!("{rows} points are no lattice of a triangle: (n + 1)(n + 2)/2 are");
        return Err(data_error(name, what));
    };
    let mut seen = vec![0u64; (n + 1) * (n + 1)];
    let mut largest = [f64::NEG_INFINITY; 4];
    for (line, [t1, t2, t3, loss]) in points {
        let scaled = [t1, t2, t3].map(|t| t * n as f64);
        let whole = scaled.map(f64::round);
        let near = scaled.iter().zip(&whole).all(|(x, k)| (x - k).abs() <= ROUNDED && *k >= 0.0);
        if !near || whole.iter().sum::<f64>() != n as f64 {
            let what =
                format!("({t1}, {t2}, {t3}) is no point of the lattice n = {n} that {rows} points make");
            return Err(line_error(name, line, what));
        }
        let [a, b, c] = whole.map(|k| k as usize);
        let first = &mut seen[a * (n + 1) + b];
        if *first != 0 {
            return Err(line_error(name, line, format_args!("the point of line {first} a second time")));
        }
        *first = line;
        let regions = [c == 0, b == 0, a == 0, true];
        largest.iter_mut().zip(regions).filter(|(_, inside)| *inside).for_each(|(m, _)| *m = m.max(loss));
    }
    // As many different points as the lattice has: all of them.
    let [h12, h13, h23, death] = largest.map(|m| m + 0.0);
    Ok((Segment { h12, h13, h23, birth: h12.max(h13).max(h23), death }, info))
}

/// A line of the file, or a row of an array, with t1, t2, t3 and the loss there.
type Point = (u64, [f64; 4]);

fn points(input: &Input, column: &str, options: &TableOptions) -> Result<(Vec<Point>, ReadInfo)> {
    let name = &input.name;
    if let Some((array, info)) = Npy::read(input, options)? {
        let [_, 4] = *array.shape else {
            let what = format!(
                "an array of shape {:?}, but a lattice has shape (points, 4): t1, t2, t3, loss",
                array.shape
            );
            return Err(data_error(name, what));
        };
        array.check(name, false)?;
        let numbers = array.numbers.into_f64();
        return Ok(((1..).zip(numbers.as_chunks::<4>().0.iter().copied()).collect(), info));
    }
    let (bytes, mut info) = input.text("CSV")?;
    let mut table = Table::open(name, &bytes, Columns::Named, options, &mut info)?;
    let (mut columns, mut width, mut points) = ([0, 1, 2, 3], 4, Vec::new());
    if let Some(names) = table.names() {
        for (slot, title) in columns.iter_mut().zip(["t1", "t2", "t3", column]) {
            let found = names.iter().position(|name| name == title);
            let known = names.join(", ");
            let what = format_args!(
                "the header has no column `{title}`; it has {known} (--column NAME picks the losses)"
            );
            *slot = found.ok_or_else(|| line_error(name, 1, what))?;
        }
        width = names.len();
    }
    while table.advance()? {
        let fields = table.len();
        if fields != width {
            return Err(table.fault(format_args!("{fields} fields, {width} expected")));
        }
        let mut point = [0.0; 4];
        for (slot, &column) in point.iter_mut().zip(&columns) {
            *slot = table.finite(column)?;
        }
        points.push((table.line(), point));
    }
    Ok((points, info))
}
