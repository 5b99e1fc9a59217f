//! The graph of fused operations: executed by the formulas of its operations it gives the loss of the reference kernels,
//! and its counts are those of a second computation.

use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::dropout::Mask;
use valleys_core::network::graph::{Graph, Op, OpKind};
use valleys_core::network::{Criterion, Layer, Network, Samples, Shape, gradient, scratch_len, zoo};
use valleys_tests::tolerance;
use valleys_tests::trained::{Case, convolution, networks, shape};

/// The outputs of an operation for a batch: `x` (samples, channels, height, width), residual and ReLU left out.
fn apply(op: &Op, theta: &[f64], x: &[f64], batch: usize) -> Vec<f64> {
    let (from, to) = (op.input_shape, op.output_shape);
    let (weight, bias) = (&theta[op.weight()], &theta[op.bias()]);
    let at = |s: usize, c: usize, i: usize, j: usize| {
        x[((s * from.channels + c) * from.height + i) * from.width + j]
    };
    let mut y = vec![0.0; batch * to.len()];
    match op.kind {
        OpKind::Linear => {
            for (s, y) in y.chunks_exact_mut(to.len()).enumerate() {
                for (o, y) in y.iter_mut().enumerate() {
                    let row = &weight[o * from.len()..][..from.len()];
                    *y = bias[o] + row.iter().zip(&x[s * from.len()..]).map(|(w, x)| w * x).sum::<f64>();
                }
            }
        }
        OpKind::Convolution { window, .. } | OpKind::MaxPool(window) | OpKind::AveragePool(window) => {
            let Window { kernel, stride, padding, dilation, .. } = window;
            let is_max = matches!(op.kind, OpKind::MaxPool(_));
            let is_mean = matches!(op.kind, OpKind::AveragePool(_));
            let groups = if let OpKind::Convolution { groups, .. } = op.kind { groups } else { 1 };
            let group = from.channels / groups;
            for (index, y) in y.iter_mut().enumerate() {
                let (j, i) = (index % to.width, index / to.width % to.height);
                let (c, s) = (index / to.width / to.height % to.channels, index / to.len());
                *y = if is_max { f64::NEG_INFINITY } else { bias.get(c).copied().unwrap_or(0.0) };
                for a in 0..kernel {
                    for b in 0..kernel {
                        let (row, column) = (i * stride + a * dilation, j * stride + b * dilation);
                        let (Some(row), Some(column)) =
                            (row.checked_sub(padding), column.checked_sub(padding))
                        else {
                            continue;
                        };
                        if row >= from.height || column >= from.width {
                            continue;
                        }
                        if is_max {
                            *y = y.max(at(s, c, row, column));
                            continue;
                        }
                        if is_mean {
                            *y += at(s, c, row, column) / (kernel * kernel) as f64;
                            continue;
                        }
                        for k in 0..group {
                            let w = weight[((c * group + k) * kernel + a) * kernel + b];
                            *y += w * at(s, c / (to.channels / groups) * group + k, row, column);
                        }
                    }
                }
            }
        }
        OpKind::BatchNorm => {
            let plane = from.height * from.width;
            for c in 0..from.channels {
                let all =
                    || (0..batch).flat_map(|s| (0..plane).map(move |p| (s * from.channels + c) * plane + p));
                let count = (batch * plane) as f64;
                let mean = all().map(|i| x[i]).sum::<f64>() / count;
                let variance = all().map(|i| (x[i] - mean).powi(2)).sum::<f64>() / count;
                all().for_each(|i| y[i] = weight[c] * (x[i] - mean) / (variance + 1e-5).sqrt() + bias[c]);
            }
        }
        OpKind::GlobalAveragePool => {
            let plane = from.height * from.width;
            y.iter_mut()
                .zip(x.chunks_exact(plane))
                .for_each(|(y, x)| *y = x.iter().sum::<f64>() / plane as f64);
        }
        OpKind::LayerNorm => {
            for (x, y) in x.chunks(from.len()).zip(y.chunks_mut(from.len())) {
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
                for (i, y) in y.iter_mut().enumerate() {
                    *y = weight[i] * (x[i] - mean) / (variance + 1e-5).sqrt() + bias[i];
                }
            }
        }
        OpKind::Dropout { probability } => {
            let mask = Mask::new([0; 2], op.rows[0], probability);
            for (i, y) in y.iter_mut().enumerate() {
                *y = if mask.keeps(i as u32) { x[i] / (1.0 - f64::from(probability)) } else { 0.0 };
            }
        }
        OpKind::Elementwise => y.copy_from_slice(x),
    }
    y
}

/// Mean cross-entropy of a batch, operation by operation.
fn loss(graph: &Graph<Vec<Op>>, theta: &[f64], inputs: &[f64], labels: &[u8]) -> f64 {
    let mut values = vec![inputs.to_vec()];
    for op in graph.ops() {
        let mut y = apply(op, theta, &values[op.input], labels.len());
        if let Some(residual) = op.residual {
            y.iter_mut().zip(&values[residual]).for_each(|(y, x)| *y += x);
        }
        if let Some(activation) = op.activation {
            y.iter_mut().for_each(|y| *y = activation.value(*y));
        }
        values.push(y);
    }
    let logits = values.last().unwrap().chunks_exact(graph.outputs());
    let losses = logits
        .zip(labels)
        .map(|(z, &label)| z.iter().map(|z| z.exp()).sum::<f64>().ln() - z[usize::from(label)]);
    losses.sum::<f64>() / labels.len() as f64
}

