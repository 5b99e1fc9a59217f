//! Models on one device that share their dispatches.
//!
//! Each model has a part of every buffer. Its bits do not depend on which other models share its dispatches.

mod steps;
mod values;

use crate::device::Device;
use crate::device_dataset::DeviceDataset;
use crate::error::Result;
use crate::kernels::{BatchLayout, Dispatch, Dispatcher, PassParams, parameters, tangent_removal};
use crate::key::EngineKey;
use crate::memory::stores_f16;
use crate::pass::{BatchInputs, Pass};
use crate::request::SlotState;
use crate::submitter::{BatchCommands, PassParamsTable, Submitter};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use valleys_core::engine::Mix;

/// Rows of pass parameters, at least. A call that needs more is divided.
const MIN_ROWS: usize = 1024;

/// A control point and its moments, of all models, and the optimiser steps on them.
#[derive(Debug)]
struct SlotBuffers {
    point: wgpu::Buffer,
    momentum: wgpu::Buffer,
    step: Dispatch,
    /// Adam's second moment and step: where an engine has asked for them.
    second: Option<(wgpu::Buffer, Dispatch)>,
}

/// Models of one kind on one device.
#[derive(Debug)]
pub(crate) struct ModelBatch {
    dataset: Arc<DeviceDataset>,
    key: EngineKey,
    pass: Pass,
    /// Whether activations are stored as f16.
    f16: bool,
    /// Pass parameters, and how many rows of them there are.
    params: wgpu::Buffer,
    rows: usize,
    /// Samples and codes of batches, and how many each model has.
    order: wgpu::Buffer,
    entries: usize,
    /// Sums of losses and errors of batches.
    sums: wgpu::Buffer,
    /// Of tangent removal.
    coefficients: wgpu::Buffer,
    slots: Vec<SlotBuffers>,
    /// Lists for mixes and for tangent removal, by the slots that they name.
    mixes: HashMap<Vec<u32>, Vec<Dispatch>>,
    tangents: HashMap<Vec<u32>, Vec<Dispatch>>,
    /// The limit of a gradient's length; made when it is first needed.
    clip: Vec<Dispatch>,
    pub submitter: Submitter,
}

/// Models whose mixes name the same slots.
struct SlotGroup {
    slots: Vec<u32>,
    models: Vec<usize>,
}

impl ModelBatch {
    /// Buffers and lists for so many models. They have no slots yet.
    ///
    /// # Errors
    /// As [`Pass::new`].
    pub fn new(key: &EngineKey, dataset: Arc<DeviceDataset>, models: usize) -> Result<Self> {
        let device = &*dataset.device;
        // A value needs a row for its mix and for each model, rows for the batches of the statistics and of the losses of
        // both splits.
        let samples = key.train_len.max(key.test_len);
        let batches = key.train_len.div_ceil(key.batch) + 2 * samples.div_ceil(key.batch);
        let rows = MIN_ROWS.max(1 + models + batches);
        let entries = key.train_len + 2 * samples;
        let layout = BatchLayout { models, ..BatchLayout::SINGLE };
        let params = device.uniform("pass parameters", layout.params_stride() * rows as u64)?;
        let order = device.floats("order of the samples", 2 * entries * models)?;
        let sums = device.floats("sums of losses", 2 * rows * models)?;
        let border = match &key.augment {
            Some(augment) => Some((device.buffer_with("border", &augment.border)?, augment.padding)),
            None => None,
        };
        let border = border.as_ref().map(|(border, padding)| (border, *padding));
        let f16 = stores_f16(&key.graph, device.paths());
        let dispatcher = Dispatcher { device, params: &params, layout, f16 };
        let inputs = BatchInputs { dataset: &dataset, order: &order, sums: &sums, border };
        let pass = Pass::new(dispatcher, &key.graph, key.batch, &inputs)?;
        let coefficients = device.floats("coefficients", tangent_removal::COEFFICIENTS_LEN * models)?;
        Ok(Self {
            key: key.clone(),
            pass,
            f16,
            params,
            rows,
            order,
            entries,
            sums,
            coefficients,
            slots: Vec::new(),
            mixes: HashMap::new(),
            tangents: HashMap::new(),
            clip: Vec::new(),
            dataset,
            submitter: Submitter::default(),
        })
    }

    fn device(&self) -> &Device {
        &self.dataset.device
    }

    fn models(&self) -> usize {
        self.pass.layout.models
    }

    /// Index of a model's first element in a buffer of parameters.
    fn first_parameter(&self, model: usize) -> usize {
        model * self.pass.layout.theta_len()
    }

    /// Makes room for so many slots of each model, with second moments where they are wanted. New ones are 0.
    ///
    /// # Errors
    /// As [`Device::buffer`].
    pub fn reserve(&mut self, slots: usize, second_moments: bool) -> Result<()> {
        let len = self.models() * self.pass.layout.theta_len();
        while self.slots.len() < slots {
            let point = self.device().floats("control point", len)?;
            let momentum = self.device().floats("momentum", len)?;
            let buffers = [&self.pass.gradient, &self.pass.theta, &point, &momentum];
            let step = parameters::step(&self.dispatcher(), self.pass.layout.dim, buffers)?;
            self.slots.push(SlotBuffers { point, momentum, step, second: None });
        }
        for slot in 0..if second_moments { slots } else { 0 } {
            let SlotBuffers { point, momentum, second: None, .. } = &self.slots[slot] else { continue };
            let second = self.device().floats("second moment", len)?;
            let buffers = [&self.pass.gradient, &self.pass.theta, point, momentum, &second];
            let step = parameters::adam(&self.dispatcher(), self.pass.layout.dim, buffers)?;
            self.slots[slot].second = Some((second, step));
        }
        Ok(())
    }

