//! To measure a simplex: its losses on the lattice, and the peak between its points.

use super::Run;
use super::fit::control_points_of;
use super::job::Job;
use super::points::{folder, memory, owner, read};
use super::record::Diverged;
use super::saved::Saved;
use super::stage::Stage;
use super::stop::Stop;
use crate::failure::{Failure, Result};
use crate::fault::Fault;
use std::fmt::Write;
use std::time::Instant;
use valleys_core::engine::{Engine, Split, Value};
use valleys_core::error::Error;
use valleys_core::evaluation::{MaxLoss, search, search_len};
use valleys_core::simplex::{ControlPoints, Lattice, Mix, Simplex};

/// A search for a peak ends when its steps change the loss by less than this share.
const TOLERANCE: f64 = 1e-3;

/// Losses and errors on the lattice so far, of each part of the data.
type Measured = Vec<Vec<Value>>;

impl Run {
    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, stage: &Stage, simplex: Simplex) -> String {
        format!("{}.csv", folder(&stage.name(), simplex))
    }

    /// The file of the peak that a search found between the lattice's points.
    pub(super) fn peak_file(&self, stage: &Stage, simplex: Simplex) -> String {
        format!("{}.peak.csv", folder(&stage.name(), simplex))
    }

    /// Measures a simplex on its lattice, on both parts of the data, and searches the peak between its points; or says
    /// where the loss is not finite.
    pub(super) fn measure(
        &self,
        stage: &Stage,
        simplex: Simplex,
        stop: &Stop,
        told: &dyn Fn(u64),
    ) -> Result<Option<Diverged>> {
        let job = Job::of(*stage, simplex);
        let inputs = self.fingerprint(job)?;
        let mut memory = memory(simplex, stage.depth);
        let frame = control_points_of(simplex, stage.depth, &mut memory);
        let points: Vec<Vec<f32>> = frame
            .ids()
            .iter()
            .map(|position| {
                let (face, position) = owner(simplex, position);
                read(&self.store, &self.state, &stage.name(), simplex, face, &position)
            })
            .collect::<Result<_>>()?;
        let splits: &[Split] =
            if self.objective.data().is_some() { &[Split::Train, Split::Test] } else { &[Split::Train] };
        let mut values = self.saved(job).and_then(|s| restore(s, &inputs, splits.len())).unwrap_or_default();
        values.resize(splits.len(), Vec::new());
        let save = |values: &Measured| self.save(job, &saved(values, &inputs));
        let measured = self.objective.with_engine(points.len(), |engine| {
            for (slot, theta) in (0..).zip(&points) {
                engine.put(slot, theta)?;
            }
            if let Err(failure) = self.evaluate_lattice(engine, &frame, splits, &mut values, stop, &save)? {
                return Ok(Err(failure));
            }
            let losses: Vec<f64> = values[0].iter().map(|v| v.loss).collect();
            let room = search_len(frame.vertices());
            let (mut mixes, mut memory) = (vec![Mix::new(); room], vec![Value::default(); room]);
            let (mixes, memory) = (&mut mixes, &mut memory);
            let n = self.config.lattice.n;
            search(engine, &frame, n, &losses, Split::Train, TOLERANCE, mixes, memory).map(Ok)
        });
        let peak = match measured {
            Ok(peak) => peak?,
            Err(error) => return self.diverged("measurement", job, error).map(Some),
        };
        told(1);
        self.store.write(&self.peak_file(stage, simplex), peak_csv(&frame, &peak).as_bytes())?;
        let csv = self.lattice_csv(&frame, &values);
        self.store.write(&self.lattice_file(stage, simplex), csv.as_bytes())?;
        Ok(None)
    }

    /// Measures what of the lattice is not yet measured, part after part of the data.
    fn evaluate_lattice(
        &self,
        engine: &mut dyn Engine<Error = Fault>,
        frame: &ControlPoints,
        splits: &[Split],
        all: &mut Measured,
        stop: &Stop,
        save: &dyn Fn(&Measured) -> Result<()>,
    ) -> std::result::Result<std::result::Result<(), Failure>, Fault> {
        let lattice = Lattice::new(frame.vertices(), self.config.lattice.n);
        let call = self.points_len();
        let mut last = Instant::now();
        for (part, &split) in splits.iter().enumerate() {
            let mut points = lattice.points().skip(all[part].len());
            while all[part].len() < lattice.len() {
                let mixes: Vec<Mix> = points.by_ref().take(call).map(|t| frame.mix(&t)).collect();
                let mut values = vec![Value::default(); mixes.len()];
                engine.values(split, &mixes, &mut values)?;
                if let Some(i) = values.iter().position(|v| !v.loss.is_finite()) {
                    let at = (all[part].len() + i) as u64;
                    return Err(Error::NotFinite { what: "the loss on the lattice", at }.into());
                }
                all[part].extend(values);
                if stop.due(last) {
                    let stopped = if stop.now() { Err(Stop::failure()) } else { Ok(()) };
                    if let Err(failure) = save(all).and(stopped) {
                        return Ok(Err(failure));
                    }
                    last = Instant::now();
                }
            }
        }
        Ok(Ok(()))
    }

    fn lattice_csv(&self, frame: &ControlPoints, values: &Measured) -> String {
        let mut csv = columns(frame) + "train_loss,train_error,test_loss,test_error\n";
        let lattice = Lattice::new(frame.vertices(), self.config.lattice.n);
        for (i, t) in lattice.points().enumerate() {
            t.iter().for_each(|t| _ = write!(csv, "{t},"));
            let cells = [0, 1].map(|split| match values.get(split).map(|v| v[i]) {
                Some(Value { loss, error }) => {
                    format!("{loss},{}", error.map_or(String::new(), |e| e.to_string()))
                }
                None => ",".to_owned(),
            });
            let _ = writeln!(csv, "{}", cells.join(","));
        }
        csv
    }
}

fn columns(frame: &ControlPoints) -> String {
    (1..=frame.vertices()).map(|i| format!("t{i},")).collect()
}

fn peak_csv(frame: &ControlPoints, peak: &MaxLoss) -> String {
    let mut csv = columns(frame) + "train_loss,evaluations\n";
    peak.at.iter().for_each(|t| _ = write!(csv, "{t},"));
    let _ = writeln!(csv, "{},{}", peak.loss, peak.evaluations);
    csv
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
