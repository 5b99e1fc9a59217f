//! Distance matrices.

use super::table::Table;
use super::{Npy, at_line, data};
use crate::failure::Result;

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
            _ => Err(data(name, format_args!("an array of shape {shape:?}, not a square of distances"))),
        };
    }
    let table = Table::parse(name, bytes)?;
    let rows = table.rows.len();
    let Some((first, record)) = table.rows.first() else {
        // Nothing at all is no point; an empty line is the row of the first point.
        return Ok(Distances { points: usize::from(!bytes.is_empty()), lower: Vec::new() });
    };
    let lone_zero = rows == 1 && *first == 1 && record.len() == 1 && table.number(0, 0)? == 0.0;
    if record.len() == rows && (rows > 1 || lone_zero) {
        return square(name, &table.numbers()?.0, rows);
    }
    let mut lower = Vec::new();
    for (row, (line, record)) in table.rows.iter().enumerate() {
        if record.len() != row + 1 {
            let what = format!(
                "{} distances; row {} of a lower triangle has {}, a square of {rows} lines has {rows}",
                record.len(),
                row + 1,
                row + 1
            );
            return Err(at_line(name, *line, what));
        }
        for field in 0..=row {
            let distance = table.number(row, field)?;
            if distance < 0.0 {
                return Err(at_line(
                    name,
                    *line,
                    format_args!("field {}: the distance {distance} is negative", field + 1),
                ));
            }
            lower.push(distance);
        }
    }
    Ok(Distances { points: rows + 1, lower })
}

fn square(name: &str, matrix: &[f64], n: usize) -> Result<Distances> {
    let tolerance = SYMMETRY * matrix.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let mut lower = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for (i, row) in matrix.chunks_exact(n.max(1)).enumerate() {
        if row[i].abs() > tolerance {
            return Err(data(name, format_args!("point {i} is at distance {} from itself", row[i])));
        }
        for (j, &distance) in row[..i].iter().enumerate() {
            let other = matrix[j * n + i];
            if distance < 0.0 {
                return Err(data(name, format_args!("points {i} and {j} are at distance {distance}")));
            }
            if (distance - other).abs() > tolerance {
                let what =
                    format!("not symmetric: points {i} and {j} are at distance {distance} and {other}");
                return Err(data(name, what));
            }
            lower.push(distance);
        }
    }
    Ok(Distances { points: n, lower })
}
