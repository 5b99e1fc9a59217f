//! The contract of [`Engine`] as a suite that runs over any implementation.

use std::fmt::Debug;
use valleys_core::engine::{Engine, Mix, Optimizer, Split, Step, StepParams, Subset, Value};
use valleys_core::rng::Key;

/// What the suite needs to know of an engine.
pub struct Subject<'a, E> {
    /// For messages.
    pub name: &'a str,
    /// Makes a new engine with so many slots.
    pub make: &'a dyn Fn(u32) -> E,
    /// Points of parameter space at which loss and gradient are finite and not 0.
    pub points: [Vec<f32>; 3],
    /// Whether the loss is one on training and test samples: so many training samples.
    pub samples: Option<u32>,
    /// Relative rounding of a gradient element against the largest one.
    pub tolerance: f64,
}

const SLOTS: u32 = 3;

fn mix(terms: &[(u32, f32)]) -> Mix {
    terms.iter().copied().collect()
}

const fn params(first_trainable: u32) -> StepParams {
    StepParams {
        key: Key::new(7, 3),
        epoch: 1,
        first_trainable,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 1e-2,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    }
}

impl<E: Engine<Error: Debug>> Subject<'_, E> {
    /// Runs the whole suite.
    ///
    /// # Panics
    /// If the engine breaks the contract.
    pub fn check(&self) {
        self.slots_start_empty_and_hold_what_is_put();
        for nesterov in [false, true] {
            self.steps_are_the_stated_optimiser(Optimizer::Sgd { momentum: 0.9, nesterov });
        }
        for decoupled in [false, true] {
            // With a small ε, rounding would decide the sign of a step where the gradient almost vanishes.
            let (beta1, beta2, epsilon) = (0.9, 0.99, 0.5);
            self.steps_are_the_stated_optimiser(Optimizer::Adam { beta1, beta2, epsilon, decoupled });
        }
        self.long_gradients_are_shortened_or_refused();
        self.results_do_not_depend_on_the_division_into_calls();
        self.measuring_and_saving_change_nothing();
        self.a_restored_state_continues_with_the_same_bits();
        self.put_resets_the_momentum();
        self.wrong_calls_are_errors_and_change_nothing();
        self.what_is_not_finite_is_a_result();
        self.splits();
    }

    /// An engine with the points in its slots.
    fn engine(&self) -> E {
        let mut engine = (self.make)(SLOTS);
        (0..).zip(&self.points).for_each(|(slot, theta)| engine.put(slot, theta).unwrap());
        engine
    }

    fn get(&self, engine: &mut E, slot: u32) -> Vec<f32> {
        let mut theta = vec![f32::NAN; engine.dim()];
        engine.get(slot, &mut theta).unwrap();
        theta
    }

    fn bits(&self, engine: &mut E) -> Vec<Vec<u32>> {
        (0..SLOTS).map(|slot| self.get(engine, slot).iter().map(|x| x.to_bits()).collect()).collect()
    }

    /// Steps that mix slots in several ways, over all batches, small enough to stay near the points.
    fn steps(&self, engine: &E) -> Vec<Step> {
        let mixes = [mix(&[(0, 0.25), (2, 0.75)]), mix(&[(1, 0.5), (2, 0.5)]), mix(&[(0, 1.0)])];
        let batches = engine.batches().min(7);
        (0..batches).map(|batch| Step { mix: mixes[batch as usize % 3].clone(), rate: 1e-4, batch }).collect()
    }

    fn run(&self, engine: &mut E, steps: &[Step]) -> Vec<f32> {
        let mut losses = vec![f32::NAN; steps.len()];
        engine.advance(&params(1), steps, &mut losses).unwrap();
        losses
    }

    fn slots_start_empty_and_hold_what_is_put(&self) {
        let mut engine = (self.make)(SLOTS);
        assert!(engine.batches() > 0, "{}: no batches", self.name);
        assert!(self.get(&mut engine, 2).iter().all(|&x| x == 0.0), "{}: a new slot is not 0", self.name);
        engine.put(1, &self.points[0]).unwrap();
        assert_eq!(self.get(&mut engine, 1), self.points[0], "{}", self.name);
        assert!(self.get(&mut engine, 0).iter().all(|&x| x == 0.0), "{}", self.name);
    }

    /// The gradient of a batch at a point, read off a step: from slot 1 = 0, at half of slot 0 = 2θ, with rate 2 and
    /// weight ½, slot 1 ends at −∇L exactly.
    fn gradient(&self, theta: &[f32], batch: u32) -> (f32, Vec<f64>) {
        let mut engine = (self.make)(2);
        engine.put(0, &theta.iter().map(|x| 2.0 * x).collect::<Vec<_>>()).unwrap();
        let step = Step { mix: mix(&[(0, 0.5), (1, 0.5)]), rate: 2.0, batch };
        let mut loss = [f32::NAN];
        let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
        let plain = StepParams { weight_decay: 0.0, optimizer, ..params(1) };
        engine.advance(&plain, &[step], &mut loss).unwrap();
        (loss[0], self.get(&mut engine, 1).iter().map(|&x| -f64::from(x)).collect())
    }

    /// The formulas of [`Optimizer`] on every trainable slot, also where its weight is 0: in f64, with gradients read off
    /// single steps. An engine without memory for second moments refuses Adam.
    fn steps_are_the_stated_optimiser(&self, optimizer: Optimizer) {
        let mut engine = self.engine();
        if optimizer.needs_second_moments() {
            let before = self.get(&mut engine, 1);
            let (params, step) = (StepParams { optimizer, ..params(1) }, self.steps(&engine).swap_remove(0));
            if engine.advance(&params, &[step], &mut [f32::NAN]).is_err() {
                assert_eq!(self.get(&mut engine, 1), before, "{}: a refused step was taken", self.name);
                return;
            }
            engine = self.engine();
        }
        let dim = engine.dim();
        let wide = |theta: &Vec<f32>| theta.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let mut points: Vec<Vec<f64>> = self.points.iter().map(wide).collect();
        let mut momenta = vec![vec![[0.0_f64; 2]; dim]; SLOTS as usize];
        let steps: Vec<Step> = self.steps(&engine).into_iter().cycle().take(5).collect();
        let mut largest = 0.0_f64;
        for (number, step) in (1..).zip(&steps) {
            let mut losses = [f32::NAN];
            let params = StepParams { optimizer, ..params(1) };
            engine.advance(&params, std::slice::from_ref(step), &mut losses).unwrap();
            let at = |i: usize| step.mix.iter().map(|&(s, w)| f64::from(w) * points[s as usize][i]).sum();
            let theta: Vec<f64> = (0..dim).map(at).collect();
            let narrow: Vec<f32> = theta.iter().map(|&x| x as f32).collect();
            let (loss, gradient) = self.gradient(&narrow, step.batch);
            let near = (losses[0] - loss).abs() <= 1e-3 * loss.abs().max(1e-3);
            assert!(near, "{}: the loss of a step is {}, of its batch {loss}", self.name, losses[0]);
            largest = gradient.iter().fold(largest, |a, g| a.max(g.abs()));
            for slot in 1..SLOTS as usize {
                let weight = step.mix.iter().find(|m| m.0 as usize == slot).map_or(0.0, |m| f64::from(m.1));
                for i in 0..dim {
                    let [first, second] = &mut momenta[slot][i];
                    let (point, rate) = (&mut points[slot][i], f64::from(step.rate));
                    let decay = weight * 1e-2 * theta[i];
                    match optimizer {
                        Optimizer::Sgd { nesterov, .. } => {
                            let g = weight * gradient[i] + decay;
                            *first = 0.9 * *first + g;
                            *point -= rate * if nesterov { g + 0.9 * *first } else { *first };
                        }
                        Optimizer::Adam { beta1, beta2, epsilon, decoupled } => {
                            let [beta1, beta2, epsilon] = [beta1, beta2, epsilon].map(f64::from);
                            let g = weight * gradient[i] + if decoupled { 0.0 } else { decay };
                            *point -= if decoupled { rate * decay } else { 0.0 };
                            *first = beta1 * *first + (1.0 - beta1) * g;
                            *second = beta2 * *second + (1.0 - beta2) * g * g;
                            let [m, v] =
                                [(*first, beta1), (*second, beta2)].map(|(x, b)| x / (1.0 - b.powi(number)));
                            *point -= rate * m / (v.sqrt() + epsilon);
                        }
                    }
                }
            }
        }
        assert_eq!(self.get(&mut engine, 0), self.points[0], "{}: a fixed slot moved", self.name);
        assert!(largest > 0.0, "{}: the gradient vanishes at the points of the test", self.name);
        for slot in 1..SLOTS {
            let found = self.get(&mut engine, slot);
            let moved = (0..dim).any(|i| found[i] != self.points[slot as usize][i]);
            assert!(moved, "{}: slot {slot} did not move", self.name);
            for (i, (&found, &expected)) in found.iter().zip(&points[slot as usize]).enumerate() {
                // The rounding of five updates of θ, and that of five gradients times their rates and momenta.
                let theta = 8.0 * f64::from(f32::EPSILON) * (1.0 + expected.abs());
                let allowed = theta + 5.0 * 5.0 * 1e-4 * self.tolerance * (1.0 + largest);
                let error = (f64::from(found) - expected).abs();
                assert!(error <= allowed, "{}: slot {slot}, element {i}: {found} {expected}", self.name);
            }
        }
    }

    /// With weight decay, a step moves along at most as much as the limit, and in the same direction; an engine may
    /// refuse a limit, and then takes no step.
    fn long_gradients_are_shortened_or_refused(&self) {
        let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
        let free = StepParams { optimizer, ..params(2) };
        let step = Step { mix: mix(&[(0, 0.5), (2, 0.5)]), rate: 1.0, batch: 0 };
        let moved = |params: &StepParams| {
            let mut engine = self.engine();
            let before = self.get(&mut engine, 2);
            let result = engine.advance(params, std::slice::from_ref(&step), &mut [f32::NAN]);
            let after = self.get(&mut engine, 2);
            assert!(result.is_ok() || after == before, "{}: a refused step was taken", self.name);
            let difference = before.iter().zip(&after).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
            result.ok().map(|()| -> Vec<f64> { difference })
        };
        let free_move = moved(&free).unwrap_or_else(|| panic!("{}: a step without a limit", self.name));
        // The weight of the slot is ½.
        let norm = 2.0 * free_move.iter().map(|x| x * x).sum::<f64>().sqrt();
        for factor in [0.25, 4.0] {
            let limit = (factor * norm) as f32;
            let Some(limited) = moved(&StepParams { max_gradient_norm: limit, ..free }) else { continue };
            for (a, b) in limited.iter().zip(&free_move) {
                let expected = factor.min(1.0) * b;
                assert!((a - expected).abs() < 1e-5 * norm.max(1.0), "{}: {a} {expected}", self.name);
            }
        }
    }

    fn results_do_not_depend_on_the_division_into_calls(&self) {
        let (mut once, mut singly) = (self.engine(), self.engine());
        let steps = self.steps(&once);
        let losses = self.run(&mut once, &steps);
        let one_by_one: Vec<f32> =
            steps.iter().flat_map(|step| self.run(&mut singly, std::slice::from_ref(step))).collect();
        assert_eq!(losses, one_by_one, "{}: losses depend on the size of a call", self.name);
        assert_eq!(self.bits(&mut once), self.bits(&mut singly), "{}: steps depend on the call", self.name);
        let points: Vec<Mix> =
            (0..=4).map(|i| mix(&[(0, 1.0 - i as f32 / 4.0), (2, i as f32 / 4.0)])).collect();
        let mut together = vec![Value::default(); points.len()];
        once.values(&[Split::Train], None, &points, &mut together).unwrap();
        for (point, value) in points.iter().zip(&together) {
            let mut alone = [Value::default()];
            once.values(&[Split::Train], None, std::slice::from_ref(point), &mut alone).unwrap();
            assert_eq!(alone[0], *value, "{}: a value depends on the points beside it", self.name);
        }
    }

    fn measuring_and_saving_change_nothing(&self) {
        let (mut plain, mut watched) = (self.engine(), self.engine());
        let steps = self.steps(&plain);
        let losses = self.run(&mut plain, &steps);
        let mut found = Vec::new();
        for step in &steps {
            found.extend(self.run(&mut watched, std::slice::from_ref(step)));
            let mut value = [Value::default()];
            for subset in [None, Some(Subset { key: Key::new(1, 2), len: 2 })] {
                let point = [mix(&[(1, 0.5), (2, 0.5)])];
                watched.values(&[Split::Train], subset, &point, &mut value).unwrap();
            }
            watched.save(&mut vec![0.0; watched.state_len()]).unwrap();
        }
        assert_eq!(losses, found, "{}: measuring changes later losses", self.name);
        assert_eq!(self.bits(&mut plain), self.bits(&mut watched), "{}: measuring changes steps", self.name);
    }

    fn a_restored_state_continues_with_the_same_bits(&self) {
        let mut engine = self.engine();
        let steps = self.steps(&engine);
        self.run(&mut engine, &steps);
        let mut state = vec![0.0; engine.state_len()];
        engine.save(&mut state).unwrap();
        if state.is_empty() {
            return;
        }
        let mut other = (self.make)(SLOTS);
        other.restore(&state).unwrap();
        assert_eq!(self.run(&mut engine, &steps), self.run(&mut other, &steps), "{}", self.name);
        assert_eq!(self.bits(&mut engine), self.bits(&mut other), "{}: a restored engine differs", self.name);
        // Back again in the same engine, which is ahead by now.
        engine.restore(&state).unwrap();
        other.restore(&state).unwrap();
        assert_eq!(self.run(&mut engine, &steps), self.run(&mut other, &steps), "{}", self.name);
        assert!(other.restore(&state[1..]).is_err(), "{}: a short state is accepted", self.name);
        assert!(other.save(&mut state[1..]).is_err(), "{}: a short state is filled", self.name);
    }

    fn put_resets_the_momentum(&self) {
        let mut engine = self.engine();
        let steps = self.steps(&engine);
        self.run(&mut engine, &steps);
        (0..).zip(&self.points).for_each(|(slot, theta)| engine.put(slot, theta).unwrap());
        let mut fresh = self.engine();
        assert_eq!(self.run(&mut engine, &steps), self.run(&mut fresh, &steps), "{}", self.name);
        assert_eq!(self.bits(&mut engine), self.bits(&mut fresh), "{}: put keeps the momentum", self.name);
    }

    fn wrong_calls_are_errors_and_change_nothing(&self) {
        let mut engine = self.engine();
        let (dim, batches) = (engine.dim(), engine.batches());
        let theta = self.points[0].clone();
        let before = self.bits(&mut engine);
        assert!(engine.put(SLOTS, &theta).is_err(), "{}: put accepts a slot that is not there", self.name);
        assert!(engine.put(0, &theta[1..]).is_err(), "{}: put accepts a short θ", self.name);
        assert!(engine.get(SLOTS, &mut vec![0.0; dim]).is_err(), "{}", self.name);
        assert!(engine.get(0, &mut vec![0.0; dim + 1]).is_err(), "{}", self.name);
        let good = Step { mix: mix(&[(0, 0.5), (1, 0.5)]), rate: 0.5, batch: 0 };
        let wrong = [
            Step { mix: mix(&[(SLOTS, 1.0)]), ..good.clone() },
            Step { mix: mix(&[]), ..good.clone() },
            Step { mix: mix(&[(1, 0.5), (1, 0.5)]), ..good.clone() },
            Step { batch: batches, ..good.clone() },
        ];
        for step in wrong {
            // Behind a good one: a call is checked as a whole.
            let found = engine.advance(&params(1), &[good.clone(), step.clone()], &mut [0.0; 2]);
            assert!(found.is_err(), "{}: advance accepts {step:?}", self.name);
            let (point, mut values) = ([step.mix], [Value::default()]);
            if step.batch < batches {
                let found = engine.values(&[Split::Train], None, &point, &mut values);
                assert!(found.is_err(), "{}: values accepts {point:?}", self.name);
            }
        }
        let steps = [good];
        assert!(engine.advance(&params(1), &steps, &mut []).is_err(), "{}", self.name);
        let point = [mix(&[(0, 1.0)])];
        assert!(engine.values(&[Split::Train], None, &point, &mut []).is_err(), "{}", self.name);
        assert_eq!(self.bits(&mut engine), before, "{}: a wrong call changed something", self.name);
    }

    fn what_is_not_finite_is_a_result(&self) {
        let mut engine = self.engine();
        engine.put(0, &vec![f32::NAN; engine.dim()]).unwrap();
        let step = Step { mix: mix(&[(0, 1.0)]), rate: 0.0, batch: 0 };
        let losses = self.run(&mut engine, &[step]);
        assert!(!losses[0].is_finite(), "{}: a loss at NaN is {}", self.name, losses[0]);
        let mut values = [Value::default()];
        engine.values(&[Split::Train], None, &[mix(&[(0, 1.0)])], &mut values).unwrap();
        assert!(!values[0].loss.is_finite(), "{}: a value at NaN is {}", self.name, values[0].loss);
        // It stays usable.
        let mut fresh = self.engine();
        (0..).zip(&self.points).for_each(|(slot, theta)| engine.put(slot, theta).unwrap());
        let steps = self.steps(&fresh);
        assert_eq!(self.run(&mut engine, &steps), self.run(&mut fresh, &steps), "{}", self.name);
    }

    fn splits(&self) {
        let mut engine = self.engine();
        let point = [mix(&[(0, 0.5), (1, 0.5)])];
        let mut value = |split, subset| {
            let mut values = [Value::default()];
            engine.values(&[split], subset, &point, &mut values).map(|()| values[0])
        };
        let train = value(Split::Train, None).unwrap();
        let drawn = |seed, len| Some(Subset { key: Key::new(seed, 5), len });
        let Some(samples) = self.samples else {
            // Without samples every split is the same.
            for (split, subset) in [(Split::Test, None), (Split::Train, drawn(4, 1))] {
                assert_eq!(value(split, subset).unwrap(), train, "{}", self.name);
            }
            return;
        };
        assert!(train.error.is_some(), "{}: no error of a classifier", self.name);
        let test = value(Split::Test, None).unwrap();
        assert_ne!(test, train, "{}: test is train", self.name);
        assert!(value(Split::Train, drawn(4, 0)).is_err(), "{}: no samples have a mean", self.name);
        let all = value(Split::Train, drawn(4, samples + 1)).unwrap();
        assert_eq!(all, train, "{}: a subset of all samples is not all samples", self.name);
        let few = value(Split::Train, drawn(4, samples / 3)).unwrap();
        let again = value(Split::Train, drawn(4, samples / 3)).unwrap();
        assert_eq!(again, few, "{}: a draw is not repeated", self.name);
        let other = value(Split::Train, drawn(5, samples / 3)).unwrap();
        assert_ne!(other, few, "{}: keys draw alike", self.name);
        let few_of_test = value(Split::Test, drawn(4, samples / 3)).unwrap();
        // Both splits at once, at two points: the values of a point together.
        let points = [point[0].clone(), mix(&[(1, 1.0)])];
        let splits = [Split::Test, Split::Train];
        for (subset, expected) in [(None, [test, train]), (drawn(4, samples / 3), [few_of_test, few])] {
            let mut values = [Value::default(); 4];
            engine.values(&splits, subset, &points, &mut values).unwrap();
            assert_eq!(values[..2], expected, "{}: splits differ together", self.name);
        }
        for splits in [&[][..], &[Split::Train; 3]] {
            let mut values = vec![Value::default(); splits.len()];
            assert!(engine.values(splits, None, &point, &mut values).is_err(), "{}", self.name);
        }
    }
}
