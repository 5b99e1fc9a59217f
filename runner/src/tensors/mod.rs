//! Checkpoints: one reader for `weights`, `evaluate` and the minima of a run.
//!
//! The tour: [`header`] (one safetensors file, tensor after tensor), [`numbers`] (types), [`model_files`] (a file, an
//! index of shards, shards, a folder), `joined` (parameters that several tensors stand for), [`order`] (one order of
//! names). [`Tensors`] is a model: its tensors in the order of the model where the files have one of their own, else by
//! name.
//!
//! # Joined tensors
//!
//! | stored | tensor | numbers |
//! |---|---|---|
//! | `weight_g`, `weight_v`; `parametrizations.weight.original0`, `original1` | `weight` | g v / ‖v‖, the norm over all axes but those where g is longer than 1 |
//! | `weight_orig`, `weight_mask` | `weight` | their product |
//! | `weight` of 8-bit floats, `weight_scale`, `weight_scale_inv` or `scale_weight` | `weight` | each number times its scale: one for all, one a row, or one a block |

pub mod header;
mod joined;
pub mod model_files;
pub mod numbers;
pub mod order;

use crate::error::{CliError, ErrorKind, Result};
use header::{Header, StoredTensor};
use joined::{Axes, Scale};

pub(crate) use joined::scale_fault;
use model_files::{Files, ModelFiles};
use numbers::Numbers;
use order::natural;
use safetensors::Dtype;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::ops::Range;
use std::path::Path;

/// A tensor of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// Type of its numbers.
    pub kind: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it is computed from.
    parts: Parts,
}

/// What a tensor is computed from: places in `Tensors::stored`.
#[derive(Clone, Debug, PartialEq)]
enum Parts {
    Stored(usize),
    WeightNorm { magnitude: usize, direction: usize },
    Pruned { original: usize, mask: usize },
    Scaled { values: usize, scale: usize },
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

    /// Whether it is stored as it is, not computed from several.
    pub fn is_stored(&self) -> bool {
        matches!(self.parts, Parts::Stored(_))
    }
}

/// A stored tensor that is a part of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it was taken for.
    pub reason: String,
}

/// The numbers of a tensor that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The numbers.
    pub numbers: Numbers,
    /// The first element of the tensor, in the order of the file, that is not finite.
    pub not_finite: Option<(usize, f64)>,
}

/// The tensors of a model, in one file or in several.
#[derive(Debug)]
pub struct Tensors<F = File> {
    name: String,
    files: Vec<Header<F>>,
    stored: Vec<(usize, StoredTensor)>,
    tensors: Vec<Tensor>,
    parts: Vec<Part>,
    own_order: bool,
    notes: Vec<String>,
}

impl Tensors {
    /// Opens a safetensors file, an index of shards (`*.safetensors.index.json`), or a folder that holds one model.
    ///
    /// # Errors
    /// As [`Tensors::open_model`]; no model in the folder, or several.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_model(&ModelFiles::one(path)?)
    }

    /// Opens the files of a model.
    ///
    /// # Errors
    /// A file is missing or malformed; an index and its shards disagree; a tensor is in two shards.
    pub fn open_model(model: &ModelFiles) -> Result<Self> {
        let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", model.name));
        match &model.files {
            Files::Single(path) => Self::of(&model.name, vec![Header::open(path)?], None).map_err(wrong),
            Files::Shards(paths) => {
                let headers = paths.iter().map(|path| Header::open(path)).collect::<Result<Vec<_>>>()?;
                Self::of(&model.name, headers, None).map_err(wrong)
            }
            Files::Index(path) => {
                let index = model_files::Index::read(path)?;
                let headers = index.open_shards()?;
                let extra = index.check(&headers)?;
                let mut tensors = Self::of(&model.name, headers, Some(index.names())).map_err(wrong)?;
                tensors.notes.extend(extra);
                Ok(tensors)
            }
        }
    }
}

impl<F: Read + Seek> Tensors<F> {
    /// The tensors of one file.
    pub fn of_file(header: Header<F>) -> Self {
        let name = header.name().to_owned();
        Self::of(&name, vec![header], None).expect("the names of a header are different")
    }

