//! Every layer, loss and optimiser of core on a GPU, against the reference kernels, f32 and f64, of core.

use std::sync::{Arc, LazyLock};
use std::time::Duration;
use valleys::data::{Dataset, Samples, Targets};
use valleys::reference::{self, ReferenceEngine};
use valleys_core::engine::{Engine, Optimizer, Split, Step, StepParams, Subset, Value, dropout_key};
use valleys_core::error::Error as Wrong;
use valleys_core::kernels::activation::Activation;
use valleys_core::kernels::cross_entropy::Options;
use valleys_core::kernels::regression::Deviation;
use valleys_core::network::{self, Criterion, Layer, Network, Shape, initialise, scratch_len};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_gpu::test_hooks::{lose_device_after, read_back_after, submit_each_batch};
use valleys_gpu::{DeviceOptions, DeviceProvider, Error, GpuDataset, GpuEngine, Paths};
use valleys_tests::engines::{WideTargets, batches, centre, course, gradient_at, mix, widen};
use valleys_tests::tolerance;
use valleys_tests::trained::{assert_gradient, convolution, difference, shape};

/// The device of this run, with all checks; none where there is no adapter.
fn provider() -> Option<Arc<DeviceProvider>> {
    static OPENER: LazyLock<Option<Arc<DeviceProvider>>> = LazyLock::new(|| valleys_tests::gpu(true));
    OPENER.clone()
}

/// A network with random data of its kind, and a criterion.
pub struct Case {
    input: Shape,
    layers: Vec<Layer>,
    data: Arc<Dataset>,
    batch: usize,
    criterion: Criterion<'static>,
}

const PLAIN: Criterion<'static> = Criterion::PLAIN;
/// One class does not count.
const WEIGHTED: Criterion<'static> =
    Criterion::CrossEntropy(Options { class_weights: &[0.5, 0.0, 2.0], label_smoothing: 0.0 });
const SMOOTHED: Criterion<'static> =
    Criterion::CrossEntropy(Options { class_weights: &[0.5, 1.0, 2.0], label_smoothing: 0.125 });
const SQUARED: Criterion<'static> = Criterion::Regression(Deviation::Squared);
const HUBER: Criterion<'static> = Criterion::Regression(Deviation::Huber { delta: 0.5 });

const TANH: Layer = Layer::Activation(Activation::Tanh);
const SIGMOID: Layer = Layer::Activation(Activation::Sigmoid);
const SILU: Layer = Layer::Activation(Activation::Silu);
const GELU: Layer = Layer::Activation(Activation::Gelu);
const LEAKY: Layer = Layer::Activation(Activation::LeakyRelu { slope: 0.1 });

/// A 3 × 3 convolution without a bias.
const fn grouped(outputs: usize, stride: usize, padding: usize, groups: usize, dilation: usize) -> Layer {
    Layer::Convolution { outputs, kernel: 3, stride, padding, bias: false, groups, dilation }
}

