//! Safetensors files, read tensor after tensor. A header is believed only after every claim in it was checked against
//! the length of the file.

use crate::error::{CliError, ErrorKind, Result};
use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longest header that is read, as in the reference implementation.
const MOST_HEADER: u64 = 100_000_000;

/// Bytes that are read at once; a multiple of every element's size.
const PIECE: usize = 1 << 16;

/// A tensor as the header describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Type of its numbers.
    pub kind: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// First byte and the one after the last, from the end of the header.
    range: [u64; 2],
}

impl Tensor {
    /// `F32`, `BF16`.
    pub fn kind_name(&self) -> String {
        self.kind.to_string()
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The numbers of a tensor: f16 and bf16 are f32 exactly.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// f16, bf16, f32.
    F32(Vec<f32>),
    /// f64.
    F64(Vec<f64>),
}

impl Numbers {
    /// In single precision, rounded where need be.
    pub fn single(self) -> Vec<f32> {
        match self {
            Self::F32(numbers) => numbers,
            Self::F64(numbers) => numbers.into_iter().map(|x| x as f32).collect(),
        }
    }

    /// In double precision.
    pub fn double(self) -> Vec<f64> {
        match self {
            Self::F32(numbers) => numbers.into_iter().map(f64::from).collect(),
            Self::F64(numbers) => numbers,
        }
    }
}

/// An open file whose header was checked.
#[derive(Debug)]
pub struct Header<F = File> {
    name: String,
    file: F,
    tensors: Vec<Tensor>,
    /// Where the numbers start.
    start: u64,
}

impl Header {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`Header::new`]; it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let cannot = |e| CliError::new(ErrorKind::Data, format!("cannot read {}: {e}", path.display()));
        let file = File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Err(CliError::new(ErrorKind::Data, format!("{} is not a file", path.display())));
        }
        Self::new(&path.display().to_string(), file, metadata.len())
    }
}

impl<F: Read + Seek> Header<F> {
    /// Reads and checks the header of a file of `len` bytes.
    ///
    /// # Errors
    /// What is wrong with it: truncated, a key twice, shape and offsets that disagree, tensors that overlap or leave
    /// bytes between them or at the end.
    pub fn new(name: &str, mut file: F, len: u64) -> Result<Self> {
        let wrong =
            |what: String| CliError::new(ErrorKind::Data, format!("{name}: not a safetensors file: {what}"));
        let cannot = |e: std::io::Error| CliError::new(ErrorKind::Data, format!("cannot read {name}: {e}"));
        if len < 8 {
            return Err(wrong(format!("{len} bytes, but the length of the header alone takes 8")));
        }
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes).map_err(cannot)?;
        let claimed = u64::from_le_bytes(bytes);
        if claimed > MOST_HEADER {
            return Err(wrong(format!("its header claims {claimed} bytes, more than {MOST_HEADER}")));
        }
        if claimed > len - 8 {
            return Err(wrong(format!("its header claims {claimed} bytes, but {} follow", len - 8)));
        }
        let mut bytes = vec![0; claimed as usize];
        file.read_exact(&mut bytes).map_err(cannot)?;
        let entries: Entries =
            serde_json::from_slice(&bytes).map_err(|e| wrong(format!("its header: {e}")))?;
        let start = 8 + claimed;
        let mut tensors = Vec::with_capacity(entries.0.len());
        for (name, Entry { dtype, shape, data_offsets: range }) in entries.0 {
            let elements = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
            let bits = elements.and_then(|n| n.checked_mul(dtype.bitsize() as u64));
            let Some(bits) = bits else {
                return Err(wrong(format!("tensor {name}: the shape {shape:?} has too many elements")));
            };
            let [from, to] = range;
            let given = to.checked_sub(from).filter(|_| to <= len - start);
            let Some(given) = given else {
                let data = len - start;
                return Err(wrong(format!("tensor {name}: offsets {from} to {to} in data of {data} bytes")));
            };
            if !bits.is_multiple_of(8) || bits / 8 != given {
                let needed = bits.div_ceil(8);
                return Err(wrong(format!(
                    "tensor {name}: {dtype} of shape {shape:?} takes {needed} bytes, its offsets {from} to {to} hold {given}"
                )));
            }
            let shape = shape.into_iter().map(|d| d as usize).collect();
            tensors.push(Tensor { name, kind: dtype, shape, range });
        }
        contiguous(&tensors, len - start).map_err(wrong)?;
        order(&mut tensors);
        Ok(Self { name: name.to_owned(), file, tensors, start })
    }

    /// What messages call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensors, in the order of the model where the file has one of its own, else by name.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The numbers of a tensor of floating point.
    ///
    /// # Errors
    /// It cannot be read; an element that is not finite; no memory; another type.
    pub fn read(&mut self, tensor: &Tensor) -> Result<Numbers> {
        let name = &self.name;
        let cannot = |e: std::io::Error| CliError::new(ErrorKind::Data, format!("cannot read {name}: {e}"));
        self.file.seek(SeekFrom::Start(self.start + tensor.range[0])).map_err(cannot)?;
        let mut source = (&mut self.file).take(tensor.range[1] - tensor.range[0]);
        let wrong =
            |what: String| CliError::new(ErrorKind::Data, format!("{name}: tensor {}: {what}", tensor.name));
        let single = |source: &mut _, size, decode: fn(&[u8]) -> f32| {
            decoded(source, tensor.elements(), size, decode).map(Numbers::F32)
        };
        let numbers = match tensor.kind {
            Dtype::F32 => single(&mut source, 4, |b| f32::from_le_bytes(b.try_into().unwrap_or_default())),
            Dtype::F16 => {
                single(&mut source, 2, |b| half(u16::from_le_bytes(b.try_into().unwrap_or_default())))
            }
            Dtype::BF16 => single(&mut source, 2, |b| {
                f32::from_bits(u32::from(u16::from_le_bytes(b.try_into().unwrap_or_default())) << 16)
            }),
            Dtype::F64 => decoded(&mut source, tensor.elements(), 8, |b| {
                f64::from_le_bytes(b.try_into().unwrap_or_default())
            })
            .map(Numbers::F64),
            other => return Err(wrong(format!("numbers of type {other} are not read"))),
        };
        let numbers = numbers.map_err(|e| match e.kind() {
            std::io::ErrorKind::OutOfMemory => {
                let what =
                    format!("{name}: tensor {}: no memory for {} numbers", tensor.name, tensor.elements());
                CliError::new(ErrorKind::Resources, what)
            }
            _ => cannot(e),
        })?;
        let bad = match &numbers {
            Numbers::F32(x) => x.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(x[i]))),
            Numbers::F64(x) => x.iter().position(|x| !x.is_finite()).map(|i| (i, x[i])),
        };
        match bad {
            Some((i, x)) => Err(wrong(format!("element {i} is {x}, but must be finite"))),
            None => Ok(numbers),
        }
    }
}

