//! The backward pass.

use super::OpKernels;
use super::builder::{OpBuffers, PassBuilder};
use super::forward::Statistics;
use super::gradients::Gradients;
use crate::error::Result;
use crate::kernels::batch_norm::{BackwardBuffers, Normalisation};
use crate::kernels::convolution::Convolution;
use crate::kernels::{BatchLayout, Dispatch, activation, pool, tensor_len};
use valleys_core::network::graph::Op;

/// The operation at hand: itself, its own buffers, its input and output, the gradient of its output.
struct Backward<'a> {
    op: &'a Op,
    own: &'a OpBuffers,
    x: &'a wgpu::Buffer,
    z: &'a wgpu::Buffer,
    dz: &'a wgpu::Buffer,
}

impl PassBuilder<'_> {
    /// Losses and backward. The gradient of a value has a buffer from the value's last reader to the operation that
    /// makes it; then another value of that size may use it.
    pub fn backward(&self, sums: &wgpu::Buffer) -> Result<Vec<Dispatch>> {
        let BatchLayout { models, images, .. } = self.dispatcher.layout;
        // The models of a batch are as far apart as in tensors of activations; a single one needs its batch only.
        let images = if models == 1 { self.batch } else { models * images };
        let values = 0..self.values.len();
        let bytes = values.map(|value| 4 * (tensor_len(self.graph.shape(value)) * images) as u64);
        let mut gradients = Gradients::new(self.dispatcher.device, bytes);
        let (dz, _) = gradients.acquire(self.values.len() - 1)?;
        let mut list = self.loss_dispatches(Statistics::OfBatch, sums, Some(&dz))?;
        for (i, (op, own)) in self.graph.ops().iter().zip(&self.own).enumerate().rev() {
            // A value without readers has no gradient.
            let Some(dz) = gradients.finish(i + 1) else { continue };
            let [x, z] = [op.input, i + 1].map(|value| &self.values[value]);
            let (at, dispatcher) = (Backward { op, own, x, z, dz: &dz }, &self.dispatcher);
            match own.kernels {
                OpKernels::Convolution(convolution) => {
                    self.convolution_backward(&at, convolution, &mut gradients, &mut list)?;
                }
                OpKernels::Normalisation(normalisation) => {
                    self.normalisation_backward(&at, normalisation, &mut gradients, &mut list)?;
                }
                OpKernels::LayerNorm(layer_norm) => {
                    let (buffers, batch) = (self.layer_norm_buffers(own), self.batch);
                    let (partial, gradient) = (&self.partial, &self.gradient);
                    list.extend(layer_norm.backward_parameters(
                        dispatcher,
                        batch,
                        buffers,
                        [x, &dz],
                        partial,
                        gradient,
                    )?);
                    if op.input > 0 {
                        let (dx, accumulate) = gradients.acquire(op.input)?;
                        list.push(layer_norm.backward(dispatcher, buffers, accumulate, [x, &dz, &dx])?);
                    }
                }
                // The images have no gradient.
                OpKernels::Dropout(_) | OpKernels::Pool(..) | OpKernels::GlobalAveragePool
                    if op.input == 0 => {}
                OpKernels::Dropout(dropout) => {
                    let (dx, accumulate) = gradients.acquire(op.input)?;
                    list.push(dropout.backward(dispatcher, accumulate, &dz, &dx)?);
                }
                OpKernels::Pool(pool, window) => {
                    let (dx, accumulate) = gradients.acquire(op.input)?;
                    let (channels, buffers) = (op.input_shape.channels, [x, &dz, &dx]);
                    list.push(pool.backward(dispatcher, &window, channels, accumulate, buffers)?);
                }
                OpKernels::GlobalAveragePool => {
                    let (dx, accumulate) = gradients.acquire(op.input)?;
                    let shape = op.input_shape;
                    list.push(pool::global_average_backward(dispatcher, shape, accumulate, &dz, &dx)?);
                }
            }
            gradients.release(dz);
        }
        Ok(list)
    }

    fn convolution_backward(
        &self,
        at: &Backward,
        convolution: Convolution,
        gradients: &mut Gradients,
        list: &mut Vec<Dispatch>,
    ) -> Result<()> {
        let (dispatcher, batch, partial, gradient) =
            (&self.dispatcher, self.batch, &self.partial, &self.gradient);
        let &Backward { op, own, x, z, dz } = at;
        if let Some(function) = op.activation {
            list.push(activation::backward(dispatcher, function, convolution.output, z, dz)?);
        }
        list.extend(convolution.backward_weights(dispatcher, batch, x, dz, partial, &own.place, gradient)?);
        if convolution.bias {
            let (shape, activation) = (convolution.output, None);
            let sums = Normalisation { shape, norm: false, residual: false, activation };
            let buffers = at.buffers(x, x);
            let place = &own.bias_place;
            list.extend(sums.backward_sums(dispatcher, batch, &buffers, partial, place, gradient)?);
        }
        if op.input > 0 {
            let (dx, accumulate) = gradients.acquire(op.input)?;
            match &own.winograd {
                Some(winograd) => list.extend(winograd.backward_data(dispatcher, accumulate, dz, &dx)?),
                None => {
                    let weights = self.weights(&own.packed.backward);
                    list.push(convolution.backward_data(dispatcher, accumulate, dz, weights, &dx)?);
                }
            }
        }
        Ok(())
    }

    fn normalisation_backward(
        &self,
        at: &Backward,
        normalisation: Normalisation,
        gradients: &mut Gradients,
        list: &mut Vec<Dispatch>,
    ) -> Result<()> {
        let &Backward { op, own, x, .. } = at;
        let (norm, means) = own.norm.as_ref().map_or((x, x), |state| (&state.norm, &state.means));
        let buffers = at.buffers(norm, means);
        if normalisation.norm {
            let (partial, gradient) = (&self.partial, &self.gradient);
            let sums = normalisation.backward_sums(
                &self.dispatcher,
                self.batch,
                &buffers,
                partial,
                &own.place,
                gradient,
            )?;
            list.extend(sums);
        }
        // The images have no gradient. A buffer cannot be bound twice, as it would be where a value is added to itself.
        let residual = op.residual.filter(|&residual| residual > 0);
        let is_separate = residual.is_some_and(|residual| residual == op.input || op.input == 0);
        if let (Some(residual), true) = (residual, is_separate) {
            let (dresidual, accumulate) = gradients.acquire(residual)?;
            let alone = Normalisation { norm: false, residual: false, ..normalisation };
            let buffers = BackwardBuffers { dx: (&dresidual, accumulate), ..buffers };
            list.push(alone.backward(&self.dispatcher, &buffers)?);
        }
        if op.input > 0 {
            let (dx, accumulate) = gradients.acquire(op.input)?;
            let dresidual = match residual.filter(|_| !is_separate) {
                Some(residual) => Some(gradients.acquire(residual)?),
                None => None,
            };
            let dresidual = dresidual.as_ref().map(|(dresidual, accumulate)| (dresidual, *accumulate));
            let normalisation = Normalisation { residual: dresidual.is_some(), ..normalisation };
            let buffers = BackwardBuffers { dx: (&dx, accumulate), dresidual, ..buffers };
            list.push(normalisation.backward(&self.dispatcher, &buffers)?);
        }
        Ok(())
    }
}

impl<'a> Backward<'a> {
    /// Buffers of the kernels of batch norms, without gradients of inputs.
    fn buffers(&self, norm: &'a wgpu::Buffer, means: &'a wgpu::Buffer) -> BackwardBuffers<'a> {
        let &Self { x, z, dz, .. } = self;
        BackwardBuffers { dz, x, norm, means, z, dx: (x, false), dresidual: None }
    }
}
