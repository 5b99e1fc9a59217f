//! The fast kernels of convolutional networks against the reference kernels, f32 and f64, of core.

use std::sync::Arc;
use valleys::cpu::images::Images;
use valleys::data::{Dataset, Samples};
use valleys_core::error::Error;
use valleys_core::landscape::{Course, Landscape, Mix, Slots, Split, Step, Supervised, Value, epoch_order};
use valleys_core::network::{
    self, CropFlip, Layer, Network, Shape, accumulate, initialise, scores, scratch_len, zoo,
};
use valleys_core::rng::{Purpose, Stream};
use valleys_tests::tolerance;

const fn convolution(outputs: usize, kernel: usize, stride: usize, padding: usize, bias: bool) -> Layer {
    Layer::Convolution { outputs, kernel, stride, padding, bias }
}

const fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// Networks with everything that has a fast kernel, in odd sizes: channels around the tiles' four, planes with a rest
/// of every length, kernels of one to five, strides that leave a rest.
fn networks() -> Vec<(Shape, Vec<Layer>)> {
    use Layer::{Add, AveragePool, BatchNorm, Branch, Linear, MaxPool, Relu};
    let pool = MaxPool { kernel: 2, stride: 2 };
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
                Relu,
                Linear { outputs: 9 },
                Relu,
                Linear { outputs: 4 },
            ],
        ),
        (
            shape(3, 8, 11),
            vec![
                convolution(3, 5, 2, 2, true),
                Relu,
                convolution(6, 3, 2, 1, true),
                Relu,
                convolution(1, 1, 1, 0, false),
                AveragePool,
                Linear { outputs: 2 },
            ],
        ),
        (
            shape(2, 7, 10),
            vec![
                convolution(6, 3, 1, 1, false),
                BatchNorm,
                Relu,
                convolution(9, 3, 2, 1, false),
                BatchNorm,
                Relu,
                convolution(9, 3, 1, 1, false),
                BatchNorm,
                Branch { back: 6 },
                convolution(9, 1, 2, 0, true),
                BatchNorm,
                Add { back: 4 },
                Relu,
                convolution(9, 3, 1, 1, false),
                BatchNorm,
                Add { back: 3 },
                Relu,
                AveragePool,
                Linear { outputs: 3 },
            ],
        ),
        (zoo::RESNET_INPUT, resnet(true)),
        (zoo::RESNET_INPUT, resnet(false)),
    ]
}

/// Batch and training samples: a batch of one, half panels, full ones, a lane more; a last batch of another size.
const SIZES: &[[usize; 2]] = &[[1, 2], [15, 31], [31, 62], [33, 67], [64, 65]];

/// A network, its data, and points of its parameter space.
struct Case {
    layers: Vec<Layer>,
    input: Shape,
    data: Arc<Dataset>,
    batch: usize,
}

impl Case {
    fn new((input, layers): (Shape, Vec<Layer>), [batch, count]: [usize; 2]) -> Self {
        let network = Network { input, layers: &layers };
        let classes = network.classes() as u32;
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(seed, Purpose::Split, 0, 0, 0);
            Samples {
                inputs: (0..count * input.len()).map(|_| stream.normal() as f32).collect(),
                labels: (0..count).map(|_| stream.below(classes) as u8).collect(),
            }
        };
        let data = Dataset { train: samples(count, 1), test: samples(1 + count / 3, 2) };
        Self { layers, input, data: Arc::new(data), batch }
    }

    /// Small networks with all sizes, large ones with one.
    fn all() -> impl Iterator<Item = Self> {
        networks().into_iter().flat_map(|network| {
            let large = network.0 == zoo::RESNET_INPUT;
            let sizes = if large { &SIZES[3..4] } else { SIZES };
            sizes.iter().map(move |&size| Self::new(network.clone(), size))
        })
    }

    fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    /// Away from β = 0 and tiny last weights.
    fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        let mut stream = Stream::new(2, Purpose::Perturbation, vertex.into(), 0, 0);
        theta.iter_mut().for_each(|x| *x += 0.05 * stream.normal() as f32);
        theta
    }

    fn images(&self, slots: u32, augment: Option<(Shape, Vec<f32>)>) -> Images {
        let mut images =
            Images::new(&self.network(), self.data.clone(), self.batch, slots as usize, augment).unwrap();
        (0..slots).for_each(|slot| images.put(slot, &self.theta(slot)).unwrap());
        images
    }

    /// Calls `f` with the reference on the same slots.
    fn reference<R>(&self, slots: u32, augment: Option<CropFlip>, f: impl FnOnce(&mut Supervised) -> R) -> R {
        fn borrow(samples: &Samples) -> network::Samples<'_, f32> {
            network::Samples { inputs: &samples.inputs, labels: &samples.labels }
        }
        let network = self.network();
        let dim = network.parameter_len();
        let mut memory = vec![0.0; Slots::memory_len(slots as usize, dim)];
        let mut floats = vec![0.0; Supervised::floats_len(&network, self.batch)];
        let mut order = vec![0; self.data.train.labels.len()];
        let mut labels = vec![0; self.batch];
        let (train, test) = (borrow(&self.data.train), borrow(&self.data.test));
        let slots_of = Slots::new(&mut memory, dim).unwrap();
        let mut reference =
            Supervised::new(network, train, test, self.batch, slots_of, &mut floats, &mut order, &mut labels)
                .unwrap();
        if let Some(augment) = augment {
            reference = reference.augmented(augment).unwrap();
        }
        (0..slots).for_each(|slot| reference.put(slot, &self.theta(slot)).unwrap());
        f(&mut reference)
    }

    /// The statistics of batch norms at θ in f64.
    fn statistics(&self, theta: &[f64]) -> Vec<f64> {
        let (network, train) = (self.network(), widen(&self.data.train.inputs));
        let mut statistics = vec![0.0; network.statistics_len()];
        for part in train.chunks(self.batch * self.input.len()) {
            let count = part.len() / self.input.len();
            let mut scratch = vec![0.0; network.activation_len() * count];
            let share = count as f64 / self.data.train.labels.len() as f64;
            accumulate(&network, theta, part, count, share, &mut scratch, &mut statistics).unwrap();
        }
        statistics
    }

    /// Numbers that a sum of the network's passes has at most.
    fn terms(&self) -> usize {
        self.network().activation_len() + self.input.len() + self.batch
    }
}

