//! What barcodes do not depend on: coordinates of the parameter space, a monotone map of the loss (up to that map), the
//! scale of ReLU layers (method: section 9).

use std::path::Path;
use valleys::checkpoint;
use valleys::config::Config;
use valleys::model::Model;
use valleys::problem::{FunctionProblem, LossProblem};
use valleys::run::{Options, run, run_problem};
use valleys::schema::{Fit, Summary};
use valleys_core::engine::{Batch, Function, Loss, Split, Subset, Value};
use valleys_core::error::Error;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::tolerance;

/// Bend of the coordinates.
const BEND: f64 = 0.4;

/// φ: y₀ = x₀, yᵢ = xᵢ + BEND · xᵢ₋₁². A polynomial map of R^n onto itself with determinant 1 everywhere.
fn bent(x: &[f64]) -> Vec<f64> {
    (0..x.len()).map(|i| x[i] + if i > 0 { BEND * x[i - 1] * x[i - 1] } else { 0.0 }).collect()
}

/// φ⁻¹, by forward substitution.
fn unbent(y: &[f64]) -> Vec<f64> {
    let mut x: Vec<f64> = Vec::new();
    for &y in y {
        let before = x.last().map_or(0.0, |x| BEND * x * x);
        x.push(y - before);
    }
    x
}

/// A strictly increasing map of losses, and its slope.
type Monotone = fn(f64) -> (f64, f64);

fn same(y: f64) -> (f64, f64) {
    (y, 1.0)
}

/// log(1 + 4y)
fn logarithm(y: f64) -> (f64, f64) {
    ((4.0 * y).ln_1p(), 4.0 / (1.0 + 4.0 * y))
}

/// F(f(φ(x))) of a function f; φ is the identity if the coordinates are straight.
#[derive(Clone, Copy)]
struct Changed {
    function: Function,
    dim: usize,
    is_bent: bool,
    monotone: Monotone,
}

impl Changed {
    fn evaluate(&self, theta: &[f32], gradient: &mut [f64]) -> f64 {
        let x: Vec<f64> = theta.iter().map(|&x| f64::from(x)).collect();
        let y = if self.is_bent { bent(&x) } else { x.clone() };
        let (value, slope) = (self.monotone)(self.function.gradient(&y, gradient));
        gradient.iter_mut().for_each(|g| *g *= slope);
        if self.is_bent {
            // Coordinate i also enters φ at i + 1.
            for i in 0..self.dim - 1 {
                gradient[i] += 2.0 * BEND * x[i] * gradient[i + 1];
            }
        }
        value
    }
}

impl Loss for Changed {
    type Error = Error;

    fn dim(&self) -> usize {
        self.dim
    }

    fn batches(&self) -> u32 {
        100
    }

    fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
        let mut slope = vec![0.0; self.dim];
        let value = self.evaluate(theta, &mut slope);
        gradient.iter_mut().zip(slope).for_each(|(to, x)| *to = x as f32);
        Ok(value as f32)
    }

    fn values(
        &mut self,
        _: Split,
        _: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        let mut slope = vec![0.0; self.dim];
        for (theta, value) in thetas.iter().zip(values) {
            *value = Value { loss: self.evaluate(theta, &mut slope), error: None };
        }
        Ok(())
    }
}

