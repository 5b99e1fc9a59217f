//! Everything of some landscapes that lies on one device, and how its lists are replayed.
//!
//! Each landscape has a lane: a part of every buffer. What several of them ask for goes in the same dispatches.

use crate::data::Resident;
use crate::device::Device;
use crate::engine::{Counts, Slot};
use crate::error::Result;
use crate::kernels::{Dispatch, Lanes, Record, Recorder, parameters, tangent_removal};
use crate::network::Plan;
use crate::pass::{Outside, Pass};
use crate::replay::{Batch, Records, Replay, Run, Target};
use crate::request::{Moved, Points, Steps};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::Mix;
use valleys_core::network::CropFlip;

/// What a landscape is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub plan: Plan,
    pub batch: usize,
    /// Training samples, test samples.
    pub train: usize,
    pub test: usize,
    pub augment: Option<CropFlip<Vec<f32>>>,
}

/// Sets of records of a call at least; a call with more goes in parts.
const RECORDS: usize = 1024;

/// Landscapes of one kind on one device.
#[derive(Debug)]
pub(crate) struct ModelBatch {
    resident: Arc<Resident>,
    job: Job,
    pass: Pass,
    /// Whether activations are stored as f16.
    halves: bool,
    records: wgpu::Buffer,
    /// Sets of records.
    capacity: usize,
    order: wgpu::Buffer,
    /// Samples of each lane in it.
    entries: usize,
    sums: wgpu::Buffer,
    /// Of projections.
    coefficients: wgpu::Buffer,
    /// Centre and momentum of each slot, in all lanes.
    slots: Vec<[wgpu::Buffer; 2]>,
    /// Lists for the slots that mixes and projections name.
    mixes: HashMap<Vec<u32>, Vec<Dispatch>>,
    projections: HashMap<Vec<u32>, Vec<Dispatch>>,
    steps: Vec<Dispatch>,
    /// What was submitted, and how.
    pub replay: Replay,
}

/// Numbers that the coefficients of a projection take in a lane: see `across_solve.wgsl`.
const COEFFICIENTS: usize = 16;

/// Slots that mixes name, and the lanes whose mixes name them.
type Named = Vec<(Vec<u32>, Vec<usize>)>;

impl ModelBatch {
    /// Makes buffers and lists for so many landscapes, that have no slots yet.
    pub fn new(job: &Job, resident: Arc<Resident>, models: usize) -> Result<Self> {
        let device = &*resident.device;
        let most = job.train.max(job.test);
        // A point's loss needs its mix, for each lane, the batches of the statistics, those of the loss.
        let capacity = RECORDS.max(1 + models + job.train.div_ceil(job.batch) + most.div_ceil(job.batch));
        let entries = job.train + most;
        let alone = Lanes { count: models, ..Lanes::ONE };
        let records = device.uniform("records", alone.stride() * capacity as u64)?;
        let order = device.numbers("order of the samples", 2 * entries * models)?;
        let sums = device.numbers("sums of losses", 2 * capacity * models)?;
        let border = match &job.augment {
            Some(augment) => Some((device.holding("border", &augment.border)?, augment.padding)),
            None => None,
        };
        let halves = job.plan.activation_bytes(device.paths()) == 2;
        let recorder = Recorder { device, records: &records, lanes: alone, halves };
        let border = border.as_ref().map(|(border, padding)| (border, *padding));
        let outside = Outside { resident: &resident, order: &order, sums: &sums, border };
        let pass = Pass::new(recorder, &job.plan, job.batch, &outside)?;
        let coefficients = device.numbers("coefficients", COEFFICIENTS * models)?;
        Ok(Self {
            job: job.clone(),
            pass,
            halves,
            records,
            capacity,
            order,
            entries,
            sums,
            coefficients,
            slots: Vec::new(),
            mixes: HashMap::new(),
            projections: HashMap::new(),
            steps: Vec::new(),
            resident,
            replay: Replay::default(),
        })
    }

    fn device(&self) -> &Device {
        &self.resident.device
    }

    fn lanes(&self) -> usize {
        self.pass.lanes.count
    }

