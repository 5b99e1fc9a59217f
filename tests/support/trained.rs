//! Networks of odd sizes with random data, for comparisons of an engine with the reference kernels of core.

use crate::engines::{reference, widen};
use std::sync::Arc;
use valleys::data::{Dataset, Samples};
use valleys_core::engine::Engine;
use valleys_core::error::Error;
use valleys_core::network::{
    self, CropFlip, LabelledData, Layer, Network, Shape, accumulate, initialise, zoo,
};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_gpu::{DeviceProvider, GpuDataset, GpuEngine};
use valleys_simd::engine::CpuEngine;

/// A convolution.
pub const fn convolution(outputs: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding, bias, groups: 1, dilation: 1 }
}

/// A shape.
pub const fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// Networks with everything that has a fast kernel, in odd sizes: channels around the tiles' four, planes with a rest
/// of every length, kernels of one to five, strides that leave a rest.
pub fn networks() -> Vec<(Shape, Vec<Layer>)> {
    use Layer::{Add, BatchNorm, Branch, GlobalAveragePool, Linear, MaxPool};
    let pool = MaxPool { kernel: 2, stride: 2, padding: 0 };
    let lenet5 = zoo::LENET5.map(|(_, layer)| layer).to_vec();
    let resnet = |shortcuts| zoo::resnet(1, 1, shortcuts).map(|(_, layer)| layer).collect::<Vec<_>>();
    vec![
        (shape(1, 12, 12), lenet5[..3].iter().copied().chain([Linear { outputs: 3 }]).collect()),
        (
            shape(2, 9, 7),
            vec![
                convolution(5, 3, 1, 0, true),
                pool,
                convolution(7, 2, 1, 1, false),
                Layer::RELU,
                Linear { outputs: 9 },
                Layer::RELU,
                Linear { outputs: 4 },
            ],
        ),
        (
            shape(3, 8, 11),
            vec![
                convolution(3, 5, 2, 2, true),
                Layer::RELU,
                convolution(6, 3, 2, 1, true),
                Layer::RELU,
                convolution(1, 1, 1, 0, false),
                GlobalAveragePool,
                Linear { outputs: 2 },
            ],
        ),
        (
            shape(2, 7, 10),
            vec![
                convolution(6, 3, 1, 1, false),
                BatchNorm,
                Layer::RELU,
                convolution(9, 3, 2, 1, false),
                BatchNorm,
                Layer::RELU,
                convolution(9, 3, 1, 1, false),
                BatchNorm,
                Branch { back: 6 },
                convolution(9, 1, 2, 0, true),
                BatchNorm,
                Add { back: 4 },
                Layer::RELU,
                convolution(9, 3, 1, 1, false),
                BatchNorm,
                Add { back: 3 },
                Layer::RELU,
                GlobalAveragePool,
                Linear { outputs: 3 },
            ],
        ),
        (
            shape(8, 5, 9),
            vec![
                convolution(11, 3, 1, 1, true),
                Layer::RELU,
                convolution(8, 3, 1, 1, false),
                BatchNorm,
                Layer::RELU,
                convolution(8, 3, 1, 1, false),
                BatchNorm,
                Add { back: 3 },
                Layer::RELU,
                GlobalAveragePool,
                Linear { outputs: 3 },
            ],
        ),
        (zoo::RESNET_INPUT, resnet(true)),
        (zoo::RESNET_INPUT, resnet(false)),
    ]
}

/// Batch and training samples: a batch of one, sample tiles that are half full, full, one sample more than a tile; a
/// last batch of another size.
pub const SIZES: &[[usize; 2]] = &[[1, 2], [15, 31], [31, 62], [33, 67], [64, 65]];

/// A network, its data, and points of its parameter space.
#[derive(Debug)]
pub struct Case {
    /// Its layers.
    pub layers: Vec<Layer>,
    /// Shape of its images.
    pub input: Shape,
    /// The samples.
    pub data: Arc<Dataset>,
    /// Samples of a step.
    pub batch: usize,
}