fn result(loss: Changed, overrides: &[&str]) -> Summary {
    let wells = loss.function.wells();
    let initial = move |seed, vertex: u32| {
        let mut stream = Stream::new(Key::new(seed, 1 << vertex), Purpose::Init, 0, 0);
        let mut x: Vec<f64> = (0..loss.dim).map(|_| 0.1 * stream.normal()).collect();
        x.iter_mut().zip(wells[vertex as usize % wells.len()]).for_each(|(x, w)| *x += w);
        let x = if loss.is_bent { unbent(&x) } else { x };
        x.into_iter().map(|x| x as f32).collect()
    };
    let problem =
        LossProblem::new("changed", move || loss, initial).with_peak_sampling(FunctionProblem::PEAK_SAMPLING);
    let count = format!("minima.count={}", wells.len());
    let common = [
        &count,
        "minima.epochs=40",
        "curves.epochs=90",
        "triangles.epochs=90",
        "train.learning_rate=0.01",
        "train.weight_decay=0.0",
        "fit.start=straight",
        "fit.tangent_removal=1.0",
        "second_fit.depth=3",
        "second_fit.epoch_multiplier=1",
    ];
    let config = Config::for_problem("changed", &[&common[..], overrides].concat()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = Options { out: Some(folder.path().join("run")), quiet: true, ..Options::default() };
    run_problem(Box::new(problem), config, &options).unwrap().0
}

/// Finite bars of an index, the longest first.
fn bars(fit: &Fit, index: usize) -> Vec<(f64, f64)> {
    let of_index = fit.bars.iter().filter(|bar| bar.index == index);
    let mut bars: Vec<(f64, f64)> = of_index.filter_map(|bar| Some((bar.birth, bar.death?))).collect();
    bars.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    bars
}

fn assert_near(found: f64, expected: f64, share: f64) {
    assert!((found - expected).abs() <= share * expected.abs() + 1e-4, "{found} {expected}");
}

/// The map has its inverse, and gradients are those of the composed loss.
#[test]
fn the_change_of_coordinates_is_a_diffeomorphism() {
    let mut stream = Stream::new(Key::new(5, 1), Purpose::Init, 0, 0);
    for dim in [2, 5, 9] {
        let x: Vec<f64> = (0..dim).map(|_| stream.normal()).collect();
        let back = unbent(&bent(&x));
        assert!(x.iter().zip(back).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())));
        let loss = Changed { function: Function::ThreeWellRing, dim, is_bent: true, monotone: logarithm };
        let theta: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        let (mut gradient, mut other) = (vec![0.0; dim], vec![0.0; dim]);
        loss.evaluate(&theta, &mut gradient);
        for i in 0..dim {
            let h = 2.0_f32.powi(-10);
            let mut at = |shift: f32| {
                let mut theta = theta.clone();
                theta[i] += shift;
                loss.evaluate(&theta, &mut other)
            };
            let slope = (at(h) - at(-h)) / f64::from(2.0 * h);
            assert!((slope - gradient[i]).abs() < 1e-3 * (1.0 + slope.abs()), "{slope} {}", gradient[i]);
        }
    }
}

/// In bent coordinates every straight line is another one, and the fits find the same barcode.
#[test]
fn coordinates_do_not_matter() {
    for (function, birth) in [(Function::ThreeWellRing, 0.19), (Function::UnequalRing, 0.2775)] {
        for is_bent in [false, true] {
            let s = result(Changed { function, dim: 5, is_bent, monotone: same }, &[]);
            let [(found_birth, found_death)] = bars(&s.fits[1], 1)[..] else {
                panic!("{:?}", s.fits[1].bars)
            };
            assert_near(found_birth, birth, 0.01);
            assert_near(found_death, 1.0, 0.01);
        }
    }
}

/// Births and deaths of F(L) are F of those of L: exactly on the same simplices, and where each is fitted as closely as
/// fits go.
#[test]
fn a_monotone_map_of_the_loss_maps_the_ends() {
    let of = |monotone, overrides: &[&str]| {
        result(Changed { function: Function::UnequalRing, dim: 5, is_bent: false, monotone }, overrides)
    };
    // Unfitted: the same minima up to training; so the minima are not trained either.
    let straight = [
        "minima.epochs=1",
        "train.learning_rate=1e-12",
        "curves.epochs=0",
        "triangles.epochs=0",
        "second_fit.depth=0",
        "peaks.search=false",
    ];
    let [plain, mapped] = [same as Monotone, logarithm].map(|monotone| of(monotone, &straight));
    for index in 0..2 {
        let (plain, mapped) = (bars(&plain.fits[0], index), bars(&mapped.fits[0], index));
        // Three minima have two finite bars of index 0 and a loop.
        assert_eq!((plain.len(), mapped.len()), ([2, 1][index], [2, 1][index]));
        let mut ends: Vec<f64> =
            plain.iter().flat_map(|bar| [bar.0, bar.1]).map(|y| logarithm(y).0).collect();
        let mut found: Vec<f64> = mapped.iter().flat_map(|bar| [bar.0, bar.1]).collect();
        ends.sort_by(f64::total_cmp);
        found.sort_by(f64::total_cmp);
        assert!(ends.iter().zip(&found).all(|(a, b)| (a - b).abs() < 1e-12), "{ends:?} {found:?}");
    }
    let fitted = of(logarithm, &[]);
    let [(birth, death)] = bars(&fitted.fits[1], 1)[..] else { panic!("{:?}", fitted.fits[1].bars) };
    assert_near(birth, logarithm(0.2775).0, 0.01);
    assert_near(death, logarithm(1.0).0, 0.01);
}

