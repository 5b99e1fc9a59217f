//! The second part of a job: evaluates the losses of a simplex on its lattice, and searches larger losses between the
//! lattice points (method: section 4).

use super::Run;
use super::job::Job;
use super::job_checkpoint::JobCheckpoint;
use super::points::{id_memory, minimum_folder, new_control_points, owning_face, read_control_point};
use super::record::Divergence;
use super::stop::Stop;
use super::variant::FitVariant;
use crate::config::Faces;
use crate::engine_error::EngineError;
use crate::error::{CliError, Result};
use crate::schema::{FoundMaxLoss, LatticeValues, TestMetrics};
use std::time::Instant;
use valleys_core::engine::{Engine, Subset, Value};
use valleys_core::evaluation::{
    LatticePart, remeasure_highest, resume_lattice, search_max_loss, search_max_loss_len,
};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPoints, Lattice, Mix, Simplex};

/// The search halves its steps when a round changes no loss by more than this share of it.
const SEARCH_TOLERANCE: f64 = 1e-3;

/// The `text` of the checkpoint of an evaluation.
const CHECKPOINT_TEXT: &str = "measure";

impl Run {
    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.csv", variant.folder(simplex))
    }

    /// The file of the largest loss that the search found on a simplex.
    pub(super) fn max_loss_file(&self, variant: &FitVariant, simplex: Simplex) -> String {
        format!("{}.peak.csv", variant.folder(simplex))
    }

    /// Evaluates a simplex on its lattice, on every split, searches its largest loss, and writes both files. Returns
    /// where the loss is not finite. `fitted` are the values of the control points by slot, if they are in memory;
    /// otherwise they are read from their files.
    pub(super) fn evaluate(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        fitted: Option<Vec<Vec<f32>>>,
        stop: &Stop,
        on_progress: &dyn Fn(u64),
    ) -> Result<Option<Divergence>> {
        let job = Job::for_simplex(*variant, simplex);
        let inputs = self.inputs_json(job)?;
        let mut memory = id_memory(simplex, variant.depth);
        let control_points = new_control_points(simplex, variant.depth, &mut memory);
        let points = match fitted {
            Some(fitted) if fitted.len() == control_points.ids().len() => fitted,
            _ => self.read_points(variant, simplex, &control_points)?,
        };
        let splits = self.problem.splits();
        let part = variant.lattice_part(&self.config, simplex.dimension());
        let facets = match part {
            LatticePart::Interior => self.facet_values(variant, simplex)?,
            LatticePart::All => Vec::new(),
        };
        let checkpoint = self.load_checkpoint(job);
        let mut values = checkpoint.and_then(|c| from_checkpoint(c, &inputs)).unwrap_or_default();
        let save = |values: &[Value]| self.write_checkpoint(job, &to_checkpoint(values, &inputs));
        let result = self.problem.engine(points.len()).and_then(|mut engine| {
            for (slot, theta) in (0..).zip(&points) {
                engine.put(slot, theta)?;
            }
            let engine = &mut *engine;
            let evaluated = self.evaluate_lattice(engine, &control_points, part, &mut values, stop, &save)?;
            if let Err(error) = evaluated {
                return Ok(Err(error));
            }
            if part == LatticePart::Interior {
                values = self.with_boundary(simplex, &values, &facets);
            }
            let losses: Vec<f64> = values.iter().step_by(splits.len()).map(|v| v.loss).collect();
            self.search(engine, variant, &control_points, &losses).map(Ok)
        });
        let found = match result {
            Ok(found) => found?,
            Err(error) => return self.divergence("evaluation", job, error).map(Some),
        };
        on_progress(1);
        if !found.is_empty() {
            let csv = FoundMaxLoss::to_csv(&found);
            self.store.write(&self.max_loss_file(variant, simplex), csv.as_bytes())?;
        }
        let of_split = |number| values.iter().skip(number).step_by(splits.len()).copied().collect();
        let values = LatticeValues {
            vertices: control_points.vertices(),
            n: self.config.lattice.intervals(simplex.dimension()),
            measure: self.problem.error_measure(),
            train: of_split(0),
            test: if splits.len() > 1 { of_split(1) } else { Vec::new() },
        };
        if simplex.dimension() == 0 {
            match self.problem.test_metrics(&points[0]) {
                Ok(metrics) if metrics.is_empty() => {}
                Ok(metrics) => {
                    let csv = TestMetrics(metrics.into_iter().collect()).to_csv();
                    self.store.write(&metrics_file(simplex), csv.as_bytes())?;
                }
                Err(error) => return self.divergence("evaluation", job, error.into()).map(Some),
            }
        }
        self.store.write(&self.lattice_file(variant, simplex), values.to_csv().as_bytes())?;
        Ok(None)
    }

    /// The lattice values of the facets of a simplex; facet i lacks vertex i.
    fn facet_values(&self, variant: &FitVariant, simplex: Simplex) -> Result<Vec<LatticeValues>> {
        let facets = simplex.vertices().filter_map(|vertex| Simplex::new(simplex.mask() & !(1 << vertex)));
        let read = |facet| {
            let path = self.store.root().join(self.lattice_file(variant, facet));
            LatticeValues::read(&path, simplex.dimension())
        };
        facets.map(read).collect()
    }

    /// All values of a lattice from those inside the simplex and those of its facets.
    fn with_boundary(&self, simplex: Simplex, inside: &[Value], facets: &[LatticeValues]) -> Vec<Value> {
        let (vertices, splits) = (simplex.dimension() + 1, self.problem.splits().len());
        let n = self.config.lattice.intervals(vertices - 1);
        let of_facet = Lattice::new(vertices - 1, n);
        let mut inside = inside.chunks(splits);
        let mut values = Vec::new();
        for numerators in Lattice::new(vertices, n).numerators() {
            match numerators.iter().position(|&k| k == 0) {
                None => values.extend_from_slice(inside.next().unwrap_or_default()),
                Some(missing) => {
                    let mut own = numerators.clone();
                    own.remove(missing);
                    let (number, facet) = (of_facet.index(&own), &facets[missing]);
                    values.extend([&facet.train, &facet.test].into_iter().take(splits).map(|of| of[number]));
                }
            }
        }
        values
    }

    /// The samples on which a simplex with so many vertices is measured; none for all samples.
    fn subset(&self, vertices: usize) -> Option<Subset> {
        // No simplex has mask 0. All simplices are measured on the same samples.
        let len = self.config.measure.part(vertices - 1)?;
        Some(Subset { key: Key::new(self.config.seed, 0), len })
    }

    /// The largest losses that are found beside those of the lattice: on the simplex, and on its boundary if the lattice
    /// was measured on a subset and the simplex has private faces.
    fn search(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        variant: &FitVariant,
        control_points: &ControlPoints,
        losses: &[f64],
    ) -> std::result::Result<Vec<FoundMaxLoss>, EngineError> {
        let vertices = control_points.vertices();
        let subset = self.subset(vertices);
        let n = self.config.lattice.intervals(vertices - 1);
        let len = search_max_loss_len(vertices);
        let (points, memory) = (&mut vec![Mix::new(); len][..], &mut vec![Value::default(); len][..]);
        let mut found = Vec::new();
        if self.config.peaks.search {
            let tolerance = SEARCH_TOLERANCE;
            found.push(search_max_loss(
                engine,
                control_points,
                n,
                losses,
                subset,
                tolerance,
                points,
                memory,
            )?);
        } else if subset.is_some() {
            found.push(remeasure_highest(engine, control_points, n, losses, false, points, memory)?);
        }
        if subset.is_some() && vertices > 2 && variant.centres(&self.config) == Faces::Trainable {
            found.push(remeasure_highest(engine, control_points, n, losses, true, points, memory)?);
        }
        Ok(found.into_iter().map(FoundMaxLoss::from).collect())
    }

    /// Reads the values of all control points of a simplex from their files.
    pub(super) fn read_points(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        control_points: &ControlPoints,
    ) -> Result<Vec<Vec<f32>>> {
        let read = |id| {
            let (face, id) = owning_face(simplex, id);
            read_control_point(&self.store, &self.state, |face| variant.folder(face), simplex, face, &id)
        };
        control_points.ids().iter().map(read).collect()
    }

    /// Evaluates the lattice points that `values` lacks, and writes checkpoints. The inner result is a stop or a checkpoint
    /// that cannot be written.
    fn evaluate_lattice(
        &self,
        engine: &mut dyn Engine<Error = EngineError>,
        control_points: &ControlPoints,
        part: LatticePart,
        values: &mut Vec<Value>,
        stop: &Stop,
        save: &dyn Fn(&[Value]) -> Result<()>,
    ) -> std::result::Result<std::result::Result<(), CliError>, EngineError> {
        let (vertices, splits) = (control_points.vertices(), self.problem.splits());
        let (n, subset) = (self.config.lattice.intervals(vertices - 1), self.subset(vertices));
        let len = part.len(&Lattice::new(vertices, n)) * splits.len();
        let mut points = vec![Mix::new(); self.points_len()];
        let mut last_checkpoint = Instant::now();
        while values.len() < len {
            let done = values.len() / splits.len();
            values.resize(len, Value::default());
            let pause = |_: &[Value]| stop.checkpoint_due(last_checkpoint);
            let points = &mut points;
            let done =
                resume_lattice(engine, control_points, n, part, splits, subset, points, values, done, pause)?;
            values.truncate(done * splits.len());
            if stop.checkpoint_due(last_checkpoint) {
                if let Err(error) = save(values).and_then(|()| stop.check()) {
                    return Ok(Err(error));
                }
                last_checkpoint = Instant::now();
            }
        }
        Ok(Ok(()))
    }
}

/// The file of the measures of the predictions of a minimum.
pub(super) fn metrics_file(minimum: Simplex) -> String {
    format!("{}.metrics.csv", minimum_folder(minimum))
}

/// The checkpoint of an evaluation: losses, then errors, of every point and split.
fn to_checkpoint(values: &[Value], inputs: &str) -> JobCheckpoint {
    let losses = values.iter().map(|v| v.loss).collect();
    let errors = values.iter().filter_map(|v| v.error).collect();
    JobCheckpoint {
        inputs: inputs.to_owned(),
        text: CHECKPOINT_TEXT.to_owned(),
        doubles: vec![losses, errors],
        ..JobCheckpoint::default()
    }
}

/// The values of a checkpoint of an evaluation with the same inputs.
fn from_checkpoint(checkpoint: JobCheckpoint, inputs: &str) -> Option<Vec<Value>> {
    let JobCheckpoint { text, doubles, .. } = &checkpoint;
    let [losses, errors] = &doubles[..] else { return None };
    if checkpoint.inputs != inputs || text != CHECKPOINT_TEXT {
        return None;
    }
    let value = |(i, &loss): (usize, &f64)| Value { loss, error: errors.get(i).copied() };
    Some(losses.iter().enumerate().map(value).collect())
}
