//! Batch norms with the statistics of a batch, the residual and the activation fused with them, and sums over positions.

use super::{
    Dispatch, Dispatcher, Grid, MOMENTS, MOMENTS_REDUCE, NORMALISE, NORMALISE_BACKWARD, ROW_SUMS,
    ROW_SUMS_REDUCE, STATISTICS, activation, channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;
use valleys_core::network::graph::{Op, OpKind};

/// A batch norm, the addition of a residual, an activation: those of the three that an operation has, in this order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normalisation {
    /// Shape of one image before and after it.
    pub shape: Shape,
    /// Whether there is a batch norm.
    pub norm: bool,
    /// Whether a residual is added.
    pub residual: bool,
    /// The activation; one whose derivative is a function of its input stands alone.
    pub activation: Option<Activation>,
}

/// Buffers that [`Normalisation::backward_sums`] and [`Normalisation::backward`] read and write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackwardBuffers<'a> {
    /// Gradient of the output.
    pub dz: &'a wgpu::Buffer,
    /// Input; read where there is a batch norm, or an activation whose derivative is a function of its input.
    pub x: &'a wgpu::Buffer,
    /// Coefficients of the batch norm.
    pub norm: &'a wgpu::Buffer,
    /// Means that [`Normalisation::backward_sums`] writes and [`Normalisation::backward`] reads.
    pub means: &'a wgpu::Buffer,
    /// Output; read where there is an activation whose derivative is a function of its output.
    pub z: &'a wgpu::Buffer,
    /// Gradient of the input, and whether it is added to the content.
    pub dx: (&'a wgpu::Buffer, bool),
    /// Gradient of the residual, likewise.
    pub dresidual: Option<(&'a wgpu::Buffer, bool)>,
}

/// How the positions of a batch are split into the parts of partial moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MomentParts {
    /// So many parts; part i has every position ≡ i.
    Strided(usize),
    /// Parts of so many consecutive positions.
    Runs(usize),
}

/// Buffers that [`Normalisation::reduce_moments`] reads and writes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NormBuffers<'a> {
    /// Offset of γ, then β, in θ.
    pub place: &'a wgpu::Buffer,
    pub theta: &'a wgpu::Buffer,
    /// Coefficients of the batch norm.
    pub norm: &'a wgpu::Buffer,
    /// Statistics of the network, to which those of the batch are added with the batch's share as weight.
    pub statistics: Option<&'a wgpu::Buffer>,
}

/// Partial sums of a channel block.
fn splits(dispatcher: &Dispatcher, shape: Shape, batch: usize) -> usize {
    let positions = batch * shape.height * shape.width;
    (dispatcher.invocations() / channel_blocks(shape.channels)).min(positions / 8).clamp(1, 256)
}

/// Elements of the partial sums of all functions of this module, but for [`MomentParts::Runs`].
pub(crate) fn partial_len(dispatcher: &Dispatcher, shape: Shape, batch: usize) -> usize {
    splits(dispatcher, shape, batch) * channel_blocks(shape.channels) * 8
}

/// Elements of the partial moments of runs of `run` positions.
pub(crate) fn moments_len(shape: Shape, batch: usize, run: usize) -> usize {
    (batch * shape.height * shape.width).div_ceil(run) * channel_blocks(shape.channels) * 8
}

impl Normalisation {
    /// The batch norm, the residual and the activation of an operation.
    pub fn of(op: &Op) -> Self {
        let (norm, residual) = (op.kind == OpKind::BatchNorm, op.residual.is_some());
        Self { shape: op.output_shape, norm, residual, activation: op.activation }
    }

    /// Elements of the coefficients of a batch norm.
    ///
    /// # Layout
    /// (4, channel blocks, 4): mean, 1/√(variance + ε), γ/√(variance + ε), β.
    pub fn norm_len(&self) -> usize {
        16 * channel_blocks(self.shape.channels)
    }

    fn area(&self) -> usize {
        self.shape.height * self.shape.width
    }

    fn blocks(&self) -> usize {
        channel_blocks(self.shape.channels)
    }

    /// Values of parameters that several kernels have.
    fn shape_values(&self) -> [(&'static str, i64); 2] {
        [("AREA", self.area() as i64), ("BLOCKS", self.blocks() as i64)]
    }

    fn channels(&self) -> (&'static str, i64) {
        ("CHANNELS", self.shape.channels as i64)
    }

    /// The coefficients of a batch norm for a batch, from its moments.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn moments(
        &self,
        dispatcher: &Dispatcher,
        batch: usize,
        x: &wgpu::Buffer,
        partial: &wgpu::Buffer,
        buffers: &NormBuffers,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(dispatcher, self.shape, batch);
        let grid = Grid::fixed(splits * self.blocks(), dispatcher.workgroup_size());
        let values = [&self.shape_values()[..], &[("SPLITS", splits as i64)]].concat();
        let moments = dispatcher.dispatch(&MOMENTS, &values, &[whole(x), whole(partial)], grid)?;
        Ok([moments, self.reduce_moments(dispatcher, MomentParts::Strided(splits), partial, buffers)?])
    }