fn mix(terms: &[(u32, f32)]) -> Mix {
    terms.iter().copied().collect()
}

fn course(trainable: u32, epoch: u32) -> Course {
    Course { seed: 7, job: 3, epoch, trainable, momentum: 0.9, weight_decay: 1e-3, across: 0.0 }
}

fn centre<L: Landscape>(landscape: &mut L, slot: u32) -> Vec<f32>
where
    L::Error: std::fmt::Debug,
{
    let mut theta = vec![0.0; landscape.dim()];
    landscape.get(slot, &mut theta).unwrap();
    theta
}

/// The norm of the difference, relative to the norm of `b`.
fn difference(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let size = norm(&mut b.iter().copied());
    norm(&mut a.iter().zip(b).map(|(&a, b)| f64::from(a) - b)) / size.max(f64::MIN_POSITIVE)
}

fn widen(theta: &[f32]) -> Vec<f64> {
    theta.iter().map(|&x| f64::from(x)).collect()
}

/// Steps of two epochs between three slots, the last of which is trained: all batches, also the short one.
fn train<L: Landscape>(landscape: &mut L) -> (Vec<f32>, Vec<f32>)
where
    L::Error: std::fmt::Debug,
{
    let mut all = Vec::new();
    for epoch in 0..2 {
        let steps: Vec<Step> = (0..landscape.epoch_len())
            .map(|batch| {
                let t = 0.1 + 0.8 * batch as f32 / landscape.epoch_len() as f32;
                Step { mix: mix(&[(batch % 2, 1.0 - t), (2, t)]), rate: 0.01, batch }
            })
            .collect();
        let mut losses = vec![0.0; steps.len()];
        landscape.advance(&course(2, epoch), &steps, &mut losses).unwrap();
        all.extend(losses);
    }
    (centre(landscape, 2), all)
}

