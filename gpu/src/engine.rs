//! Everything of a landscape that lies on one device, and how its lists are replayed.

use crate::data::Resident;
use crate::device::Device;
use crate::error::Result;
use crate::kernels::{Dispatch, RECORD_STRIDE, Record, Recorder, across, parameters};
use crate::landscape::{Augment, Counts, Slot};
use crate::network::Plan;
use crate::pass::{Outside, Pass};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use valleys_core::landscape::{Course, Mix, Step};

/// What a landscape is about.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub plan: Plan,
    pub batch: usize,
    /// Training samples, test samples.
    pub train: usize,
    pub test: usize,
    pub augment: Option<Augment>,
}

/// What is counted, and the end that a test sets.
pub(crate) struct Work<'a> {
    pub counts: &'a mut Counts,
    pub fuse: &'a mut Option<u64>,
    pub at_once: Option<usize>,
}

/// What steps give.
pub(crate) struct Moved {
    pub losses: Vec<f32>,
    /// The trainable ones.
    pub slots: Vec<Slot>,
}

/// Records of a call at least; a call with more goes in parts.
const RECORDS: usize = 1024;

/// Seconds of a submission, by estimate: a driver may stop a GPU that does not answer for two.
const SUBMISSION: f64 = 0.1;

/// Floating-point operations a second, by estimate: of hardware, of a program.
const SPEED: [f64; 2] = [1e12, 1e10];

/// Steps of a submission at most.
const STEPS: usize = 64;

/// A landscape on one device.
#[derive(Debug)]
pub(crate) struct Engine {
    resident: Arc<Resident>,
    job: Job,
    pass: Pass,
    records: wgpu::Buffer,
    capacity: usize,
    order: wgpu::Buffer,
    entries: usize,
    sums: wgpu::Buffer,
    /// Part sums and coefficients of projections.
    across: [wgpu::Buffer; 2],
    /// Centre and momentum of each slot.
    slots: Vec<[wgpu::Buffer; 2]>,
    /// Lists for the slots that mixes and projections name.
    mixes: HashMap<Vec<u32>, Vec<Dispatch>>,
    projections: HashMap<Vec<u32>, Vec<Dispatch>>,
    steps: Vec<Dispatch>,
}

/// Dispatches for one record, to be recorded.
struct Run<'a> {
    list: &'a [Dispatch],
    record: usize,
    count: u32,
}

/// What is done for one batch.
struct Batch<'a> {
    /// Whether statistics are summed anew from here.
    anew: bool,
    runs: Vec<Run<'a>>,
}

impl Engine {
    /// Makes buffers and lists, and fills the slots.
    pub fn new(job: &Job, resident: Arc<Resident>, slots: &[Slot]) -> Result<Self> {
        let device = &*resident.device;
        let most = job.train.max(job.test);
        // A point's loss needs its mix, the batches of the statistics, those of the loss.
        let capacity = RECORDS.max(1 + job.train.div_ceil(job.batch) + most.div_ceil(job.batch));
        let entries = job.train + most;
        let records = device.uniform("records", RECORD_STRIDE * capacity as u64)?;
        let order = device.numbers("order of the samples", 2 * entries)?;
        let sums = device.numbers("sums of losses", 2 * capacity)?;
        let border = match &job.augment {
            Some(augment) => Some((device.holding("border", &augment.border)?, augment.padding)),
            None => None,
        };
        let recorder = Recorder { device, records: &records };
        let border = border.as_ref().map(|(border, padding)| (border, *padding));
        let outside = Outside { resident: &resident, order: &order, sums: &sums, border };
        let pass = Pass::new(recorder, &job.plan, job.batch, &outside)?;
        let dim = job.plan.dim;
        let across = [device.numbers("part sums", across::PART_LEN)?, device.numbers("coefficients", 16)?];
        let held = slots
            .iter()
            .map(|_| Ok([device.numbers("control point", dim)?, device.numbers("momentum", dim)?]));
        let held = held.collect::<Result<Vec<_>>>()?;
        let step = |[centre, momentum]: &[wgpu::Buffer; 2]| {
            parameters::step(&recorder, dim, [&pass.gradient, &pass.theta, centre, momentum])
        };
        let steps = held.iter().map(step).collect::<Result<_>>()?;
        let (mixes, projections, job) = (HashMap::new(), HashMap::new(), job.clone());
        let mut engine = Self {
            job,
            pass,
            records,
            capacity,
            order,
            entries,
            sums,
            across,
            slots: held,
            mixes,
            projections,
            steps,
            resident,
        };
        slots.iter().enumerate().for_each(|(i, slot)| engine.fill(i, slot));
        Ok(engine)
    }

    fn device(&self) -> &Device {
        &self.resident.device
    }

    /// Sets a slot.
    pub fn fill(&mut self, slot: usize, to: &Slot) {
        let [centre, momentum] = &self.slots[slot];
        self.device().fill(centre, &to.centre);
        self.device().fill(momentum, &to.momentum);
    }