/// Numbers of `size` bytes each.
fn decoded<T>(
    source: &mut impl Read,
    elements: usize,
    size: usize,
    decode: impl Fn(&[u8]) -> T,
) -> std::io::Result<Vec<T>> {
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(elements).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
    let mut piece = [0; PIECE];
    while numbers.len() < elements {
        let piece = &mut piece[..PIECE.min((elements - numbers.len()) * size)];
        source.read_exact(piece)?;
        numbers.extend(piece.chunks_exact(size).map(&decode));
    }
    Ok(numbers)
}

/// IEEE 754 binary16 as f32, exactly.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 0x3ff));
    match exponent {
        0 => f32::from_bits(sign | (fraction as f32 / (1 << 24) as f32).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The tensors cover the data, one after the other.
fn contiguous(tensors: &[Tensor], data: u64) -> std::result::Result<(), String> {
    let mut sorted: Vec<&Tensor> = tensors.iter().collect();
    sorted.sort_by_key(|t| t.range);
    let (mut end, mut before) = (0, "");
    for tensor in sorted {
        let from = tensor.range[0];
        if from < end {
            return Err(format!("tensors {before} and {} overlap", tensor.name));
        }
        if from > end {
            return Err(format!("{} bytes before tensor {} belong to none", from - end, tensor.name));
        }
        (end, before) = (tensor.range[1], &tensor.name);
    }
    if end == data { Ok(()) } else { Err(format!("{} bytes at the end belong to no tensor", data - end)) }
}

/// By name, numbers in it as numbers, unless the header has an order of its own: that of the model. The usual writer
/// sorts by type, then name, so such an order says nothing.
fn order(tensors: &mut [Tensor]) {
    let written = |t: &Tensor| (std::cmp::Reverse(t.kind), t.name.clone());
    let by_name = tensors.is_sorted_by_key(|t| &t.name);
    if by_name || tensors.is_sorted_by_key(written) {
        tensors.sort_by_cached_key(|t| natural(&t.name));
    }
}

/// A name as characters and whole numbers, each in the place of its digits: `fc10` comes after `fc2`, `fc` before both.
pub fn natural(name: &str) -> Vec<(char, u64)> {
    let mut parts: Vec<(char, u64)> = Vec::new();
    let mut inside = false;
    for c in name.chars() {
        let digit = c.to_digit(10).map(u64::from);
        match (digit, parts.last_mut()) {
            (Some(digit), Some((_, number))) if inside => {
                *number = number.saturating_mul(10).saturating_add(digit);
            }
            (Some(digit), _) => parts.push(('0', digit)),
            (None, _) => parts.push((c, 0)),
        }
        inside = digit.is_some();
    }
    parts
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: Dtype,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header's map, in its order, without a key twice.
struct Entries(Vec<(String, Entry)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a map of tensors")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Entries, M::Error> {
                let mut seen = std::collections::HashSet::new();
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(M::Error::custom(format!("the key {name:?} occurs twice")));
                    }
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision() {
        let table =
            [(0x0000, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x0001, 2f32.powi(-24)), (0x7bff, 65504.0)];
        for (bits, x) in table {
            assert_eq!(half(bits), x);
        }
        assert_eq!(half(0x7c00), f32::INFINITY);
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["fc10.weight", "fc2.weight", "fc.weight", "a.2.b", "a.10.b"];
        names.sort_by_cached_key(|n| natural(n));
        assert_eq!(names, ["a.2.b", "a.10.b", "fc.weight", "fc2.weight", "fc10.weight"]);
    }
}
