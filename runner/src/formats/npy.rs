//! NumPy's `.npy` files, versions 1 to 3: arrays of numbers of every type, either byte order, either memory order.
//!
//! The header is a Python literal with three keys that are always the same; a reader of any literal would bring a
//! parser generator along. The length of the data is checked against the file before anything is allocated.

use super::dtype::{Dtype, Kind};
use super::read_info::ReadInfo;
use super::table::TableOptions;
use super::{Input, data_error, npz, shown};
use crate::error::{CliError, Result};

/// Numbers in one of two widths.
#[derive(Clone, PartialEq, Debug)]
pub enum Numbers {
    /// Single precision: `f2`, `f4`, whole numbers of one or two bytes, truth values as 0 and 1.
    F32(Vec<f32>),
    /// Double precision: `f8`, whole numbers of four or eight bytes.
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

    /// The number at a place.
    pub(super) fn get(&self, i: usize) -> f64 {
        match self {
            Self::F32(numbers) => numbers[i].into(),
            Self::F64(numbers) => numbers[i],
        }
    }
}

/// An array of numbers, the last axis contiguous.
#[derive(Clone, PartialEq, Debug)]
pub struct Npy {
    /// Lengths of the axes.
    pub shape: Vec<usize>,
    /// Their product of numbers, which may be infinite or NaN.
    pub numbers: Numbers,
    /// Their type in the file.
    pub dtype: Dtype,
}

impl Npy {
    /// Whether a file begins as all `.npy` files do.
    pub fn is_npy(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// Reads the array of an `.npy` or an `.npz`; none if the file is neither.
    ///
    /// # Errors
    /// As [`Npy::parse`]; an archive with several arrays of which none is named; options that are for texts.
    pub fn read(input: &Input, options: &TableOptions) -> Result<Option<(Self, ReadInfo)>> {
        options.refuse_arrays(input)?;
        if Self::is_npy(&input.bytes) {
            if let Some(member) = &input.member {
                let what = format!(
                    "an .npy file holds one array, and no `{}`; .npz files hold several",
                    shown(member)
                );
                return Err(data_error(&input.name, what));
            }
            let array = Self::parse(&input.name, &input.bytes)?;
            let mut info = input.info("npy");
            array.tell(&mut info);
            return Ok(Some((array, info)));
        }
        if !npz::is_archive(&input.bytes) {
            return Ok(None);
        }
        Self::of_archive(input).map(Some)
    }

    /// The array of an `.npz` that is named, or its only one.
    pub(super) fn of_archive(input: &Input) -> Result<(Self, ReadInfo)> {
        let (member, bytes) = npz::member(&input.name, &input.bytes, input.member.as_deref())?;
        let array = Self::parse(&format!("{}, array `{member}`", input.name), &bytes)?;
        let mut info = input.info("npz");
        info.note(format!("the array `{member}`"));
        info.member = Some(member);
        array.tell(&mut info);
        Ok((array, info))
    }

    fn tell(&self, info: &mut ReadInfo) {
        info.shape = Some(self.shape.clone());
        info.dtype = Some(self.dtype.to_string());
        let Dtype { kind, size, .. } = self.dtype;
        if kind != Kind::Float {
            info.note(format!("numbers of the type {}", self.dtype));
        }
        const EXACT: f64 = (1u64 << 53) as f64;
        let large = |i: &usize| self.numbers.get(*i).abs() >= EXACT;
        let count = match (kind, size) {
            (Kind::Signed | Kind::Unsigned, 8) => (0..self.numbers.len()).filter(large).count(),
            _ => 0,
        };
        if count > 0 {
            info.note(format!("{count} whole numbers from 2^53 on are rounded to double precision"));
        }
    }

    /// Reads the bytes of an `.npy` file.
    ///
    /// # Errors
    /// A header that is not understood; another type than numbers; more or fewer bytes than the header promises.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let (header, body) = split(name, bytes)?;
        let Header { descr, fortran, shape } = Header::parse(name, header)?;
        let dtype = Dtype::named(descr).ok_or_else(|| kind(name, descr))?;
        check_len(name, &shape, "numbers", dtype.size, body)?;
        let order = if fortran && shape.len() > 1 { Some(&shape[..]) } else { None };
        let numbers = dtype.decode(body, order);
        Ok(Self { shape, numbers, dtype })
    }