    /// Makes the lists of the slots that a mix names, if they are not there.
    fn prepare(&mut self, mix: &Mix, project: bool) -> Result<Vec<u32>> {
        let names: Vec<u32> = mix.iter().map(|&(slot, _)| slot).collect();
        let recorder = Recorder { device: &self.resident.device, records: &self.records };
        let centres: Vec<&wgpu::Buffer> = names.iter().map(|&slot| &self.slots[slot as usize][0]).collect();
        let (dim, theta) = (self.job.plan.dim, &self.pass.theta);
        if let Entry::Vacant(vacant) = self.mixes.entry(names.clone()) {
            let mut list = parameters::mix(&recorder, dim, theta, &centres)?;
            list.push(self.pass.pack.clone());
            vacant.insert(list);
        }
        let absent = project && names.len() > 1;
        if let (Entry::Vacant(vacant), true) = (self.projections.entry(names.clone()), absent) {
            let [part, coefficients] = &self.across;
            let buffers = [theta, &self.pass.gradient, part, coefficients];
            vacant.insert(across::project(&recorder, dim, buffers, &centres)?.to_vec());
        }
        Ok(names)
    }

    /// Takes steps; `entries` are their batches.
    pub fn advance(
        &mut self,
        work: &mut Work,
        course: &Course,
        steps: &[Step],
        entries: &[Vec<[u32; 2]>],
    ) -> Result<Moved> {
        let trainable = course.trainable as usize..self.slots.len().max(course.trainable as usize);
        let most = (self.capacity / (1 + trainable.len())).min(self.entries / self.job.batch).max(1);
        let mut losses = Vec::new();
        for (steps, entries) in steps.chunks(most).zip(entries.chunks(most)) {
            self.take(work, course, steps, entries)?;
            let mut sums = vec![0.0; 2 * steps.len()];
            self.device().read(&mut [(&self.sums, &mut sums)])?;
            losses.extend(sums.chunks(2).zip(entries).map(|(sum, batch)| sum[0] / batch.len() as f32));
        }
        let dim = self.job.plan.dim;
        let mut slots = vec![Slot { centre: vec![0.0; dim], momentum: vec![0.0; dim] }; trainable.len()];
        let parts = self.slots[trainable.start.min(self.slots.len())..].iter().zip(&mut slots);
        let mut parts: Vec<(&wgpu::Buffer, &mut [f32])> = parts
            .flat_map(|([centre, momentum], slot)| {
                [(centre, &mut slot.centre[..]), (momentum, &mut slot.momentum[..])]
            })
            .collect();
        self.device().read(&mut parts)?;
        Ok(Moved { losses, slots })
    }

    /// Takes as many steps as there is room for.
    fn take(
        &mut self,
        work: &mut Work,
        course: &Course,
        steps: &[Step],
        entries: &[Vec<[u32; 2]>],
    ) -> Result<()> {
        let trainable = course.trainable as usize..self.slots.len().max(course.trainable as usize);
        let project = course.across > 0.0;
        let (mut records, mut names, mut first) = (Vec::new(), Vec::new(), 0);
        for (number, (step, batch)) in steps.iter().zip(entries).enumerate() {
            names.push(self.prepare(&step.mix, project)?);
            let mut record = Record {
                count: batch.len() as u32,
                first,
                number: number as u32,
                share: course.across,
                rate: step.rate,
                momentum: course.momentum,
                decay: course.weight_decay,
                ..Record::default()
            };
            first += batch.len() as u32;
            record.mix.iter_mut().zip(&step.mix).for_each(|(to, &(_, weight))| *to = weight);
            records.push(record);
            if project && step.mix.len() > 1 {
                // The projection has added it already.
                record.decay = 0.0;
            }
            for slot in trainable.clone() {
                let own = step.mix.iter().find(|(s, _)| *s as usize == slot);
                records.push(Record { weight: own.map_or(0.0, |(_, weight)| *weight), ..record });
            }
        }
        self.send(&records);
        self.device().fill(&self.order, &entries.concat());
        let runs: Vec<Batch> = names
            .iter()
            .enumerate()
            .map(|(i, names)| {
                let record = i * (1 + trainable.len());
                let count = records[record].count;
                let run = |list| Run { list, record, count };
                let mut runs =
                    vec![run(&self.mixes[names]), run(&self.pass.gather[0]), run(&self.pass.train)];
                if project {
                    runs.extend(self.projections.get(names).map(|list| run(list)));
                }
                runs.extend(trainable.clone().enumerate().map(|(i, slot)| Run {
                    list: std::slice::from_ref(&self.steps[slot]),
                    record: record + 1 + i,
                    count,
                }));
                Batch { anew: false, runs }
            })
            .collect();
        let flops = 3.0 * (self.job.plan.flops * self.job.batch) as f64;
        self.replay(work, &runs, flops)
    }

