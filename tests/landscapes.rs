//! The contract: the optimiser's step against the literal formulas, orders and subsets, errors.

use std::ops::Range;
use valleys_core::descent::{Begin, Centres, Epoch, Fit, Memory, Peaked, Progress, Sampling, Sgd, schedule};
use valleys_core::error::Error;
use valleys_core::landscape::{
    Analytic, Course, Function, Landscape, Mix, Slots, Split, Step, Value, rotate, rotation,
};
use valleys_core::peak::{segment, survey};
use valleys_core::simplex::{Cells, Frame, Lattice, Position, Simplex, control_len};

/// A landscape that keeps what it is asked, with loss Σθ at points and `heights` of steps.
struct Plain {
    centres: Vec<f64>,
    momenta: Vec<f64>,
    /// As `centres`; but the loss of a step is that mix of these.
    heights: Vec<f64>,
    asked: Vec<(Course, Step)>,
}

impl Plain {
    fn new(centres: &[f64], heights: &[f64]) -> Self {
        let momenta = vec![0.0; centres.len()];
        Self { centres: centres.to_vec(), momenta, heights: heights.to_vec(), asked: Vec::new() }
    }
}

fn mixed(mix: &Mix, centres: &[f64]) -> f64 {
    mix.iter().map(|&(s, w)| f64::from(w) * centres[s as usize]).sum()
}

impl Landscape for Plain {
    type Error = Error;
    fn dim(&self) -> usize {
        1
    }
    fn epoch_len(&self) -> u32 {
        5
    }
    fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
        self.centres[slot as usize] = f64::from(theta[0]);
        self.momenta[slot as usize] = 0.0;
        Ok(())
    }
    fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
        theta[0] = self.centres[slot as usize] as f32;
        Ok(())
    }
    fn advance(&mut self, course: &Course, steps: &[Step], losses: &mut [f32]) -> Result<(), Error> {
        for (step, loss) in steps.iter().zip(losses) {
            *loss = mixed(&step.mix, &self.heights) as f32;
            self.asked.push((*course, step.clone()));
        }
        Ok(())
    }
    fn values(&mut self, _: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        for (point, value) in points.iter().zip(values) {
            value.loss = mixed(point, &self.centres);
        }
        Ok(())
    }
}

fn frame(vertices: usize, depth: usize, memory: &mut Vec<Position>) -> Frame<'_> {
    *memory = vec![Position::default(); control_len(vertices, depth)];
    Frame::new(vertices, depth, memory).unwrap()
}

fn fit(mask: u64, centres: Centres, epochs: Range<u32>) -> Fit {
    let sgd = Sgd { learning_rate: 0.5, momentum: 0.9, weight_decay: 0.25 };
    let simplex = Simplex::new(mask).unwrap();
    Fit { simplex, centres, sampling: Sampling::Uniform, sgd, epochs, seed: 11 }
}

fn descend(fit: &Fit, landscape: &mut Plain, frame: &Frame, call: usize, record: impl FnMut(Epoch)) {
    let cells = fit.cells_len(frame);
    let memory = Memory {
        steps: &mut vec![NO_STEP; call],
        losses: &mut vec![0.0; call],
        drawn: &mut vec![0; call],
        points: &mut vec![Mix::new(); cells],
        held: &mut vec![Value::default(); cells],
        cumulative: &mut vec![0.0; cells],
        start: &mut vec![0.0; fit.start_len(frame, 1)],
    };
    fit.descend(landscape, frame, memory, None, record).unwrap();
}

const NO_STEP: Step = Step { mix: Mix::new(), rate: 0.0, batch: 0 };

