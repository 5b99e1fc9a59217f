//! Everything of some landscapes that lies on one device, and how its lists are replayed.
//!
//! Each landscape has a model: a part of every buffer. What several of them ask for goes in the same dispatches.

use crate::dataset::DeviceDataset;
use crate::device::Device;
use crate::engine::{Counts, Slot};
use crate::error::Result;
use crate::kernels::{BatchLayout, Dispatch, KernelContext, PassParams, parameters, tangent_removal};
use crate::network::Plan;
use crate::pass::{BatchInputs, Pass};
use crate::request::{StepRequest, StepResult, ValueRequest};
use crate::submitter::{Batch, PassParamsTable, Run, Submitter, Target};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::Mix;
use valleys_core::network::CropFlip;

/// What a landscape is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EngineKey {
    pub plan: Plan,
    pub batch: usize,
    /// Training samples, test samples.
    pub train: usize,
    pub test: usize,
    pub augment: Option<CropFlip<Vec<f32>>>,
}

/// Sets of table of a call at least; a call with more goes in parts.
const RECORDS: usize = 1024;

/// Landscapes of one kind on one device.
#[derive(Debug)]
pub(crate) struct ModelBatch {
    device_dataset: Arc<DeviceDataset>,
    key: EngineKey,
    pass: Pass,
    /// Whether activations are stored as f16.
    f16: bool,
    params: wgpu::Buffer,
    /// Sets of table.
    capacity: usize,
    order: wgpu::Buffer,
    /// Samples of each model in it.
    entries: usize,
    sums: wgpu::Buffer,
    /// Of projections.
    coefficients: wgpu::Buffer,
    /// Centre and momentum of each slot, in all models.
    slots: Vec<[wgpu::Buffer; 2]>,
    /// Lists for the slots that mixes and projections name.
    mixes: HashMap<Vec<u32>, Vec<Dispatch>>,
    projections: HashMap<Vec<u32>, Vec<Dispatch>>,
    steps: Vec<Dispatch>,
    /// What was submitted, and how.
    pub submitter: Submitter,
}

/// Numbers that the coefficients of a projection take in a model: see `tangent_solve.wgsl`.
const COEFFICIENTS: usize = 16;

/// Slots that mixes name, and the models whose mixes name them.
type Named = Vec<(Vec<u32>, Vec<usize>)>;

impl ModelBatch {
    /// Makes buffers and lists for so many landscapes, that have no slots yet.
    pub fn new(key: &EngineKey, device_dataset: Arc<DeviceDataset>, models: usize) -> Result<Self> {
        let device = &*device_dataset.device;
        let most = key.train.max(key.test);
        // A point's loss needs its mix, for each model, the batches of the statistics, those of the loss.
        let capacity = RECORDS.max(1 + models + key.train.div_ceil(key.batch) + most.div_ceil(key.batch));
        let entries = key.train + most;
        let alone = BatchLayout { models, ..BatchLayout::ONE };
        let params = device.uniform("pass parameters", alone.stride() * capacity as u64)?;
        let order = device.floats("order of the samples", 2 * entries * models)?;
        let sums = device.floats("sums of losses", 2 * capacity * models)?;
        let border = match &key.augment {
            Some(augment) => Some((device.buffer_with("border", &augment.border)?, augment.padding)),
            None => None,
        };
        let f16 = key.plan.activation_bytes(device.paths()) == 2;
        let context = KernelContext { device, params: &params, layout: alone, f16 };
        let border = border.as_ref().map(|(border, padding)| (border, *padding));
        let outside = BatchInputs { device_dataset: &device_dataset, order: &order, sums: &sums, border };
        let pass = Pass::new(context, &key.plan, key.batch, &outside)?;
        let coefficients = device.floats("coefficients", COEFFICIENTS * models)?;
        Ok(Self {
            key: key.clone(),
            pass,
            f16,
            params,
            capacity,
            order,
            entries,
            sums,
            coefficients,
            slots: Vec::new(),
            mixes: HashMap::new(),
            projections: HashMap::new(),
            steps: Vec::new(),
            device_dataset,
            submitter: Submitter::default(),
        })
    }

    fn device(&self) -> &Device {
        &self.device_dataset.device
    }

    fn models(&self) -> usize {
        self.pass.layout.models
    }

    /// The first number of a model in a buffer of parameters.
    fn first(&self, model: usize) -> usize {
        model * self.pass.layout.theta_len()
    }

    /// Makes room for slots of that number.
    pub fn reserve(&mut self, slots: usize) -> Result<()> {
        let len = self.pass.layout.models * self.pass.layout.theta_len();
        while self.slots.len() < slots {
            let numbers = |what| self.device().floats(what, len);
            let [centre, momentum] = [numbers("control point")?, numbers("momentum")?];
            let buffers = [&self.pass.gradient, &self.pass.theta, &centre, &momentum];
            let step = parameters::step(&self.context(), self.key.plan.dim, buffers)?;
            self.steps.push(step);
            self.slots.push([centre, momentum]);
        }
        Ok(())
    }