    /// Sums of losses and errors over samples at points.
    pub fn values(
        &mut self,
        work: &mut Work,
        test: bool,
        chosen: &[u32],
        points: &[Mix],
    ) -> Result<Vec<[f64; 2]>> {
        let Job { train, batch, .. } = self.job;
        let plain = self.job.plain();
        let accumulated = if self.pass.statistics.is_empty() { 0 } else { train };
        let order: Vec<[u32; 2]> =
            (0..accumulated as u32).chain(chosen.iter().copied()).map(|sample| [sample, plain]).collect();
        self.device().fill(&self.order, &order);
        let wide = self.pass.wide;
        let [before, of_loss] = [accumulated.div_ceil(batch), chosen.len().div_ceil(wide)];
        let each = 1 + before + of_loss;
        let mut found = Vec::new();
        for points in points.chunks((self.capacity / each).max(1)) {
            let (mut records, mut names) = (Vec::new(), Vec::new());
            for (i, point) in points.iter().enumerate() {
                names.push(self.prepare(point, false)?);
                let mut mix = Record::default();
                mix.mix.iter_mut().zip(point).for_each(|(to, &(_, weight))| *to = weight);
                records.push(mix);
                records.extend(parts(0, accumulated, batch).map(|(first, count)| Record {
                    first: first as u32,
                    count: count as u32,
                    share: (count as f64 / train as f64) as f32,
                    ..mix
                }));
                let of_loss = parts(accumulated, chosen.len(), wide).zip((i * of_loss) as u32..);
                records.extend(of_loss.map(|((first, count), number)| Record {
                    first: first as u32,
                    count: count as u32,
                    number,
                    ..mix
                }));
            }
            self.send(&records);
            let [of_train, of_test] = &self.pass.gather;
            let mut runs = Vec::new();
            for (i, names) in names.iter().enumerate() {
                let run = |list, record: usize| Run { list, record, count: records[record].count };
                let first = i * each;
                let batch = |runs| Batch { anew: false, runs };
                runs.push(Batch { anew: true, runs: vec![run(&self.mixes[names], first)] });
                runs.extend(
                    (first + 1..first + 1 + before)
                        .map(|record| batch(vec![run(of_train, record), run(&self.pass.accumulate, record)])),
                );
                runs.push(batch(vec![run(&self.pass.fix, first)]));
                let gather = if test { of_test } else { of_train };
                runs.extend(
                    (first + 1 + before..first + each)
                        .map(|record| batch(vec![run(gather, record), run(&self.pass.measure, record)])),
                );
            }
            let flops = (self.job.plan.flops * wide) as f64;
            self.replay(work, &runs, flops)?;
            let mut sums = vec![0.0; 2 * points.len() * of_loss];
            self.device().read(&mut [(&self.sums, &mut sums)])?;
            found.extend(sums.chunks(2 * of_loss).map(|sums| {
                let sum = |i| sums.iter().skip(i).step_by(2).map(|&x| f64::from(x)).sum();
                [sum(0), sum(1)]
            }));
        }
        Ok(found)
    }

    /// Writes records.
    fn send(&self, records: &[Record]) {
        let mut bytes = vec![0_u8; records.len() * RECORD_STRIDE as usize];
        for (record, to) in records.iter().zip(bytes.chunks_mut(RECORD_STRIDE as usize)) {
            to[..size_of::<Record>()].copy_from_slice(bytemuck::bytes_of(record));
        }
        self.device().fill(&self.records, &bytes);
    }

    /// Submits lists of runs in order, several lists at a time; each is `flops` operations or fewer.
    fn replay(&self, work: &mut Work, lists: &[Batch], flops: f64) -> Result<()> {
        let device = self.device();
        let speed = SPEED[usize::from(!device.is_hardware())];
        let at_once = work.at_once.unwrap_or((SUBMISSION * speed / flops) as usize).clamp(1, STEPS);
        let mut before = None;
        for lists in lists.chunks(at_once) {
            if let Some(fuse) = work.fuse {
                match fuse.checked_sub(1) {
                    Some(left) => *fuse = left,
                    None => {
                        *work.fuse = None;
                        device.destroy();
                    }
                }
            }
            device.check()?;
            let mut encoder = device.device.create_command_encoder(&Default::default());
            for list in lists {
                if list.anew {
                    self.pass.statistics.iter().for_each(|sums| encoder.clear_buffer(sums, 0, None));
                }
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for run in &list.runs {
                    let offset = (run.record as u64 * RECORD_STRIDE) as u32;
                    run.list.iter().for_each(|dispatch| dispatch.encode(&mut pass, offset, run.count));
                    work.counts.dispatches += run.list.len() as u64;
                }
            }
            let now = device.queue.submit([encoder.finish()]);
            work.counts.submissions += 1;
            // The host is at most one submission ahead.
            if let Some(before) = before.replace(now) {
                device.wait_for(Some(before))?;
            }
        }
        device.check()
    }
}

/// First and count of parts of `len` samples from `start` on, `each` of them or fewer.
fn parts(start: usize, len: usize, each: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(each).map(move |from| (start + from, each.min(len - from)))
}
