//! A fit over an engine: points, rates and batches that it draws, where it ends, pauses.

use crate::plain_engine::{Plain, frame, mixed};
use std::ops::Range;
use valleys_core::engine::{
    Direct, Engine, Function, FunctionLoss, Mix, Optimizer, Slots, Split, Step, StepParams, Subset, Value,
};
use valleys_core::error::Error;
use valleys_core::fit::{
    Cells, Epoch, Faces, Fit, Memory, OptimizerOptions, PeakSampling, Progress, Sampling, Schedule, Start,
};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPoints, EdgewiseSubdivision};

fn fit(mask: u64, faces: Faces, epochs: Range<u32>) -> Fit {
    let optimizer = OptimizerOptions {
        learning_rate: 0.5,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 0.25,
        max_gradient_norm: f32::INFINITY,
    };
    let (key, sampling) = (Key::new(11, mask), Sampling::Uniform);
    Fit { key, faces, sampling, optimizer, schedule: Schedule::Linear, epochs }
}

fn run(fit: &Fit, engine: &mut Plain, frame: &ControlPoints, call: usize, record: impl FnMut(Epoch)) {
    let cells = fit.cells_len(frame);
    let memory = Memory {
        steps: &mut vec![NO_STEP; call],
        losses: &mut vec![0.0; call],
        drawn_cells: &mut vec![0; call],
        cell_points: &mut vec![Mix::new(); cells],
        cell_losses: &mut vec![Value::default(); cells],
        cumulative: &mut vec![0.0; cells],
        lowest: &mut vec![0.0; fit.lowest_len(frame, 1)],
        points: &mut [],
        pieces: &mut [],
    };
    fit.run(engine, frame, memory, record).unwrap();
}

const NO_STEP: Step = Step { mix: Mix::new(), rate: 0.0, batch: 0 };

#[test]
fn descent_draws_rates_and_batches() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let all = |call: usize, epochs: Range<u32>| {
        let mut plain = Plain::new(&[0.0; 7], &[1.0; 7]);
        let mut records = Vec::new();
        run(&fit(0b1011, Faces::Fixed, epochs), &mut plain, &frame, call, |e| records.push(e));
        (plain.asked, records)
    };
    let (asked, records) = all(2, 0..10);
    assert_eq!(asked.len(), 50);
    for (i, (course, step)) in asked.iter().enumerate() {
        let epoch = i as u32 / 5;
        assert_eq!((course.epoch, step.batch, course.first_trainable), (epoch, i as u32 % 5, 6));
        assert_eq!(course.key, Key::new(11, 0b1011));
        assert_eq!(step.rate, (0.5 * Schedule::Linear.factor(epoch, 10)) as f32);
    }
    assert!(records.iter().zip(0..).all(|(r, e)| r.epoch == e && r.loss == 1.0));
    // Neither the size of a call nor earlier epochs change where a step is; the schedule runs over the fit's own.
    assert_eq!(all(64, 0..10).0, asked);
    let later = all(3, 4..14).0;
    for (a, b) in asked[20..].iter().zip(&later) {
        assert_eq!((&a.1.mix, a.1.batch), (&b.1.mix, b.1.batch));
    }
    assert_eq!(later[0].1.rate, asked[0].1.rate);
}

const PEAKED: PeakSampling = PeakSampling {
    power: 3,
    uniform: 0.25,
    cells: Cells::OnEdge(8),
    samples: 1,
    ema_rate: 0.0,
    measure_every: 0,
    tangent_removal: 0.0,
    spacing: 0.0,
};

/// The share of the steps of a fit of a curve in each of eight cells.
fn shares(steps: &[(StepParams, Step)]) -> [f64; 8] {
    let mut shares = [0.0; 8];
    for (_, step) in steps {
        // t of vertex 1 from the weights: half of the middle's and the vertex's own.
        let t = mixed(&step.mix, &[0.0, 1.0, 0.5]);
        shares[(t * 8.0) as usize] += 1.0 / steps.len() as f64;
    }
    shares
}

/// The probabilities of cells (method: section 7) whose losses are those of a curve through `centres`.
fn probabilities(frame: &ControlPoints, centres: &[f64]) -> [f64; 8] {
    let losses: [f64; 8] = std::array::from_fn(|cell| {
        mixed(&frame.mix(&EdgewiseSubdivision::new(2, 8).barycentre(cell)), centres).powi(PEAKED.power as i32)
    });
    losses.map(|loss| 0.75 * loss / losses.iter().sum::<f64>() + 0.25 / 8.0)
}

