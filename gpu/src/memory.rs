//! Memory that a network takes on a device, and bytes that its steps move.

use crate::error::Result;
use crate::kernels::convolution::{Convolution, feeds_norm};
use crate::kernels::tensor_len;
use crate::kernels::winograd::WinogradConvolution;
use crate::options::Paths;
use valleys_core::network::graph::{Graph, Op, OpKind};
use valleys_core::network::{Network, Shape};

/// Bytes of the largest tensor up to which a batch may be larger than that of a step where a loss is only evaluated.
const EVALUATION_BYTES: usize = 4 << 20;

/// The graph that the engine reads.
type OpGraph = Graph<Vec<Op>>;

fn shapes(graph: &OpGraph) -> impl Iterator<Item = Shape> + '_ {
    (0..graph.values_len()).map(|value| graph.shape(value))
}

/// Images of a batch whose loss is only evaluated, for steps of `batch` images: more where tensors are small.
pub(crate) fn evaluation_batch(graph: &OpGraph, batch: usize) -> usize {
    let largest = shapes(graph).map(|shape| 4 * tensor_len(shape)).max().unwrap_or(1);
    (EVALUATION_BYTES / largest).min(1024).max(batch)
}

/// Bytes of all activations of a model, as f32.
pub(crate) fn activation_bytes(graph: &OpGraph, batch: usize) -> usize {
    4 * evaluation_batch(graph, batch) * shapes(graph).map(tensor_len).sum::<usize>()
}

/// Whether activations are stored as f16 on these paths. The logits are f32 in any case, so a network whose last
/// operation is no convolution or linear layer stores all of them as f32.
pub(crate) fn stores_f16(graph: &OpGraph, paths: Paths) -> bool {
    let is_convolution = |op: &Op| matches!(op.kind, OpKind::Linear | OpKind::Convolution { .. });
    paths.f16 && graph.ops().last().is_some_and(is_convolution)
}

/// Bytes that a training step of `batch` images reads and writes on these paths, if each kernel runs on its own and
/// nothing stays in a cache: activations and their gradients, without θ, its gradient and partial sums.
///
/// # Errors
/// Layers that do not fit together.
///
/// # Example
/// ```
/// use valleys_core::network::{Layer, Network, Shape};
/// use valleys_gpu::{Paths, step_bytes};
/// let network = Network { input: Shape::flat(4), layers: &[Layer::Linear { outputs: 2 }] };
/// // Forward: 4 inputs, 2 outputs. Backward to the weights: the same again.
/// assert_eq!(step_bytes(&network, 10, Paths::default())?, 10 * 4 * 12);
/// # Ok::<(), valleys_gpu::Error>(())
/// ```
pub fn step_bytes(network: &Network, batch: usize, paths: Paths) -> Result<u64> {
    let graph = Graph::of(network)?;
    let element = if stores_f16(&graph, paths) { 2 } else { 4 };
    let leaves_moments = |i: usize| {
        let convolution = Convolution::of(&graph.ops()[i], false);
        let winograd = paths.winograd.zip(convolution);
        feeds_norm(&graph, i) && winograd.and_then(|(w, c)| WinogradConvolution::worthwhile(c, w)).is_none()
    };
    let of_op = |(i, op): (usize, &Op)| {
        let [input, output] = [op.input_shape, op.output_shape].map(|shape| shape.len() as u64);
        let [x, z, dx, dz] = [input * element, output * element, input * 4, output * 4];
        let (has_dx, activation) = (u64::from(op.input > 0), u64::from(op.activation.is_some()));
        match op.kind {
            // Forward; activation backward; backward to the weights; backward to the inputs.
            OpKind::Linear | OpKind::Convolution { .. } => {
                (x + z) + activation * (z + 2 * dz) + (x + dz) + has_dx * (dz + dx)
            }
            OpKind::BatchNorm | OpKind::Elementwise => {
                let norm = u64::from(op.kind == OpKind::BatchNorm);
                let residual = u64::from(op.residual.is_some());
                let moments = norm * u64::from(i == 0 || !leaves_moments(i - 1)) * x;
                let forward = moments + x + residual * z + z;
                let sums = norm * (dz + x + activation * z);
                forward + sums + (dz + activation * z + norm * x + dx + residual * dz)
            }
            OpKind::MaxPool(_) => (x + z) + has_dx * (x + dz + dx),
            OpKind::LayerNorm => (x + z) + (x + dz) + has_dx * (x + dz + dx),
            OpKind::AveragePool(_) | OpKind::GlobalAveragePool | OpKind::Dropout { .. } => {
                (x + z) + has_dx * (dx + dz)
            }
        }
    };
    Ok(batch as u64 * graph.ops().iter().enumerate().map(of_op).sum::<u64>())
}