    /// Where dispatches beside those of the pass are made.
    fn context(&self) -> KernelContext<'_> {
        let Self { params, f16, .. } = self;
        KernelContext { device: self.device(), params, layout: self.pass.layout, f16: *f16 }
    }

    /// Submits batches in order; each is `flops` operations or fewer.
    fn submit(&self, table: &PassParamsTable, batches: &[Batch], flops: f64) -> Result<()> {
        let target = Target { device: self.device(), params: &self.params, pass: &self.pass };
        self.submitter.run(&target, table, batches, flops)
    }

    /// Sets a slot of a model.
    pub fn fill(&mut self, model: usize, slot: usize, to: &Slot) {
        let first = self.first(model);
        for (buffer, numbers) in self.slots[slot].iter().zip([&to.centre, &to.momentum]) {
            self.device().write_at(buffer, first, numbers);
        }
    }

    /// Sets the first slots of a model.
    pub fn fill_all(&mut self, model: usize, slots: &[Slot]) {
        slots.iter().enumerate().for_each(|(slot, to)| self.fill(model, slot, to));
    }

    /// Makes the lists of the slots that mixes name, if they are not there; says which models name the same.
    fn prepare<'m>(&mut self, mixes: impl Iterator<Item = (usize, &'m Mix)>, project: bool) -> Result<Named> {
        let mut named = Named::new();
        for (model, mix) in mixes {
            let names: Vec<u32> = mix.iter().map(|&(slot, _)| slot).collect();
            match named.iter_mut().find(|(there, _)| *there == names) {
                Some((_, models)) => models.push(model),
                None => named.push((names, vec![model])),
            }
        }
        let dim = self.key.plan.dim;
        for (names, _) in &named {
            let Pass { theta, gradient, part, .. } = &self.pass;
            let centres: Vec<_> = names.iter().map(|&slot| &self.slots[slot as usize][0]).collect();
            if !self.mixes.contains_key(names) {
                let list = parameters::mix(&self.context(), dim, theta, &centres)?;
                self.mixes.insert(names.clone(), list);
            }
            if project && names.len() > 1 && !self.projections.contains_key(names) {
                let buffers = [theta, gradient, part, &self.coefficients];
                let list = tangent_removal::project(&self.context(), dim, buffers, &centres)?.to_vec();
                self.projections.insert(names.clone(), list);
            }
        }
        Ok(named)
    }

    /// Rows for the models that name the same slots: the row itself where all do.
    fn rows_of(table: &mut PassParamsTable, row: usize, named: &Named) -> Vec<usize> {
        if let [_] = named[..] {
            return vec![row];
        }
        let only = |models: &[usize], model, params: &mut PassParams| {
            if !models.contains(&model) {
                params.count = 0;
            }
        };
        named
            .iter()
            .map(|(_, models)| table.another(row, |model, params| only(models, model, params)))
            .collect()
    }

    /// Takes the steps of landscapes that go with each other.
    pub fn advance(&mut self, calls: &[StepRequest]) -> Result<Vec<StepResult>> {
        self.reserve(calls.iter().map(|call| call.slots).max().unwrap_or(0))?;
        let trainable = calls[0].trainable();
        let rows = 1 + self.models() + trainable.len();
        let most = (self.capacity / rows).min(self.entries / self.key.batch).max(1);
        let all = calls.iter().map(|call| call.steps.len()).max().unwrap_or(0);
        let mut losses = vec![Vec::new(); calls.len()];
        for from in (0..all).step_by(most) {
            let until = all.min(from + most);
            self.take(calls, from..until)?;
            let mut sums = vec![0.0; 2 * (until - from) * self.models()];
            self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
            for (call, losses) in calls.iter().zip(&mut losses) {
                let own = sums.chunks(2).skip(call.model).step_by(self.models());
                let batches = call.entries.iter().skip(from);
                losses.extend(own.zip(batches).map(|(sum, batch)| sum[0] / batch.len() as f32));
            }
        }
        let dim = self.key.plan.dim;
        let none = || Slot { centre: vec![0.0; dim], momentum: vec![0.0; dim] };
        let mut slots: Vec<Vec<Slot>> =
            calls.iter().map(|call| call.trainable().map(|_| none()).collect()).collect();
        let mut parts = Vec::new();
        for (call, slots) in calls.iter().zip(&mut slots) {
            let first = self.first(call.model);
            for (slot, to) in call.trainable().zip(slots) {
                let [centre, momentum] = &self.slots[slot];
                parts.push((centre, first, &mut to.centre[..]));
                parts.push((momentum, first, &mut to.momentum[..]));
            }
        }
        self.device().read(&mut parts)?;
        self.submitter.count(Counts { batched: u64::from(calls.len() > 1), ..Counts::default() });
        Ok(losses.into_iter().zip(slots).map(|(losses, slots)| StepResult { losses, slots }).collect())
    }

    /// Takes the steps of a range, of which there is room for all.
    fn take(&mut self, calls: &[StepRequest], range: Range<usize>) -> Result<()> {
        let (trainable, project) = (calls[0].trainable(), calls[0].project());
        let at = |i: usize| calls.iter().filter(move |call| i < call.steps.len());
        let mut named = Vec::new();
        for i in range.clone() {
            named.push(self.prepare(at(i).map(|call| (call.model, &call.steps[i].mix)), project)?);
        }
        let models = self.models();
        let (mut table, mut order) = (PassParamsTable::new(models), Vec::new());
        let mut batches = Vec::new();
        for (i, named) in range.clone().zip(&named) {
            let row = table.len();
            let all = table.row();
            for call in at(i) {
                let (step, params, batch) = (&call.steps[i], &call.params, &call.entries[i]);
                let mut params = PassParams {
                    count: batch.len() as u32,
                    first: order.len() as u32,
                    number: ((i - range.start) * models + call.model) as u32,
                    share: params.tangent_removal,
                    rate: step.rate,
                    momentum: params.momentum,
                    decay: params.weight_decay,
                    home: call.model as u32,
                    ..PassParams::default()
                };
                params.mix.iter_mut().zip(&step.mix).for_each(|(to, &(_, weight))| *to = weight);
                all[call.model] = params;
                order.extend_from_slice(batch);
            }
            let apart = Self::rows_of(&mut table, row, named);
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
                let row = table.another(row, |model, params| {
                    let Some(call) = at(i).find(|call| call.model == model) else { return };
                    let mix = &call.steps[i].mix;
                    let own = mix.iter().find(|(s, _)| *s as usize == slot);
                    params.weight = own.map_or(0.0, |(_, weight)| *weight);
                    if project && mix.len() > 1 {
                        // The projection has added it already.
                        params.decay = 0.0;
                    }
                });
                runs.push(Run { list: std::slice::from_ref(&self.steps[slot]), row });
            }
            batches.push(Batch { anew: false, runs });
        }
        self.device().write(&self.order, &order);
        let flops = 3.0 * (self.key.plan.flops * self.key.batch * calls.len()) as f64;
        self.submit(&table, &batches, flops)
    }

    /// Sums of losses and errors over samples at points; as many points at a time as there are models.
    pub fn values(&mut self, asked: &ValueRequest) -> Result<Vec<[f64; 2]>> {
        let &ValueRequest { model: home, test, chosen, points } = asked;
        let EngineKey { train, batch, .. } = self.key;
        let plain = self.key.plain();
        let accumulated = if self.pass.statistics.is_empty() { 0 } else { train };
        let order: Vec<[u32; 2]> =
            (0..accumulated as u32).chain(chosen.iter().copied()).map(|sample| [sample, plain]).collect();
        self.device().write(&self.order, &order);
        let (wide, models) = (self.pass.wide, self.models());
        let [before, of_loss] = [accumulated.div_ceil(batch), chosen.len().div_ceil(wide)];
        let rows = 1 + models + before + of_loss;
        let mut found = Vec::new();
        for points in points.chunks(models * (self.capacity / rows).max(1)) {
            let mut named = Vec::new();
            for points in points.chunks(models) {
                named.push(self.prepare(points.iter().enumerate(), false)?);
            }
            let (mut table, mut batches) = (PassParamsTable::new(models), Vec::new());
            let mut number = 0;
            let numbers = points.len().div_ceil(models) * of_loss;
            for (points, named) in points.chunks(models).zip(&named) {
                let first = table.len();
                for (params, point) in table.row().iter_mut().zip(points) {
                    *params = PassParams { count: 1, home: home as u32, ..PassParams::default() };
                    params.mix.iter_mut().zip(point).for_each(|(to, &(_, weight))| *to = weight);
                }
                let apart = Self::rows_of(&mut table, first, named);
                let Pass { pack, gather, accumulate, fix, measure, .. } = &self.pass;
                let mix =
                    named.iter().zip(apart).map(|((names, _), row)| Run { list: &self.mixes[names], row });
                let pack = Run { list: pack, row: first };
                batches.push(Batch { anew: true, runs: mix.chain([pack]).collect() });
                for (from, count) in parts(0, accumulated, batch) {
                    let row = table.another(first, |_, params| {
                        params.first = from as u32;
                        // It was 1 where there is a point.
                        params.count *= count as u32;
                        params.share = (count as f64 / train as f64) as f32;
                    });
                    let runs = [&gather[0], accumulate].map(|list| Run { list, row }).into();
                    batches.push(Batch { anew: false, runs });
                }
                batches.push(Batch { anew: false, runs: vec![Run { list: fix, row: first }] });
                for (from, count) in parts(accumulated, chosen.len(), wide) {
                    let row = table.another(first, |model, params| {
                        params.first = from as u32;
                        params.count *= count as u32;
                        params.number = (model * numbers + number) as u32;
                    });
                    number += 1;
                    let runs = [&gather[usize::from(test)], measure].map(|list| Run { list, row }).into();
                    batches.push(Batch { anew: false, runs });
                }
            }
            let flops = (self.key.plan.flops * wide * models.min(points.len())) as f64;
            self.submit(&table, &batches, flops)?;
            let mut sums = vec![0.0; 2 * models * numbers];
            self.device().read(&mut [(&self.sums, 0, &mut sums)])?;
            found.extend((0..points.len()).map(|point| {
                let first = 2 * ((point % models) * numbers + point / models * of_loss);
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
