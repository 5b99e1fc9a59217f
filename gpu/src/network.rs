//! A network as a GPU goes through it: its rows joined where one sweep over memory does for several.

use crate::error::Result;
use crate::kernels::batch_norm::Normalisation;
use crate::kernels::convolution::Convolution;
use crate::kernels::tensor_len;
use crate::kernels::winograd::WinogradConvolution;
use crate::paths::Paths;
use valleys_core::kernels::Window;
use valleys_core::network::{Layer, Network, Row, Shape};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A convolution or linear layer, and what follows.
    Convolution(Convolution, Follows),
    /// A batch norm, an addition, a ReLU: what there is of them in this order.
    Normalisation(Normalisation),
    /// The largest of each window.
    MaxPool(Window),
    /// The mean of each channel.
    AveragePool,
}

/// What follows a convolution or linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// A ReLU, which is part of the operation.
    Relu,
    /// A batch norm, which is the next operation.
    Norm,
    /// Anything else.
    Other,
}

/// One operation on tensors, which are known by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// What is done.
    pub kind: Kind,
    /// The tensor that it reads.
    pub x: usize,
    /// The tensor that it adds.
    pub other: Option<usize>,
    /// The tensor that it makes.
    pub z: usize,
    /// Offset of its parameters in θ.
    pub parameters: usize,
}

/// All operations, and the shapes of all tensors; tensor 0 is the images, the last one the logits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// First to last.
    pub ops: Vec<Op>,
    /// Shapes for one image.
    pub tensors: Vec<Shape>,
    /// Number of classes.
    pub classes: usize,
    /// Length of θ.
    pub dim: usize,
    /// Floating-point operations of a forward pass of one image.
    pub flops: usize,
}

impl Plan {
    /// The plan of a network.
    ///
    /// # Errors
    /// Layers that do not fit together.
    pub fn new(network: &Network) -> Result<Self> {
        network.check()?;
        let rows: Vec<Row> = network.rows().collect();
        let added = |row: &Row| match row.layer {
            Layer::Add { back } => Some(computed(&rows, row.number - back)),
            _ => None,
        };
        let readers = |at: usize| {
            let reads = |row: &&Row| !matches!(row.layer, Layer::Branch { .. });
            let count =
                |row: &Row| usize::from(row.source == Some(at)) + usize::from(added(row) == Some(Some(at)));
            rows.iter().filter(reads).map(count).sum::<usize>()
        };
        // Whether the row after `at` alone reads it, as its input.
        let next = |at: usize| rows.get(at + 1).filter(|row| row.source == Some(at) && readers(at) == 1);
        let mut tensors = vec![network.input];
        let mut made = vec![0; rows.len()];
        let tensor = |made: &[usize], row: Option<usize>| row.map_or(0, |row| made[row]);
        let (mut ops, mut at) = (Vec::new(), 0);
        while at < rows.len() {
            let row = &rows[at];
            if let Layer::Branch { .. } = row.layer {
                at += 1;
                continue;
            }
            let x = tensor(&made, row.source);
            let mut other = added(row).map(|row| tensor(&made, row));
            let kind = if let Some(convolution) = Convolution::of(row) {
                let follows = match next(at).map(|row| row.layer) {
                    Some(Layer::Relu) => Follows::Relu,
                    Some(Layer::BatchNorm) => Follows::Norm,
                    _ => Follows::Other,
                };
                at += usize::from(follows == Follows::Relu);
                Kind::Convolution(convolution, follows)
            } else if let Layer::MaxPool { .. } = row.layer {
                Kind::MaxPool(row.layer.window(row.input))
            } else if row.layer == Layer::AveragePool {
                Kind::AveragePool
            } else {
                let norm = row.layer == Layer::BatchNorm;
                if let (true, Some(row)) = (norm, next(at)) {
                    other = added(row).map(|row| tensor(&made, row));
                    at += usize::from(other.is_some());
                }
                let mut relu = row.layer == Layer::Relu;
                if !relu && next(at).is_some_and(|row| row.layer == Layer::Relu) {
                    relu = true;
                    at += 1;
                }
                Kind::Normalisation(Normalisation { shape: row.output, norm, add: other.is_some(), relu })
            };
            made[at] = tensors.len();
            ops.push(Op { kind, x, other, z: tensors.len(), parameters: row.parameter_offset });
            tensors.push(rows[at].output);
            at += 1;
        }
        if let Some(Op { kind: Kind::Convolution(last, _), .. }) = ops.last_mut() {
            last.logits = true;
        }
        let (classes, dim, flops) = (network.classes(), network.parameter_len(), network.flops());
        Ok(Self { ops, tensors, classes, dim, flops })
    }
}

