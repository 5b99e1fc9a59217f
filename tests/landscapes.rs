//! The contract: the optimiser's step against the literal formulas, orders and subsets, errors.

use valleys_core::descent::{Centres, Fit, Sgd, schedule};
use valleys_core::error::Error;
use valleys_core::landscape::{
    Analytic, Course, Function, Landscape, Mix, Slots, Split, Step, Value, rotate, rotation,
};
use valleys_core::peak::{segment, survey};
use valleys_core::simplex::{Frame, Lattice, Position, Simplex, control_len};

/// A landscape that keeps what it is asked, with loss Σθ and gradient 1 everywhere.
struct Plain {
    centres: Vec<f64>,
    momenta: Vec<f64>,
    asked: Vec<(Course, Step)>,
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
            *loss = 1.0;
            self.asked.push((*course, step.clone()));
        }
        Ok(())
    }
    fn values(&mut self, _: Split, points: &[Mix], values: &mut [Value]) -> Result<(), Error> {
        for (point, value) in points.iter().zip(values) {
            value.loss = point.iter().map(|&(s, w)| f64::from(w) * self.centres[s as usize]).sum();
        }
        Ok(())
    }
}

fn frame(vertices: usize, depth: usize, memory: &mut Vec<Position>) -> Frame<'_> {
    *memory = vec![Position::default(); control_len(vertices, depth)];
    Frame::new(vertices, depth, memory).unwrap()
}

fn fit(mask: u32, centres: Centres, epochs: u32) -> Fit {
    let sgd = Sgd { learning_rate: 0.5, momentum: 0.9, weight_decay: 0.25 };
    Fit { simplex: Simplex::new(mask).unwrap(), centres, sgd, epochs, seed: 11 }
}

const NO_STEP: Step = Step { mix: Mix::new(), rate: 0.0, batch: 0 };

#[test]
fn descent_draws_rates_and_batches() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let all = |call: usize, from: u32| {
        let mut plain = Plain { centres: vec![0.0; 7], momenta: vec![0.0; 7], asked: Vec::new() };
        let mut records = Vec::new();
        let (mut steps, mut losses) = (vec![NO_STEP; call], vec![0.0; call]);
        let fit = fit(0b1011, Centres::Fixed, 10);
        fit.descend(&mut plain, &frame, from, &mut steps, &mut losses, |e| records.push(e)).unwrap();
        (plain.asked, records)
    };
    let (asked, records) = all(2, 0);
    assert_eq!(asked.len(), 50);
    for (i, (course, step)) in asked.iter().enumerate() {
        let epoch = i as u32 / 5;
        assert_eq!((course.epoch, step.batch, course.trainable), (epoch, i as u32 % 5, 6));
        assert_eq!((course.seed, course.job), (11, 0b1011));
        assert_eq!(step.rate, (0.5 * schedule(epoch, 10)) as f32);
    }
    assert!(records.iter().zip(0..).all(|(r, e)| r.epoch == e && r.loss == 1.0));
    // Neither the size of a call nor the place where a fit is taken up again changes a step.
    assert_eq!(all(64, 0).0, asked);
    assert_eq!(all(3, 4).0, asked[20..]);
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
        assert_eq!(fit(mask, Centres::Fixed, 1).trainable(&frame), fixed);
        assert_eq!(fit(mask, Centres::Trainable, 1).trainable(&frame), trainable);
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
    let course = Course { seed: 0, job: 1, epoch: 0, trainable: 1, momentum: 0.9, weight_decay: 0.125, across: 0.0 };
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
    let mut plain = Plain { centres: vec![0.0, 1.0, 3.0], momenta: vec![0.0; 3], asked: Vec::new() };
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
