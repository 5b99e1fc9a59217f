//! Batch norms with batch statistics, the additions and ReLUs that follow them, and sums over places.

use super::{
    Dispatch, Grid, KernelContext, MOMENTS, MOMENTS_REDUCE, NORMALISE, NORMALISE_BACKWARD, ROW_SUMS,
    ROW_SUMS_REDUCE, STATISTICS, channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::network::Shape;

/// A batch norm, or none of it: the shape of what it reads, and what follows it in the same sweep over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normalisation {
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
pub struct BackwardBuffers<'a> {
    /// Gradient of the output.
    pub dz: &'a wgpu::Buffer,
    /// Input, `norm` and the means of [`Normalisation::backward_sums`]; read where there is a batch norm.
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
pub enum MomentParts {
    /// So many, each with every so-many-th place.
    Strides(usize),
    /// Of so many places in a row.
    Runs(usize),
}

/// What the moments of a batch give.
#[derive(Clone, Copy, Debug)]
pub struct NormBuffers<'a> {
    /// Where γ and β are in θ.
    pub place: &'a wgpu::Buffer,
    /// θ.
    pub theta: &'a wgpu::Buffer,
    /// How the batch norm acts.
    pub norm: &'a wgpu::Buffer,
    /// Sums over batches, to which those of this one are added by its share.
    pub statistics: Option<&'a wgpu::Buffer>,
}

/// DeviceSplit sums of a channel.
fn splits(context: &KernelContext, shape: Shape, batch: usize) -> usize {
    let places = batch * shape.height * shape.width;
    (context.threads() / channel_blocks(shape.channels)).min(places / 8).clamp(1, 256)
}

/// Numbers of the part sums of all functions of this file, without those of [`MomentParts::Runs`].
pub fn part_len(context: &KernelContext, shape: Shape, batch: usize) -> usize {
    splits(context, shape, batch) * channel_blocks(shape.channels) * 8
}

/// Numbers of the moments of so many places in a row.
pub fn moments_len(shape: Shape, batch: usize, run: usize) -> usize {
    (batch * shape.height * shape.width).div_ceil(run) * channel_blocks(shape.channels) * 8
}

fn area(shape: Shape) -> i64 {
    (shape.height * shape.width) as i64
}

impl Normalisation {
    /// Numbers of `norm`: how the batch norm acts.
    pub fn norm_len(&self) -> usize {
        16 * channel_blocks(self.shape.channels)
    }

    fn values(&self, splits: usize) -> Vec<(&'static str, i64)> {
        vec![
            ("AREA", area(self.shape)),
            ("IN_BLOCKS", channel_blocks(self.shape.channels) as i64),
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
    /// As [`KernelContext::dispatch`].
    pub fn moments(
        &self,
        context: &KernelContext,
        batch: usize,
        x: &wgpu::Buffer,
        part: &wgpu::Buffer,
        acts: &NormBuffers,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(context, self.shape, batch);
        let grid = Grid::fixed(splits * channel_blocks(self.shape.channels), context.size());
        let parts = context.dispatch(&MOMENTS, &self.values(splits), &[whole(x), whole(part)], grid)?;
        Ok([parts, self.join(context, MomentParts::Strides(splits), part, acts)?])
    }

    /// The same from moments of parts that are there already.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn join(
        &self,
        context: &KernelContext,
        parts: MomentParts,
        part: &wgpu::Buffer,
        acts: &NormBuffers,
    ) -> Result<Dispatch> {
        let (splits, run) = match parts {
            MomentParts::Strides(splits) => (splits, 0),
            MomentParts::Runs(run) => (0, run),
        };
        let mut values = self.values(splits);
        values.push(("RUN", run as i64));
        values.push(("STATISTICS", acts.statistics.is_some().into()));
        let mut buffers = [acts.place, part, acts.theta, acts.norm].map(whole).to_vec();
        buffers.extend(acts.statistics.map(whole));
        let grid = Grid::fixed(channel_blocks(self.shape.channels) * 64, 64);
        context.dispatch(&MOMENTS_REDUCE, &values, &buffers, grid)
    }

    /// Finds how the batch norm acts with given statistics.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn given(
        &self,
        context: &KernelContext,
        place: &wgpu::Buffer,
        theta: &wgpu::Buffer,
        statistics: &wgpu::Buffer,
        norm: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let buffers = [whole(place), whole(theta), whole(statistics), whole(norm)];
        let grid = Grid::fixed(channel_blocks(self.shape.channels), context.size());
        context.dispatch(&STATISTICS, &self.values(1), &buffers, grid)
    }

    /// z = act(x) + other, cut off at 0.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn forward(
        &self,
        context: &KernelContext,
        x: &wgpu::Buffer,
        norm: &wgpu::Buffer,
        other: Option<&wgpu::Buffer>,
        z: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let mut buffers = vec![whole(x), whole(z)];
        buffers.extend(self.norm.then(|| whole(norm)));
        buffers.extend(other.map(whole));
        context.dispatch(&NORMALISE, &self.values(1), &buffers, self.places(context))
    }

    /// The gradient of γ and β, and the means that [`Normalisation::backward`] takes.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn backward_sums(
        &self,
        context: &KernelContext,
        batch: usize,
        back: &BackwardBuffers,
        part: &wgpu::Buffer,
        place: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(context, self.shape, batch);
        let quads = channel_blocks(self.shape.channels);
        let values = self.values(splits);
        let mut buffers = vec![whole(back.dz), whole(part)];
        if self.norm {
            buffers.extend([whole(back.x), whole(back.norm)]);
        }
        buffers.extend(self.relu.then(|| whole(back.z)));
        let parts =
            context.dispatch(&ROW_SUMS, &values, &buffers, Grid::fixed(splits * quads, context.size()))?;
        let mut buffers = vec![whole(place), whole(part), whole(gradient)];
        buffers.extend(self.norm.then(|| whole(back.means)));
        let join = context.dispatch(&ROW_SUMS_REDUCE, &values, &buffers, Grid::fixed(quads * 64, 64))?;
        Ok([parts, join])
    }

    /// The gradient of the input and of the other branch.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn backward(&self, context: &KernelContext, back: &BackwardBuffers) -> Result<Dispatch> {
        let mut values = self.values(1);
        values.push(("ACCUMULATE", back.dx.1.into()));
        values.push(("ACCUMULATE_OTHER", back.dother.is_some_and(|d| d.1).into()));
        let mut buffers = vec![whole(back.dz), whole(back.dx.0)];
        if self.norm {
            buffers.extend([whole(back.x), whole(back.norm), whole(back.means)]);
        }
        buffers.extend(self.relu.then(|| whole(back.z)));
        buffers.extend(back.dother.map(|d| whole(d.0)));
        context.dispatch(&NORMALISE_BACKWARD, &values, &buffers, self.places(context))
    }

    fn places(&self, context: &KernelContext) -> Grid {
        Grid::images(
            self.shape.height * self.shape.width * channel_blocks(self.shape.channels),
            context.size(),
        )
    }
}
