//! The forward pass.

use super::OpKernels;
use super::builder::{OpBuffers, PassBuilder};
use crate::error::Result;
use crate::kernels::batch_norm::{MomentParts, NormBuffers};
use crate::kernels::convolution::{Epilogue, feeds_norm};
use crate::kernels::layer_norm::LayerNormBuffers;
use crate::kernels::{Dispatch, pool};

/// Which statistics batch norms use. Steps, and they alone, drop elements; all but steps leave dropout out.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Statistics {
    /// Those of the batch, in a step.
    OfBatch,
    /// Those of the batch, which are added to those of the network.
    Accumulated,
    /// Those of the network.
    OfNetwork,
}

impl PassBuilder<'_> {
    /// The forward pass of a batch that has been gathered.
    pub fn forward(&self, statistics: Statistics) -> Result<Vec<Dispatch>> {
        let (dispatcher, partial) = (&self.dispatcher, &self.partial);
        let mut list = Vec::new();
        // The partial moments that the operation before has left.
        let mut moments = None;
        for (i, (op, own)) in self.graph.ops().iter().zip(&self.own).enumerate() {
            let (x, z) = (self.value(statistics, op.input), &self.values[i + 1]);
            match own.kernels {
                OpKernels::Convolution(convolution) => {
                    let weights = self.weights(&own.packed.forward);
                    let bias = convolution.bias.then(|| self.weights(&own.packed.bias));
                    if let Some(winograd) = &own.winograd {
                        list.extend(winograd.forward(dispatcher, op.activation, x, bias, z)?);
                        continue;
                    }
                    let epilogue = if let Some(activation) = op.activation {
                        Epilogue::Activation(activation)
                    } else if feeds_norm(self.graph, i) && statistics != Statistics::OfNetwork {
                        moments = Some(MomentParts::Runs(convolution.run_len(dispatcher)));
                        Epilogue::Moments(partial)
                    } else {
                        Epilogue::None
                    };
                    list.push(convolution.forward(dispatcher, epilogue, x, weights, bias, z)?);
                }
                OpKernels::Normalisation(normalisation) => {
                    if let (Some(state), true) = (&own.norm, statistics != Statistics::OfNetwork) {
                        let is_accumulated = statistics == Statistics::Accumulated;
                        let buffers = NormBuffers {
                            place: &own.place,
                            theta: &self.theta,
                            norm: &state.norm,
                            statistics: is_accumulated.then_some(&state.statistics),
                        };
                        match moments.take() {
                            Some(parts) => {
                                list.push(
                                    normalisation.reduce_moments(dispatcher, parts, partial, &buffers)?,
                                );
                            }
                            None => {
                                list.extend(
                                    normalisation.moments(dispatcher, self.batch, x, partial, &buffers)?,
                                );
                            }
                        }
                    }
                    let residual = op.residual.map(|value| self.value(statistics, value));
                    let norm = own.norm.as_ref().map_or(x, |state| &state.norm);
                    list.push(normalisation.forward(dispatcher, x, norm, residual, z)?);
                }
                OpKernels::LayerNorm(layer_norm) => {
                    list.push(layer_norm.forward(dispatcher, self.layer_norm_buffers(own), x, z)?);
                }
                OpKernels::Dropout(dropout) => {
                    if statistics == Statistics::OfBatch {
                        list.push(dropout.forward(dispatcher, x, z)?);
                    }
                }
                OpKernels::Pool(pool, window) => {
                    list.push(pool.forward(dispatcher, &window, op.input_shape.channels, x, z)?);
                }
                OpKernels::GlobalAveragePool => {
                    list.push(pool::global_average_forward(dispatcher, op.input_shape, x, z)?);
                }
            }
        }
        Ok(list)
    }

    /// What the kernels of a layer norm read.
    pub(super) fn layer_norm_buffers<'b>(&'b self, own: &'b OpBuffers) -> LayerNormBuffers<'b> {
        let moments = own.moments.as_ref().expect("a layer norm has moments");
        LayerNormBuffers { place: &own.place, theta: &self.theta, moments }
    }

    /// The coefficients of all batch norms from the statistics of the network.
    pub fn apply_statistics(&self) -> Result<Vec<Dispatch>> {
        let mut list = Vec::new();
        for own in &self.own {
            if let (OpKernels::Normalisation(normalisation), Some(state)) = (own.kernels, &own.norm) {
                let (place, theta) = (&own.place, &self.theta);
                let dispatch = normalisation.apply_statistics(
                    &self.dispatcher,
                    place,
                    theta,
                    &state.statistics,
                    &state.norm,
                )?;
                list.push(dispatch);
            }
        }
        Ok(list)
    }
}