/// Networks of all layers and losses, in odd sizes.
pub fn cases() -> Vec<Case> {
    use Layer::{
        Add, AveragePool, BatchNorm, Branch, Dropout, GlobalAveragePool, LayerNorm, Linear, MaxPool,
    };
    let dropout = |probability| Dropout { probability };
    let linear = |outputs| Linear { outputs };
    let all = [
        // Groups and dilation, windows with padding, fused activations; channels that are no multiple of four.
        (
            shape(3, 11, 10),
            vec![
                Layer::Convolution {
                    outputs: 6,
                    kernel: 3,
                    stride: 1,
                    padding: 2,
                    bias: true,
                    groups: 3,
                    dilation: 2,
                },
                TANH,
                BatchNorm,
                SIGMOID,
                MaxPool { kernel: 3, stride: 2, padding: 1 },
                grouped(6, 2, 2, 6, 2),
                LEAKY,
                AveragePool { kernel: 3, stride: 2, padding: 1 },
                dropout(0.3),
                linear(3),
            ],
            PLAIN,
        ),
        // Activations that stand alone, layer norms of images and of vectors, dropout on a branch that is added.
        (
            shape(5, 4, 6),
            vec![
                LayerNorm,
                convolution(8, 3, 1, 1, true),
                GELU,
                LayerNorm,
                convolution(8, 3, 1, 1, false),
                dropout(0.25),
                Add { back: 3 },
                SILU,
                GlobalAveragePool,
                LayerNorm,
                linear(3),
            ],
            WEIGHTED,
        ),
        (
            shape(11, 1, 1),
            vec![dropout(0.2), linear(9), LayerNorm, GELU, dropout(0.5), linear(7), SIGMOID, linear(2)],
            HUBER,
        ),
        // Outputs that are images.
        (
            shape(2, 6, 5),
            vec![convolution(4, 3, 1, 1, true), SIGMOID, convolution(3, 3, 2, 1, true)],
            SQUARED,
        ),
        (shape(3, 5, 5), vec![convolution(3, 3, 1, 1, false), BatchNorm, TANH], HUBER),
        // Twelve classes of three channels.
        (
            shape(3, 4, 4),
            vec![convolution(3, 3, 1, 1, true), AveragePool { kernel: 2, stride: 2, padding: 0 }],
            PLAIN,
        ),
        (shape(6, 1, 1), vec![linear(5), TANH, linear(3), dropout(0.25)], SMOOTHED),
        (shape(6, 1, 1), vec![linear(3), LayerNorm], SMOOTHED),
        (shape(6, 1, 1), vec![linear(3), SILU], WEIGHTED),
        // What several read: a value and what dropout makes of it, a sum of a row with itself.
        (
            shape(4, 5, 4),
            vec![
                convolution(4, 3, 1, 1, true),
                dropout(0.5),
                Add { back: 2 },
                SIGMOID,
                Add { back: 1 },
                TANH,
                Branch { back: 1 },
                grouped(4, 1, 1, 2, 1),
                BatchNorm,
                Add { back: 3 },
                LEAKY,
                MaxPool { kernel: 2, stride: 2, padding: 1 },
                linear(3),
            ],
            SMOOTHED,
        ),
    ];
    let sizes = [[5, 12], [7, 16], [16, 40]];
    all.into_iter().zip(sizes.into_iter().cycle()).map(|(all, size)| Case::new(all, size)).collect()
}

impl Case {
    fn new(
        (input, layers, criterion): (Shape, Vec<Layer>, Criterion<'static>),
        [batch, count]: [usize; 2],
    ) -> Self {
        let outputs = Network { input, layers: &layers }.outputs();
        let samples = |count: usize, seed| {
            let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
            let mut normals = |len: usize| (0..len).map(|_| stream.normal() as f32).collect::<Vec<_>>();
            let inputs = normals(count * input.len());
            let targets = match criterion {
                Criterion::CrossEntropy(_) => {
                    Targets::Labels((0..count).map(|_| stream.below(outputs as u32) as u8).collect())
                }
                Criterion::Regression(_) => {
                    Targets::Values { width: outputs, values: normals(count * outputs), unit: 2.5 }
                }
            };
            Samples { inputs, targets }
        };
        let data = Dataset { train: samples(count, 1), test: samples(1 + count / 3, 2) };
        Self { input, layers, data: Arc::new(data), batch, criterion }
    }

    fn network(&self) -> Network<'_> {
        Network { input: self.input, layers: &self.layers }
    }

    fn theta(&self, vertex: u32) -> Vec<f32> {
        let mut theta = vec![0.0; self.network().parameter_len()];
        initialise(&self.network(), 9, vertex, &mut theta);
        let mut stream = Stream::new(Key::new(2, vertex.into()), Purpose::Perturbation, 0, 0);
        theta.iter_mut().for_each(|x| *x += 0.05 * stream.normal() as f32);
        theta
    }