#[test]
fn gradient_is_that_of_f64() {
    for case in Case::all() {
        let network = case.network();
        let mut images = case.images(2, None);
        let mut order = vec![0; case.data.train.labels.len()];
        let course = Course { weight_decay: 0.0, ..course(1, 0) };
        epoch_order(&course, &mut order);
        for (batch, chosen) in order.chunks(case.batch).enumerate() {
            // Slot 1 is 0, so that a step of rate 2 at half of slot 0 leaves −∇L in it, with no rounding.
            images.put(0, &case.theta(0).iter().map(|x| 2.0 * x).collect::<Vec<_>>()).unwrap();
            images.put(1, &vec![0.0; network.parameter_len()]).unwrap();
            let step = Step { mix: mix(&[(0, 0.5), (1, 0.5)]), rate: 2.0, batch: batch as u32 };
            let mut loss = [0.0];
            images.advance(&course, &[step], &mut loss).unwrap();
            let gradient: Vec<f32> = centre(&mut images, 1).iter().map(|x| -x).collect();

            let features = case.input.len();
            let train = &case.data.train;
            let inputs: Vec<f64> = (chosen.iter())
                .flat_map(|&i| widen(&train.inputs[i as usize * features..][..features]))
                .collect();
            let labels: Vec<u8> = chosen.iter().map(|&i| train.labels[i as usize]).collect();
            let mut expected = vec![0.0; network.parameter_len()];
            let expected_loss = network::gradient(
                &network,
                &widen(&case.theta(0)),
                network::Samples { inputs: &inputs, labels: &labels },
                &mut vec![0.0; scratch_len(&network, chosen.len())],
                &mut expected,
            )
            .unwrap();
            let tolerance = tolerance::sum_f32(case.terms());
            assert!(difference(&loss, &[expected_loss]) < tolerance, "{network}");
            // Piece by piece, so that a small one cannot hide behind a large one.
            for row in network.rows().filter(|row| !row.parameters().is_empty()) {
                let (got, wanted) = (&gradient[row.parameters()], &expected[row.parameters()]);
                let found = difference(got, wanted);
                // The exact gradient of a bias in front of a batch norm is 0.
                let whole = wanted.iter().map(|x| x * x).sum::<f64>().sqrt();
                assert!(
                    found < tolerance || found * whole < tolerance,
                    "row {}: {found}\n{network}",
                    row.number
                );
            }
        }
    }
}

#[test]
fn trajectory_is_the_reference_s() {
    for case in Case::all().filter(|case| case.batch > 1) {
        let (theta, losses) = train(&mut case.images(3, None));
        let (expected, expected_losses) = case.reference(3, None, |reference| train(reference));
        let tolerance = tolerance::trajectory_f32(case.network().flops());
        assert!(difference(&theta, &widen(&expected)) < tolerance, "{}", case.network());
        assert!(difference(&losses, &widen(&expected_losses)) < tolerance, "{}", case.network());
    }
}

#[test]
fn augmented_samples_are_the_reference_s() {
    let case = Case::new(networks().swap_remove(3), [17, 40]);
    let border = [0.5, -0.25];
    let (theta, losses) = train(&mut case.images(3, Some((case.input, border.to_vec()))));
    let augment = CropFlip { shape: case.input, padding: 4, border: &border };
    let (expected, expected_losses) = case.reference(3, Some(augment), |reference| train(reference));
    let tolerance = tolerance::trajectory_f32(case.network().flops());
    assert!(difference(&theta, &widen(&expected)) < tolerance);
    assert!(difference(&losses, &widen(&expected_losses)) < tolerance);
    // It is seen at all.
    let (_, plain) = train(&mut case.images(3, None));
    assert!(difference(&plain, &widen(&expected_losses)) > 10.0 * tolerance::sum_f32(case.terms()));
}

#[test]
fn values_are_those_of_f64() {
    for case in Case::all() {
        let network = case.network();
        let mut images = case.images(2, None);
        // A step before changes nothing: statistics are those of the point.
        let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.25), (1, 0.75)])];
        for (split, samples) in [(Split::Train, &case.data.train), (Split::Test, &case.data.test)] {
            let mut values = [Value::default(); 2];
            images.values(split, &points, &mut values).unwrap();
            for (point, value) in points.iter().zip(&values) {
                let mut theta = vec![0.0; network.parameter_len()];
                for &(slot, weight) in point {
                    let centre = case.theta(slot);
                    theta.iter_mut().zip(centre).for_each(|(t, c)| *t += f64::from(weight) * f64::from(c));
                }
                let count = samples.labels.len();
                let expected = scores(
                    &network,
                    &theta,
                    &case.statistics(&theta),
                    network::Samples { inputs: &widen(&samples.inputs), labels: &samples.labels },
                    &mut vec![0.0; network.activation_len() * count],
                )
                .unwrap();
                let loss = expected.loss / count as f64;
                let tolerance = tolerance::sum_f32(case.terms());
                assert!(
                    (value.loss - loss).abs() <= tolerance * loss,
                    "{split:?} {} {loss}\n{network}",
                    value.loss
                );
                assert_eq!(value.error, Some(expected.wrong as f64 / count as f64), "{network}");
            }
        }
    }
}

#[test]
fn statistics_and_totals_are_the_reference_s() {
    for case in Case::all().filter(|case| case.network().statistics_len() > 0) {
        let (network, theta) = (case.network(), case.theta(0));
        let mut images = case.images(1, None);
        let statistics = images.statistics(&theta).unwrap();
        let expected = case.statistics(&widen(&theta));
        let tolerance = tolerance::sum_f32(case.terms());
        assert!(difference(&statistics, &expected) < tolerance, "{network}");
        let test = &case.data.test;
        let found = images.total(&theta, &statistics, true).unwrap();
        let expected = scores(
            &network,
            &widen(&theta),
            &expected,
            network::Samples { inputs: &widen(&test.inputs), labels: &test.labels },
            &mut vec![0.0; network.activation_len() * test.labels.len()],
        )
        .unwrap();
        assert!((found.loss - expected.loss).abs() <= tolerance * expected.loss, "{network}");
        assert_eq!(found.wrong, expected.wrong);
    }
}

