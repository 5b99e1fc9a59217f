//! Every engine keeps the contract.

use std::sync::Arc;
use valleys::config::Config;
use valleys::error::ErrorKind;
use valleys::problem::{LossProblem, Problem};
use valleys::run::{Options, run_problem};
use valleys_core::engine::{
    Batch, Direct, Function, FunctionLoss, Loss, NetworkLoss, Slots, Split, Subset, Value,
};
use valleys_core::error::Error;
use valleys_core::network::{LabelledData, Network};
use valleys_simd::engine::CpuEngine;
use valleys_tests::conformance::Subject;
use valleys_tests::trained::{Case, convolution, networks, shape};

/// Training samples, of which the last batch is a short one.
const SIZES: [usize; 2] = [8, 31];

fn small_mlp() -> Case {
    use valleys_core::network::Layer::{self, Linear};
    let layers =
        vec![Linear { outputs: 9 }, Layer::RELU, Linear { outputs: 4 }, Layer::RELU, Linear { outputs: 3 }];
    Case::new((valleys_core::network::Shape::flat(6), layers), SIZES)
}

fn points(case: &Case) -> [Vec<f32>; 3] {
    [0, 1, 2].map(|vertex| case.theta(vertex))
}

#[test]
fn functions_behind_the_adapter() {
    for (function, dim) in [(Function::Himmelblau, 2), (Function::LiftableRing, 5), (Function::Quadratic, 3)]
    {
        let rotation: Vec<f64> = (0..dim * dim).map(|i| if i % (dim + 1) == 0 { 1.0 } else { 0.0 }).collect();
        let make = |slots: u32| {
            let loss = FunctionLoss::new(function, dim, &rotation, vec![0.0; 2 * dim]).unwrap();
            let slots = vec![0.0; Slots::memory_len(slots as usize, dim)];
            Direct::new(loss, slots, vec![0.0; 3 * dim]).unwrap()
        };
        let point = |k: usize| (0..dim).map(|i| 0.3 + 0.2 * k as f32 - 0.1 * i as f32).collect();
        let points = [0, 1, 2].map(point);
        Subject { name: function.name(), make: &make, points, samples: None, tolerance: 1e-6 }.check();
    }
}

/// The reference kernels, also on batch norm and residuals.
#[test]
fn reference_kernels_behind_the_adapter() {
    let all = networks();
    for (name, case) in [("mlp", small_mlp()), ("residual", Case::new(all[3].clone(), SIZES))] {
        let network: Network = case.network();
        let make = |slots: u32| {
            let floats = vec![f32::NAN; NetworkLoss::floats_len(&network, case.batch)];
            let (order, labels) =
                (vec![0; case.data.train.len().max(case.data.test.len())], vec![0; case.batch]);
            let (train, test) = (LabelledData::train(&*case.data), LabelledData::test(&*case.data));
            let loss = NetworkLoss::new(network, train, test, case.batch, floats, order, labels).unwrap();
            let dim = network.parameter_len();
            let slots = vec![0.0; Slots::memory_len(slots as usize, dim)];
            Direct::new(loss, slots, vec![0.0; 2 * dim]).unwrap()
        };
        let samples = Some(SIZES[1] as u32);
        Subject { name, make: &make, points: points(&case), samples, tolerance: 1e-4 }.check();
    }
}

#[test]
fn the_fast_engine_of_the_processor() {
    let case = small_mlp();
    let make = |slots: u32| {
        CpuEngine::new(&case.network(), case.data.clone(), case.batch, slots as usize, None)
            .unwrap()
            .with_second_moments()
    };
    let samples = Some(SIZES[1] as u32);
    Subject { name: "cpu, mlp", make: &make, points: points(&case), samples, tolerance: 1e-4 }.check();
    for (number, network) in networks().into_iter().take(5).enumerate() {
        let case = Case::new(network, SIZES);
        let make = |slots: u32| {
            CpuEngine::new(&case.network(), case.data.clone(), case.batch, slots as usize, None)
                .unwrap()
                .with_second_moments()
        };
        let name = format!("cpu, network {number}");
        Subject { name: &name, make: &make, points: points(&case), samples, tolerance: 1e-3 }.check();
    }
}

