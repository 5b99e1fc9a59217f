//! How lists of dispatches are handed over: table of all passes first, then several batches a submission.

use crate::device::Device;
use crate::engine::Counts;
use crate::error::Result;
use crate::kernels::{Dispatch, PassParams};
use crate::pass::Pass;
use std::cell::Cell;

/// Seconds of a submission, by estimate: a driver may stop a GPU that does not answer for two.
const SUBMISSION: f64 = 0.1;

/// Floating-point operations a second, by estimate: of hardware, of a pipeline.
const SPEED: [f64; 2] = [1e12, 1e10];

/// Steps of a submission at most.
const STEPS: usize = 64;

/// PassParamsTable of all passes, one for each model in a row.
pub(crate) struct PassParamsTable {
    models: usize,
    all: Vec<PassParams>,
}

impl PassParamsTable {
    /// None yet.
    pub fn new(models: usize) -> Self {
        Self { models, all: Vec::new() }
    }

    /// One more row, in which all models rest.
    pub fn row(&mut self) -> &mut [PassParams] {
        let first = self.all.len();
        self.all.resize(first + self.models, PassParams::default());
        &mut self.all[first..]
    }

    /// A copy of a row, changed in each model.
    pub fn another(&mut self, row: usize, change: impl Fn(usize, &mut PassParams)) -> usize {
        self.all.extend_from_within(row * self.models..(row + 1) * self.models);
        let last = self.len() - 1;
        self.all[last * self.models..]
            .iter_mut()
            .enumerate()
            .for_each(|(model, params)| change(model, params));
        last
    }

    pub fn len(&self) -> usize {
        self.all.len() / self.models
    }

    /// The largest batch of a row, and how many models there are up to the last one that does not rest.
    fn extent(&self, row: usize) -> [u32; 2] {
        let row = &self.all[row * self.models..][..self.models];
        let last = row.iter().rposition(|params| params.count > 0);
        [row.iter().map(|params| params.count).max().unwrap_or(0), last.map_or(0, |last| last as u32 + 1)]
    }
}

/// Dispatches for a row of table, to be recorded.
pub(crate) struct Run<'a> {
    pub list: &'a [Dispatch],
    pub row: usize,
}

/// What is done for one batch.
pub(crate) struct Batch<'a> {
    /// Whether statistics are summed anew from here.
    pub anew: bool,
    pub runs: Vec<Run<'a>>,
}

/// Where batches go.
pub(crate) struct Target<'a> {
    pub device: &'a Device,
    pub params: &'a wgpu::Buffer,
    pub pass: &'a Pass,
}

/// What was submitted, and how.
#[derive(Debug, Default)]
pub(crate) struct Submitter {
    /// What was done since somebody took the count.
    pub counts: Cell<Counts>,
    /// Submissions until the device is destroyed, for tests.
    pub fuse: Cell<Option<u64>>,
    /// Batches of a submission; as many as their work allows where there is none.
    pub at_once: Cell<Option<usize>>,
}

impl Submitter {
    /// Counts what was done.
    pub fn count(&self, more: Counts) {
        let mut counts = self.counts.get();
        counts.add(more);
        self.counts.set(counts);
    }

    /// Submits batches in order, several at a time; each is `flops` operations or fewer.
    ///
    /// # Errors
    /// The device was lost, had no room, or refused an operation.
    pub fn run(&self, target: &Target, table: &PassParamsTable, batches: &[Batch], flops: f64) -> Result<()> {
        let &Target { device, pass, .. } = target;
        let stride = pass.layout.stride() as usize;
        let mut bytes = vec![0_u8; table.len() * stride];
        for (row, to) in table.all.chunks(table.models).zip(bytes.chunks_mut(stride)) {
            to[..size_of_val(row)].copy_from_slice(bytemuck::cast_slice(row));
        }
        device.write(target.params, &bytes);
        let speed = SPEED[usize::from(!device.is_hardware())];
        let at_once = self.at_once.get().unwrap_or((SUBMISSION * speed / flops) as usize).clamp(1, STEPS);
        let mut before = None;
        for batches in batches.chunks(at_once) {
            if let Some(fuse) = self.fuse.take() {
                match fuse.checked_sub(1) {
                    Some(left) => self.fuse.set(Some(left)),
                    None => device.destroy(),
                }
            }
            device.check()?;
            let mut dispatches = 0;
            let mut encoder = device.device.create_command_encoder(&Default::default());
            for batch in batches {
                if batch.anew {
                    pass.statistics.iter().for_each(|sums| encoder.clear_buffer(sums, 0, None));
                }
                let mut to = encoder.begin_compute_pass(&Default::default());
                for run in &batch.runs {
                    let (offset, [count, models]) = ((run.row * stride) as u32, table.extent(run.row));
                    run.list.iter().for_each(|dispatch| dispatch.encode(&mut to, offset, count, models));
                    dispatches += run.list.len() as u64;
                }
            }
            let now = device.queue.submit([encoder.finish()]);
            self.count(Counts { dispatches, submissions: 1, ..Counts::default() });
            // The host is at most one submission ahead.
            if let Some(before) = before.replace(now) {
                device.wait_for(Some(before))?;
            }
        }
        device.check()
    }
}
