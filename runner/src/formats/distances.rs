//! Distance matrices.

use super::csv_reader::{CsvReader, rectangle};
use super::{Npy, data_error};
use crate::error::Result;

/// Distances of points: d(1,0), d(2,0), d(2,1), d(3,0), …
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Distances {
    /// n.
    pub points: usize,
    /// n (n − 1) / 2 distances, none of them negative.
    pub lower: Vec<f64>,
}

/// How far the upper triangle of a square may be from the lower one, and the diagonal from 0, relative to the
/// largest distance: what single precision leaves of a symmetric computation.
const SYMMETRY: f64 = 1e-6;

/// Reads a distance matrix: CSV, its lower triangle without the diagonal (line i has i numbers, so the first is
/// empty or left out) or a full square; or a square `.npy`.
///
/// Of a square the lower triangle counts; the upper one must agree with it, and the diagonal with 0, to 1e-6 of the
/// largest distance. A single line `0` is the square of one point.
///
/// # Errors
/// Names the line or the points.
pub fn distances(name: &str, bytes: &[u8]) -> Result<Distances> {
    if Npy::is_npy(bytes) {
        let Npy { shape, numbers } = Npy::parse(name, bytes)?;
        return match *shape {
            [n, m] if n == m => square(name, &numbers.into_f64(), n),
            _ => {
                Err(data_error(name, format_args!("an array of shape {shape:?}, not a square of distances")))
            }
        };
    }
    let mut rows = CsvReader::new(name, bytes);
    if !rows.advance()? {
        // Nothing at all is no point; an empty line is the row of the first point.
        return Ok(Distances { points: usize::from(!bytes.is_empty()), lower: Vec::new() });
    }
    if rows.record.len() > 1 {
        let (matrix, rows, columns) = rectangle(name, bytes)?;
        if rows != columns {
            let what = format!(
                "{rows} lines of {columns} distances; a square has as many, a lower triangle begins with one"
            );
            return Err(data_error(name, what));
        }
        return square(name, &matrix, rows);
    }
    let lone = rows.line == 1;
    let (mut points, mut lower) = (1, Vec::new());
    loop {
        let fields = rows.record.len();
        if fields != points {
            let what = format!("{fields} distances; row {points} of a lower triangle has {points}");
            return Err(rows.fault(what));
        }
        for field in 0..fields {
            let distance = rows.number(field)?;
            if distance < 0.0 {
                let what = format!("field {}: the distance {distance} is negative", field + 1);
                return Err(rows.fault(what));
            }
            lower.push(distance);
        }
        points += 1;
        if !rows.advance()? {
            break;
        }
    }
    if lone && lower == [0.0] {
        return square(name, &lower, 1);
    }
    Ok(Distances { points, lower })
}

fn square(name: &str, matrix: &[f64], n: usize) -> Result<Distances> {
    let tolerance = SYMMETRY * matrix.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let mut lower = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for (i, row) in matrix.chunks_exact(n.max(1)).enumerate() {
        if row[i].abs() > tolerance {
            return Err(data_error(name, format_args!("point {i} is at distance {} from itself", row[i])));
        }
        for (j, &distance) in row[..i].iter().enumerate() {
            let other = matrix[j * n + i];
            if distance < 0.0 {
                return Err(data_error(name, format_args!("points {i} and {j} are at distance {distance}")));
            }
            if (distance - other).abs() > tolerance {
                let what =
                    format!("not symmetric: points {i} and {j} are at distance {distance} and {other}");
                return Err(data_error(name, what));
            }
            lower.push(distance);
        }
    }
    Ok(Distances { points: n, lower })
}