fn assert_near(steps: &[(StepParams, Step)], expected: [f64; 8]) {
    for (cell, (share, probability)) in shares(steps).into_iter().zip(expected).enumerate() {
        let slack = 5.0 * (probability / steps.len() as f64).sqrt();
        assert!((share - probability).abs() < slack, "cell {cell}: {share} {probability}");
    }
}

/// The cells' probabilities (method: section 7) follow their measured losses at first, later those of the steps, if these
/// are to count.
#[test]
fn peaks_are_drawn_as_the_formula_says() {
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    // Along the curve the loss rises from 1 to 3 and falls to 2; but the steps tell the contrary.
    let (measured, told) = ([1.0, 2.0, 3.0], [3.0, 2.0, 0.5]);
    for (share, expected) in [(0.0, measured), (0.5, told)] {
        let mut fit = fit(0b11, Faces::Fixed, 0..4000);
        fit.sampling = Sampling::Peak(PeakSampling { ema_rate: share, ..PEAKED });
        let mut plain = Plain::new(&measured, &told);
        run(&fit, &mut plain, &frame, 5, |_| ());
        assert_near(&plain.asked[..30], probabilities(&frame, &measured));
        assert_near(&plain.asked[5000..], probabilities(&frame, &expected));
    }
}

/// Cells in the pieces of the map: every piece has the same number, and steps are drawn in all of them as their losses
/// say.
#[test]
fn cells_in_pieces() {
    let mut memory = Vec::new();
    let frame = frame(2, 3, &mut memory);
    let mut fit = fit(0b11, Faces::Fixed, 0..4000);
    let sampling = PeakSampling { cells: Cells::InPieces(3), power: 0, uniform: 0.5, ..PEAKED };
    fit.sampling = Sampling::Peak(sampling);
    assert_eq!(fit.cells_len(&frame), 24 + 7, "eight pieces of three cells, and seven bends");
    let mut plain = Plain::new(&[1.0; 9], &[1.0; 9]);
    run(&fit, &mut plain, &frame, 5, |_| ());
    let mut shares = [0.0; 24];
    for (_, step) in &plain.asked {
        let at = |&(slot, w): &(u32, f32)| f64::from(w) * frame.ids()[slot as usize].coordinates()[1];
        shares[(step.mix.iter().map(at).sum::<f64>() * 24.0) as usize] += 1.0;
    }
    let count = plain.asked.len() as f64;
    assert!(
        shares.iter().all(|share| (share / count - 1.0 / 24.0).abs() < 5.0 * (1.0 / 24.0 / count).sqrt())
    );
}

