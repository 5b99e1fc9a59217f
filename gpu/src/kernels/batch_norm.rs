//! Batch norms with batch statistics, the additions and ReLUs that follow them, and sums over places.

use super::{
    Dispatch, Grid, MOMENTS, MOMENTS_JOIN, NORMALISE, NORMALISE_BACKWARD, Recorder, STATISTICS, SUMS,
    SUMS_JOIN, quads, whole,
};
use crate::error::Result;
use valleys_core::network::Shape;

/// A batch norm, or none of it: the shape of what it reads, and what follows it in the same sweep over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalise {
    /// Shape of an image before and after it.
    pub shape: Shape,
    /// Whether there is a batch norm at all.
    pub norm: bool,
    /// Whether another branch is added.
    pub add: bool,
    /// Whether what is below 0 is cut off.
    pub relu: bool,
}

/// What backward needs and gives.
#[derive(Clone, Copy, Debug)]
pub struct Back<'a> {
    /// Gradient of the output.
    pub dz: &'a wgpu::Buffer,
    /// Input, `norm` and the means of [`Normalise::backward_sums`]; read where there is a batch norm.
    pub x: &'a wgpu::Buffer,
    /// How the batch norm acts.
    pub norm: &'a wgpu::Buffer,
    /// Means of the gradient.
    pub means: &'a wgpu::Buffer,
    /// Output; read where there is a ReLU.
    pub z: &'a wgpu::Buffer,
    /// Gradient of the input, and whether it is added to what is there.
    pub dx: (&'a wgpu::Buffer, bool),
    /// Gradient of the other branch, likewise.
    pub dother: Option<(&'a wgpu::Buffer, bool)>,
}

/// How the places of a batch are split in parts whose moments are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// So many, each with every so-many-th place.
    Strides(usize),
    /// Of so many places in a row.
    Runs(usize),
}

/// What the moments of a batch give.
#[derive(Clone, Copy, Debug)]
pub struct Acts<'a> {
    /// Where γ and β are in θ.
    pub place: &'a wgpu::Buffer,
    /// θ.
    pub theta: &'a wgpu::Buffer,
    /// How the batch norm acts.
    pub norm: &'a wgpu::Buffer,
    /// Sums over batches, to which those of this one are added by its share.
    pub statistics: Option<&'a wgpu::Buffer>,
}

/// Part sums of a channel.
fn splits(recorder: &Recorder, shape: Shape, batch: usize) -> usize {
    let places = batch * shape.height * shape.width;
    (recorder.threads() / quads(shape.channels)).min(places / 8).clamp(1, 256)
}

/// Numbers of the part sums of all functions of this file, without those of [`Parts::Runs`].
pub fn part_len(recorder: &Recorder, shape: Shape, batch: usize) -> usize {
    splits(recorder, shape, batch) * quads(shape.channels) * 8
}

/// Numbers of the moments of so many places in a row.
pub fn moments_len(shape: Shape, batch: usize, run: usize) -> usize {
    (batch * shape.height * shape.width).div_ceil(run) * quads(shape.channels) * 8
}

fn area(shape: Shape) -> i64 {
    (shape.height * shape.width) as i64
}

impl Normalise {
    /// Numbers of `norm`: how the batch norm acts.
    pub fn norm_len(&self) -> usize {
        16 * quads(self.shape.channels)
    }

    fn values(&self, splits: usize) -> Vec<(&'static str, i64)> {
        vec![
            ("AREA", area(self.shape)),
            ("QUADS", quads(self.shape.channels) as i64),
            ("CHANNELS", self.shape.channels as i64),
            ("SPLITS", splits as i64),
            ("NORM", self.norm.into()),
            ("ADD", self.add.into()),
            ("RELU", self.relu.into()),
        ]
    }