    /// Shape and texts of an array of texts (`<U8`, `|S8`); none of an array of anything else.
    ///
    /// # Errors
    /// A header that is not understood; a text that is none; more or fewer bytes than the header promises.
    pub(crate) fn parse_texts(name: &str, bytes: &[u8]) -> Result<Option<(Vec<usize>, Vec<String>)>> {
        let (header, body) = split(name, bytes)?;
        let Header { descr, fortran, shape } = Header::parse(name, header)?;
        let (order, letter) = descr.split_at_checked(1).unwrap_or(("", descr));
        let unit = match letter.chars().next() {
            Some('U') => 4,
            Some('S') => 1,
            _ => return Ok(None),
        };
        let size = letter[1..]
            .parse::<usize>()
            .ok()
            .and_then(|chars| chars.checked_mul(unit))
            .filter(|&size| size > 0);
        let Some(size) = size.filter(|_| shape.len() == 1 || !fortran) else { return Err(kind(name, descr)) };
        check_len(name, &shape, "texts", size, body)?;
        let word = if order == ">" { u32::from_be_bytes } else { u32::from_le_bytes };
        let text = |bytes: &[u8]| match unit {
            4 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&unit| char::from_u32(word(unit)))
                .collect::<Option<String>>(),
            _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
        };
        let mut texts = Vec::new();
        for (i, bytes) in body.chunks_exact(size).enumerate() {
            let Some(mut text) = text(bytes) else {
                return Err(data_error(name, format_args!("element {:?} is not a text", place(i, &shape))));
            };
            // Zeros fill what a text leaves over.
            text.truncate(text.trim_end_matches('\0').len());
            texts.push(text);
        }
        Ok(Some((shape, texts)))
    }

    /// Checks that all numbers are finite, or also +∞.
    ///
    /// # Errors
    /// Names the first element that is not.
    pub fn check(&self, name: &str, infinity: bool) -> Result<()> {
        let found = match &self.numbers {
            Numbers::F32(x) => x.iter().position(|&x| !(x.is_finite() || (infinity && x == f32::INFINITY))),
            Numbers::F64(x) => x.iter().position(|&x| !(x.is_finite() || (infinity && x == f64::INFINITY))),
        };
        match found {
            Some(i) => {
                let what = format!("element {:?} is {}", place(i, &self.shape), self.numbers.get(i));
                Err(data_error(name, what))
            }
            None => Ok(()),
        }
    }
}

/// Checks that the body has what the header promises.
fn check_len(name: &str, shape: &[usize], what: &str, size: usize, body: &[u8]) -> Result<()> {
    let count = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
    if count.and_then(|count| count.checked_mul(size)) == Some(body.len()) {
        return Ok(());
    }
    let what =
        format!("the header promises {shape:?} {what} of {size} bytes, {} bytes are there", body.len());
    Err(data_error(name, what))
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

struct Header<'a> {
    descr: &'a str,
    fortran: bool,
    shape: Vec<usize>,
}

impl<'a> Header<'a> {
    /// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`, keys in any order.
    fn parse(name: &str, text: &'a str) -> Result<Self> {
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
        Ok(Self { descr, fortran, shape })
    }
}

/// What to do with an array of something else.
fn kind(name: &str, descr: &str) -> CliError {
    let letter = descr.trim_start_matches(['<', '>', '|', '=']).chars().next();
    let what = match letter {
        Some('O') => {
            "Python objects, which are pickled; save an array of numbers (NumPy: np.asarray(list(a), 'f8'))"
        }
        Some('c') => "complex numbers; save a.real, a.imag or abs(a)",
        Some('f' | 'g') => "long double, which depends on the machine; save a.astype('f8')",
        Some('U' | 'S') => "texts; save the numbers (NumPy: a.astype('f8'))",
        Some('M' | 'm') => "times; save them as numbers (NumPy: a.astype('i8').astype('f8'))",
        Some('[') => "records with named fields; save one array of numbers",
        _ => "no type of numbers; save a.astype('f8')",
    };
    data_error(name, format_args!("an array of the type `{}`: {what}", shown(descr)))
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

/// The indices of an element whose last axis is contiguous.
fn place(mut i: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (slot, &axis) in place.iter_mut().zip(shape).rev() {
        *slot = i % axis;
        i /= axis;
    }
    place
}