#[test]
fn drawn_samples_are_the_reference_s() {
    let case = Case::new(networks().swap_remove(3), [16, 90]);
    let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.5), (1, 0.5)])];
    let measure = |len, epoch| Split::Drawn { seed: 5, job: 6, epoch, len };
    for split in [measure(1, 0), measure(31, 0), measure(33, 1), measure(90, 2), measure(1000, 2)] {
        let mut values = [Value::default(); 2];
        case.images(2, None).values(split, &points, &mut values).unwrap();
        let mut expected = [Value::default(); 2];
        case.reference(2, None, |reference| reference.values(split, &points, &mut expected)).unwrap();
        for (value, expected) in values.iter().zip(&expected) {
            let tolerance = tolerance::sum_f32(case.network().activation_len());
            assert!((value.loss - expected.loss).abs() <= tolerance * expected.loss, "{split:?}");
            assert_eq!(value.error, expected.error, "{split:?}");
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for case in [3, 4, 5].map(|i| Case::new(networks().swap_remove(i), [100, 130])) {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut images = case.images(3, None);
                let trained = train(&mut images);
                let mut values = [Value::default(); 2];
                images.values(Split::Train, &[mix(&[(2, 1.0)])], &mut values[..1]).unwrap();
                images.values(Split::Test, &[mix(&[(1, 0.5), (2, 0.5)])], &mut values[1..]).unwrap();
                (trained, values)
            })
        };
        let one = run(1);
        assert_eq!(one, run(2), "{}", case.network());
        assert_eq!(one, run(3), "{}", case.network());
    }
}

#[test]
fn what_is_not_finite_is_seen() {
    let case = Case::new(networks().swap_remove(0), [8, 20]);
    for at in [0, 100, 155, 160, case.network().parameter_len() - 1] {
        let mut theta = case.theta(0);
        theta[at] = f32::NAN;
        let mut images = case.images(1, None);
        images.put(0, &theta).unwrap();
        let mut value = [Value::default()];
        images.values(Split::Train, &[mix(&[(0, 1.0)])], &mut value).unwrap();
        assert!(value[0].loss.is_nan(), "{at}");
        assert_eq!(value[0].error, Some(1.0));
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let case = Case::new(networks().swap_remove(3), [8, 20]);
    let make = |layers: &[Layer], data: &Dataset, batch| {
        Images::new(&Network { input: case.input, layers }, Arc::new(data.clone()), batch, 2, None)
            .map(|_| ())
    };
    let (layers, data) = (&case.layers[..], &*case.data);
    assert_eq!(make(layers, data, 8), Ok(()));
    assert!(matches!(make(layers, data, 0), Err(Error::Range { .. })));
    assert!(matches!(make(layers, &Dataset::default(), 8), Err(Error::Range { .. })));
    // No linear layer; only linear ones; a stride of 3; windows that overlap; a ReLU of its own.
    assert!(make(&layers[..17], data, 8).is_err());
    assert!(make(&layers[18..], data, 8).is_err());
    for odd in [convolution(3, 3, 3, 1, false), Layer::MaxPool { kernel: 3, stride: 2 }, Layer::Relu] {
        assert!(make(&[odd, Layer::Linear { outputs: 3 }], data, 8).is_err(), "{odd:?}");
    }
    let mut bad = data.clone();
    bad.train.labels[3] = 3;
    assert_eq!(make(layers, &bad, 8), Err(Error::Label { sample: 3, label: 3, classes: 3 }));
    let black = Some((case.input, vec![0.0]));
    let made = Images::new(&case.network(), case.data.clone(), 8, 2, black);
    assert!(matches!(made, Err(Error::Length { needed: 2, given: 1, .. })));
    let mut images = case.images(2, None);
    let theta = case.theta(0);
    assert!(matches!(images.put(2, &theta), Err(Error::Range { .. })));
    assert!(matches!(images.statistics(&theta[1..]), Err(Error::Length { .. })));
    assert!(matches!(images.total(&theta, &[], true), Err(Error::Length { .. })));
    let late = Step { mix: mix(&[(0, 1.0)]), rate: 0.1, batch: 3 };
    assert!(matches!(images.advance(&course(0, 0), &[late], &mut [0.0]), Err(Error::Range { .. })));
    assert_eq!(centre(&mut images, 0), theta);
}
