//! NumPy's `.npy` files, versions 1 to 3: arrays of `f4` and `f8`, either byte order, either memory order.
//!
//! The header is a Python literal with three keys that are always the same; a reader of any literal would bring a
//! parser generator along. The length of the data is checked against the file before anything is allocated.

use super::csv_reader::shown;
use super::data_error;
use crate::error::{CliError, Result};

/// Numbers in one of two widths.
#[derive(Clone, PartialEq, Debug)]
pub enum Numbers {
    /// Single precision.
    F32(Vec<f32>),
    /// Double precision.
    F64(Vec<f64>),
}

impl Numbers {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(numbers) => numbers.len(),
            Self::F64(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In double precision, which changes no value.
    pub fn into_f64(self) -> Vec<f64> {
        match self {
            Self::F32(numbers) => numbers.into_iter().map(f64::from).collect(),
            Self::F64(numbers) => numbers,
        }
    }

    fn get(&self, i: usize) -> f64 {
        match self {
            Self::F32(numbers) => numbers[i].into(),
            Self::F64(numbers) => numbers[i],
        }
    }
}

/// An array of finite numbers, the last axis contiguous.
#[derive(Clone, PartialEq, Debug)]
pub struct Npy {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Their product of numbers.
    pub numbers: Numbers,
}

impl Npy {
    /// Whether a file begins as all `.npy` files do.
    pub fn is_npy(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A header that is not understood; another type of number; more or fewer bytes than the header promises; an
    /// element that is not finite.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let (header, body) = split(name, bytes)?;
        let Header { big_endian, double, fortran, shape } = Header::parse(name, header)?;
        let size = if double { 8 } else { 4 };
        let count = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
        if count.and_then(|count| count.checked_mul(size)) != Some(body.len()) {
            let what = format!(
                "the header promises {shape:?} numbers of {size} bytes, {} bytes are there",
                body.len()
            );
            return Err(data_error(name, what));
        }
        let mut numbers = if double {
            let of = if big_endian { f64::from_be_bytes } else { f64::from_le_bytes };
            Numbers::F64(body.as_chunks::<8>().0.iter().map(|&b| of(b)).collect())
        } else {
            let of = if big_endian { f32::from_be_bytes } else { f32::from_le_bytes };
            Numbers::F32(body.as_chunks::<4>().0.iter().map(|&b| of(b)).collect())
        };
        if fortran && shape.len() > 1 {
            numbers = match numbers {
                Numbers::F32(numbers) => Numbers::F32(last_axis_first(&numbers, &shape)),
                Numbers::F64(numbers) => Numbers::F64(last_axis_first(&numbers, &shape)),
            };
        }
        if let Some(i) = (0..numbers.len()).find(|&i| !numbers.get(i).is_finite()) {
            let what = format!("element {:?} is {}", place(i, &shape), numbers.get(i));
            return Err(data_error(name, what));
        }
        Ok(Self { shape, numbers })
    }
}

const MAGIC: &[u8] = b"\x93NUMPY";

/// Header and data.
fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<(&'a str, &'a [u8])> {
    let short = || data_error(name, "the file ends within its header");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| data_error(name, "not an .npy file"))?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    let (len, rest) = match major {
        1 => {
            let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            (usize::from(u16::from_le_bytes(*len)), rest)
        }
        2 | 3 => {
            let (len, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
            (u32::from_le_bytes(*len) as usize, rest)
        }
        _ => return Err(data_error(name, format_args!("version {major} of the .npy format is unknown"))),
    };
    let (header, body) = rest.split_at_checked(len).ok_or_else(short)?;
    let header = std::str::from_utf8(header).map_err(|_| data_error(name, "the header is not a text"))?;
    Ok((header, body))
}

struct Header {
    big_endian: bool,
    double: bool,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`, keys in any order.
    fn parse(name: &str, text: &str) -> Result<Self> {
        let wrong =
            || data_error(name, format_args!("the header `{}` is not understood", shown(text.trim())));
        let inner = text.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or_else(wrong)?;
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        let mut rest = inner.trim();
        while !rest.is_empty() {
            let (key, after) = quoted(rest).ok_or_else(wrong)?;
            let value = after.trim_start().strip_prefix(':').ok_or_else(wrong)?.trim_start();
            rest = match key {
                "descr" => {
                    let (value, after) = quoted(value).ok_or_else(|| kind(name, value))?;
                    descr = Some(value);
                    after
                }
                "fortran_order" => {
                    let (value, after) = truth(value).ok_or_else(wrong)?;
                    fortran = Some(value);
                    after
                }
                "shape" => {
                    let (value, after) =
                        value.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(wrong)?;
                    shape = Some(axes(value).ok_or_else(wrong)?);
                    after
                }
                _ => return Err(wrong()),
            };
            rest = rest.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else { return Err(wrong()) };
        let (big_endian, double) = match descr {
            "<f4" => (false, false),
            "<f8" => (false, true),
            ">f4" => (true, false),
            ">f8" => (true, true),
            _ => return Err(kind(name, descr)),
        };
        Ok(Self { big_endian, double, fortran, shape })
    }
}

fn kind(name: &str, descr: &str) -> CliError {
    let what =
        format!("numbers of the type `{}`; f4 and f8 can be read (NumPy: .astype('f8'))", shown(descr));
    data_error(name, what)
}

/// A text in quotes, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    text[1..].split_once(quote)
}

fn truth(text: &str) -> Option<(bool, &str)> {
    let at = |word, value| text.strip_prefix(word).map(|rest| (value, rest));
    at("True", true).or_else(|| at("False", false))
}

/// The numbers between the brackets of a tuple, 32 at most, as NumPy has it.
fn axes(text: &str) -> Option<Vec<usize>> {
    let text = text.trim();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Some(Vec::new());
    }
    let axes: Vec<usize> =
        text.split(',').take(33).map(|axis| axis.trim().parse().ok()).collect::<Option<_>>()?;
    (axes.len() <= 32).then_some(axes)
}

/// From the first axis contiguous to the last axis contiguous.
fn last_axis_first<T: Copy>(numbers: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &axis in shape {
        strides.push(stride);
        stride *= axis;
    }
    let source =
        |i: usize| place(i, shape).iter().zip(&strides).map(|(at, stride)| at * stride).sum::<usize>();
    (0..numbers.len()).map(|i| numbers[source(i)]).collect()
}

/// The indices of an element whose last axis is contiguous.
fn place(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (slot, &axis) in place.iter_mut().zip(shape).rev() {
        *slot = i % axis;
        i /= axis;
    }
    place
}