/// The networks of the engines' tests, and some whose layers cannot all be fused.
fn all_networks() -> Vec<(Shape, Vec<Layer>)> {
    use Layer::{Add, BatchNorm, Branch, Linear};
    let mut all = networks();
    all.push((zoo::LENET5_INPUT, zoo::LENET5.map(|(_, layer)| layer).to_vec()));
    // The output of a convolution is read twice: neither its ReLU nor the addition is fused with it.
    all.push((
        shape(2, 4, 5),
        vec![
            convolution(3, 3, 1, 1, true),
            Layer::RELU,
            convolution(3, 3, 1, 1, false),
            Add { back: 3 },
            Layer::RELU,
            Linear { outputs: 4 },
        ],
    ));
    // Layers that are never fused, activations that are, and activations that are not.
    all.push((
        shape(4, 7, 6),
        vec![
            Layer::Convolution {
                outputs: 6,
                kernel: 3,
                stride: 1,
                padding: 2,
                bias: true,
                groups: 2,
                dilation: 2,
            },
            Layer::Activation(Activation::Tanh),
            Layer::MaxPool { kernel: 3, stride: 2, padding: 1 },
            Layer::LayerNorm,
            Layer::Activation(Activation::Gelu),
            Layer::AveragePool { kernel: 2, stride: 1, padding: 1 },
            BatchNorm,
            Layer::Activation(Activation::LeakyRelu { slope: 0.25 }),
            Layer::Dropout { probability: 0.5 },
            Linear { outputs: 5 },
            Layer::Activation(Activation::Silu),
            Linear { outputs: 3 },
            Layer::Activation(Activation::Sigmoid),
        ],
    ));
    // An addition of a branch, without a batch norm.
    all.push((
        shape(2, 4, 4),
        vec![
            convolution(3, 3, 1, 1, false),
            BatchNorm,
            Layer::RELU,
            Branch { back: 2 },
            convolution(3, 1, 1, 0, false),
            Add { back: 2 },
            Layer::RELU,
            Linear { outputs: 3 },
        ],
    ));
    all
}

#[test]
fn fused_operations_give_the_loss_of_the_layers() {
    let mut tested = 0;
    for (number, network) in all_networks().into_iter().enumerate() {
        if (Network { input: network.0, layers: &network.1 }).check().is_err() {
            panic!("network {number} does not fit");
        }
        let case = Case::new(network, [3, 3]);
        let network = case.network();
        let graph = Graph::of(&network).unwrap();
        let theta: Vec<f64> = case.theta(0).into_iter().map(f64::from).collect();
        let inputs: Vec<f64> = case.data.train.inputs.iter().copied().map(f64::from).collect();
        let labels = case.data.train.targets.labels().unwrap();
        let mut scratch = vec![0.0; scratch_len(&network, labels.len())];
        let mut slope = vec![0.0; theta.len()];
        let samples = Samples::labelled(&inputs, labels);
        let expected =
            gradient(&network, &theta, samples, &Criterion::PLAIN, [0; 2], &mut scratch, &mut slope).unwrap();
        let found = loss(&graph, &theta, &inputs, labels);
        assert!(
            (found - expected).abs() <= tolerance::BRUTE_F64 * expected,
            "{number}: {found} {expected}\n{network}"
        );
        tested += graph.ops().len();
    }
    assert!(tested > 60, "{tested} operations");
}

#[test]
fn counts_are_those_of_the_layers() {
    for (input, layers) in all_networks() {
        let network = Network { input, layers: &layers };
        let graph = Graph::of(&network).unwrap();
        assert_eq!(graph.parameter_len(), network.parameter_len());
        assert_eq!(graph.outputs(), network.outputs());
        // Parameters and statistics follow each other without gaps.
        let (mut parameters, mut statistics) = (0, 0);
        for op in graph.ops() {
            if !op.parameters().is_empty() {
                assert_eq!(op.parameters().start, parameters);
                parameters = op.parameters().end;
                assert_eq!((op.weight().start, op.weight().end), (op.parameters().start, op.bias().start));
            }
            if !op.statistics().is_empty() {
                assert_eq!(op.statistics().start, statistics);
                statistics = op.statistics().end;
            }
        }
        assert_eq!((parameters, statistics), (network.parameter_len(), network.statistics_len()));
        // Every row belongs to one operation, but for branches.
        let rows: Vec<usize> = graph.ops().iter().flat_map(|op| op.rows[0]..=op.rows[1]).collect();
        let computed = (0..layers.len()).filter(|&row| !matches!(layers[row], Layer::Branch { .. }));
        assert!(rows.iter().copied().eq(computed), "{rows:?}");
        let flops: usize = network.rows().map(|row| row.layer.flops(row.input)).sum();
        assert_eq!(graph.flops(), flops, "{network}");
        // What is alive at an operation: made up to it, and read by it or later.
        let ops = graph.ops();
        let live = |at: usize| {
            let needed = |value: usize| {
                value <= at && ops[at..].iter().any(|op| op.input == value || op.residual == Some(value))
            };
            let before: usize =
                (0..=at).filter(|&value| needed(value)).map(|value| graph.shape(value).len()).sum();
            before + ops[at].output_shape.len()
        };
        assert_eq!(graph.live_len(), (0..ops.len()).map(live).max().unwrap(), "{network}");
        for value in 0..graph.values_len() {
            let readers: Vec<usize> =
                (0..ops.len()).filter(|&i| ops[i].input == value || ops[i].residual == Some(value)).collect();
            assert!(graph.readers(value).eq(readers));
        }
    }
}