    fn terms(&self) -> usize {
        self.network().activation_len() + self.input.len() + self.batch
    }

    /// Its data with its criterion.
    pub fn dataset(&self, provider: Arc<DeviceProvider>) -> GpuDataset {
        let shared = GpuDataset::new(provider, self.data.clone(), self.input.channels);
        shared.with_criterion(self.criterion).unwrap()
    }

    /// An engine with second moments and the points of the slots.
    pub fn engine(&self, dataset: Arc<GpuDataset>, slots: u32) -> GpuEngine {
        let mut gpu = GpuEngine::new(&self.network(), dataset, self.batch, slots as usize, None).unwrap();
        gpu = gpu.with_second_moments();
        (0..slots).for_each(|slot| gpu.put(slot, &self.theta(slot)).unwrap());
        gpu
    }

    fn gpu(&self, provider: Arc<DeviceProvider>, slots: u32) -> GpuEngine {
        self.engine(Arc::new(self.dataset(provider)), slots)
    }

    fn reference(&self, slots: u32) -> ReferenceEngine<'_> {
        let (network, batch) = (self.network(), self.batch);
        let mut engine =
            reference::engine(network, &self.data, batch, slots as usize, None, self.criterion).unwrap();
        (0..slots).for_each(|slot| engine.put(slot, &self.theta(slot)).unwrap());
        engine
    }

    /// Loss and gradient of a batch of epoch 0 in f64.
    fn exact_gradient(&self, theta: &[f32], chosen: &[u32], batch: u32) -> (f64, Vec<f64>) {
        let (network, features) = (self.network(), self.input.len());
        let inputs = &self.data.train.inputs;
        let inputs: Vec<f64> =
            chosen.iter().flat_map(|&i| widen(&inputs[i as usize * features..][..features])).collect();
        let numbers: Vec<usize> = chosen.iter().map(|&i| i as usize).collect();
        let targets = WideTargets::new(&self.data.train.targets.pick(&numbers));
        let mut gradient = vec![0.0; network.parameter_len()];
        let loss = network::gradient(
            &network,
            &widen(theta),
            network::Samples { inputs: &inputs, targets: targets.borrowed() },
            &self.criterion,
            dropout_key(course(1, 0).key, 0, batch),
            &mut vec![0.0; scratch_len(&network, chosen.len())],
            &mut gradient,
        );
        (loss.unwrap(), gradient)
    }
}

#[test]
fn gradient_is_that_of_f64() {
    for case in cases() {
        let (network, theta) = (case.network(), case.theta(0));
        let Some(provider) = provider() else { return };
        let mut gpu = case.gpu(provider, 2);
        for (batch, chosen) in (0..).zip(batches(&case.data, case.batch)) {
            let (loss, gradient) = gradient_at(&mut gpu, &theta, batch);
            let (expected_loss, expected) = case.exact_gradient(&theta, &chosen, batch);
            let tolerance = tolerance::sum_f32(case.terms());
            let near = difference(&[loss], &[expected_loss]) < tolerance;
            assert!(near, "{loss} {expected_loss} {network}");
            assert_gradient(&network, &gradient, &expected, tolerance);
        }
    }
}

/// The optimisers, with what else a step may have: Adam's ε bounds how much it enlarges a difference of small gradients.
pub fn courses() -> [StepParams; 5] {
    let adam = |decoupled| Optimizer::Adam { beta1: 0.875, beta2: 0.96875, epsilon: 0.0625, decoupled };
    let nesterov = Optimizer::Sgd { momentum: 0.9, nesterov: true };
    let plain = StepParams { weight_decay: 0.0625, ..course(1, 0) };
    [
        StepParams { optimizer: nesterov, ..plain },
        StepParams { optimizer: adam(false), ..plain },
        StepParams { optimizer: adam(true), tangent_removal: 0.5, ..plain },
        StepParams { max_gradient_norm: 0.25, ..plain },
        StepParams { optimizer: adam(true), tangent_removal: 1.0, max_gradient_norm: 0.125, ..plain },
    ]
}

