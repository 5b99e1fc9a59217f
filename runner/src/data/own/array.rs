//! Arrays: samples along the first axis, with their target in an array of their own.

use super::frame::{Column, Inputs, MISSING, Places, Values, check_memory, data_error};
use super::table::Frame;
use crate::data::idx;
use crate::error::Result;
use crate::formats::{Dtype, Kind, Npy, Numbers};
use crate::memory;
use std::collections::HashMap;
use std::path::Path;
use valleys_core::network::Shape;

/// An array that was read.
#[derive(Clone, Debug)]
pub(super) struct Array {
    /// What messages call it: the file, or the file and the array of it.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Elements,
}

/// What an array holds.
#[derive(Clone, Debug)]
pub(super) enum Elements {
    /// Numbers, and whether they are bytes.
    Numbers(Numbers, bool),
    Texts(Vec<String>),
}

impl Array {
    /// Reads an `.npy` file.
    pub(super) fn npy(name: &str, bytes: &[u8]) -> Result<Self> {
        if let Some((shape, texts)) = Npy::parse_texts(name, bytes)? {
            return Ok(Self { name: name.to_owned(), shape, values: Elements::Texts(texts) });
        }
        // Bytes become four times as many.
        check_memory(name, bytes.len().saturating_mul(4), memory::available())?;
        let Npy { shape, numbers, dtype } = Npy::parse(name, bytes).map_err(|mut error| {
            if error.message.contains("Python objects") {
                error.message.push_str("; labels as texts: a.astype('U')");
            }
            error
        })?;
        let is_bytes = matches!(dtype, Dtype { kind: Kind::Unsigned, size: 1, .. });
        Ok(Self { name: name.to_owned(), shape, values: Elements::Numbers(numbers, is_bytes) })
    }

    /// Reads an IDX file.
    pub(super) fn idx(name: &str, bytes: &[u8]) -> Result<Self> {
        check_memory(name, bytes.len().saturating_mul(4), memory::available())?;
        let (shape, numbers) = idx::array(Path::new(name), bytes)?;
        Ok(Self { name: name.to_owned(), shape, values: Elements::Numbers(numbers, bytes[2] == 8) })
    }