/// Multiplies the weights and biases into the units of the first hidden layer of a multilayer perceptron by c > 0 and
/// divides the weights out of them by c: the network computes the same function.
fn rescale(model: &Model, theta: &[f32], c: f32) -> Vec<f32> {
    let mut theta = theta.to_vec();
    let state = model.state();
    let weights: Vec<_> = state.parameters.iter().filter(|tensor| tensor.shape.len() == 2).collect();
    let bias = state.parameters.iter().find(|tensor| tensor.shape.len() == 1).unwrap();
    theta[weights[0].range.clone()].iter_mut().for_each(|w| *w *= c);
    theta[bias.range.clone()].iter_mut().for_each(|w| *w *= c);
    theta[weights[1].range.clone()].iter_mut().for_each(|w| *w /= c);
    theta
}

/// Minima whose first hidden layer is rescaled by the same positive number span straight simplices on which the loss is
/// the same. By different numbers, they span others.
#[test]
fn the_scale_of_relu_layers_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run_with = |name: &str, overrides: &[String]| {
        let mut all: Vec<String> = [
            "network=mlp:64-16-10",
            "minima.count=3",
            "minima.epochs=8",
            "curves.epochs=0",
            "triangles.epochs=0",
            "second_fit.depth=0",
            "lattice.n=12",
        ]
        .map(str::to_owned)
        .to_vec();
        all.extend_from_slice(overrides);
        let config = Config::load(None, Some("digits"), &all).unwrap();
        let options = Options { out: Some(at(name)), quiet: true, ..Options::default() };
        run(config, &options).unwrap().0
    };
    let trained = run_with("trained", &[]);
    let model = Model::by_name("mlp:64-16-10").unwrap();
    let rescaled = |name: &str, factors: [f32; 3]| {
        let files: Vec<String> = (0..3)
            .map(|vertex| {
                let path = at("trained").join(format!("minima/{vertex}/{vertex}.safetensors"));
                let minimum = checkpoint::read(&path, &model.state(), false).unwrap();
                let theta = rescale(&model, &minimum.theta, factors[vertex]);
                let to = at(&format!("{name}-{vertex}.safetensors"));
                std::fs::write(&to, checkpoint::encode(&model.state(), &theta, &[], 1)).unwrap();
                format!("'{}'", Path::new(&to).display())
            })
            .collect();
        run_with(name, &[format!("minima.files=[{}]", files.join(","))])
    };
    let numbers = |s: &Summary| -> Vec<f64> {
        let segments = s.segments.iter().flat_map(|s| [s.birth, s.birth_lower, s.death, s.length()]);
        let bars = s.bars.iter().flat_map(|b| [b.birth, b.death.unwrap_or(f64::INFINITY)]);
        let minima =
            s.minima.iter().flat_map(|m| [m.train_loss, m.train_error.unwrap(), m.test_loss.unwrap()]);
        segments.chain(bars).chain(minima).chain(s.w_infinity).collect()
    };
    let original = numbers(&rescaled("same", [1.0; 3]));
    assert_eq!(original, numbers(&trained));
    // A power of two changes no digit.
    assert_eq!(original, numbers(&rescaled("four", [4.0; 3])));
    for (a, b) in original.iter().zip(numbers(&rescaled("three", [3.0; 3]))) {
        let near = a == &b || (a - b).abs() <= tolerance::LOGITS * a.abs().max(1.0);
        assert!(near, "{a} {b}");
    }
    // One minimum in other coordinates: the straight simplices are others.
    let mixed = rescaled("mixed", [1.0, 4.0, 1.0]);
    assert!((mixed.segments[0].birth - trained.segments[0].birth).abs() > 1e-2);
    assert_eq!(mixed.minima[1].train_loss, trained.minima[1].train_loss);
}