    /// The coefficients of a batch norm for a batch, from partial moments.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn reduce_moments(
        &self,
        dispatcher: &Dispatcher,
        parts: MomentParts,
        partial: &wgpu::Buffer,
        buffers: &NormBuffers,
    ) -> Result<Dispatch> {
        let (splits, run) = match parts {
            MomentParts::Strided(splits) => (splits, 0),
            MomentParts::Runs(run) => (0, run),
        };
        let values = [
            &self.shape_values()[..],
            &[
                self.channels(),
                ("SPLITS", splits as i64),
                ("RUN", run as i64),
                ("STATISTICS", buffers.statistics.is_some().into()),
            ],
        ];
        let mut bindings = [buffers.place, buffers.theta, buffers.norm, partial].map(whole).to_vec();
        bindings.extend(buffers.statistics.map(whole));
        let grid = Grid::fixed(self.blocks() * 64, 64);
        dispatcher.dispatch(&MOMENTS_REDUCE, &values.concat(), &bindings, grid)
    }

    /// The coefficients of a batch norm with statistics that are given.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn apply_statistics(
        &self,
        dispatcher: &Dispatcher,
        place: &wgpu::Buffer,
        theta: &wgpu::Buffer,
        statistics: &wgpu::Buffer,
        norm: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let buffers = [place, theta, norm, statistics].map(whole);
        let grid = Grid::fixed(self.blocks(), dispatcher.workgroup_size());
        let values = [self.channels(), ("BLOCKS", self.blocks() as i64)];
        dispatcher.dispatch(&STATISTICS, &values, &buffers, grid)
    }

    /// z = batch norm of x, plus the residual, then the activation.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(
        &self,
        dispatcher: &Dispatcher,
        x: &wgpu::Buffer,
        norm: &wgpu::Buffer,
        residual: Option<&wgpu::Buffer>,
        z: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let mut buffers = vec![whole(x), whole(z)];
        buffers.extend(self.norm.then(|| whole(norm)));
        buffers.extend(residual.map(whole));
        let values = [&self.shape_values()[..], &self.parts()].concat();
        dispatcher.dispatch(&NORMALISE, &values, &buffers, self.grid(dispatcher))
    }

    fn parts(&self) -> Vec<(&'static str, i64)> {
        let parts = [("NORM", self.norm.into()), ("RESIDUAL", self.residual.into())];
        [&parts[..], &activation::values(self.activation, self.shape.channels)].concat()
    }

    /// Whether the backward pass reads the output.
    fn reads_output(&self) -> bool {
        self.activation.is_some_and(Activation::derives_from_output)
    }

    /// With a batch norm: the gradients of γ and β, and the means that [`backward`](Self::backward) reads. Without one:
    /// the gradient of a bias. It is written to `gradient` at the offset in `place`.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward_sums(
        &self,
        dispatcher: &Dispatcher,
        batch: usize,
        buffers: &BackwardBuffers,
        partial: &wgpu::Buffer,
        place: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let splits = splits(dispatcher, self.shape, batch);
        let mut bindings = vec![whole(buffers.dz), whole(partial)];
        if self.norm {
            bindings.extend([whole(buffers.x), whole(buffers.norm)]);
        }
        bindings.extend(self.reads_output().then(|| whole(buffers.z)));
        let common =
            [&self.shape_values()[..], &[("SPLITS", splits as i64), ("NORM", self.norm.into())]].concat();
        let values = [&common[..], &activation::values(self.activation, self.shape.channels)].concat();
        let grid = Grid::fixed(splits * self.blocks(), dispatcher.workgroup_size());
        let sums = dispatcher.dispatch(&ROW_SUMS, &values, &bindings, grid)?;
        let mut bindings = vec![whole(place), whole(partial), whole(gradient)];
        bindings.extend(self.norm.then(|| whole(buffers.means)));
        let values = [&common[..], &[self.channels()]].concat();
        let grid = Grid::fixed(self.blocks() * 64, 64);
        Ok([sums, dispatcher.dispatch(&ROW_SUMS_REDUCE, &values, &bindings, grid)?])
    }

    /// The gradients of the input and of the residual.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward(&self, dispatcher: &Dispatcher, buffers: &BackwardBuffers) -> Result<Dispatch> {
        let accumulate = [
            ("ACCUMULATE", buffers.dx.1.into()),
            ("ACCUMULATE_RESIDUAL", buffers.dresidual.is_some_and(|dresidual| dresidual.1).into()),
        ];
        let values = [&self.shape_values()[..], &self.parts(), &accumulate].concat();
        let mut bindings = vec![whole(buffers.dz), whole(buffers.dx.0)];
        if self.norm {
            bindings.extend([whole(buffers.x), whole(buffers.norm), whole(buffers.means)]);
        } else if self.activation.is_some() && !self.reads_output() {
            bindings.push(whole(buffers.x));
        }
        bindings.extend(self.reads_output().then(|| whole(buffers.z)));
        bindings.extend(buffers.dresidual.map(|dresidual| whole(dresidual.0)));
        dispatcher.dispatch(&NORMALISE_BACKWARD, &values, &bindings, self.grid(dispatcher))
    }

    fn grid(&self, dispatcher: &Dispatcher) -> Grid {
        Grid::images(self.area() * self.blocks(), dispatcher.workgroup_size())
    }
}