    /// The first number of a lane in a buffer of parameters.
    fn first(&self, lane: usize) -> usize {
        lane * self.pass.lanes.theta_len()
    }

    /// Makes room for slots of that number.
    pub fn reserve(&mut self, slots: usize) -> Result<()> {
        let len = self.pass.lanes.count * self.pass.lanes.theta_len();
        while self.slots.len() < slots {
            let numbers = |what| self.device().numbers(what, len);
            let [centre, momentum] = [numbers("control point")?, numbers("momentum")?];
            let buffers = [&self.pass.gradient, &self.pass.theta, &centre, &momentum];
            let step = parameters::step(&self.recorder(), self.job.plan.dim, buffers)?;
            self.steps.push(step);
            self.slots.push([centre, momentum]);
        }
        Ok(())
    }

    /// Where dispatches beside those of the pass are made.
    fn recorder(&self) -> Recorder<'_> {
        let Self { records, halves, .. } = self;
        Recorder { device: self.device(), records, lanes: self.pass.lanes, halves: *halves }
    }

    /// Submits batches in order; each is `flops` operations or fewer.
    fn submit(&self, records: &Records, batches: &[Batch], flops: f64) -> Result<()> {
        let target = Target { device: self.device(), records: &self.records, pass: &self.pass };
        self.replay.run(&target, records, batches, flops)
    }

    /// Sets a slot of a lane.
    pub fn fill(&mut self, lane: usize, slot: usize, to: &Slot) {
        let first = self.first(lane);
        for (buffer, numbers) in self.slots[slot].iter().zip([&to.centre, &to.momentum]) {
            self.device().fill_from(buffer, first, numbers);
        }
    }

    /// Sets the first slots of a lane.
    pub fn fill_all(&mut self, lane: usize, slots: &[Slot]) {
        slots.iter().enumerate().for_each(|(slot, to)| self.fill(lane, slot, to));
    }

    /// Makes the lists of the slots that mixes name, if they are not there; says which lanes name the same.
    fn prepare<'m>(&mut self, mixes: impl Iterator<Item = (usize, &'m Mix)>, project: bool) -> Result<Named> {
        let mut named = Named::new();
        for (lane, mix) in mixes {
            let names: Vec<u32> = mix.iter().map(|&(slot, _)| slot).collect();
            match named.iter_mut().find(|(there, _)| *there == names) {
                Some((_, lanes)) => lanes.push(lane),
                None => named.push((names, vec![lane])),
            }
        }
        let dim = self.job.plan.dim;
        for (names, _) in &named {
            let Pass { theta, gradient, part, .. } = &self.pass;
            let centres: Vec<_> = names.iter().map(|&slot| &self.slots[slot as usize][0]).collect();
            if !self.mixes.contains_key(names) {
                let list = parameters::mix(&self.recorder(), dim, theta, &centres)?;
                self.mixes.insert(names.clone(), list);
            }
            if project && names.len() > 1 && !self.projections.contains_key(names) {
                let buffers = [theta, gradient, part, &self.coefficients];
                let list = tangent_removal::project(&self.recorder(), dim, buffers, &centres)?.to_vec();
                self.projections.insert(names.clone(), list);
            }
        }
        Ok(named)
    }

    /// Rows for the lanes that name the same slots: the row itself where all do.
    fn rows_of(records: &mut Records, row: usize, named: &Named) -> Vec<usize> {
        if let [_] = named[..] {
            return vec![row];
        }
        let only = |lanes: &[usize], lane, record: &mut Record| {
            if !lanes.contains(&lane) {
                record.count = 0;
            }
        };
        named
            .iter()
            .map(|(_, lanes)| records.another(row, |lane, record| only(lanes, lane, record)))
            .collect()
    }

    /// Takes the steps of landscapes that go with each other.
    pub fn advance(&mut self, calls: &[Steps]) -> Result<Vec<Moved>> {
        self.reserve(calls.iter().map(|call| call.slots).max().unwrap_or(0))?;
        let trainable = calls[0].trainable();
        let rows = 1 + self.lanes() + trainable.len();
        let most = (self.capacity / rows).min(self.entries / self.job.batch).max(1);
        let all = calls.iter().map(|call| call.steps.len()).max().unwrap_or(0);
        let mut losses = vec![Vec::new(); calls.len()];
        for from in (0..all).step_by(most) {
            let until = all.min(from + most);
            self.take(calls, from..until)?;
            let mut sums = vec![0.0; 2 * (until - from) * self.lanes()];
            self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
            for (call, losses) in calls.iter().zip(&mut losses) {
                let own = sums.chunks(2).skip(call.lane).step_by(self.lanes());
                let batches = call.entries.iter().skip(from);
                losses.extend(own.zip(batches).map(|(sum, batch)| sum[0] / batch.len() as f32));
            }
        }
        let dim = self.job.plan.dim;
        let none = || Slot { centre: vec![0.0; dim], momentum: vec![0.0; dim] };
        let mut slots: Vec<Vec<Slot>> =
            calls.iter().map(|call| call.trainable().map(|_| none()).collect()).collect();
        let mut parts = Vec::new();
        for (call, slots) in calls.iter().zip(&mut slots) {
            let first = self.first(call.lane);
            for (slot, to) in call.trainable().zip(slots) {
                let [centre, momentum] = &self.slots[slot];
                parts.push((centre, first, &mut to.centre[..]));
                parts.push((momentum, first, &mut to.momentum[..]));
            }
        }
        self.device().read(&mut parts)?;
        self.replay.count(Counts { shared: u64::from(calls.len() > 1), ..Counts::default() });
        Ok(losses.into_iter().zip(slots).map(|(losses, slots)| Moved { losses, slots }).collect())
    }

    /// Takes the steps of a range, of which there is room for all.
    fn take(&mut self, calls: &[Steps], range: Range<usize>) -> Result<()> {
        let (trainable, project) = (calls[0].trainable(), calls[0].project());
        let at = |i: usize| calls.iter().filter(move |call| i < call.steps.len());
        let mut named = Vec::new();
        for i in range.clone() {
            named.push(self.prepare(at(i).map(|call| (call.lane, &call.steps[i].mix)), project)?);
        }
        let lanes = self.lanes();
        let (mut records, mut order) = (Records::new(lanes), Vec::new());
        let mut batches = Vec::new();
        for (i, named) in range.clone().zip(&named) {
            let row = records.len();
            let all = records.row();
            for call in at(i) {
                let (step, course, batch) = (&call.steps[i], &call.course, &call.entries[i]);
                let mut record = Record {
                    count: batch.len() as u32,
                    first: order.len() as u32,
                    number: ((i - range.start) * lanes + call.lane) as u32,
                    share: course.tangent_removal,
                    rate: step.rate,
                    momentum: course.momentum,
                    decay: course.weight_decay,
                    home: call.lane as u32,
                    ..Record::default()
                };
                record.mix.iter_mut().zip(&step.mix).for_each(|(to, &(_, weight))| *to = weight);
                all[call.lane] = record;
                order.extend_from_slice(batch);
            }
            let apart = Self::rows_of(&mut records, row, named);
            let mut runs: Vec<Run> = Vec::new();
            runs.extend(
                named.iter().zip(&apart).map(|((names, _), &row)| Run { list: &self.mixes[names], row }),
            );
            let Pass { pack, gather, train, .. } = &self.pass;
            runs.extend([pack, &gather[0], train].map(|list| Run { list, row }));
            if project {
                runs.extend(
                    named.iter().zip(&apart).filter_map(|((names, _), &row)| {
                        Some(Run { list: self.projections.get(names)?, row })
                    }),
                );
            }
            for slot in trainable.clone() {
                let row = records.another(row, |lane, record| {
                    let Some(call) = at(i).find(|call| call.lane == lane) else { return };
                    let mix = &call.steps[i].mix;
                    let own = mix.iter().find(|(s, _)| *s as usize == slot);
                    record.weight = own.map_or(0.0, |(_, weight)| *weight);
                    if project && mix.len() > 1 {
                        // The projection has added it already.
                        record.decay = 0.0;
                    }
                });
                runs.push(Run { list: std::slice::from_ref(&self.steps[slot]), row });
            }
            batches.push(Batch { anew: false, runs });
        }
        self.device().fill(&self.order, &order);
        let flops = 3.0 * (self.job.plan.flops * self.job.batch * calls.len()) as f64;
        self.submit(&records, &batches, flops)
    }

    /// Sums of losses and errors over samples at points; as many points at a time as there are lanes.
    pub fn values(&mut self, asked: &Points) -> Result<Vec<[f64; 2]>> {
        let &Points { lane: home, test, chosen, points } = asked;
        let Job { train, batch, .. } = self.job;
        let plain = self.job.plain();
        let accumulated = if self.pass.statistics.is_empty() { 0 } else { train };
        let order: Vec<[u32; 2]> =
            (0..accumulated as u32).chain(chosen.iter().copied()).map(|sample| [sample, plain]).collect();
        self.device().fill(&self.order, &order);
        let (wide, lanes) = (self.pass.wide, self.lanes());
        let [before, of_loss] = [accumulated.div_ceil(batch), chosen.len().div_ceil(wide)];
        let rows = 1 + lanes + before + of_loss;
        let mut found = Vec::new();
        for points in points.chunks(lanes * (self.capacity / rows).max(1)) {
            let mut named = Vec::new();
            for points in points.chunks(lanes) {
                named.push(self.prepare(points.iter().enumerate(), false)?);
            }
            let (mut records, mut batches) = (Records::new(lanes), Vec::new());
            let mut number = 0;
            let numbers = points.len().div_ceil(lanes) * of_loss;
            for (points, named) in points.chunks(lanes).zip(&named) {
                let first = records.len();
                for (record, point) in records.row().iter_mut().zip(points) {
                    *record = Record { count: 1, home: home as u32, ..Record::default() };
                    record.mix.iter_mut().zip(point).for_each(|(to, &(_, weight))| *to = weight);
                }
                let apart = Self::rows_of(&mut records, first, named);
                let Pass { pack, gather, accumulate, fix, measure, .. } = &self.pass;
                let mix =
                    named.iter().zip(apart).map(|((names, _), row)| Run { list: &self.mixes[names], row });
                let pack = Run { list: pack, row: first };
                batches.push(Batch { anew: true, runs: mix.chain([pack]).collect() });
                for (from, count) in parts(0, accumulated, batch) {
                    let row = records.another(first, |_, record| {
                        record.first = from as u32;
                        // It was 1 where there is a point.
                        record.count *= count as u32;
                        record.share = (count as f64 / train as f64) as f32;
                    });
                    let runs = [&gather[0], accumulate].map(|list| Run { list, row }).into();
                    batches.push(Batch { anew: false, runs });
                }
                batches.push(Batch { anew: false, runs: vec![Run { list: fix, row: first }] });
                for (from, count) in parts(accumulated, chosen.len(), wide) {
                    let row = records.another(first, |lane, record| {
                        record.first = from as u32;
                        record.count *= count as u32;
                        record.number = (lane * numbers + number) as u32;
                    });
                    number += 1;
                    let runs = [&gather[usize::from(test)], measure].map(|list| Run { list, row }).into();
                    batches.push(Batch { anew: false, runs });
                }
            }
            let flops = (self.job.plan.flops * wide * lanes.min(points.len())) as f64;
            self.submit(&records, &batches, flops)?;
            let mut sums = vec![0.0; 2 * lanes * numbers];
            self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
            found.extend((0..points.len()).map(|point| {
                let first = 2 * ((point % lanes) * numbers + point / lanes * of_loss);
                let sums = &sums[first..first + 2 * of_loss];
                let sum = |i| sums.iter().skip(i).step_by(2).map(|&x| f64::from(x)).sum();
                [sum(0), sum(1)]
            }));
        }
        Ok(found)
    }
}

/// First and count of parts of `len` samples from `start` on, `each` of them or fewer.
fn parts(start: usize, len: usize, each: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len).step_by(each).map(move |from| (start + from, each.min(len - from)))
}