/// Two epochs by each course, between three slots of which the last two are trained: control points and losses.
fn train<E: Engine<Error: std::fmt::Debug>>(engine: &mut E, courses: &[StepParams]) -> Vec<Vec<f32>> {
    let mut found = Vec::new();
    for (i, params) in courses.iter().enumerate() {
        for epoch in 0..2 {
            let step = |batch: u32| {
                let t = 0.1 + 0.8 * batch as f32 / engine.batches() as f32;
                let terms =
                    if batch.is_multiple_of(2) { [(0, 1.0 - t), (2, t)] } else { [(1, t), (2, 1.0 - t)] };
                Step { mix: mix(&terms), rate: 0.03125, batch }
            };
            let steps: Vec<Step> = (0..engine.batches()).map(step).collect();
            let mut losses = vec![0.0; steps.len()];
            // Slot 2 takes steps that slot 1 does not.
            let params = StepParams { epoch, first_trainable: 1 + i as u32 % 2, ..*params };
            engine.advance(&params, &steps, &mut losses).unwrap();
            found.push(losses);
        }
        found.extend([centre(engine, 1), centre(engine, 2)]);
    }
    found
}

#[test]
fn every_optimiser_is_the_reference_s() {
    for case in cases() {
        let Some(provider) = provider() else { return };
        let found = train(&mut case.gpu(provider, 3), &courses());
        let expected = train(&mut case.reference(3), &courses());
        let tolerance = tolerance::trajectory_f32(case.network().flops().max(case.terms()));
        for (found, expected) in found.iter().zip(&expected) {
            let apart = difference(found, &widen(expected));
            assert!(apart < tolerance, "{apart:.1e}, {tolerance:.1e}\n{}", case.network());
        }
    }
}

#[test]
fn values_are_the_reference_s() {
    for case in cases() {
        let Some(provider) = provider() else { return };
        let (mut gpu, mut reference) = (case.gpu(provider, 2), case.reference(2));
        let points = [mix(&[(0, 1.0)]), mix(&[(0, 0.25), (1, 0.75)])];
        for subset in [None, Some(Subset { key: Key::new(5, 6), len: 7 })] {
            let splits = [Split::Train, Split::Test];
            let [mut found, mut expected] = [[Value::default(); 4]; 2];
            gpu.values(&splits, subset, &points, &mut found).unwrap();
            reference.values(&splits, subset, &points, &mut expected).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                let tolerance = tolerance::sum_f32(case.terms());
                assert!(
                    difference(&[found.loss as f32], &[expected.loss]) < tolerance,
                    "{found:?} {expected:?}\n{}",
                    case.network()
                );
                let [found, expected] = [found, expected].map(|value| value.error.unwrap());
                assert!(difference(&[found as f32], &[expected]) < tolerance, "{found} {expected}");
            }
        }
    }
}

/// All of it: training, a measurement, the saved state.
fn everything(gpu: &mut GpuEngine) -> (Vec<Vec<f32>>, Value, Vec<f32>) {
    let trained = train(gpu, &courses());
    let mut value = [Value::default()];
    gpu.values(&[Split::Test], None, &[mix(&[(1, 0.5), (2, 0.5)])], &mut value).unwrap();
    let mut state = vec![0.0; gpu.state_len()];
    gpu.save(&mut state).unwrap();
    (trained, value[0], state)
}