#[test]
fn a_gpu() {
    let Some(provider) = valleys_tests::gpu(true) else { return };
    let all = networks();
    for (name, network) in [
        ("gpu, mlp", (small_mlp().input, small_mlp().layers)),
        ("gpu, residual", all[3].clone()),
        (
            "gpu, one convolution",
            (
                shape(1, 5, 5),
                vec![convolution(2, 3, 1, 1, true), valleys_core::network::Layer::Linear { outputs: 3 }],
            ),
        ),
    ] {
        let case = Arc::new(Case::new(network, SIZES));
        let make = |slots: u32| case.gpu(provider.clone(), case.input.channels, slots, None);
        // `Case::gpu` fills the slots; the suite wants them empty.
        let make = |slots: u32| {
            use valleys_core::engine::Engine;
            let mut engine = make(slots);
            let zeros = vec![0.0; engine.dim()];
            (0..slots).for_each(|slot| engine.put(slot, &zeros).unwrap());
            engine
        };
        let samples = Some(SIZES[1] as u32);
        Subject { name, make: &make, points: points(&case), samples, tolerance: 1e-3 }.check();
    }
}

/// Logistic regression on six samples: somebody's own loss, through the problem that a run is made of.
struct Logistic;

const DATA: [([f32; 2], f32); 6] = [
    ([0.0, 1.0], 1.0),
    ([1.0, 2.0], 1.0),
    ([-1.0, 0.5], 1.0),
    ([0.5, -1.0], -1.0),
    ([2.0, -0.5], -1.0),
    ([-0.5, -2.0], -1.0),
];

impl Loss for Logistic {
    type Error = Error;

    fn dim(&self) -> usize {
        3
    }

    fn batches(&self) -> u32 {
        2
    }

    fn value_and_gradient(
        &mut self,
        theta: &[f32],
        batch: Batch,
        gradient: &mut [f32],
    ) -> Result<f32, Error> {
        gradient.fill(0.0);
        let mut loss = 0.0;
        for ([x, y], label) in DATA.iter().skip(3 * batch.number as usize).take(3) {
            let margin = label * (theta[0] * x + theta[1] * y + theta[2]);
            loss += (-margin).exp().ln_1p() / 3.0;
            let slope = -label / (1.0 + margin.exp()) / 3.0;
            gradient.iter_mut().zip([*x, *y, 1.0]).for_each(|(g, x)| *g += slope * x);
        }
        Ok(loss)
    }

    fn values(
        &mut self,
        _: Split,
        _: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (theta, value) in thetas.iter().zip(values) {
            let loss = DATA.iter().map(|([x, y], label)| {
                f64::from(-label * (theta[0] * x + theta[1] * y + theta[2])).exp().ln_1p() / 6.0
            });
            *value = Value { loss: loss.sum(), error: None };
        }
        Ok(())
    }
}

#[test]
fn somebody_s_own_loss() {
    let problem = LossProblem::new("logistic", || Logistic, |_, _| vec![0.0; 3]);
    let make = |slots: u32| problem.engine(slots as usize).unwrap();
    let points = [vec![0.1, 0.2, 0.3], vec![-0.2, 0.5, 0.0], vec![0.4, 0.1, -0.3]];
    Subject { name: "own loss", make: &make, points, samples: None, tolerance: 1e-6 }.check();
}

/// A loss that cannot be computed.
struct Broken;

impl Loss for Broken {
    type Error = Error;

    fn dim(&self) -> usize {
        2
    }

    fn batches(&self) -> u32 {
        3
    }

    fn value_and_gradient(&mut self, _: &[f32], _: Batch, _: &mut [f32]) -> Result<f32, Error> {
        Err(Error::Unsupported { what: "a loss whose data are gone" })
    }

    fn values(&mut self, _: Split, _: Option<Subset>, _: &[&[f32]], _: &mut [Value]) -> Result<(), Error> {
        Err(Error::Unsupported { what: "a loss whose data are gone" })
    }
}

/// Curves need minima: what failed there is the error, and not that the curves could not begin.
#[test]
fn the_error_of_a_run_is_that_of_the_job_that_failed() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::for_problem("broken", &["minima.count=3", "minima.epochs=1"]).unwrap();
    let problem = LossProblem::new("broken", || Broken, |_, _| vec![0.0; 2]);
    let options = Options { out: Some(folder.path().join("run")), quiet: true, ..Options::default() };
    let error = run_problem(Box::new(problem), config, &options).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Jobs, "{error}");
    assert!(error.message.contains("fit of minima/0") && error.message.contains("data are gone"), "{error}");
}