/// The control points that a fit ends with are those of the best measurement, also where a later one is worse, and
/// spreading alone makes a crowded curve even.
#[test]
fn the_best_measurement_is_kept_and_points_are_spread() {
    let mut memory = Vec::new();
    let frame = frame(2, 2, &mut memory);
    let identity = [1.0, 0.0, 0.0, 1.0];
    let loss = FunctionLoss::new(Function::Quadratic, 2, &identity, vec![0.0; 4]).unwrap();
    let mut engine = Direct::new(loss, vec![0.0; Slots::memory_len(5, 2)], vec![0.0; 4]).unwrap();
    // From (−1, 0) to (1, 0) on a straight line, with all three bends near the start.
    let crowded = [-1.0, 1.0, -0.9, -0.85, -0.8].map(|x: f32| [x, 0.0]);
    let along = |engine: &mut Direct<_, _>| -> Vec<f32> {
        let mut theta = [0.0; 2];
        let mut all: Vec<f32> = (0..5)
            .map(|slot| {
                engine.get(slot, &mut theta).unwrap();
                theta[0]
            })
            .collect();
        all.sort_by(f32::total_cmp);
        all
    };
    for (spacing, rate) in [(0.5, 0.0), (0.0, -1e-3)] {
        let mut by_place: Vec<usize> = (0..5).collect();
        by_place
            .sort_by(|&a, &b| frame.ids()[a].coordinates()[1].total_cmp(&frame.ids()[b].coordinates()[1]));
        let places = [crowded[0], crowded[2], crowded[3], crowded[4], crowded[1]];
        for (slot, place) in by_place.into_iter().zip(places) {
            engine.put(slot as u32, &place).unwrap();
        }
        let start = along(&mut engine);
        let mut fit = fit(0b11, Faces::Fixed, 0..60);
        fit.optimizer = OptimizerOptions {
            learning_rate: rate,
            optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
            weight_decay: 0.0,
            max_gradient_norm: f32::INFINITY,
        };
        fit.schedule = Schedule::Constant;
        let sampling = PeakSampling { spacing, measure_every: 1, cells: Cells::InPieces(24), ..PEAKED };
        fit.sampling = Sampling::Peak(sampling);
        let cells = fit.cells_len(&frame);
        let memory = Memory {
            steps: &mut vec![NO_STEP; 5],
            losses: &mut [0.0; 5],
            drawn_cells: &mut [0; 5],
            cell_points: &mut vec![Mix::new(); cells],
            cell_losses: &mut vec![Value::default(); cells],
            cumulative: &mut vec![0.0; cells],
            lowest: &mut vec![0.0; fit.lowest_len(&frame, 2)],
            points: &mut vec![0.0; fit.points_len(&frame, 2)],
            pieces: &mut vec![0; fit.pieces_len(&frame)],
        };
        fit.run(&mut engine, &frame, memory, |_| ()).unwrap();
        let end = along(&mut engine);
        if rate == 0.0 {
            let gaps: Vec<f32> = end.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| (gap - 0.5).abs() < 0.02), "{gaps:?}");
        } else {
            assert_eq!(end, start, "every step uphill is taken back");
        }
    }
}

/// How many steps the caller has memory for decides nothing.
#[test]
fn peaks_do_not_depend_on_the_size_of_a_call() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let mut fit = fit(0b111, Faces::Fixed, 0..100);
    fit.sampling = Sampling::Peak(PeakSampling { ema_rate: 0.2, ..PEAKED });
    let asked = |call: usize| {
        let mut plain = Plain::new(&[1.0; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        run(&fit, &mut plain, &frame, call, |_| ());
        plain.asked.into_iter().map(|(_, step)| step.mix).collect::<Vec<_>>()
    };
    let all = asked(64);
    assert!(asked(1) == all && asked(3) == all);
}

/// An engine in which every step increases the loss: a fit with peak sampling gives back what it started from.
#[test]
fn a_fit_never_ends_above_its_start() {
    struct Worse(Plain);
    impl Engine for Worse {
        type Error = Error;
        fn dim(&self) -> usize {
            1
        }
        fn batches(&self) -> u32 {
            5
        }
        fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
            self.0.put(slot, theta)
        }
        fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
            self.0.get(slot, theta)
        }
        fn advance(&mut self, _: &StepParams, _: &[Step], losses: &mut [f32]) -> Result<(), Error> {
            losses.fill(1.0);
            self.0.centres[2] += 1.0;
            Ok(())
        }
        fn values(
            &mut self,
            splits: &[Split],
            subset: Option<Subset>,
            points: &[Mix],
            values: &mut [Value],
        ) -> Result<(), Error> {
            self.0.values(splits, subset, points, values)
        }
    }
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    for (sampling, end) in
        [(Sampling::Uniform, 20.0), (Sampling::Peak(PeakSampling { ema_rate: 0.2, ..PEAKED }), 0.0)]
    {
        let mut worse = Worse(Plain::new(&[0.0; 3], &[0.0; 3]));
        let mut fit = fit(0b11, Faces::Fixed, 0..20);
        fit.sampling = sampling;
        let cells = fit.cells_len(&frame);
        let memory = Memory {
            steps: &mut vec![NO_STEP; 5],
            losses: &mut [0.0; 5],
            drawn_cells: &mut [0; 5],
            cell_points: &mut vec![Mix::new(); cells],
            cell_losses: &mut vec![Value::default(); cells],
            cumulative: &mut vec![0.0; cells],
            lowest: &mut vec![0.0; fit.lowest_len(&frame, 1)],
            points: &mut [],
            pieces: &mut [],
        };
        fit.run(&mut worse, &frame, memory, |_| ()).unwrap();
        assert_eq!(worse.0.centres[2], end);
    }
}