#[test]
fn lost_devices_lose_no_moment_and_no_count_of_steps() {
    let case = cases().swap_remove(0);
    let Some(checked) = provider() else { return };
    let expected = everything(&mut case.gpu(checked, 3));
    // The unchecked programs that runs use, on a device of their own, which may be lost.
    let provider = valleys_tests::gpu(false).unwrap();
    // 2 · 3 steps of each of five courses.
    for (lost_at, steps) in [(1, 1000), (8, 1000), (17, 1000), (29, 1000), (8, 4), (16, 7), (23, 1)] {
        let mut gpu = case.gpu(provider.clone(), 3);
        read_back_after(&mut gpu, Duration::MAX, steps);
        submit_each_batch(&gpu);
        lose_device_after(&gpu, lost_at);
        assert_eq!(everything(&mut gpu), expected, "lost at submission {lost_at}");
        assert_eq!(gpu.counts().recoveries, 1, "lost at submission {lost_at}");
    }
}

#[test]
fn a_saved_state_has_the_moments_and_the_counts_of_steps() {
    let case = cases().swap_remove(2);
    let Some(provider) = provider() else { return };
    let [mut trained, mut other] = [case.gpu(provider.clone(), 3), case.gpu(provider.clone(), 3)];
    let (.., state) = everything(&mut trained);
    let dim = trained.dim();
    assert_eq!(state.len(), 3 * (2 * dim + dim + 1));
    // Three courses of Adam, two epochs of three batches each: of slot 1 that of index 2 and 4, of slot 2 all.
    let counts: Vec<f32> = state[6 * dim..].chunks(dim + 1).map(|second| second[dim]).collect();
    assert_eq!(counts, [0.0, 12.0, 18.0]);
    other.restore(&state).unwrap();
    assert_eq!(everything(&mut trained), everything(&mut other));
    assert!(matches!(other.restore(&state[1..]), Err(Error::Call(Wrong::Length { .. }))));
    // A control point that is set has taken no steps.
    trained.put(2, &case.theta(2)).unwrap();
    let mut state = vec![0.0; trained.state_len()];
    trained.save(&mut state).unwrap();
    assert!(state[6 * dim + 2 * (dim + 1)..].iter().all(|&x| x == 0.0));
}

#[test]
fn models_side_by_side_have_the_bits_of_one_alone() {
    const MODELS: u32 = 3;
    for case in cases() {
        let Some(provider) = provider() else { return };
        let work = |gpu: &mut GpuEngine, model: u32| {
            (0..3).for_each(|slot| gpu.put(slot, &case.theta(model + slot)).unwrap());
            let key = Key::new(7, model.into());
            everything_of(gpu, &courses().map(|course| StepParams { key, ..course }))
        };
        let alone: Vec<_> =
            (0..MODELS).map(|model| work(&mut case.gpu(provider.clone(), 3), model)).collect();
        let shared = Arc::new(case.dataset(provider).with_models(MODELS as usize));
        let mut gpus: Vec<GpuEngine> = (0..MODELS).map(|_| case.engine(shared.clone(), 3)).collect();
        // Whether calls meet is a matter of time: they do sooner or later.
        for _ in 0..100 {
            let together: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (gpus.iter_mut().zip(0..))
                    .map(|(gpu, model)| scope.spawn(move || work(gpu, model)))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(together, alone, "{}", case.network());
            if gpus.iter().all(|gpu| gpu.counts().batched > 0) {
                break;
            }
        }
        assert!(gpus.iter().all(|gpu| gpu.counts().batched > 0));
    }
}

fn everything_of(gpu: &mut GpuEngine, courses: &[StepParams]) -> (Vec<Vec<f32>>, [Value; 2]) {
    let trained = train(gpu, courses);
    let points = [mix(&[(1, 0.5), (2, 0.5)]), mix(&[(0, 1.0)])];
    let mut values = [Value::default(); 2];
    gpu.values(&[Split::Test], None, &points, &mut values).unwrap();
    (trained, values)
}

