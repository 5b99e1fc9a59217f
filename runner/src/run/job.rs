//! The two jobs of a run: to fit a simplex, and to measure it on its lattice. Each reads files and makes one, and
//! depends on nothing else, so it can be done anywhere, at any time, again.

use super::Run;
use super::points::{file_name, folder, memory, owner, read};
use super::stage::Stage;
use crate::checkpoint;
use crate::config;
use crate::failure::{Failure, Kind, Result};
use crate::fault::Fault;
use std::fmt::Write;
use std::ops::Range;
use valleys_core::descent::{Centres, Epoch, Fit, Memory, Sampling, Sgd};
use valleys_core::error::Error;
use valleys_core::landscape::{Landscape, Split, Step, Value};
use valleys_core::peak::{search, search_len, survey};
use valleys_core::rng::{Purpose, Stream};
use valleys_core::simplex::{Frame, Lattice, Mix, Position, Simplex};

/// Steps, or points, that go to the landscape in one call.
const CALL: usize = 64;

/// A search for a peak ends when its steps change the loss by less than this share.
const TOLERANCE: f64 = 1e-3;

impl Run {
    /// The folder a fit ends in, and so whether it is done.
    pub(super) fn is_fitted(&self, stage: &Stage, simplex: Simplex) -> bool {
        self.store.has(&folder(&stage.name(), simplex))
    }

    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, stage: &Stage, simplex: Simplex) -> String {
        format!("{}.csv", folder(&stage.name(), simplex))
    }

    /// The file of the peak that a search found between the lattice's points.
    pub(super) fn peak_file(&self, stage: &Stage, simplex: Simplex) -> String {
        format!("{}.peak.csv", folder(&stage.name(), simplex))
    }

    /// Fits a simplex (Algorithm 1) and stores its control points and training curve.
    ///
    /// Depth after depth: the control points of the next one start where they leave the map unchanged.
    pub(super) fn fit(&self, stage: &Stage, simplex: Simplex, told: &dyn Fn(u64)) -> Result<()> {
        let mut epochs: Vec<Epoch> = Vec::new();
        let mut fitted: Vec<(Position, Vec<f32>)> = Vec::new();
        let phases = match simplex.dimension() {
            0 => std::iter::once(0..self.epochs(simplex)).collect(),
            _ => stage.phases(self.epochs(simplex)),
        };
        let (mut held, mut peak) = (Vec::new(), None);
        for (phase, range) in phases.into_iter().enumerate() {
            let mut memory = memory(simplex, phase + 1);
            let frame = frame_of(simplex, phase + 1, &mut memory);
            let start = self.start(stage, simplex, &frame, &fitted)?;
            let sampling = stage.sampling(self.config.fit.across, self.objective.data().is_none());
            let fit = self.fit_of(simplex, sampling, range);
            let moved = self.objective.with_landscape(start.len(), |landscape| {
                held.resize(fit.cells_len(&frame), Value::default());
                descend(landscape, &fit, &frame, &start, &mut held, peak, |epoch| {
                    told(1);
                    epochs.push(epoch);
                })
            });
            let (moved, ended) = moved.map_err(|e| self.failed("fit", simplex, e))?;
            peak = ended;
            let first = fit.trainable(&frame) as usize;
            let points = start.into_iter().take(first).chain(moved);
            fitted = frame.positions().iter().copied().zip(points).collect();
        }
        let private = self.config.triangles.centres == config::Centres::Trainable;
        let moved = |face: Simplex| face == simplex || (private && face.dimension() > 0);
        let own = fitted.iter().map(|(position, theta)| (owner(simplex, position), theta));
        let own = own.filter(|((face, _), _)| moved(*face));
        let mut files: Vec<(String, Vec<u8>)> = own
            .map(|((face, position), theta)| {
                // What PyTorch evaluates a network with; a run computes it anew wherever it tells a loss.
                let statistics = self.objective.statistics(theta)?;
                let batches = self.objective.epoch_len();
                let bytes = checkpoint::encode(&self.state, theta, &statistics, batches);
                Ok((file_name(face, &position), bytes))
            })
            .collect::<std::result::Result<_, Error>>()
            .map_err(|e| self.failed("fit", simplex, e.into()))?;
        let mut csv = "epoch,rate,loss\n".to_owned();
        for Epoch { epoch, rate, loss } in epochs {
            let _ = writeln!(csv, "{},{rate},{loss}", epoch + 1);
        }
        files.push(("training.csv".to_owned(), csv.into_bytes()));
        self.store.write_folder(&folder(&stage.name(), simplex), &files)
    }

    /// Measures a simplex on its lattice, on both parts of the data, and searches the peak between its points; the
    /// lattice's file comes last and says that both are done.
    pub(super) fn measure(&self, stage: &Stage, simplex: Simplex, told: &dyn Fn(u64)) -> Result<()> {
        let mut memory = memory(simplex, stage.depth);
        let frame = frame_of(simplex, stage.depth, &mut memory);
        let lattice = Lattice::new(frame.vertices(), self.config.lattice.n);
        let points: Vec<Vec<f32>> = frame
            .positions()
            .iter()
            .map(|position| {
                let (face, position) = owner(simplex, position);
                read(&self.store, &self.state, &stage.name(), simplex, face, &position)
            })
            .collect::<Result<_>>()?;
        let splits: &[Split] =
            if self.objective.data().is_some() { &[Split::Train, Split::Test] } else { &[Split::Train] };
        let measured = self.objective.with_landscape(points.len(), |landscape| {
            for (slot, theta) in (0..).zip(&points) {
                landscape.put(slot, theta)?;
            }
            let mut mixes = vec![Mix::new(); CALL];
            let mut all = Vec::new();
            for &split in splits {
                let mut values = vec![Value::default(); lattice.len()];
                survey(landscape, &frame, lattice.n(), split, &mut mixes, &mut values)?;
                all.push(values);
            }
            let losses: Vec<f64> = all[0].iter().map(|v| v.loss).collect();
            let room = search_len(frame.vertices());
            let (mut mixes, mut memory) = (vec![Mix::new(); room], vec![Value::default(); room]);
            let (mixes, memory) = (&mut mixes, &mut memory);
            let peak =
                search(landscape, &frame, lattice.n(), &losses, Split::Train, TOLERANCE, mixes, memory)?;
            Ok((all, peak))
        });
        let (values, peak) = measured.map_err(|e| self.failed("measurement", simplex, e))?;
        told(1);
        let columns: String = (1..=frame.vertices()).map(|i| format!("t{i},")).collect();
        let mut csv = format!("{columns}train_loss,evaluations\n");
        peak.at.iter().for_each(|t| _ = write!(csv, "{t},"));
        let _ = writeln!(csv, "{},{}", peak.loss, peak.evaluations);
        self.store.write(&self.peak_file(stage, simplex), csv.as_bytes())?;

        let mut csv = format!("{columns}train_loss,train_error,test_loss,test_error\n");
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
        self.store.write(&self.lattice_file(stage, simplex), csv.as_bytes())
    }

    /// How a simplex is fitted: every rank by the same optimiser.
    fn fit_of(&self, simplex: Simplex, sampling: Sampling, epochs: Range<u32>) -> Fit {
        let c = &self.config;
        Fit {
            simplex,
            centres: match c.triangles.centres {
                config::Centres::Fixed => Centres::Fixed,
                config::Centres::Trainable => Centres::Trainable,
            },
            sampling,
            sgd: Sgd {
                learning_rate: c.train.learning_rate as f32,
                momentum: c.train.momentum as f32,
                weight_decay: c.train.weight_decay as f32,
            },
            epochs,
            seed: c.seed,
        }
    }

    /// Epochs of a simplex, by its rank.
    pub(super) fn epochs(&self, simplex: Simplex) -> u32 {
        match simplex.dimension() {
            0 if !self.given.is_empty() => 0,
            0 => self.config.minima.epochs,
            1 => self.config.curves.epochs,
            _ => self.config.triangles.epochs,
        }
    }

    /// The control points before fitting: those of lower faces from their files, the simplex's own where they leave
    /// the map that was `fitted` before unchanged, or on the straight simplex between its minima.
    fn start(
        &self,
        stage: &Stage,
        simplex: Simplex,
        frame: &Frame,
        fitted: &[(Position, Vec<f32>)],
    ) -> Result<Vec<Vec<f32>>> {
        if simplex.dimension() == 0 {
            let vertex = simplex.mask().trailing_zeros();
            let trained = || self.objective.start(self.config.seed, vertex);
            return Ok(vec![self.given.get(vertex as usize).cloned().unwrap_or_else(trained)]);
        }
        let fixed = match self.config.triangles.centres {
            config::Centres::Fixed => frame.interior(),
            config::Centres::Trainable if fitted.is_empty() => frame.interior(),
            config::Centres::Trainable => frame.vertices(),
        };
        let mut coarse: Vec<Position> = fitted.iter().map(|(position, _)| *position).collect();
        let coarse = (!fitted.is_empty()).then(|| frame_of(simplex, frame.depth() - 1, &mut coarse));
        let mut points: Vec<Vec<f32>> = Vec::new();
        for (slot, position) in frame.positions().iter().enumerate() {
            if slot < fixed {
                let (face, position) = owner(simplex, position);
                points.push(read(&self.store, &self.state, &stage.name(), face, face, &position)?);
                continue;
            }
            let mut theta = match &coarse {
                Some(coarse) => {
                    self.mixed(coarse.refine(position).iter().map(|&(s, w)| (w, &fitted[s as usize].1)))
                }
                None => {
                    let t = position.coordinates();
                    self.mixed(points[..frame.vertices()].iter().zip(t).map(|(vertex, t)| (t as f32, vertex)))
                }
            };
            let spread = self.config.fit.perturbation;
            if spread > 0.0 && coarse.is_none() {
                let seed = self.config.seed;
                let mut stream = Stream::new(seed, Purpose::Perturbation, simplex.mask(), slot as u32, 0);
                theta.iter_mut().for_each(|theta| *theta += (spread * stream.normal()) as f32);
            }
            points.push(theta);
        }
        Ok(points)
    }

    /// Σ weight · θ.
    fn mixed<'a>(&self, terms: impl Iterator<Item = (f32, &'a Vec<f32>)>) -> Vec<f32> {
        let mut theta = vec![0.0; self.objective.dim()];
        for (weight, term) in terms {
            theta.iter_mut().zip(term).for_each(|(theta, x)| *theta += weight * x);
        }
        theta
    }

    fn failed(&self, what: &str, simplex: Simplex, error: Fault) -> Failure {
        let hint = match error {
            Fault::Call(Error::NotFinite { .. }) => "; a smaller train.learning_rate may help",
            _ => "",
        };
        Failure::new(Kind::Jobs, format!("{what} of {simplex}: {error}{hint}"))
    }
}

