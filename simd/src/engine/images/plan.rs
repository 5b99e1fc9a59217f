//! From layers to fused operations on buffers, and the order in which panels go through them.
//!
//! A batch norm needs sums over the whole batch. So a pass is a list of *sweeps*: in a sweep every panel goes through
//! some operations by itself, between sweeps what they summed is joined.

use super::filter::Filter;
use super::planes::Planes;
use crate::engine::plan::Plan as Head;
use std::ops::Range;
use valleys_core::error::Error;
use valleys_core::kernels::Window;
use valleys_core::network::{Layer, Network, Row, Shape};

/// A convolution, with the ReLU that follows it.
#[derive(Clone, Debug)]
pub struct Convolve {
    pub x: usize,
    pub y: usize,
    /// Gradient of its input; none for the samples.
    pub dx: Option<usize>,
    pub dy: usize,
    /// Whether its part of dx is added to that of others.
    pub add: bool,
    pub window: Window,
    /// Where w and b are in θ; b is empty where there is none.
    pub weight: Range<usize>,
    pub bias: Range<usize>,
    pub relu: bool,
    pub forward: Filter,
    pub backward: Vec<Filter>,
}

impl Convolve {
    /// Forward and backward.
    pub fn filters(&self) -> impl Iterator<Item = &Filter> {
        self.backward.iter().chain([&self.forward])
    }
}

/// A batch norm, with the addition of a shortcut and the ReLU that follow it.
///
/// The shortcut's gradient is that of y behind the ReLU: both have one buffer.
#[derive(Clone, Debug)]
pub struct Normalise {
    pub z: usize,
    pub y: usize,
    pub shortcut: Option<usize>,
    pub dz: usize,
    pub dy: usize,
    pub relu: bool,
    /// Its channels among those of all batch norms.
    pub channels: Range<usize>,
    /// Where γ and β begin in θ.
    pub parameters: usize,
}

/// An operation on buffers.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there are a few dozen of them")]
pub enum Op {
    Convolve(Convolve),
    Normalise(Normalise),
    MaxPool { edge: usize, x: usize, y: usize, dx: usize, dy: usize },
    AveragePool { x: usize, y: usize, dx: usize, dy: usize },
}

/// What a panel does with an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Reads the samples.
    Read,
    /// Forward.
    Forward(usize),
    /// Sums over the inputs of a batch norm.
    Moments(usize),
    /// The linear layers, there and back.
    Head,
    /// The linear layers, only there.
    Scores,
    /// Sums over the gradients of a batch norm.
    Sums(usize),
    /// Backward.
    Backward(usize),
}

/// The operations of a network.
#[derive(Clone, Debug)]
pub struct Plan {
    pub buffers: Vec<Planes>,
    pub ops: Vec<Op>,
    /// The samples.
    pub input: usize,
    /// What the linear layers read, and its gradient.
    pub output: usize,
    pub slope: usize,
    /// The linear layers, and where their parameters begin in θ.
    pub head: Head,
    pub head_offset: usize,
    pub packed_len: usize,
    /// Channels of all batch norms.
    pub channels: usize,
    /// Sweeps of a training step; those up to the last batch norm, for its statistics; that of the scores.
    pub training: Vec<Vec<Step>>,
    pub statistics: Vec<Vec<Step>>,
    pub scores: Vec<Step>,
}

/// The output of a row.
#[derive(Clone, Copy)]
struct Value {
    buffer: usize,
    gradient: usize,
}

impl Plan {
    /// Fuses the layers.
    ///
    /// # Errors
    /// A network of another kind: convolutions of stride 1 or 2, batch norms each with at most an addition and a ReLU
    /// behind it, ReLUs behind convolutions and batch norms, windows of max-pooling side by side, then linear layers.
    pub fn new(network: &Network) -> Result<Self, Error> {
        network.check()?;
        let rows: Vec<Row> = network.rows().collect();
        let end = rows.iter().position(|row| matches!(row.layer, Layer::Linear { .. })).unwrap_or(0);
        let Some(features) = rows[..end].last().map(|row| row.output.len()) else {
            return Err(other("layers of images, then linear ones"));
        };
        let head = Head::new(&Network { input: Shape::flat(features), layers: &network.layers[end..] })?;
        let mut draft = Draft { rows: &rows[..end], values: vec![None; end], ..Draft::default() };
        draft.input = draft.value(network.input, None);
        let mut next = 0;
        while next < end {
            next = draft.read(next)?;
        }
        let Some(output) = draft.values[end - 1] else { return Err(other("layers of images")) };
        draft.order(output)?;
        let ops = draft.ops;
        let [training, statistics] = sweeps(&ops);
        let forward = (0..ops.len()).map(Step::Forward);
        let scores = std::iter::once(Step::Read).chain(forward).chain([Step::Scores]).collect();
        Ok(Self {
            input: draft.input.buffer,
            output: output.buffer,
            slope: output.gradient,
            head,
            head_offset: rows[end].parameter_offset,
            packed_len: draft.packed,
            channels: draft.channels,
            buffers: draft.buffers,
            ops,
            training,
            statistics,
            scores,
        })
    }