/// The paths that differ by rounding, on networks of all layers: near, and the same bits without checks of indices.
#[test]
fn halves_and_minimal_filtering_stay_near() {
    for paths in ["f16", "winograd2", "no-subgroups"] {
        let paths: Paths = paths.parse().unwrap();
        for case in cases() {
            let Some(_) = provider() else { return };
            let open = |checked| {
                let options = DeviceOptions { paths, checked, ..DeviceOptions::from_environment() };
                case.gpu(Arc::new(DeviceProvider::new(options)), 2)
            };
            let theta = case.theta(0);
            let (loss, gradient) = gradient_at(&mut open(true), &theta, 0);
            assert_eq!(gradient_at(&mut open(false), &theta, 0), (loss, gradient.clone()));
            let chosen = batches(&case.data, case.batch);
            let (expected_loss, expected) = case.exact_gradient(&theta, &chosen[0], 0);
            let apart = [difference(&[loss], &[expected_loss]), difference(&gradient, &expected)];
            assert!(apart[0] < tolerance::F16, "{paths:?}: {apart:?}\n{}", case.network());
            assert!(apart[1] < tolerance::F16_GRADIENT, "{paths:?}: {apart:?}\n{}", case.network());
        }
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let Some(provider) = provider() else { return };
    let case = cases().swap_remove(2);
    let shared = || GpuDataset::new(provider.clone(), case.data.clone(), 1);
    let unsupported = |error: Error| matches!(error, Error::Call(Wrong::Unsupported { .. }));
    assert!(unsupported(shared().with_criterion(PLAIN).unwrap_err()));
    let negative = Criterion::Regression(Deviation::Huber { delta: -1.0 });
    assert!(unsupported(shared().with_criterion(negative).unwrap_err()));
    // Numbers for two outputs.
    let one = [Layer::Linear { outputs: 1 }];
    let network = Network { input: case.input, layers: &one };
    let made = GpuEngine::new(&network, Arc::new(shared()), 4, 1, None);
    assert!(matches!(made, Err(Error::Call(Wrong::Length { .. }))), "{made:?}");
    // Adam without memory for it; the same engine with it.
    let shared = Arc::new(shared());
    let mut gpu = GpuEngine::new(&case.network(), shared, 4, 1, None).unwrap();
    let step = [Step { mix: mix(&[(0, 1.0)]), rate: 0.1, batch: 0 }];
    let adam = StepParams { first_trainable: 0, ..courses()[1] };
    assert!(unsupported(gpu.advance(&adam, &step, &mut [0.0]).unwrap_err()));
    gpu.advance(&course(0, 0), &step, &mut [0.0]).unwrap();
    let moved = centre(&mut gpu, 0);
    let mut gpu = gpu.with_second_moments();
    assert_eq!(centre(&mut gpu, 0), moved);
    gpu.advance(&adam, &step, &mut [0.0]).unwrap();
    assert_ne!(centre(&mut gpu, 0), moved);
    // A network whose output is that of an earlier row.
    let layers = [Layer::Linear { outputs: 2 }, Layer::RELU, Layer::Branch { back: 1 }];
    let network = Network { input: case.input, layers: &layers };
    assert!(unsupported(GpuEngine::supports(&network).unwrap_err()));
    assert_eq!(GpuEngine::supports(&case.network()), Ok(()));
}

/// Without statistics of batches, without dropout: what a measurement says is what a step says.
#[test]
fn what_is_not_finite_is_seen_behind_every_activation() {
    for function in [TANH, SIGMOID, SILU, GELU, LEAKY, Layer::LayerNorm] {
        let layers = vec![Layer::Linear { outputs: 5 }, function, Layer::Linear { outputs: 2 }];
        let case = Case::new((shape(3, 1, 1), layers, PLAIN), [4, 8]);
        let Some(provider) = provider() else { return };
        let mut gpu = case.gpu(provider, 1);
        let mut theta = case.theta(0);
        theta[4] = f32::NAN;
        gpu.put(0, &theta).unwrap();
        let mut value = [Value::default()];
        gpu.values(&[Split::Train], None, &[mix(&[(0, 1.0)])], &mut value).unwrap();
        assert!(value[0].loss.is_nan() && value[0].error == Some(1.0), "{function:?}: {value:?}");
    }
}