/// Bytes that a tensor may have where a batch is larger than a step's, because its loss is only measured.
const WIDE: usize = 4 << 20;

impl Plan {
    /// Images of a tensor: more than a batch where they are small, for batches whose loss is only measured.
    pub(crate) fn images(&self, batch: usize) -> usize {
        let largest = self.tensors.iter().map(|&shape| 4 * tensor_len(shape)).max().unwrap_or(1);
        (WIDE / largest).min(1024).max(batch)
    }

    /// Bytes of all activations in f32.
    pub(crate) fn activations(&self, batch: usize) -> usize {
        4 * self.images(batch) * self.tensors.iter().map(|&shape| tensor_len(shape)).sum::<usize>()
    }

    /// Bytes that a training step of `batch` images reads and writes on these paths, each operation on its own and
    /// nothing kept in a cache: activations and their gradients, without θ, its gradient and part sums.
    pub fn bytes(&self, batch: usize, paths: Paths) -> u64 {
        let size = |tensor: usize| self.tensors[tensor].len() as u64;
        let activation = self.activation_bytes(paths);
        // A convolution leaves the moments of what it gives, but for one by minimal winograd_convolution.
        let filtered =
            |c| paths.winograd.and_then(|winograd| WinogradConvolution::worth(c, winograd)).is_some();
        let leaves = |op: &Op| matches!(op.kind, Kind::Convolution(c, Follows::Norm) if !filtered(c));
        let of_op = |(at, op): (usize, &Op)| {
            let (back, [x, z]) = (u64::from(op.x > 0), [op.x, op.z].map(|tensor| size(tensor) * activation));
            let [dx, dz] = [op.x, op.z].map(|tensor| size(tensor) * 4);
            match op.kind {
                // Forward; mask; weights; inputs.
                Kind::Convolution(_, follows) => {
                    let relu = u64::from(follows == Follows::Relu);
                    (x + z) + (z + 2 * dz) * relu + (x + dz) + back * (dz + dx)
                }
                Kind::Normalisation(n) => {
                    let [norm, add, relu] = [n.norm, n.add, n.relu].map(u64::from);
                    // Moments, forward; sums, backward.
                    let moments = norm * u64::from(at == 0 || !leaves(&self.ops[at - 1])) * x;
                    let forward = moments + x + add * z + z;
                    let sums = norm * (dz + x + relu * z);
                    forward + sums + dz + relu * z + norm * x + dx + add * dz
                }
                Kind::MaxPool(_) => (x + z) + back * (x + dz + dx),
                Kind::AveragePool => (x + z) + (dx + dz) * back,
            }
        };
        batch as u64 * self.ops.iter().enumerate().map(of_op).sum::<u64>()
    }

    /// Bytes of a number of an activation on these paths: what ends with something else than a linear layer or a
    /// convolution has its logits among them, and keeps f32.
    pub fn activation_bytes(&self, paths: Paths) -> u64 {
        let ends = matches!(self.ops.last(), Some(Op { kind: Kind::Convolution(..), .. }));
        if paths.f16 && ends { 2 } else { 4 }
    }
}

/// The row behind a branch.
fn computed(rows: &[Row], mut at: usize) -> Option<usize> {
    while let Layer::Branch { .. } = rows[at].layer {
        at = rows[at].source?;
    }
    Some(at)
}
