//! Values on a grid.

use super::read_info::ReadInfo;
use super::table::{Columns, Rectangle, Table, TableOptions};
use super::{Input, Npy, data_error};
use crate::error::Result;

/// Numbers on a grid of one to three axes, the last one contiguous.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Their product of numbers, finite or +∞: such places never enter.
    pub values: Vec<f64>,
}

impl Array {
    /// Reads a table, one grid row a line, or an array of NumPy of one to three axes.
    ///
    /// # Errors
    /// Names the line or the element.
    pub fn read(input: &Input, options: &TableOptions) -> Result<(Self, ReadInfo)> {
        let name = &input.name;
        let (mut array, mut info) = match Npy::read(input, options)? {
            Some((array, info)) => {
                array.check(name, true)?;
                let Npy { shape, numbers, .. } = array;
                if !(1..=3).contains(&shape.len()) {
                    let what = format!("an array of shape {shape:?}, but grids have 1 to 3 axes");
                    return Err(data_error(name, what));
                }
                (Self { shape, values: numbers.into_f64() }, info)
            }
            None => {
                let (bytes, mut info) = input.text("CSV")?;
                let table = Table::open(name, &bytes, Columns::Alike, options, &mut info)?;
                let Rectangle { numbers, rows, columns, .. } = Rectangle::read(table, true)?;
                (Self { shape: vec![rows, columns], values: numbers }, info)
            }
        };
        // Of two zeros the positive one: they are the same value.
        array.values.iter_mut().for_each(|x| *x += 0.0);
        if array.values.is_empty() {
            info.note("no values are in it");
        }
        let never = array.values.iter().filter(|x| x.is_infinite()).count();
        if never > 0 {
            info.note(format!("{never} values are +inf and never enter"));
        }
        Ok((array, info))
    }
}
