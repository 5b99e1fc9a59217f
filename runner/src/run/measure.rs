//! Measuring a simplex: its losses on the lattice, and the largest loss between the lattice's points.

use super::Run;
use super::job::Job;
use super::points::{control_points_of, folder, memory, owner, read};
use super::record::Diverged;
use super::saved::Saved;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::engine_error::EngineError;
use crate::error::{CliError, Result};
use crate::schema::{FoundMaxLoss, LatticeValues};
use std::time::Instant;
use valleys_core::engine::{Engine, Split, Value};
use valleys_core::evaluation::{resume_lattice, search_max_loss, search_max_loss_len};
use valleys_core::simplex::{ControlPoints, Lattice, Mix, Simplex};

/// A search for the largest loss ends when its steps change the loss by less than this share.
const TOLERANCE: f64 = 1e-3;

/// Losses and errors on the lattice so far, of each split.
type Measured = Vec<Vec<Value>>;

impl Run {
    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.csv", folder(&variant.name(), simplex))
    }

    /// The file of the largest loss that a search found between the lattice's points.
    pub(super) fn peak_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.peak.csv", folder(&variant.name(), simplex))
    }

    /// Measures a simplex on its lattice, on every split, and searches the largest loss between its points; or says
    /// where the loss is not finite. `fitted` are the values of its control points, where they are at hand.
    pub(super) fn measure(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        fitted: Option<Vec<Vec<f32>>>,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Diverged>> {
        let job = Job::of(*variant, simplex);
        let inputs = self.fingerprint(job)?;
        let mut memory = memory(simplex, variant.depth);
        let control_points = control_points_of(simplex, variant.depth, &mut memory);
        let points = match fitted {
            Some(fitted) if fitted.len() == control_points.ids().len() => fitted,
            _ => self.read_points(variant, simplex, &control_points)?,
        };
        let splits = self.problem.splits();
        let mut values = self.saved(job).and_then(|s| restore(s, &inputs, splits.len())).unwrap_or_default();
        values.resize(splits.len(), Vec::new());
        let save = |values: &Measured| self.save(job, &saved(values, &inputs));
        let measured = self.problem.engine(points.len()).and_then(|mut engine| {
            for (slot, theta) in (0..).zip(&points) {
                engine.put(slot, theta)?;
            }
            let evaluated = self.evaluate(&mut *engine, &control_points, splits, &mut values, stop, &save)?;
            if let Err(failure) = evaluated {
                return Ok(Err(failure));
            }
            let losses: Vec<f64> = values[0].iter().map(|v| v.loss).collect();
            let len = search_max_loss_len(control_points.vertices());
            let (mut points, mut memory) = (vec![Mix::new(); len], vec![Value::default(); len]);
            let (n, split) = (self.config.lattice.n, splits[0]);
            let (points, memory) = (&mut points[..], &mut memory[..]);
            search_max_loss(&mut *engine, &control_points, n, &losses, split, TOLERANCE, points, memory)
                .map(Ok)
        });
        let found = match measured {
            Ok(found) => found?,
            Err(error) => return self.diverged("measurement", job, error).map(Some),
        };
        on_progress(1);
        let found = FoundMaxLoss::from(found);
        self.store.write(&self.peak_file(variant, simplex), found.to_csv().as_bytes())?;
        let mut splits = values.into_iter();
        let values = LatticeValues {
            vertices: control_points.vertices(),
            n: self.config.lattice.n,
            train: splits.next().unwrap_or_default(),
            test: splits.next().unwrap_or_default(),
        };
        self.store.write(&self.lattice_file(variant, simplex), values.to_csv().as_bytes())?;
        Ok(None)
    }

    /// The values of all control points of a simplex, from their files.
    fn read_points(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
    ) -> Result<Vec<Vec<f32>>> {
        let one = |id| {
            let (face, id) = owner(simplex, id);
            read(&self.store, &self.state, &variant.name(), simplex, face, &id)
        };
        control_points.ids().iter().map(one).collect()
    }

    /// Measures what of the lattice is not yet measured, split after split.
    fn evaluate(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        control_points: &ControlPoints,
        splits: &[Split],
        all: &mut Measured,
        stop: &Stop,
        save: &dyn Fn(&Measured) -> Result<()>,
    ) -> std::result::Result<std::result::Result<(), CliError>, EngineError> {
        let n = self.config.lattice.n;
        let len = Lattice::new(control_points.vertices(), n).len();
        let mut points = vec![Mix::new(); self.points_len()];
        let mut last = Instant::now();
        for (number, &split) in splits.iter().enumerate() {
            let mut values = std::mem::take(&mut all[number]);
            while values.len() < len {
                let done = values.len();
                values.resize(len, Value::default());
                let pause = |_: &[Value]| stop.due(last);
                let (points, memory) = (&mut points[..], &mut values[..]);
                let done = resume_lattice(engine, control_points, n, split, points, memory, done, pause)?;
                values.truncate(done);
                if stop.due(last) {
                    all[number] = values;
                    let stopped = if stop.now() { Err(Stop::failure()) } else { Ok(()) };
                    if let Err(failure) = save(all).and(stopped) {
                        return Ok(Err(failure));
                    }
                    values = std::mem::take(&mut all[number]);
                    last = Instant::now();
                }
            }
            all[number] = values;
        }
        Ok(Ok(()))
    }
}

/// Values as a checkpoint.
fn saved(values: &Measured, inputs: &str) -> Saved {
    let losses = values.iter().map(|part| part.iter().map(|v| v.loss).collect());
    let errors = values.iter().map(|part| part.iter().filter_map(|v| v.error).collect());
    let doubles = losses.chain(errors).collect();
    Saved { inputs: inputs.to_owned(), text: "measure".to_owned(), doubles, ..Saved::default() }
}

/// Values of a checkpoint of these inputs.
fn restore(saved: Saved, inputs: &str, parts: usize) -> Option<Measured> {
    if saved.inputs != inputs || saved.text != "measure" || saved.doubles.len() != 2 * parts {
        return None;
    }
    let (losses, errors) = saved.doubles.split_at(parts);
    let value = |errors: &[f64], i: usize, loss: f64| Value { loss, error: errors.get(i).copied() };
    let part = |(losses, errors): (&Vec<f64>, &Vec<f64>)| {
        losses.iter().enumerate().map(|(i, &loss)| value(errors, i, loss)).collect()
    };
    Some(losses.iter().zip(errors).map(part).collect())
}
