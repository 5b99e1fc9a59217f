//! How lists of dispatches reach the device: first the pass parameters of all passes, then several batches a submission.

use crate::counts::Counts;
use crate::device::Device;
use crate::error::Result;
use crate::kernels::{Dispatch, PassParams};
use crate::pass::Pass;
use std::cell::Cell;

/// Estimated seconds of a submission. Drivers reset a GPU that does not answer for about two seconds.
const SUBMISSION_SECONDS: f64 = 0.1;

/// Estimated floating-point operations a second, of hardware and of a software adapter.
const HARDWARE_FLOPS: f64 = 1e12;
const SOFTWARE_FLOPS: f64 = 1e10;

/// Batches of a submission, at most.
const MAX_BATCHES: usize = 64;

/// Pass parameters in rows of one for each model.
pub(crate) struct PassParamsTable {
    models: usize,
    all: Vec<PassParams>,
}

impl PassParamsTable {
    /// An empty table.
    pub fn new(models: usize) -> Self {
        Self { models, all: Vec::new() }
    }

    /// Appends a row in which all models are idle.
    pub fn push_idle(&mut self) -> &mut [PassParams] {
        let first = self.all.len();
        self.all.resize(first + self.models, PassParams::default());
        &mut self.all[first..]
    }

    /// Appends a copy of a row, changed for each model. Returns its index.
    pub fn push_copy(&mut self, row: usize, change: impl Fn(usize, &mut PassParams)) -> usize {
        self.all.extend_from_within(row * self.models..(row + 1) * self.models);
        let last = self.len() - 1;
        let copy = self.all[last * self.models..].iter_mut().enumerate();
        copy.for_each(|(model, params)| change(model, params));
        last
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.all.len() / self.models
    }

    /// The largest batch of a row, and the number of models up to the last one that is not idle.
    fn extent(&self, row: usize) -> [u32; 2] {
        let row = &self.all[row * self.models..][..self.models];
        let last = row.iter().rposition(|params| params.count > 0);
        [row.iter().map(|params| params.count).max().unwrap_or(0), last.map_or(0, |last| last as u32 + 1)]
    }
}

/// Dispatches with one row of pass parameters.
pub(crate) struct DispatchRun<'a> {
    pub list: &'a [Dispatch],
    pub row: usize,
}

/// The dispatches of one batch.
pub(crate) struct BatchCommands<'a> {
    /// Whether the network's statistics are cleared first.
    pub clears_statistics: bool,
    pub runs: Vec<DispatchRun<'a>>,
}

/// Submits batches, and counts them.
#[derive(Debug, Default)]
pub(crate) struct Submitter {
    /// What was done since the counts were last taken.
    pub counts: Cell<Counts>,
    /// For tests: submissions until the device is destroyed.
    pub lost_after: Cell<Option<u64>>,
    /// For tests: batches of a submission, instead of an estimate.
    pub batches: Cell<Option<usize>>,
}

impl Submitter {
    /// Adds to the counts.
    pub fn count(&self, more: Counts) {
        let mut counts = self.counts.get();
        counts.add(more);
        self.counts.set(counts);
    }

    /// Writes the pass parameters to their buffer and submits batches in order, several at a time. Each takes at most
    /// `flops` floating-point operations.
    ///
    /// # Errors
    /// As [`Device::check`].
    pub fn submit(
        &self,
        device: &Device,
        pass: &Pass,
        (params, table): (&wgpu::Buffer, &PassParamsTable),
        batches: &[BatchCommands],
        flops: f64,
    ) -> Result<()> {
        let stride = pass.layout.params_stride() as usize;
        let mut bytes = vec![0_u8; table.len() * stride];
        for (row, to) in table.all.chunks(table.models).zip(bytes.chunks_mut(stride)) {
            to[..size_of_val(row)].copy_from_slice(bytemuck::cast_slice(row));
        }
        device.write(params, &bytes);
        let speed = if device.is_hardware() { HARDWARE_FLOPS } else { SOFTWARE_FLOPS };
        let estimate = (SUBMISSION_SECONDS * speed / flops) as usize;
        let per_submission = self.batches.get().unwrap_or(estimate).clamp(1, MAX_BATCHES);
        let mut previous = None;
        for batches in batches.chunks(per_submission) {
            if let Some(left) = self.lost_after.take() {
                match left.checked_sub(1) {
                    Some(left) => self.lost_after.set(Some(left)),
                    None => device.destroy(),
                }
            }
            device.check()?;
            let mut dispatches = 0;
            let mut encoder = device.device.create_command_encoder(&Default::default());
            for batch in batches {
                if batch.clears_statistics {
                    pass.statistics.iter().for_each(|sums| encoder.clear_buffer(sums, 0, None));
                }
                let mut compute = encoder.begin_compute_pass(&Default::default());
                for run in &batch.runs {
                    let (offset, [count, models]) = ((run.row * stride) as u32, table.extent(run.row));
                    run.list.iter().for_each(|dispatch| dispatch.encode(&mut compute, offset, count, models));
                    dispatches += run.list.len() as u64;
                }
            }
            let submission = device.queue.submit([encoder.finish()]);
            self.count(Counts { dispatches, submissions: 1, ..Counts::default() });
            // The host is at most one submission ahead.
            if let Some(previous) = previous.replace(submission) {
                device.wait_for(Some(previous))?;
            }
        }
        device.check()
    }
}