/// Runs a fit in a landscape; gives the control points that it moved, and what [`Fit::descend`] returns.
fn descend(
    landscape: &mut dyn Landscape<Error = Fault>,
    fit: &Fit,
    frame: &Frame,
    start: &[Vec<f32>],
    held: &mut [Value],
    peak: Option<f64>,
    record: impl FnMut(Epoch),
) -> std::result::Result<(Vec<Vec<f32>>, Option<f64>), Fault> {
    for (slot, theta) in (0..).zip(start) {
        landscape.put(slot, theta)?;
    }
    let cells = fit.cells_len(frame);
    let memory = Memory {
        steps: &mut vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; CALL],
        losses: &mut [0.0; CALL],
        drawn: &mut [0; CALL],
        points: &mut vec![Mix::new(); cells],
        held,
        cumulative: &mut vec![0.0; cells],
        start: &mut vec![0.0; fit.start_len(frame, landscape.dim())],
    };
    let peak = fit.descend(landscape, frame, memory, peak, record)?;
    let mut theta = vec![0.0; landscape.dim()];
    let moved = (fit.trainable(frame)..start.len() as u32).map(|slot| {
        landscape.get(slot, &mut theta)?;
        Ok(theta.clone())
    });
    Ok((moved.collect::<std::result::Result<_, Fault>>()?, peak))
}

/// The control points of a simplex.
fn frame_of(simplex: Simplex, depth: usize, memory: &mut [Position]) -> Frame<'_> {
    Frame::new(simplex.dimension() + 1, depth, memory).expect("the configuration was checked")
}