    /// Number of samples.
    pub(super) fn len(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// The numbers, which must not be texts.
    fn numbers(self) -> Result<(Numbers, bool)> {
        match self.values {
            Elements::Numbers(numbers, is_bytes) => Ok((numbers, is_bytes)),
            Elements::Texts(_) => {
                Err(data_error(format!("{}: an array of texts, but samples are numbers", self.name)))
            }
        }
    }

    /// The samples: columns of an array of two axes, images of one of three or four, with a word on how it was taken.
    ///
    /// # Errors
    /// Another number of axes, no samples, no features; pixels that are not finite.
    pub(super) fn inputs(self, told: &mut Vec<String>) -> Result<Inputs> {
        let (name, shape) = (self.name.clone(), self.shape.clone());
        if shape.contains(&0) {
            return Err(data_error(format!("{name}: an array of shape {shape:?} holds nothing")));
        }
        let (shape, order, image) = match shape[..] {
            [rows, columns] => {
                told.push(format!("{name}: {rows} samples of {columns} features"));
                let columns = self.into_frame()?.columns;
                return Ok(Inputs::Columns { columns, is_array: true });
            }
            [_, height, width] => ("(N, H, W)", false, Shape { channels: 1, height, width }),
            [_, channels @ (1 | 3), height, width] => {
                ("(N, C, H, W)", false, Shape { channels, height, width })
            }
            [_, height, width, channels @ (1 | 3)] => {
                ("(N, H, W, C)", true, Shape { channels, height, width })
            }
            [_, channels, height, width] => ("(N, C, H, W)", false, Shape { channels, height, width }),
            _ => {
                let what = format!(
                    "{name}: an array of shape {shape:?}, but samples are (N, F), (N, H, W), (N, C, H, W) or (N, H, W, C)"
                );
                return Err(data_error(what));
            }
        };
        let count = self.len();
        told.push(format!("{name}: {count} images of {image}, read as {shape}"));
        let (numbers, is_bytes) = self.numbers()?;
        let mut pixels = match numbers {
            Numbers::F32(numbers) => numbers,
            Numbers::F64(numbers) => numbers.into_iter().map(|x| x as f32).collect(),
        };
        let len = image.len();
        if let Some(i) = pixels.iter().position(|x| !x.is_finite()) {
            return Err(data_error(format!(
                "{name}: image {} has a pixel that is not finite in f32: {}",
                i / len,
                pixels[i]
            )));
        }
        if order {
            let mut planes = vec![0.0; len];
            for image_pixels in pixels.chunks_exact_mut(len) {
                for (i, &x) in image_pixels.iter().enumerate() {
                    planes[i % image.channels * image.height * image.width + i / image.channels] = x;
                }
                image_pixels.copy_from_slice(&planes);
            }
        }
        Ok(Inputs::Images { shape: image, pixels, scale: if is_bytes { 255.0 } else { 1.0 } })
    }

    /// An array of two axes as columns without names.
    ///
    /// # Errors
    /// Another number of axes; texts; infinite numbers.
    pub(super) fn into_frame(self) -> Result<Frame> {
        let name = self.name.clone();
        let [rows, columns] = self.shape[..] else {
            let what = format!(
                "{name}: an array of shape {:?}; with the target in a column, it has two axes: (samples, columns)",
                self.shape
            );
            return Err(data_error(what));
        };
        if rows * columns == 0 {
            return Err(data_error(format!("{name}: an array of shape {:?} holds nothing", self.shape)));
        }
        check_memory(&name, (rows * columns).saturating_mul(8), memory::available())?;
        let (numbers, _) = self.numbers()?;
        let get = |i: usize| match &numbers {
            Numbers::F32(numbers) => f64::from(numbers[i]),
            Numbers::F64(numbers) => numbers[i],
        };
        if let Some(i) = (0..rows * columns).find(|&i| get(i).is_infinite()) {
            let what =
                format!("{name}: element [{}, {}] is not finite: {}", i / columns, i % columns, get(i));
            return Err(data_error(what));
        }
        let column = |j: usize| Values::Numbers((0..rows).map(|i| get(i * columns + j)).collect());
        let columns = (0..columns).map(|j| Column::new(j.to_string(), column(j))).collect();
        Ok(Frame {
            columns,
            named: false,
            is_array: true,
            first_unnamed: false,
            places: Places::new(name, rows, Vec::new()),
            rows,
        })
    }

    /// The targets: one column of an array of one axis, several of one of two.
    ///
    /// # Errors
    /// Another number of axes, infinite numbers.
    pub(super) fn targets(self, told: &mut Vec<String>) -> Result<Vec<Column>> {
        let name = self.name.clone();
        let (rows, width) = match self.shape[..] {
            [rows] => (rows, 1),
            [rows, width] if width > 0 => (rows, width),
            _ => {
                let what = format!(
                    "{name}: an array of shape {:?}, but targets are (N) or (N, targets)",
                    self.shape
                );
                return Err(data_error(what));
            }
        };
        match self.values {
            Elements::Texts(texts) if width == 1 => Ok(vec![Column::new("target", as_column(texts))]),
            Elements::Texts(_) => {
                Err(data_error(format!("{name}: an array of texts of two axes; targets are (N)")))
            }
            Elements::Numbers(numbers, _) => {
                let numbers = numbers.into_f64();
                if let Some(i) = numbers.iter().position(|x| x.is_infinite()) {
                    return Err(data_error(format!(
                        "{name}: target {} is not finite: {}",
                        i / width,
                        numbers[i]
                    )));
                }
                if let Some(classes) = one_hot(&numbers, width) {
                    told.push(format!("{name}: one-hot rows of {width} numbers are classes"));
                    return Ok(vec![Column::new("target", Values::Numbers(classes))]);
                }
                let column = |j: usize| Values::Numbers((0..rows).map(|i| numbers[i * width + j]).collect());
                let title = |j: usize| if width == 1 { "target".to_owned() } else { format!("target {j}") };
                Ok((0..width).map(|j| Column::new(title(j), column(j))).collect())
            }
        }
    }
}

/// Texts as a column; an empty text is missing.
fn as_column(texts: Vec<String>) -> Values {
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut distinct = Vec::new();
    let codes = texts.into_iter().map(|text| {
        if text.is_empty() {
            return MISSING;
        }
        *known.entry(text).or_insert_with_key(|text| {
            distinct.push(text.clone());
            distinct.len() as u32 - 1
        })
    });
    Values::Texts { codes: codes.collect(), texts: distinct }
}

/// The places of the ones, if every row is all zeros but for a one.
fn one_hot(numbers: &[f64], width: usize) -> Option<Vec<f64>> {
    if width < 2 {
        return None;
    }
    let place = |row: &[f64]| {
        let ones = row.iter().filter(|&&x| x == 1.0).count();
        let zeros = row.iter().filter(|&&x| x == 0.0).count();
        (ones == 1 && zeros == width - 1).then(|| row.iter().position(|&x| x == 1.0))?
    };
    numbers.chunks_exact(width).map(|row| place(row).map(|i| i as f64)).collect()
}