    /// The tensors of the shards of a model; `names` is the order of an index.
    ///
    /// # Errors
    /// A tensor is in two shards.
    fn of(
        name: &str,
        files: Vec<Header<F>>,
        names: Option<Vec<String>>,
    ) -> std::result::Result<Self, String> {
        let mut stored: Vec<(usize, StoredTensor)> = Vec::new();
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            for tensor in file.tensors() {
                if let Some(before) = seen.insert(&tensor.name, number) {
                    let (a, b) = (files[before].name(), file.name());
                    return Err(format!("tensor {} is in two shards, {a} and {b}", tensor.name));
                }
                stored.push((number, tensor.clone()));
            }
        }
        let own_order = match &names {
            Some(names) => !names.is_sorted(),
            None => files.iter().any(Header::has_own_order),
        };
        match (own_order, &names) {
            (true, Some(names)) => {
                let places: HashMap<&str, usize> =
                    names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
                stored.sort_by_key(|(_, t)| places.get(t.name.as_str()).copied().unwrap_or(usize::MAX));
            }
            (true, None) => {}
            (false, _) => stored.sort_by_cached_key(|(_, t)| natural(&t.name)),
        }
        let (tensors, parts) = joined::join(&stored);
        Ok(Self { name: name.to_owned(), files, stored, tensors, parts, own_order, notes: Vec::new() })
    }

    /// What messages call the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensors, in the order of the model where the files have one of their own, else by name.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The stored tensors that are parts of others.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the order of the tensors is that of the model, and not that of their names.
    pub fn has_own_order(&self) -> bool {
        self.own_order
    }

    /// What a reader of the result should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The numbers of a tensor of floating point, row by row as the file has them.
    ///
    /// # Errors
    /// It cannot be read; no memory; another type.
    pub fn read(&mut self, tensor: &Tensor) -> Result<Contents> {
        self.read_rows(tensor, 0..0)
    }

    /// The numbers of a tensor with the axes `outputs` moved to the front, the others behind them in their order. Memory:
    /// the numbers themselves.
    ///
    /// # Errors
    /// As [`Tensors::read`].
    pub fn read_rows(&mut self, tensor: &Tensor, outputs: Range<usize>) -> Result<Contents> {
        let elements = tensor.elements();
        let no_memory = |_| {
            let what = format!("{}: tensor {}: no memory for {elements} numbers", self.name, tensor.name);
            CliError::new(ErrorKind::Resources, what)
        };
        let is_double = |stored: usize| self.stored[stored].1.kind == Dtype::F64;
        let double = match tensor.parts {
            Parts::Stored(at) => is_double(at),
            Parts::WeightNorm { magnitude, direction } => is_double(magnitude) || is_double(direction),
            Parts::Pruned { original, .. } => is_double(original),
            Parts::Scaled { values, .. } => is_double(values),
        };
        if double {
            let mut numbers: Vec<f64> = Vec::new();
            numbers.try_reserve_exact(elements).map_err(no_memory)?;
            numbers.resize(elements, 0.0);
            let not_finite = self.fill(tensor, outputs, &mut numbers, |x| x)?;
            Ok(Contents { numbers: Numbers::F64(numbers), not_finite })
        } else {
            let mut numbers: Vec<f32> = Vec::new();
            numbers.try_reserve_exact(elements).map_err(no_memory)?;
            numbers.resize(elements, 0.0);
            let not_finite = self.fill(tensor, outputs, &mut numbers, |x| x as f32)?;
            Ok(Contents { numbers: Numbers::F32(numbers), not_finite })
        }
    }

    /// Writes the numbers to their places, rounded, and returns the first that is not finite.
    fn fill<T: Copy + Into<f64>>(
        &mut self,
        tensor: &Tensor,
        outputs: Range<usize>,
        numbers: &mut [T],
        round: impl Fn(f64) -> T,
    ) -> Result<Option<(usize, f64)>> {
        let axes = Axes::new(&tensor.shape, outputs);
        let mut not_finite = None;
        let mut put = |place: usize, i: usize, x: f64| {
            let x = round(x);
            numbers[place] = x;
            if !x.into().is_finite() && not_finite.is_none() {
                not_finite = Some((i, x.into()));
            }
        };
        match tensor.parts {
            Parts::Stored(at) => self.stream(at, |i, x| put(axes.place(i), i, x))?,
            Parts::WeightNorm { magnitude, direction } => {
                let index = joined::Broadcast::new(&tensor.shape, &self.stored[magnitude].1.shape);
                let mut factors = self.values(magnitude)?;
                let mut squares = vec![0.0; factors.len()];
                self.stream(direction, |i, x| squares[index.of(i)] += x * x)?;
                factors.iter_mut().zip(&squares).for_each(|(g, square)| *g /= square.sqrt());
                self.stream(direction, |i, x| put(axes.place(i), i, x * factors[index.of(i)]))?;
            }
            Parts::Pruned { original, mask } => {
                // Two streams of one file, one after the other: the original waits in its place.
                self.stream(original, |i, x| put(axes.place(i), i, x))?;
                not_finite = None;
                self.stream(mask, |i, kept| {
                    let x = numbers[axes.place(i)];
                    let x = round(x.into() * kept);
                    numbers[axes.place(i)] = x;
                    if !x.into().is_finite() && not_finite.is_none() {
                        not_finite = Some((i, x.into()));
                    }
                })?;
            }
            Parts::Scaled { values, scale } => {
                let index = Scale::new(&tensor.shape, &self.stored[scale].1.shape);
                let index = index.expect("scales are joined where they fit");
                let factors = self.values(scale)?;
                self.stream(values, |i, x| put(axes.place(i), i, x * factors[index.of(i)]))?;
            }
        }
        Ok(not_finite)
    }

    fn stream(&mut self, at: usize, each: impl FnMut(usize, f64)) -> Result<()> {
        let (file, tensor) = &self.stored[at];
        self.files[*file].stream(tensor, each)
    }

    /// All numbers of a small tensor.
    fn values(&mut self, at: usize) -> Result<Vec<f64>> {
        let mut values = Vec::new();
        self.stream(at, |_, x| values.push(x))?;
        Ok(values)
    }
}
