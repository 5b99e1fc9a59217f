//! The forward pass.

use super::OpKernels;
use super::builder::PassBuilder;
use crate::error::Result;
use crate::kernels::batch_norm::{MomentParts, NormBuffers};
use crate::kernels::convolution::{Epilogue, feeds_norm};
use crate::kernels::{Dispatch, pool};

/// Which statistics batch norms use.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Statistics {
    /// Those of the batch.
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
            let [x, z] = [op.input, i + 1].map(|value| &self.values[value]);
            match own.kernels {
                OpKernels::Convolution(convolution) => {
                    let weights = self.weights(&own.packed.forward);
                    let bias = convolution.bias.then(|| self.weights(&own.packed.bias));
                    if let Some(winograd) = &own.winograd {
                        list.extend(winograd.forward(dispatcher, op.activation.is_some(), x, bias, z)?);
                        continue;
                    }
                    let epilogue = if op.activation.is_some() {
                        Epilogue::Relu
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
                    let residual = op.residual.map(|value| &self.values[value]);
                    let norm = own.norm.as_ref().map_or(x, |state| &state.norm);
                    list.push(normalisation.forward(dispatcher, x, norm, residual, z)?);
                }
                OpKernels::MaxPool(window) => {
                    list.push(pool::max_forward(dispatcher, &window, op.input_shape.channels, x, z)?);
                }
                OpKernels::GlobalAveragePool => {
                    list.push(pool::average_forward(dispatcher, op.input_shape, x, z)?);
                }
            }
        }
        Ok(list)
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