#[test]
fn schedule_is_the_literal_one() {
    for epochs in [1, 2, 10, 50, 200] {
        for epoch in 0..epochs {
            let a = f64::from(epoch + 1) / f64::from(epochs);
            let literal = if a <= 0.5 {
                1.0
            } else if a <= 0.9 {
                1.0 - 0.99 * (a - 0.5) / 0.4
            } else {
                0.01
            };
            assert_eq!(Schedule::Linear.factor(epoch, epochs), literal);
        }
    }
}

#[test]
fn trainable_slots() {
    for (vertices, depth, fixed, trainable) in
        [(1, 1, 0, 0), (2, 1, 2, 2), (3, 1, 6, 3), (3, 2, 12, 3), (4, 1, 14, 4)]
    {
        let mut memory = Vec::new();
        let frame = frame(vertices, depth, &mut memory);
        let mask = (1 << vertices) - 1;
        assert_eq!(fit(mask, Faces::Fixed, 0..1).first_trainable(&frame), fixed);
        assert_eq!(fit(mask, Faces::Trainable, 0..1).first_trainable(&frame), trainable);
    }
}

/// A fit that pauses after every call, and resumes in an engine that holds nothing but the saved state, is the same
/// fit.
#[test]
fn pauses_do_not_change_a_bit() {
    let mut memory = Vec::new();
    let frame = frame(2, 2, &mut memory);
    let function = Function::ThreeWellRing;
    let identity = [1.0, 0.0, 0.0, 1.0];
    let corners = frame.ids().len();
    let peak = PeakSampling { tangent_removal: 0.5, ..PeakSampling::default() };
    let spread = PeakSampling { cells: Cells::InPieces(30), measure_every: 2, spacing: 0.3, ..peak };
    let fits = [Sampling::Uniform, Sampling::Peak(peak), Sampling::Peak(spread)];
    for (sampling, call) in fits.into_iter().flat_map(|s| [1, 7, 64].map(|call| (s, call))) {
        let mut fit = fit(0b11, Faces::Fixed, 3..6);
        (fit.sampling, fit.optimizer.learning_rate) = (sampling, 1e-3);
        let run = |pausing: bool| {
            let cells = fit.cells_len(&frame);
            let mut held = vec![Value::default(); cells];
            let mut cumulative = vec![0.0; cells];
            let mut start = vec![0.0; fit.lowest_len(&frame, 2)];
            let (mut begin, mut saved, mut epochs) = (Start::Fresh, None::<Vec<f32>>, Vec::new());
            loop {
                let loss = FunctionLoss::new(function, 2, &identity, vec![0.0; 4]).unwrap();
                let slots = vec![f32::NAN; Slots::memory_len(corners, 2)];
                let mut engine = Direct::new(loss, slots, vec![0.0; 4]).unwrap();
                match &saved {
                    Some(state) => engine.restore(state).unwrap(),
                    None => (0..corners as u32)
                        .for_each(|s| engine.put(s, &[s as f32 - 1.0, 0.3 * s as f32]).unwrap()),
                }
                let memory = Memory {
                    steps: &mut vec![NO_STEP; call],
                    losses: &mut vec![0.0; call],
                    drawn_cells: &mut vec![0; call],
                    cell_points: &mut vec![Mix::new(); cells],
                    cell_losses: &mut held,
                    cumulative: &mut cumulative,
                    lowest: &mut start,
                    points: &mut vec![0.0; fit.points_len(&frame, 2)],
                    pieces: &mut vec![0; fit.pieces_len(&frame)],
                };
                let record = |epoch| epochs.push(epoch);
                match fit.resume(&mut engine, &frame, memory, begin, record, || pausing).unwrap() {
                    Progress::Paused(at) => {
                        let mut state = vec![0.0; engine.state_len()];
                        engine.save(&mut state).unwrap();
                        (begin, saved) = (Start::Resumed(at), Some(state));
                    }
                    Progress::Finished => {
                        let mut state = vec![0.0; engine.state_len()];
                        engine.save(&mut state).unwrap();
                        break (state, held.first().map(|value| value.loss), epochs);
                    }
                }
            }
        };
        assert!(run(true) == run(false), "{sampling:?} {call}");
    }
}
