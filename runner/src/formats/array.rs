//! Values on a grid.

use super::csv_reader::rectangle;
use super::{Npy, data_error};
use crate::error::Result;

/// Numbers on a grid of one to three axes, the last one contiguous.
#[derive(Clone, PartialEq, Debug)]
pub struct Array {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Their product of finite numbers.
    pub values: Vec<f64>,
}

impl Array {
    /// Reads CSV, one grid row a line, or an `.npy` of one to three axes.
    ///
    /// # Errors
    /// Names the line or the element.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        if Npy::is_npy(bytes) {
            let Npy { shape, numbers } = Npy::parse(name, bytes)?;
            if !(1..=3).contains(&shape.len()) {
                return Err(data_error(
                    name,
                    format_args!("an array of shape {shape:?}; grids have 1 to 3 axes"),
                ));
            }
            return Ok(Self { shape, values: numbers.into_f64() });
        }
        let (values, rows, columns) = rectangle(name, bytes)?;
        Ok(Self { shape: vec![rows, columns], values })
    }
}