    /// Finds how the batch norm acts on a batch.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn moments(
        &self,
        recorder: &Recorder,
        batch: usize,
        x: &wgpu::Buffer,
        part: &wgpu::Buffer,
        acts: &Acts,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(recorder, self.shape, batch);
        let grid = Grid::fixed(splits * quads(self.shape.channels), recorder.size());
        let parts = recorder.dispatch(&MOMENTS, &self.values(splits), &[whole(x), whole(part)], grid)?;
        Ok([parts, self.join(recorder, Parts::Strides(splits), part, acts)?])
    }

    /// The same from moments of parts that are there already.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn join(
        &self,
        recorder: &Recorder,
        parts: Parts,
        part: &wgpu::Buffer,
        acts: &Acts,
    ) -> Result<Dispatch> {
        let (splits, run) = match parts {
            Parts::Strides(splits) => (splits, 0),
            Parts::Runs(run) => (0, run),
        };
        let mut values = self.values(splits);
        values.push(("RUN", run as i64));
        values.push(("STATISTICS", acts.statistics.is_some().into()));
        let mut buffers = [acts.place, part, acts.theta, acts.norm].map(whole).to_vec();
        buffers.extend(acts.statistics.map(whole));
        let grid = Grid::fixed(quads(self.shape.channels) * 64, 64);
        recorder.dispatch(&MOMENTS_JOIN, &values, &buffers, grid)
    }

    /// Finds how the batch norm acts with given statistics.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn given(
        &self,
        recorder: &Recorder,
        place: &wgpu::Buffer,
        theta: &wgpu::Buffer,
        statistics: &wgpu::Buffer,
        norm: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let buffers = [whole(place), whole(theta), whole(statistics), whole(norm)];
        let grid = Grid::fixed(quads(self.shape.channels), recorder.size());
        recorder.dispatch(&STATISTICS, &self.values(1), &buffers, grid)
    }

    /// z = act(x) + other, cut off at 0.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn forward(
        &self,
        recorder: &Recorder,
        x: &wgpu::Buffer,
        norm: &wgpu::Buffer,
        other: Option<&wgpu::Buffer>,
        z: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let mut buffers = vec![whole(x), whole(z)];
        buffers.extend(self.norm.then(|| whole(norm)));
        buffers.extend(other.map(whole));
        recorder.dispatch(&NORMALISE, &self.values(1), &buffers, self.places(recorder))
    }

    /// The gradient of γ and β, and the means that [`Normalise::backward`] takes.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn backward_sums(
        &self,
        recorder: &Recorder,
        batch: usize,
        back: &Back,
        part: &wgpu::Buffer,
        place: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(recorder, self.shape, batch);
        let quads = quads(self.shape.channels);
        let values = self.values(splits);
        let mut buffers = vec![whole(back.dz), whole(part)];
        if self.norm {
            buffers.extend([whole(back.x), whole(back.norm)]);
        }
        buffers.extend(self.relu.then(|| whole(back.z)));
        let parts =
            recorder.dispatch(&SUMS, &values, &buffers, Grid::fixed(splits * quads, recorder.size()))?;
        let mut buffers = vec![whole(place), whole(part), whole(gradient)];
        buffers.extend(self.norm.then(|| whole(back.means)));
        let join = recorder.dispatch(&SUMS_JOIN, &values, &buffers, Grid::fixed(quads * 64, 64))?;
        Ok([parts, join])
    }

    /// The gradient of the input and of the other branch.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn backward(&self, recorder: &Recorder, back: &Back) -> Result<Dispatch> {
        let mut values = self.values(1);
        values.push(("ACCUMULATE", back.dx.1.into()));
        values.push(("ACCUMULATE_OTHER", back.dother.is_some_and(|d| d.1).into()));
        let mut buffers = vec![whole(back.dz), whole(back.dx.0)];
        if self.norm {
            buffers.extend([whole(back.x), whole(back.norm), whole(back.means)]);
        }
        buffers.extend(self.relu.then(|| whole(back.z)));
        buffers.extend(back.dother.map(|d| whole(d.0)));
        recorder.dispatch(&NORMALISE_BACKWARD, &values, &buffers, self.places(recorder))
    }

    fn places(&self, recorder: &Recorder) -> Grid {
        Grid::images(self.shape.height * self.shape.width * quads(self.shape.channels), recorder.size())
    }
}