#[test]
fn descent_draws_rates_and_batches() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let all = |call: usize, epochs: Range<u32>| {
        let mut plain = Plain::new(&[0.0; 7], &[1.0; 7]);
        let mut records = Vec::new();
        descend(&fit(0b1011, Centres::Fixed, epochs), &mut plain, &frame, call, |e| records.push(e));
        (plain.asked, records)
    };
    let (asked, records) = all(2, 0..10);
    assert_eq!(asked.len(), 50);
    for (i, (course, step)) in asked.iter().enumerate() {
        let epoch = i as u32 / 5;
        assert_eq!((course.epoch, step.batch, course.trainable), (epoch, i as u32 % 5, 6));
        assert_eq!((course.seed, course.job), (11, 0b1011));
        assert_eq!(step.rate, (0.5 * schedule(epoch, 10)) as f32);
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

const PEAKED: Peaked = Peaked { power: 3, uniform: 0.25, cells: 8, samples: 1, share: 0.0, across: 0.0 };

/// The share of the steps of a fit of a curve in each of eight cells.
fn shares(steps: &[(Course, Step)]) -> [f64; 8] {
    let mut shares = [0.0; 8];
    for (_, step) in steps {
        // t of vertex 1 from the weights: half of the middle's and the vertex's own.
        let t = mixed(&step.mix, &[0.0, 1.0, 0.5]);
        shares[(t * 8.0) as usize] += 1.0 / steps.len() as f64;
    }
    shares
}

/// The probabilities of method.md section 7 of cells with the losses of a curve through `centres`.
fn probabilities(frame: &Frame, centres: &[f64]) -> [f64; 8] {
    let losses: [f64; 8] = std::array::from_fn(|cell| {
        mixed(&frame.mix(&Cells::new(2, 8).centre(cell)), centres).powi(PEAKED.power as i32)
    });
    losses.map(|loss| 0.75 * loss / losses.iter().sum::<f64>() + 0.25 / 8.0)
}

fn assert_near(steps: &[(Course, Step)], expected: [f64; 8]) {
    for (cell, (share, probability)) in shares(steps).into_iter().zip(expected).enumerate() {
        let slack = 5.0 * (probability / steps.len() as f64).sqrt();
        assert!((share - probability).abs() < slack, "cell {cell}: {share} {probability}");
    }
}

/// Cells are drawn with the probabilities of method.md section 7: at first by their measured losses, later by those
/// of the steps, if these are to count.
#[test]
fn peaks_are_drawn_as_the_formula_says() {
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    // Along the curve the loss rises from 1 to 3 and falls to 2; but the steps tell the contrary.
    let (measured, told) = ([1.0, 2.0, 3.0], [3.0, 2.0, 0.5]);
    for (share, expected) in [(0.0, measured), (0.5, told)] {
        let mut fit = fit(0b11, Centres::Fixed, 0..4000);
        fit.sampling = Sampling::Peak(Peaked { share, ..PEAKED });
        let mut plain = Plain::new(&measured, &told);
        descend(&fit, &mut plain, &frame, 5, |_| ());
        assert_near(&plain.asked[..30], probabilities(&frame, &measured));
        assert_near(&plain.asked[5000..], probabilities(&frame, &expected));
    }
}

/// How many steps the caller has memory for decides nothing.
#[test]
fn peaks_do_not_depend_on_the_size_of_a_call() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let mut fit = fit(0b111, Centres::Fixed, 0..100);
    fit.sampling = Sampling::Peak(Peaked { share: 0.2, ..PEAKED });
    let asked = |call: usize| {
        let mut plain = Plain::new(&[1.0; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        descend(&fit, &mut plain, &frame, call, |_| ());
        plain.asked.into_iter().map(|(_, step)| step.mix).collect::<Vec<_>>()
    };
    let all = asked(64);
    assert!(asked(1) == all && asked(3) == all);
}

/// A landscape in which every step makes things worse: a fit with peak sampling gives back what it started from.
#[test]
fn a_fit_never_ends_above_its_start() {
    struct Worse(Plain);
    impl Landscape for Worse {
        type Error = Error;
        fn dim(&self) -> usize {
            1
        }
        fn epoch_len(&self) -> u32 {
            5
        }
        fn put(&mut self, slot: u32, theta: &[f32]) -> Result<(), Error> {
            self.0.put(slot, theta)
        }
        fn get(&mut self, slot: u32, theta: &mut [f32]) -> Result<(), Error> {
            self.0.get(slot, theta)
        }
        fn advance(&mut self, _: &Course, _: &[Step], losses: &mut [f32]) -> Result<(), Error> {
            losses.fill(1.0);
            self.0.centres[2] += 1.0;
            Ok(())
        }
        fn values(&mut self, split: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
            self.0.values(split, points, values)
        }
    }
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    for (sampling, end) in [(Sampling::Uniform, 20.0), (Sampling::Peak(Peaked { share: 0.2, ..PEAKED }), 0.0)]
    {
        let mut worse = Worse(Plain::new(&[0.0; 3], &[0.0; 3]));
        let mut fit = fit(0b11, Centres::Fixed, 0..20);
        fit.sampling = sampling;
        let cells = fit.cells_len(&frame);
        let memory = Memory {
            steps: &mut vec![NO_STEP; 5],
            losses: &mut [0.0; 5],
            drawn: &mut [0; 5],
            points: &mut vec![Mix::new(); cells],
            held: &mut vec![Value::default(); cells],
            cumulative: &mut vec![0.0; cells],
            start: &mut vec![0.0; fit.start_len(&frame, 1)],
        };
        fit.descend(&mut worse, &frame, memory, None, |_| ()).unwrap();
        assert_eq!(worse.0.centres[2], end);
    }
}

/// The part of a gradient along a cell is removed, what is across it stays.
#[test]
fn gradients_across_a_simplex() {
    let dim = 5;
    let mut memory = vec![0.0; Slots::memory_len(4, dim)];
    let mut slots = Slots::new(&mut memory, dim).unwrap();
    let centres = [
        [1.0, 0.0, 2.0, 0.0, 1.0],
        [0.0, 1.0, 0.5, 0.0, 3.0],
        [2.0, 2.0, 0.0, 1.0, 0.0],
        [1.0, 0.0, 2.0, 0.0, 1.0],
    ];
    (0..).zip(&centres).for_each(|(slot, centre)| slots.put(slot, centre).unwrap());
    let gradient = [1.0_f32, -2.0, 0.5, 3.0, 1.5];
    let direction =
        |slot: usize| -> Vec<f32> { (0..dim).map(|i| centres[slot][i] - centres[0][i]).collect() };
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    // Also with two control points that coincide (0 and 3), and with one alone.
    let mixes: [&[u32]; 4] = [&[0, 1], &[0, 1, 2], &[0, 3, 1], &[0]];
    for mix in mixes {
        let terms: Mix = mix.iter().map(|&slot| (slot, 1.0 / mix.len() as f32)).collect();
        let course =
            Course { seed: 0, job: 1, epoch: 0, trainable: 4, momentum: 0.0, weight_decay: 0.0, across: 1.0 };
        let mut across = gradient;
        slots.step(&course, &terms, 0.0, &[0.0; 5], &mut across);
        let removed: Vec<f32> = gradient.iter().zip(&across).map(|(a, b)| a - b).collect();
        for &slot in &mix[1..] {
            assert!(dot(&across, &direction(slot as usize)).abs() < 1e-5, "{mix:?}: {across:?}");
        }
        assert!(dot(&across, &removed).abs() < 1e-5, "what is removed is orthogonal to what stays");
        assert_eq!(mix.len() == 1, removed.iter().all(|&r| r == 0.0));
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
            assert_eq!(schedule(epoch, epochs), literal);
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
        assert_eq!(fit(mask, Centres::Fixed, 0..1).trainable(&frame), fixed);
        assert_eq!(fit(mask, Centres::Trainable, 0..1).trainable(&frame), trainable);
    }
}

/// v ← μv + w(∇L + λθ(t)), θ ← θ − ηv on every trainable slot, also where its weight is 0.
#[test]
fn steps_are_the_literal_ones() {
    let dim = 4;
    let mut q = vec![0.0; dim * dim];
    rotation(3, dim, &mut q).unwrap();
    let mut memory = vec![0.0; Slots::memory_len(3, dim)];
    let (mut vectors, mut scratch) = (vec![0.0; 2 * dim], vec![0.0; 2 * dim]);
    let slots = Slots::new(&mut memory, dim).unwrap();
    let mut landscape = Analytic::new(Function::Quadratic, &q, slots, &mut vectors, &mut scratch).unwrap();
    let mut centres: Vec<Vec<f64>> =
        (0..3).map(|s| (0..dim).map(|i| (s * dim + i) as f64 * 0.25 - 1.0).collect()).collect();
    let mut momenta = vec![vec![0.0; dim]; 3];
    for (slot, centre) in (0..).zip(&centres) {
        landscape.put(slot, &centre.iter().map(|&x| x as f32).collect::<Vec<_>>()).unwrap();
    }
    let course =
        Course { seed: 0, job: 1, epoch: 0, trainable: 1, momentum: 0.9, weight_decay: 0.125, across: 0.0 };
    let mixes: [&[(u32, f32)]; 4] =
        [&[(0, 0.5), (1, 0.5)], &[(2, 1.0)], &[(0, 1.0)], &[(2, 0.25), (1, 0.25), (0, 0.5)]];
    for (batch, mix) in (0..).zip(mixes) {
        let mut loss = [0.0];
        let step = Step { mix: mix.iter().copied().collect(), rate: 0.0625, batch };
        landscape.advance(&course, &[step], &mut loss).unwrap();
        let at = |i: usize| mix.iter().map(|&(s, w)| f64::from(w) * centres[s as usize][i]).sum::<f64>();
        let theta: Vec<f64> = (0..dim).map(at).collect();
        let x: Vec<f64> = q.chunks(dim).map(|row| row.iter().zip(&theta).map(|(q, t)| q * t).sum()).collect();
        let mut slope = vec![0.0; dim];
        let value = Function::Quadratic.gradient(&x, &mut slope);
        let back = |i: usize| q.chunks(dim).zip(&slope).map(|(row, g)| row[i] * g).sum::<f64>();
        assert!((f64::from(loss[0]) - value).abs() < 1e-6);
        for slot in 1..3 {
            let weight = mix.iter().find(|m| m.0 == slot).map_or(0.0, |m| f64::from(m.1));
            for i in 0..dim {
                let momentum = &mut momenta[slot as usize][i];
                *momentum = 0.9 * *momentum + weight * (back(i) + 0.125 * theta[i]);
                centres[slot as usize][i] -= 0.0625 * *momentum;
            }
        }
    }
    for (slot, centre) in (0..).zip(&centres) {
        let mut theta = vec![0.0; dim];
        landscape.get(slot, &mut theta).unwrap();
        for (ours, theirs) in theta.iter().zip(centre) {
            assert!((f64::from(*ours) - theirs).abs() < 1e-6, "slot {slot}: {ours} {theirs}");
        }
    }
}

#[test]
fn rotations_are_orthogonal_and_keep_values() {
    for dim in [1, 2, 5, 50] {
        let mut q = vec![0.0; dim * dim];
        rotation(9, dim, &mut q).unwrap();
        for i in 0..dim {
            for j in 0..dim {
                let dot: f64 = (0..dim).map(|k| q[i * dim + k] * q[j * dim + k]).sum();
                assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        // θ = Qᵀx puts row i of Q where x is the i-th unit vector.
        let x: Vec<f64> = (0..dim).map(|i| f64::from(u8::from(i == dim - 1))).collect();
        let mut theta = vec![0.0; dim];
        rotate(&q, &x, &mut theta);
        assert!(theta.iter().zip(&q[dim * (dim - 1)..]).all(|(a, b)| *a == *b as f32));
    }
}

#[test]
fn segments_are_the_largest_losses() {
    let lattice = Lattice::new(3, 6);
    let losses: Vec<f64> =
        lattice.numerators().map(|k| f64::from(k[0] * 100 + k[1] * k[1] * 7 + k[2])).collect();
    let largest = |face: &dyn Fn(&[u32]) -> bool| {
        let inside = lattice.numerators().zip(&losses).filter(|(k, _)| face(k));
        inside.map(|(_, l)| *l).fold(f64::MIN, f64::max)
    };
    let s = segment(6, &losses).unwrap();
    assert_eq!(s.edges, [largest(&|k| k[2] == 0), largest(&|k| k[1] == 0), largest(&|k| k[0] == 0)]);
    assert_eq!((s.birth, s.death), (largest(&|k| k.contains(&0)), largest(&|_| true)));

    assert_eq!(
        segment(6, &losses[1..]).unwrap_err().to_string(),
        "losses of a triangle: 28 elements needed, 27 given"
    );
    let mut broken = losses.clone();
    broken[17] = f64::NAN;
    assert_eq!(segment(6, &broken).unwrap_err().to_string(), "the loss on the lattice is not finite at 17");
}

#[test]
fn surveys_name_what_is_not_finite() {
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    let mut plain = Plain::new(&[0.0, 1.0, 3.0], &[0.0; 3]);
    let mut values = vec![Value::default(); 5];
    for call in [1, 2, 5, 9] {
        survey(&mut plain, &frame, 4, Split::Train, &mut vec![Mix::new(); call], &mut values).unwrap();
        assert_eq!(values.iter().map(|v| v.loss).collect::<Vec<_>>(), [0.0, 1.5, 3.0, 2.0, 1.0]);
    }
    plain.centres[2] = f64::INFINITY;
    let error = survey(&mut plain, &frame, 4, Split::Train, &mut [Mix::new()], &mut values).unwrap_err();
    assert_eq!(error, Error::NotFinite { what: "the loss on the lattice", at: 1 });
}

#[test]
fn wrong_calls_say_what_was_needed() {
    let mut memory = vec![0.0; Slots::memory_len(2, 3)];
    let mut slots = Slots::new(&mut memory, 3).unwrap();
    assert_eq!(slots.put(2, &[0.0; 3]).unwrap_err().to_string(), "slot: 0 to 1 needed, 2 given");
    assert_eq!(slots.put(1, &[0.0; 4]).unwrap_err().to_string(), "parameters: 3 elements needed, 4 given");
    let error = Frame::new(3, 2, &mut [Position::default(); 24]).unwrap_err();
    assert_eq!(error.to_string(), "control points: 25 elements needed, 24 given");
    assert_eq!(
        Frame::new(9, 1, &mut []).unwrap_err().to_string(),
        "vertices of a simplex: 1 to 8 needed, 9 given"
    );
    assert_eq!(Frame::new(2, 4, &mut []).unwrap_err().to_string(), "depth of a map: 1 to 3 needed, 4 given");
}

/// A fit that pauses after every call, and goes on in a landscape that holds nothing but the saved state, is the same fit.
#[test]
fn pauses_do_not_change_a_bit() {
    let mut memory = Vec::new();
    let frame = frame(2, 2, &mut memory);
    let function = Function::ThreeWellRing;
    let identity = [1.0, 0.0, 0.0, 1.0];
    let corners = frame.positions().len();
    let fits = [Sampling::Uniform, Sampling::Peak(Peaked { across: 0.5, ..Peaked::default() })];
    for (sampling, call) in fits.into_iter().flat_map(|s| [1, 7, 64].map(|call| (s, call))) {
        let mut fit = fit(0b11, Centres::Fixed, 3..6);
        (fit.sampling, fit.sgd.learning_rate) = (sampling, 1e-3);
        let run = |pausing: bool| {
            let mut floats = vec![0.0; Slots::memory_len(corners, 2)];
            let (mut vectors, mut scratch) = ([0.0; 4], [0.0; 4]);
            let cells = fit.cells_len(&frame);
            let mut held = vec![Value::default(); cells];
            let mut cumulative = vec![0.0; cells];
            let mut start = vec![0.0; fit.start_len(&frame, 2)];
            let (mut begin, mut saved, mut epochs) = (Begin::First(None), None::<Vec<f32>>, Vec::new());
            loop {
                floats.fill(f32::NAN);
                let slots = Slots::new(&mut floats, 2).unwrap();
                let mut landscape =
                    Analytic::new(function, &identity, slots, &mut vectors, &mut scratch).unwrap();
                match &saved {
                    Some(state) => landscape.restore(state).unwrap(),
                    None => (0..corners as u32)
                        .for_each(|s| landscape.put(s, &[s as f32 - 1.0, 0.3 * s as f32]).unwrap()),
                }
                let memory = Memory {
                    steps: &mut vec![NO_STEP; call],
                    losses: &mut vec![0.0; call],
                    drawn: &mut vec![0; call],
                    points: &mut vec![Mix::new(); cells],
                    held: &mut held,
                    cumulative: &mut cumulative,
                    start: &mut start,
                };
                let record = |epoch| epochs.push(epoch);
                match fit.go_on(&mut landscape, &frame, memory, begin, record, || pausing).unwrap() {
                    Progress::Paused(at) => {
                        let mut state = vec![0.0; landscape.state_len()];
                        landscape.save(&mut state).unwrap();
                        (begin, saved) = (Begin::Paused(at), Some(state));
                    }
                    Progress::Ended(peak) => {
                        let mut state = vec![0.0; landscape.state_len()];
                        landscape.save(&mut state).unwrap();
                        break (state, peak, epochs);
                    }
                }
            }
        };
        assert!(run(true) == run(false), "{sampling:?} {call}");
    }
}
