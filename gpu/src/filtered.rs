//! Layers of a pass that go by minimal filtering, where its device takes that path.

use crate::error::Result;
use crate::kernels::winograd::{Filtering, transform_weights};
use crate::kernels::{Dispatch, Recorder};
use crate::network::{Kind, Plan};
use crate::packing::ALIGNMENT;
use std::ops::Range;

/// A layer with its part of the transformed weights, and room that all such layers share.
#[derive(Clone, Debug)]
pub(crate) struct Filtered {
    filtering: Filtering,
    /// Forward, backward, of the first model; how far behind it the weights of the last one begin.
    parts: [Range<usize>; 2],
    others: usize,
    transformed: wgpu::Buffer,
    planes: [wgpu::Buffer; 2],
}

/// What transforms packed weights, and for each operation the way it goes, if it is this one; none, where none does.
///
/// `starts` are where each operation's packed weights lie, forward and backward; a batch has `images` images at most.
///
/// # Errors
/// No room; a program that the driver refuses.
pub(crate) fn layers(
    recorder: &Recorder,
    plan: &Plan,
    starts: impl Iterator<Item = [usize; 2]>,
    packed: &wgpu::Buffer,
    images: usize,
) -> Result<Option<(Dispatch, Vec<Option<Filtered>>)>> {
    let device = recorder.device;
    let Some(winograd) = device.paths().winograd else { return Ok(None) };
    let limits = device.limits();
    let models = recorder.lanes.count;
    // By one model alone: which way a layer goes must not depend on who is beside it. Where there is no room for the
    // planes of all, there are fewer.
    let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4;
    let of_op = |kind: &Kind| {
        let Kind::Correlate(correlation, _) = kind else { return None };
        let fits = |f: &Filtering| f.planes_len(images).iter().all(|&len| len as u64 <= most);
        Filtering::worth(*correlation, winograd).filter(fits)
    };
    let (mut table, mut len, mut planes_len) = (Vec::new(), 0_usize, [0; 2]);
    let layers = plan.ops.iter().zip(starts).map(|(op, starts)| {
        let filtering = of_op(&op.kind)?;
        let needed = filtering.planes_len(images);
        planes_len = [planes_len[0].max(needed[0]), planes_len[1].max(needed[1])];
        // The images have no gradient.
        let parts = [(false, true), (true, op.x > 0)].map(|(back, there)| {
            if !there {
                return 0..0;
            }
            let start = len.next_multiple_of(ALIGNMENT);
            len = start + filtering.weights_len(back);
            table.extend(filtering.weights_table(back, starts[usize::from(back)], start));
            start..len
        });
        Some((filtering, parts))
    });
    let layers: Vec<_> = layers.collect();
    if table.is_empty() {
        return Ok(None);
    }
    let transformed = device.numbers("transformed weights", models * len)?;
    let [before, after] = planes_len.map(|len| device.numbers("transformed activations", models * len));
    let planes = [before?, after?];
    let on_device = device.holding("table of the transformed weights", &table)?;
    let weights = transform_weights(recorder, winograd, table.len(), &on_device, packed, &transformed)?;
    let layers = layers.into_iter().map(|layer| {
        let (filtering, parts) = layer?;
        let others = (models - 1) * len;
        Some(Filtered { filtering, parts, others, transformed: transformed.clone(), planes: planes.clone() })
    });
    Ok(Some((weights, layers.collect())))
}

impl Filtered {
    fn weights(&self, back: bool) -> wgpu::BufferBinding<'_> {
        let range = &self.parts[usize::from(back)];
        let size = wgpu::BufferSize::new(4 * (self.others + range.len()) as u64);
        wgpu::BufferBinding { buffer: &self.transformed, offset: 4 * range.start as u64, size }
    }

    /// As [`Filtering::forward`].
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn forward(
        &self,
        recorder: &Recorder,
        relu: bool,
        x: &wgpu::Buffer,
        bias: Option<wgpu::BufferBinding>,
        y: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.filtering.forward(recorder, relu, x, self.weights(false), bias, &self.planes, y)
    }

    /// As [`Filtering::backward_data`].
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn backward_data(
        &self,
        recorder: &Recorder,
        accumulate: bool,
        dy: &wgpu::Buffer,
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        self.filtering.backward_data(recorder, accumulate, dy, self.weights(true), &self.planes, dx)
    }
}