impl Case {
    /// A network with random samples: a batch, and how many training samples.
    pub fn new((input, layers): (Shape, Vec<Layer>), [batch, count]: [usize; 2]) -> Self {
        let network = Network { input, layers: &layers };
        let classes = network.outputs() as u32;
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
            Samples::labelled(
                (0..count * input.len()).map(|_| stream.normal() as f32).collect(),
                (0..count).map(|_| stream.below(classes) as u8).collect(),
            )
        };
        let data = Dataset { train: samples(count, 1), test: samples(1 + count / 3, 2) };
        Self { layers, input, data: Arc::new(data), batch }
    }

    /// Small networks with all sizes, large ones with one.
    pub fn all() -> impl Iterator<Item = Self> {
        networks().into_iter().flat_map(|network| {
            let large = network.0 == zoo::RESNET_INPUT;
            let sizes = if large { &SIZES[3..4] } else { SIZES };
            sizes.iter().map(move |&size| Self::new(network.clone(), size))
        })
    }

    /// The network.
    pub fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    /// Away from β = 0 and tiny last weights.
    pub fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        let mut stream = Stream::new(Key::new(2, vertex.into()), Purpose::Perturbation, 0, 0);
        theta.iter_mut().for_each(|x| *x += 0.05 * stream.normal() as f32);
        theta
    }

    /// The processor's engine with the points of the slots.
    pub fn images(&self, slots: u32, augment: Option<CropFlip<Vec<f32>>>) -> CpuEngine {
        let mut images =
            CpuEngine::new(&self.network(), self.data.clone(), self.batch, slots as usize, augment).unwrap();
        (0..slots).for_each(|slot| images.put(slot, &self.theta(slot)).unwrap());
        images
    }

    /// A GPU's engine, likewise, its samples in so many planes.
    pub fn gpu(
        self: &Arc<Self>,
        provider: Arc<DeviceProvider>,
        planes: usize,
        slots: u32,
        augment: Option<CropFlip<Vec<f32>>>,
    ) -> GpuEngine {
        let shared = Arc::new(GpuDataset::new(provider, self.clone(), planes));
        let mut gpu = GpuEngine::new(&self.network(), shared, self.batch, slots as usize, augment).unwrap();
        (0..slots).for_each(|slot| gpu.put(slot, &self.theta(slot)).unwrap());
        gpu
    }

    /// Calls `f` with the reference on the same slots.
    pub fn reference<R>(
        &self,
        slots: u32,
        augment: Option<CropFlip<Vec<f32>>>,
        f: impl FnOnce(&mut dyn Engine<Error = Error>) -> R,
    ) -> R {
        let centres: Vec<_> = (0..slots).map(|slot| self.theta(slot)).collect();
        reference(&self.network(), &self.data, self.batch, &centres, augment, f)
    }

    /// The statistics of batch norms at θ in f64.
    pub fn statistics(&self, theta: &[f64]) -> Vec<f64> {
        let (network, train) = (self.network(), widen(&self.data.train.inputs));
        let mut statistics = vec![0.0; network.statistics_len()];
        for part in train.chunks(self.batch * self.input.len()) {
            let count = part.len() / self.input.len();
            let mut scratch = vec![0.0; network.activation_len() * count];
            let share = count as f64 / self.data.train.len() as f64;
            accumulate(&network, theta, part, count, share, &mut scratch, &mut statistics).unwrap();
        }
        statistics
    }

    /// Numbers that a sum of the network's passes has at most.
    pub fn terms(&self) -> usize {
        self.network().activation_len() + self.input.len() + self.batch
    }
}

/// Gradients are near, piece by piece, so that a small one cannot hide behind a large one.
pub fn assert_gradient(network: &Network, found: &[f32], expected: &[f64], tolerance: f64) {
    for row in network.rows().filter(|row| !row.parameters().is_empty()) {
        let (got, wanted) = (&found[row.parameters()], &expected[row.parameters()]);
        let found = difference(got, wanted);
        // The exact gradient of a bias in front of a batch norm is 0.
        let whole = wanted.iter().map(|x| x * x).sum::<f64>().sqrt();
        assert!(found < tolerance || found * whole < tolerance, "row {}: {found}\n{network}", row.number);
    }
}

/// The norm of the difference, relative to the norm of `b`.
pub fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let size = norm(&mut b.iter().copied());
    norm(&mut a.iter().zip(b).map(|(&a, b)| f64::from(a) - b)) / size.max(f64::MIN_POSITIVE)
}

impl LabelledData for Case {
    fn train(&self) -> network::Samples<'_, f32> {
        network::Samples::labelled(&self.data.train.inputs, self.data.train.targets.labels().unwrap())
    }

    fn test(&self) -> network::Samples<'_, f32> {
        network::Samples::labelled(&self.data.test.inputs, self.data.test.targets.labels().unwrap())
    }
}