    /// Makes dispatches beside those of the pass.
    fn dispatcher(&self) -> Dispatcher<'_> {
        Dispatcher { device: self.device(), params: &self.params, layout: self.pass.layout, f16: self.f16 }
    }

    fn submit(&self, table: &PassParamsTable, batches: &[BatchCommands], flops: f64) -> Result<()> {
        self.submitter.submit(self.device(), &self.pass, (&self.params, table), batches, flops)
    }

    /// Sets the slots of a model from slot `first` on.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn write_slots(&mut self, model: usize, first: usize, states: &[SlotState]) -> Result<()> {
        let at = self.first_parameter(model);
        self.reserve(first + states.len(), states.iter().any(|state| state.second.is_some()))?;
        for (slot, state) in self.slots[first..].iter().zip(states) {
            self.device().write_at(&slot.point, at, &state.point);
            self.device().write_at(&slot.momentum, at, &state.momentum);
            if let (Some((buffer, _)), Some(second)) = (&slot.second, &state.second) {
                self.device().write_at(buffer, at, &second[..self.pass.layout.dim]);
            }
        }
        Ok(())
    }

    /// Reads the slots of a model from slot `first` on. The numbers of steps stay as they are.
    ///
    /// # Errors
    /// The device was lost; as [`reserve`](Self::reserve).
    pub fn read_slots(&mut self, model: usize, first: usize, states: &mut [SlotState]) -> Result<()> {
        let (at, dim) = (self.first_parameter(model), self.pass.layout.dim);
        self.reserve(first + states.len(), states.iter().any(|state| state.second.is_some()))?;
        let mut parts = Vec::with_capacity(3 * states.len());
        for (slot, state) in self.slots[first..].iter().zip(states) {
            parts.push((&slot.point, at, &mut state.point[..]));
            parts.push((&slot.momentum, at, &mut state.momentum[..]));
            if let (Some((buffer, _)), Some(second)) = (&slot.second, &mut state.second) {
                parts.push((buffer, at, &mut second[..dim]));
            }
        }
        self.device().read(&mut parts)
    }

    /// Reads a control point of a model.
    ///
    /// # Errors
    /// The device was lost.
    pub fn read_point(&self, model: usize, slot: usize, theta: &mut [f32]) -> Result<()> {
        self.device().read(&mut [(&self.slots[slot].point, self.first_parameter(model), theta)])
    }

    /// Groups models by the slots that their mixes name, and makes the lists of these slots if they are new.
    fn group_by_slots<'m>(
        &mut self,
        mixes: impl Iterator<Item = (usize, &'m Mix)>,
        removes_tangent: bool,
    ) -> Result<Vec<SlotGroup>> {
        let mut groups: Vec<SlotGroup> = Vec::new();
        for (model, mix) in mixes {
            let slots: Vec<u32> = mix.iter().map(|&(slot, _)| slot).collect();
            match groups.iter_mut().find(|group| group.slots == slots) {
                Some(group) => group.models.push(model),
                None => groups.push(SlotGroup { slots, models: vec![model] }),
            }
        }
        for SlotGroup { slots, .. } in &groups {
            let Pass { theta, gradient, partial, layout, .. } = &self.pass;
            let points: Vec<_> = slots.iter().map(|&slot| &self.slots[slot as usize].point).collect();
            if !self.mixes.contains_key(slots) {
                let list = parameters::mix(&self.dispatcher(), layout.dim, theta, &points)?;
                self.mixes.insert(slots.clone(), list);
            }
            if removes_tangent && self.has_normals(slots.len()) && !self.tangents.contains_key(slots) {
                let buffers = [theta, gradient, partial, &self.coefficients];
                let list = tangent_removal::remove_tangent(&self.dispatcher(), layout.dim, buffers, &points)?;
                self.tangents.insert(slots.clone(), list.to_vec());
            }
        }
        Ok(groups)
    }

    /// Whether the tangent component of a mix of so many control points is removed: neither nothing nor everything.
    const fn has_normals(&self, mixed: usize) -> bool {
        mixed > 1 && mixed <= self.pass.layout.dim
    }

    /// A row for each group, in which the other models are idle: the row itself if there is one group.
    fn rows_of(table: &mut PassParamsTable, row: usize, groups: &[SlotGroup]) -> Vec<usize> {
        if let [_] = groups {
            return vec![row];
        }
        let idle = |models: &[usize], model, params: &mut PassParams| {
            if !models.contains(&model) {
                params.count = 0;
            }
        };
        let row =
            |group: &SlotGroup| table.push_copy(row, |model, params| idle(&group.models, model, params));
        groups.iter().map(row).collect()
    }
}

/// Consecutive ranges of at most `each` of `len` samples, from `start` on.
fn batches(start: usize, len: usize, each: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(each).map(move |from| start + from..start + len.min(from + each))
}
