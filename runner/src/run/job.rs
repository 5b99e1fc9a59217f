//! The two jobs of a run: to fit a simplex, and to measure it on its lattice. Each reads files and makes one, and
//! depends on nothing else, so it can be done anywhere, at any time, again.

use super::Run;
use super::points::{file_name, folder, memory, owner, read};
use crate::checkpoint;
use crate::config;
use crate::failure::{Failure, Kind, Result};
use std::fmt::Write;
use valleys_core::descent::{Centres, Epoch, Fit, Sgd};
use valleys_core::error::Error;
use valleys_core::landscape::{Split, Step, Value};
use valleys_core::peak::survey;
use valleys_core::rng::{Purpose, Stream};
use valleys_core::simplex::{Frame, Lattice, Mix, Position, Simplex};

/// Steps, or points, that go to the landscape in one call.
const CALL: usize = 64;

/// A fit and where its files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The folder: `minima`, or the name of the fit.
    pub name: String,
    /// Depth of the map.
    pub depth: usize,
}

impl Run {
    /// The folder a fit ends in, and so whether it is done.
    pub(super) fn is_fitted(&self, stage: &Stage, simplex: Simplex) -> bool {
        self.store.has(&folder(&stage.name, simplex))
    }

    /// The file of the lattice values of a simplex.
    pub(super) fn lattice_file(&self, stage: &Stage, simplex: Simplex) -> String {
        format!("{}.csv", folder(&stage.name, simplex))
    }

    /// Fits a simplex (Algorithm 1) and stores its control points and training curve.
    pub(super) fn fit(&self, stage: &Stage, simplex: Simplex, told: &dyn Fn(u64)) -> Result<()> {
        let mut memory = memory(simplex, stage.depth);
        let frame = frame(simplex, stage.depth, &mut memory);
        let fit = self.fit_of(simplex);
        let start = self.start(stage, simplex, &frame)?;
        let mut epochs: Vec<Epoch> = Vec::new();
        let first = fit.trainable(&frame);
        let fitted = self.objective.with_landscape(start.len(), |landscape| {
            for (slot, theta) in (0..).zip(&start) {
                landscape.put(slot, theta)?;
            }
            let mut steps = vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; CALL];
            fit.descend(landscape, &frame, 0, &mut steps, &mut [0.0; CALL], |epoch| {
                told(1);
                epochs.push(epoch);
            })?;
            let mut theta = vec![0.0; landscape.dim()];
            (first..start.len() as u32)
                .map(|slot| {
                    landscape.get(slot, &mut theta)?;
                    let (face, position) = owner(simplex, &frame.positions()[slot as usize]);
                    Ok((file_name(face, &position), checkpoint::encode(&self.tensors, &theta)))
                })
                .collect::<std::result::Result<Vec<_>, Error>>()
        });
        let mut files = fitted.map_err(|e| self.failed("fit", simplex, e))?;
        let mut csv = "epoch,rate,loss\n".to_owned();
        for Epoch { epoch, rate, loss } in epochs {
            let _ = writeln!(csv, "{},{rate},{loss}", epoch + 1);
        }
        files.push(("training.csv".to_owned(), csv.into_bytes()));
        self.store.write_folder(&folder(&stage.name, simplex), &files)
    }

    /// Measures a simplex on its lattice, on both parts of the data.
    pub(super) fn measure(&self, stage: &Stage, simplex: Simplex, told: &dyn Fn(u64)) -> Result<()> {
        let mut memory = memory(simplex, stage.depth);
        let frame = frame(simplex, stage.depth, &mut memory);
        let lattice = Lattice::new(frame.vertices(), self.config.lattice.n);
        let points: Vec<Vec<f32>> = frame
            .positions()
            .iter()
            .map(|position| {
                let (face, position) = owner(simplex, position);
                read(&self.store, &self.tensors, &stage.name, simplex, face, &position)
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
            Ok(all)
        });
        let values = measured.map_err(|e| self.failed("measurement", simplex, e))?;
        told(1);

        let mut csv = (1..=frame.vertices()).map(|i| format!("t{i},")).collect::<String>();
        csv.push_str("train_loss,train_error,test_loss,test_error\n");
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
    fn fit_of(&self, simplex: Simplex) -> Fit {
        let c = &self.config;
        Fit {
            simplex,
            centres: match c.triangles.centres {
                config::Centres::Fixed => Centres::Fixed,
                config::Centres::Trainable => Centres::Trainable,
            },
            sgd: Sgd {
                learning_rate: c.train.learning_rate,
                momentum: c.train.momentum,
                weight_decay: c.train.weight_decay,
            },
            epochs: self.epochs(simplex),
            seed: c.seed,
        }
    }

    /// Epochs of a simplex, by its rank.
    pub(super) fn epochs(&self, simplex: Simplex) -> u32 {
        match simplex.dimension() {
            0 => self.config.minima.epochs,
            1 => self.config.curves.epochs,
            _ => self.config.triangles.epochs,
        }
    }

    /// The control points before fitting: those of lower faces from their files, the simplex's own on the straight
    /// simplex between its minima.
    fn start(&self, stage: &Stage, simplex: Simplex, frame: &Frame) -> Result<Vec<Vec<f32>>> {
        if simplex.dimension() == 0 {
            return Ok(vec![self.objective.start(self.config.seed, simplex.mask().trailing_zeros())]);
        }
        let mut points: Vec<Vec<f32>> = Vec::new();
        for (slot, position) in frame.positions().iter().enumerate() {
            if slot < frame.interior() {
                let (face, position) = owner(simplex, position);
                points.push(read(&self.store, &self.tensors, &stage.name, face, face, &position)?);
            } else {
                let t = position.coordinates();
                let mut theta = vec![0.0_f32; self.objective.dim()];
                for (vertex, &t) in points[..frame.vertices()].iter().zip(&t) {
                    theta.iter_mut().zip(vertex).for_each(|(theta, &v)| *theta += t as f32 * v);
                }
                let spread = self.config.fit.perturbation;
                if spread > 0.0 {
                    let seed = self.config.seed;
                    let mut stream = Stream::new(seed, Purpose::Perturbation, simplex.mask(), slot as u32, 0);
                    theta.iter_mut().for_each(|theta| *theta += (spread * stream.normal()) as f32);
                }
                points.push(theta);
            }
        }
        Ok(points)
    }

    fn failed(&self, what: &str, simplex: Simplex, error: Error) -> Failure {
        let hint = match error {
            Error::NotFinite { .. } => "; a smaller train.learning_rate may help",
            _ => "",
        };
        Failure::new(Kind::Jobs, format!("{what} of {simplex}: {error}{hint}"))
    }
}

/// The control points of a simplex.
fn frame(simplex: Simplex, depth: usize, memory: &mut [Position]) -> Frame<'_> {
    Frame::new(simplex.dimension() + 1, depth, memory).expect("the configuration was checked")
}
