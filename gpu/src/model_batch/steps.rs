//! Steps of the models of a batch.

use super::{ModelBatch, SlotBuffers};
use crate::counts::Counts;
use crate::error::Result;
use crate::kernels::{PassParams, parameters};
use crate::pass::Pass;
use crate::request::StepRequest;
use crate::submitter::{BatchCommands, DispatchRun, PassParamsTable};
use std::ops::Range;
use valleys_core::engine::{MAX_COUNT, Optimizer, bias_corrections, dropout_key};

impl ModelBatch {
    /// Takes the steps of compatible requests of different models. Returns the losses of each.
    ///
    /// # Errors
    /// As [`Device::check`](crate::device::Device::check); a device out of memory.
    pub fn advance(&mut self, requests: &[StepRequest]) -> Result<Vec<Vec<f32>>> {
        let is_adam = requests[0].params.optimizer.needs_second_moments();
        self.reserve(requests.iter().map(|request| request.slots).max().unwrap_or(0), is_adam)?;
        if requests[0].clips() && self.clip.is_empty() {
            let buffers = [&self.pass.theta, &self.pass.gradient, &self.pass.partial];
            self.clip = parameters::clip(&self.dispatcher(), self.pass.layout.dim, buffers)?.to_vec();
        }
        // A row for the batch, for each group of slots, for the limit of the gradient, for the step of each trainable slot.
        let rows = 2 + self.models() + requests[0].trainable().len();
        let at_once = (self.rows / rows).min(self.entries / self.key.batch).max(1);
        let steps = requests.iter().map(|request| request.steps.len()).max().unwrap_or(0);
        let mut losses = vec![Vec::new(); requests.len()];
        for from in (0..steps).step_by(at_once) {
            let range = from..steps.min(from + at_once);
            self.take_steps(requests, range.clone())?;
            let mut sums = vec![0.0; 2 * range.len() * self.models()];
            self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
            for (request, losses) in requests.iter().zip(&mut losses) {
                let own = sums.chunks(2).skip(request.model).step_by(self.models());
                let batches = request.batches.iter().skip(from);
                losses.extend(own.zip(batches).map(|(sum, batch)| sum[0] / batch.weight as f32));
            }
        }
        self.submitter.count(Counts { batched: u64::from(requests.len() > 1), ..Counts::default() });
        Ok(losses)
    }

    /// Takes the steps of a range, for which there are rows and entries enough.
    fn take_steps(&mut self, requests: &[StepRequest], range: Range<usize>) -> Result<()> {
        let (trainable, removes_tangent) = (requests[0].trainable(), requests[0].removes_tangent());
        let (clips, is_adam) = (requests[0].clips(), requests[0].params.optimizer.needs_second_moments());
        let at = |i: usize| requests.iter().filter(move |request| i < request.steps.len());
        let mut groups = Vec::new();
        for i in range.clone() {
            let mixes = at(i).map(|request| (request.model, &request.steps[i].mix));
            groups.push(self.group_by_slots(mixes, removes_tangent)?);
        }
        let models = self.models();
        let (mut table, mut order) = (PassParamsTable::new(models), Vec::new());
        let mut batches = Vec::new();
        for (i, groups) in range.clone().zip(&groups) {
            let row = table.len();
            let all = table.push_idle();
            for request in at(i) {
                let loss_index = (i - range.start) * models + request.model;
                all[request.model] = pass_params(request, i, order.len(), loss_index);
                order.extend_from_slice(&request.batches[i].samples);
            }
            let group_rows = Self::rows_of(&mut table, row, groups);
            let groups = || groups.iter().zip(&group_rows);
            let mut runs: Vec<DispatchRun> = Vec::new();
            runs.extend(groups().map(|(group, &row)| DispatchRun { list: &self.mixes[&group.slots], row }));
            let Pass { pack, gather, train, .. } = &self.pass;
            runs.extend([pack, &gather[0], train].map(|list| DispatchRun { list, row }));
            if removes_tangent {
                runs.extend(groups().filter_map(|(group, &row)| {
                    Some(DispatchRun { list: self.tangents.get(&group.slots)?, row })
                }));
            }
            let request_of = |model: usize| at(i).find(move |request| request.model == model);
            let has_decayed =
                |request: &StepRequest| removes_tangent && self.has_normals(request.steps[i].mix.len());
            if clips {
                let row = table.push_copy(row, |model, params| {
                    if request_of(model).is_some_and(has_decayed) {
                        params.weight_decay = 0.0;
                    }
                });
                runs.push(DispatchRun { list: &self.clip, row });
            }
            for slot in trainable.clone() {
                let row = table.push_copy(row, |model, params| {
                    let Some(request) = request_of(model) else { return };
                    prepare_slot(params, request, i, slot);
                    if clips || has_decayed(request) {
                        params.weight_decay = 0.0;
                    }
                });
                let SlotBuffers { step, second, .. } = &self.slots[slot];
                let step = second.as_ref().filter(|_| is_adam).map_or(step, |(_, step)| step);
                runs.push(DispatchRun { list: std::slice::from_ref(step), row });
            }
            batches.push(BatchCommands { clears_statistics: false, runs });
        }
        self.device().write(&self.order, &order);
        // Forward and backward are three times forward.
        let flops = 3.0 * (self.key.graph.flops() * self.key.batch * requests.len()) as f64;
        self.submit(&table, &batches, flops)
    }
}

/// The pass parameters of a model in step `i` of a request, whose samples are in the order from `first` on.
fn pass_params(request: &StepRequest, i: usize, first: usize, loss_index: usize) -> PassParams {
    let (step, params, batch) = (&request.steps[i], &request.params, &request.batches[i]);
    let mut to = PassParams {
        count: batch.samples.len() as u32,
        first: first as u32,
        loss_index: loss_index as u32,
        learning_rate: step.rate,
        weight_decay: params.weight_decay,
        tangent_removal: params.tangent_removal,
        max_gradient_norm: params.max_gradient_norm,
        loss_scale: (1.0 / batch.weight) as f32,
        dropout_key: dropout_key(params.key, params.epoch, step.batch),
        slot_model: request.model as u32,
        ..PassParams::default()
    };
    match params.optimizer {
        Optimizer::Sgd { momentum, nesterov } => {
            (to.momentum, to.nesterov) = (momentum, nesterov.into());
        }
        Optimizer::Adam { beta1, beta2, epsilon, decoupled } => {
            (to.momentum, to.beta2, to.epsilon) = (beta1, beta2, epsilon);
            if decoupled {
                // Of the control points, not of the gradient.
                to.weight_decay = 0.0;
            }
        }
    }
    to.mix.iter_mut().zip(&step.mix).for_each(|(to, &(_, weight))| *to = weight);
    to
}

/// What the step of a slot needs beside them.
fn prepare_slot(to: &mut PassParams, request: &StepRequest, i: usize, slot: usize) {
    let (step, params) = (&request.steps[i], &request.params);
    let own = step.mix.iter().find(|(s, _)| *s as usize == slot);
    to.slot_weight = own.map_or(0.0, |(_, weight)| *weight);
    if let Optimizer::Adam { beta1, beta2, decoupled, .. } = params.optimizer {
        let count = (request.counts[slot] + i as f32 + 1.0).min(MAX_COUNT);
        [to.learning_rate, to.root] = bias_corrections(beta1, beta2, step.rate, count as u32);
        if decoupled {
            to.decoupled_decay = step.rate * params.weight_decay * to.slot_weight;
        }
    }
}
