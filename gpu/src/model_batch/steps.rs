//! Steps of the models of a batch.

use super::ModelBatch;
use crate::counts::Counts;
use crate::error::Result;
use crate::kernels::PassParams;
use crate::pass::Pass;
use crate::request::StepRequest;
use crate::submitter::{BatchCommands, DispatchRun, PassParamsTable};
use std::ops::Range;
use valleys_core::engine::Optimizer;

impl ModelBatch {
    /// Takes the steps of compatible requests of different models. Returns the losses of each.
    ///
    /// # Errors
    /// As [`Device::check`](crate::device::Device::check); a device out of memory.
    pub fn advance(&mut self, requests: &[StepRequest]) -> Result<Vec<Vec<f32>>> {
        self.reserve(requests.iter().map(|request| request.slots).max().unwrap_or(0))?;
        // A row for the batch, for each group of slots, for the step of each trainable slot.
        let rows = 1 + self.models() + requests[0].trainable().len();
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
                let batches = request.entries.iter().skip(from);
                losses.extend(own.zip(batches).map(|(sum, batch)| sum[0] / batch.len() as f32));
            }
        }
        self.submitter.count(Counts { batched: u64::from(requests.len() > 1), ..Counts::default() });
        Ok(losses)
    }

    /// Takes the steps of a range, for which there are rows and entries enough.
    fn take_steps(&mut self, requests: &[StepRequest], range: Range<usize>) -> Result<()> {
        let (trainable, removes_tangent) = (requests[0].trainable(), requests[0].removes_tangent());
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
                let (step, params, entries) = (&request.steps[i], &request.params, &request.entries[i]);
                let to = &mut all[request.model];
                let Optimizer::Sgd { momentum, nesterov } = params.optimizer else {
                    unreachable!("other optimisers are refused by the engine");
                };
                *to = PassParams {
                    count: entries.len() as u32,
                    first: order.len() as u32,
                    loss_index: ((i - range.start) * models + request.model) as u32,
                    learning_rate: step.rate,
                    momentum,
                    weight_decay: params.weight_decay,
                    tangent_removal: params.tangent_removal,
                    nesterov: nesterov.into(),
                    slot_model: request.model as u32,
                    ..PassParams::default()
                };
                to.mix.iter_mut().zip(&step.mix).for_each(|(to, &(_, weight))| *to = weight);
                order.extend_from_slice(entries);
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
            for slot in trainable.clone() {
                let row = table.push_copy(row, |model, params| {
                    let Some(request) = at(i).find(|request| request.model == model) else { return };
                    let mix = &request.steps[i].mix;
                    let own = mix.iter().find(|(s, _)| *s as usize == slot);
                    params.slot_weight = own.map_or(0.0, |(_, weight)| *weight);
                    if removes_tangent && self.has_normals(mix.len()) {
                        // Tangent removal has added it already.
                        params.weight_decay = 0.0;
                    }
                });
                runs.push(DispatchRun { list: std::slice::from_ref(&self.steps[slot]), row });
            }
            batches.push(BatchCommands { clears_statistics: false, runs });
        }
        self.device().write(&self.order, &order);
        // Forward and backward are three times forward.
        let flops = 3.0 * (self.key.graph.flops() * self.key.batch * requests.len()) as f64;
        self.submit(&table, &batches, flops)
    }
}
