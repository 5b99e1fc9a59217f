//! Values of a loss at points between the slots of a model.

use super::{ModelBatch, batches};
use crate::error::Result;
use crate::kernels::PassParams;
use crate::pass::Pass;
use crate::request::ValueRequest;
use crate::submitter::{BatchCommands, DispatchRun, PassParamsTable};
use valleys_core::engine::Mix;

impl ModelBatch {
    /// For each point, and each split, the sums of the losses and of the errors over the samples. As many points at a time
    /// as the batch has models.
    ///
    /// # Errors
    /// As [`Device::check`](crate::device::Device::check); a device out of memory.
    pub fn values(&mut self, request: &ValueRequest) -> Result<Vec<[f64; 2]>> {
        let mut found = Vec::new();
        let identity = self.key.identity_code();
        // The statistics of batch norms are those of training samples at each point.
        let statistics = if self.pass.statistics.is_empty() { &[] } else { request.train };
        let splits = request.splits.iter().flat_map(|split| &split.samples);
        let order: Vec<[u32; 2]> =
            statistics.iter().chain(splits).map(|&sample| [sample, identity]).collect();
        self.device().write(&self.order, &order);
        let models = self.models();
        // A row for the mix, for each group of slots, for each batch of the statistics and of the loss.
        let rows = 1 + models + statistics.len().div_ceil(self.key.batch) + self.loss_batches(request);
        let at_once = models * (self.rows / rows).max(1);
        for points in request.points.chunks(at_once) {
            found.extend(self.values_at(request, points, statistics.len())?);
        }
        Ok(found)
    }

    /// Batches of the losses of a point.
    fn loss_batches(&self, request: &ValueRequest) -> usize {
        let batch = self.pass.evaluation_batch;
        request.splits.iter().map(|split| split.samples.len().div_ceil(batch)).sum()
    }

    /// Values at points for which there are rows enough; the order of the samples is on the device.
    fn values_at(
        &mut self,
        request: &ValueRequest,
        points: &[Mix],
        statistics: usize,
    ) -> Result<Vec<[f64; 2]>> {
        let (models, evaluation_batch) = (self.models(), self.pass.evaluation_batch);
        let loss_batches = self.loss_batches(request);
        let mut groups = Vec::new();
        for points in points.chunks(models) {
            groups.push(self.group_by_slots(points.iter().enumerate(), false)?);
        }
        let (mut table, mut commands) = (PassParamsTable::new(models), Vec::new());
        // Sums are (models, rounds of points, batches of the loss).
        let sums_len = points.len().div_ceil(models) * loss_batches;
        let mut loss_index = 0;
        for (points, groups) in points.chunks(models).zip(&groups) {
            let first = table.len();
            for (params, point) in table.push_idle().iter_mut().zip(points) {
                *params = PassParams { count: 1, slot_model: request.model as u32, ..PassParams::default() };
                params.mix.iter_mut().zip(point).for_each(|(to, &(_, weight))| *to = weight);
            }
            let group_rows = Self::rows_of(&mut table, first, groups);
            let Pass { pack, gather, accumulate, apply_statistics, evaluate, .. } = &self.pass;
            let mixes = groups.iter().zip(group_rows);
            let mut runs: Vec<DispatchRun> =
                mixes.map(|(group, row)| DispatchRun { list: &self.mixes[&group.slots], row }).collect();
            runs.push(DispatchRun { list: pack, row: first });
            commands.push(BatchCommands { clears_statistics: true, runs });
            for batch in batches(0, statistics, self.key.batch) {
                let row = table.push_copy(first, |_, params| {
                    params.first = batch.start as u32;
                    // The count was 1 for models that have a point.
                    params.count *= batch.len() as u32;
                    params.share = (batch.len() as f64 / statistics as f64) as f32;
                });
                let runs = [&gather[0], accumulate].map(|list| DispatchRun { list, row }).into();
                commands.push(BatchCommands { clears_statistics: false, runs });
            }
            let runs = vec![DispatchRun { list: apply_statistics, row: first }];
            commands.push(BatchCommands { clears_statistics: false, runs });
            let mut start = statistics;
            for split in request.splits {
                for batch in batches(start, split.samples.len(), evaluation_batch) {
                    let row = table.push_copy(first, |model, params| {
                        params.first = batch.start as u32;
                        params.count *= batch.len() as u32;
                        params.loss_index = (model * sums_len + loss_index) as u32;
                    });
                    loss_index += 1;
                    let gather = &gather[usize::from(split.on_test)];
                    let runs = [gather, evaluate].map(|list| DispatchRun { list, row }).into();
                    commands.push(BatchCommands { clears_statistics: false, runs });
                }
                start += split.samples.len();
            }
        }
        let flops = (self.key.graph.flops() * evaluation_batch * models.min(points.len())) as f64;
        self.submit(&table, &commands, flops)?;
        let mut sums = vec![0.0; 2 * models * sums_len];
        self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
        let mut found = Vec::with_capacity(points.len() * request.splits.len());
        for point in 0..points.len() {
            let mut first = 2 * ((point % models) * sums_len + point / models * loss_batches);
            for split in request.splits {
                let len = 2 * split.samples.len().div_ceil(evaluation_batch);
                let sums = &sums[first..first + len];
                let sum = |i| sums.iter().skip(i).step_by(2).map(|&x| f64::from(x)).sum();
                found.push([sum(0), sum(1)]);
                first += len;
            }
        }
        Ok(found)
    }
}