    /// The batch norms.
    pub fn norms(&self) -> impl Iterator<Item = &Normalise> {
        self.ops.iter().filter_map(|op| if let Op::Normalise(norm) = op { Some(norm) } else { None })
    }

    /// Pixels of scratch memory.
    pub fn scratch_len(&self) -> usize {
        self.convolutions().flat_map(Convolve::filters).map(Filter::scratch_len).max().unwrap_or(0)
    }

    /// The convolutions.
    pub fn convolutions(&self) -> impl Iterator<Item = &Convolve> {
        self.ops.iter().filter_map(|op| if let Op::Convolve(convolve) = op { Some(convolve) } else { None })
    }
}

fn other(what: &'static str) -> Error {
    Error::Range { what, least: 1, most: 1, given: 0 }
}

/// A plan in the making.
#[derive(Default)]
struct Draft<'a> {
    rows: &'a [Row],
    /// The output of each row.
    values: Vec<Option<Value>>,
    input: Value,
    buffers: Vec<Planes>,
    ops: Vec<Op>,
    packed: usize,
    channels: usize,
}

impl Default for Value {
    fn default() -> Self {
        Self { buffer: usize::MAX, gradient: usize::MAX }
    }
}

impl Draft<'_> {
    fn buffer(&mut self, Shape { channels, height, width }: Shape) -> usize {
        self.buffers.push(Planes { channels, height, width, halo: 0 });
        self.buffers.len() - 1
    }

    /// A new value, with a gradient of its own unless one is given.
    fn value(&mut self, shape: Shape, gradient: Option<usize>) -> Value {
        let buffer = self.buffer(shape);
        Value { buffer, gradient: gradient.unwrap_or_else(|| self.buffer(shape)) }
    }

    /// What a row reads.
    fn source(&self, row: &Row) -> Result<Value, Error> {
        match row.source {
            None => Ok(self.input),
            Some(source) => self.values[source].ok_or(other("outputs that are read behind their ReLU")),
        }
    }

    /// The next row, if it is of a kind.
    fn next(&self, row: usize, kind: impl Fn(Layer) -> bool) -> Option<Row> {
        let next = *self.rows.get(row + 1)?;
        (next.source == Some(row) && kind(next.layer)).then_some(next)
    }

    /// Reads the operation that begins at a row; gives the row behind it.
    fn read(&mut self, at: usize) -> Result<usize, Error> {
        let row = self.rows[at];
        let x = self.source(&row)?;
        let mut last = at;
        let y = match row.layer {
            Layer::Branch { .. } => None,
            Layer::Convolution { stride: 1 | 2, kernel, padding, .. } if padding < kernel => {
                // Behind a batch norm the gradient lives only until the convolution has used it.
                let brief =
                    self.next(at, |layer| layer == Layer::BatchNorm).and_then(|_| self.brief(row.output));
                let y = self.value(row.output, brief);
                let relu = self.next(at, |layer| layer == Layer::Relu).is_some();
                last += usize::from(relu);
                self.convolve(&row, x, y, relu);
                Some(y)
            }
            Layer::BatchNorm => {
                let mut shortcut = None;
                if let Some(Row { layer: Layer::Add { back }, number, .. }) =
                    self.next(last, |layer| matches!(layer, Layer::Add { .. }))
                {
                    last += 1;
                    shortcut =
                        Some(self.values[number - back].ok_or(other("shortcuts of values that are there"))?);
                }
                let relu = self.next(last, |layer| layer == Layer::Relu).is_some();
                last += usize::from(relu);
                let y = self.value(row.output, shortcut.map(|value| value.gradient));
                let channels = self.channels..self.channels + row.input.channels;
                self.channels = channels.end;
                self.ops.push(Op::Normalise(Normalise {
                    z: x.buffer,
                    y: y.buffer,
                    shortcut: shortcut.map(|value| value.buffer),
                    dz: x.gradient,
                    dy: y.gradient,
                    relu,
                    channels,
                    parameters: row.parameter_offset,
                }));
                Some(y)
            }
            Layer::MaxPool { kernel: edge, stride } if edge == stride => {
                let y = self.value(row.output, None);
                let (dx, dy) = (x.gradient, y.gradient);
                self.ops.push(Op::MaxPool { edge, x: x.buffer, y: y.buffer, dx, dy });
                Some(y)
            }
            Layer::AveragePool => {
                let y = self.value(row.output, None);
                let (dx, dy) = (x.gradient, y.gradient);
                self.ops.push(Op::AveragePool { x: x.buffer, y: y.buffer, dx, dy });
                Some(y)
            }
            _ => return Err(other("layers of images that have fast kernels")),
        };
        self.values[last] = y;
        Ok(last + 1)
    }

    /// The gradient of another convolution's output in front of a batch norm, of the same shape.
    fn brief(&self, Shape { channels, height, width }: Shape) -> Option<usize> {
        self.ops.iter().find_map(|op| match op {
            Op::Normalise(Normalise { dz, .. }) => {
                let planes = self.buffers[*dz];
                ((planes.channels, planes.height, planes.width) == (channels, height, width)).then_some(*dz)
            }
            _ => None,
        })
    }

    fn convolve(&mut self, row: &Row, x: Value, y: Value, relu: bool) {
        let window = row.layer.window(row.input);
        let (inputs, outputs) = (row.input.channels, row.output.channels);
        let weight =
            row.parameter_offset..row.parameter_offset + outputs * inputs * window.kernel * window.kernel;
        let forward = Filter::forward(&window, inputs, outputs, self.packed);
        self.packed += forward.packed_len();
        let widen = |planes: &mut Planes, filter: &Filter| {
            planes.halo = planes.halo.max(filter.halo(planes.width));
        };
        widen(&mut self.buffers[x.buffer], &forward);
        let (mut dx, mut backward) = (None, Vec::new());
        if x.buffer != self.input.buffer {
            dx = Some(x.gradient);
            backward = Filter::backward(&window, inputs, outputs, self.packed);
            self.packed += backward.iter().map(Filter::packed_len).sum::<usize>();
            backward.iter().for_each(|filter| widen(&mut self.buffers[y.gradient], filter));
        }
        self.ops.push(Op::Convolve(Convolve {
            x: x.buffer,
            y: y.buffer,
            dx,
            dy: y.gradient,
            add: false,
            window,
            bias: weight.end..row.parameters().end,
            weight,
            relu,
            forward,
            backward,
        }));
    }

    /// Says which gradients are written first, and which are added to.
    fn order(&mut self, output: Value) -> Result<(), Error> {
        let mut written = vec![false; self.buffers.len()];
        written[output.buffer] = true;
        for op in self.ops.iter_mut().rev() {
            let (x, y) = match op {
                Op::Convolve(op) => {
                    op.add = std::mem::replace(&mut written[op.x], true);
                    if !written[op.y] {
                        return Err(other("layers whose output is read"));
                    }
                    continue;
                }
                Op::Normalise(op) => {
                    if op.shortcut.is_some_and(|x| std::mem::replace(&mut written[x], true)) {
                        return Err(other("shortcuts that are read no more behind their addition"));
                    }
                    (op.z, op.y)
                }
                Op::MaxPool { x, y, .. } | Op::AveragePool { x, y, .. } => (*x, *y),
            };
            if std::mem::replace(&mut written[x], true) || !written[y] || x == self.input.buffer {
                return Err(other("layers of images that are read once, behind a convolution"));
            }
        }
        Ok(())
    }
}

/// The sweeps of a training step, and those that tell statistics.
fn sweeps(ops: &[Op]) -> [Vec<Vec<Step>>; 2] {
    let mut all = Vec::new();
    let mut sweep = vec![Step::Read];
    for (i, op) in ops.iter().enumerate() {
        if let Op::Normalise(_) = op {
            sweep.push(Step::Moments(i));
            all.push(std::mem::take(&mut sweep));
        }
        sweep.push(Step::Forward(i));
    }
    let statistics = all.clone();
    sweep.push(Step::Head);
    for (i, op) in ops.iter().enumerate().rev() {
        if let Op::Normalise(_) = op {
            sweep.push(Step::Sums(i));
            all.push(std::mem::take(&mut sweep));
        }
        sweep.push(Step::Backward(i));
    }
    all.push(sweep);
    [all, statistics]
}
