//! One safetensors file, read tensor after tensor. A header is believed only after every claim in it was checked against
//! the length of the file.

use super::numbers::{float8_table, half};
use crate::error::{CliError, ErrorKind, Result, read_error};
use crate::formats::foreign::foreign;
use safetensors::Dtype;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longest header that is read, as in the reference implementation.
const MOST_HEADER: u64 = 100_000_000;

/// Bytes that tell what a file of another format is.
const FIRST: u64 = 4096;

/// Bytes that are read at once; a multiple of every element's size.
const PIECE: usize = 1 << 16;

/// A tensor as the header describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredTensor {
    /// Its name.
    pub name: String,
    /// Type of its numbers.
    pub kind: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// First byte and the one after the last, from the end of the header.
    range: [u64; 2],
}

impl StoredTensor {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// An open file whose header was checked.
#[derive(Debug)]
pub struct Header<F = File> {
    name: String,
    file: F,
    tensors: Vec<StoredTensor>,
    /// Where the numbers start.
    start: u64,
}

impl Header {
    /// Opens a file.
    ///
    /// # Errors
    /// As [`Header::new`]; it cannot be read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| read_error(path, &e))?;
        let metadata = file.metadata().map_err(|e| read_error(path, &e))?;
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
    /// bytes between them or at the end. A file of another format is told by its first bytes, with the next step.
    pub fn new(name: &str, mut file: F, len: u64) -> Result<Self> {
        let cannot = |e: std::io::Error| CliError::new(ErrorKind::Data, format!("cannot read {name}: {e}"));
        let mut first = Vec::new();
        (&mut file).take(FIRST).read_to_end(&mut first).map_err(cannot)?;
        file.seek(SeekFrom::Start(0)).map_err(cannot)?;
        Self::checked(name, file, len).map_err(|error| match foreign(&first) {
            Some(what) => CliError::new(ErrorKind::Data, format!("{name}: not a safetensors file: {what}")),
            None => error,
        })
    }

    fn checked(name: &str, mut file: F, len: u64) -> Result<Self> {
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
            tensors.push(StoredTensor { name, kind: dtype, shape, range });
        }
        contiguous(&tensors, len - start).map_err(wrong)?;
        Ok(Self { name: name.to_owned(), file, tensors, start })
    }

    /// What messages call the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensors, in the order of the header.
    pub fn tensors(&self) -> &[StoredTensor] {
        &self.tensors
    }

    /// Whether the header has an order of its own, that of the model. The usual writer sorts by type, then name, and so
    /// does whoever sorts by name: such an order says nothing.
    pub fn has_own_order(&self) -> bool {
        let written = |t: &StoredTensor| (std::cmp::Reverse(t.kind), t.name.clone());
        !self.tensors.is_sorted_by_key(|t| &t.name) && !self.tensors.is_sorted_by_key(written)
    }

    /// Reads the numbers of a tensor one after the other, and gives each with its place in the tensor. What is exact in
    /// the file is exact in f64.
    ///
    /// # Errors
    /// It cannot be read; it is no tensor of floating point, of 8-bit integers or of truth values.
    pub fn stream(&mut self, tensor: &StoredTensor, each: impl FnMut(usize, f64)) -> Result<()> {
        let name = &self.name;
        let cannot = |e: std::io::Error| CliError::new(ErrorKind::Data, format!("cannot read {name}: {e}"));
        self.file.seek(SeekFrom::Start(self.start + tensor.range[0])).map_err(cannot)?;
        let mut source = (&mut self.file).take(tensor.range[1] - tensor.range[0]);
        let source = &mut source;
        let elements = tensor.elements();
        match tensor.kind {
            Dtype::F64 => pieces(source, elements, |b: [u8; 8]| f64::from_le_bytes(b), each),
            Dtype::F32 => pieces(source, elements, |b| f64::from(f32::from_le_bytes(b)), each),
            Dtype::F16 => pieces(source, elements, |b| f64::from(half(u16::from_le_bytes(b))), each),
            Dtype::BF16 => pieces(
                source,
                elements,
                |b| f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
                each,
            ),
            Dtype::U8 | Dtype::BOOL => pieces(source, elements, |[b]: [u8; 1]| f64::from(b), each),
            Dtype::I8 => pieces(source, elements, |b: [u8; 1]| f64::from(i8::from_le_bytes(b)), each),
            other => {
                let Some(table) = float8_table(other) else {
                    let what =
                        format!("{name}: tensor {}: numbers of type {other} are not read", tensor.name);
                    return Err(CliError::new(ErrorKind::Data, what));
                };
                pieces(source, elements, |[b]: [u8; 1]| f64::from(table[usize::from(b)]), each)
            }
        }
        .map_err(cannot)
    }
}

/// Numbers of `N` bytes each.
fn pieces<const N: usize>(
    source: &mut impl Read,
    elements: usize,
    decode: impl Fn([u8; N]) -> f64,
    mut each: impl FnMut(usize, f64),
) -> std::io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut done = 0;
    while done < elements {
        let piece = &mut piece[..PIECE.min((elements - done) * N)];
        source.read_exact(piece)?;
        for &bytes in piece.as_chunks::<N>().0 {
            each(done, decode(bytes));
            done += 1;
        }
    }
    Ok(())
}

/// The tensors cover the data, one after the other.
fn contiguous(tensors: &[StoredTensor], data: u64) -> std::result::Result<(), String> {
    let mut sorted: Vec<&StoredTensor> = tensors.iter().collect();
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
