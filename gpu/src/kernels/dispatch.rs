//! How kernels are dispatched: pipeline, buffers, grid.

use super::{BatchLayout, Kernel, PassParams};
use crate::device::Device;
use crate::error::Result;
use crate::pipeline::Pipeline;
use std::sync::Arc;

/// How many invocations a dispatch needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    /// Units of work for each image of a batch.
    pub per_image: u64,
    /// Units of work for any batch.
    pub fixed: u64,
    /// Units of an invocation.
    pub tile: u64,
    /// Invocations of a workgroup.
    pub workgroup_size: u32,
    /// How often the grid is repeated.
    pub copies: u32,
}

/// Workgroups of the first dimension, at most: `GRID_WIDTH` of `prelude.wgsl`. Adapters allow 65,535.
const GRID_WIDTH: u64 = 32_768;

impl Grid {
    /// One invocation for each of `per_image` units of each image.
    pub fn images(per_image: usize, workgroup_size: u32) -> Self {
        Self { per_image: per_image as u64, fixed: 0, tile: 1, workgroup_size, copies: 1 }
    }

    /// One invocation for each of `units`.
    pub fn fixed(units: usize, workgroup_size: u32) -> Self {
        Self { per_image: 0, fixed: units as u64, tile: 1, workgroup_size, copies: 1 }
    }

    /// Workgroups in the first two dimensions for a batch of `count` images.
    fn workgroups(&self, count: u32) -> [u32; 2] {
        let units = self.fixed + self.per_image * u64::from(count);
        let groups = units.div_ceil(self.tile).div_ceil(u64::from(self.workgroup_size));
        [groups.min(GRID_WIDTH) as u32, self.copies * groups.div_ceil(GRID_WIDTH) as u32]
    }
}

/// A pipeline with its buffers and its grid.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    pipeline: Arc<Pipeline>,
    bind_group: wgpu::BindGroup,
    grid: Grid,
}

impl Dispatch {
    /// The name of its kernel.
    pub fn kernel(&self) -> &'static str {
        self.pipeline.name
    }

    /// Encodes it with the pass parameters at an offset, for the first `models` models and batches of at most `count`
    /// images.
    pub fn encode(&self, pass: &mut wgpu::ComputePass, offset: u32, count: u32, models: u32) {
        let [x, y] = self.grid.workgroups(count);
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[offset]);
        pass.dispatch_workgroups(x, y, models);
    }
}

/// Makes dispatches: for a device, its pass parameters, and the models of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dispatcher<'a> {
    pub device: &'a Device,
    /// Rows of [`PassParams`], one for each model, [`BatchLayout::params_stride`] bytes apart.
    pub params: &'a wgpu::Buffer,
    pub layout: BatchLayout,
    /// Whether activations are stored as f16.
    pub f16: bool,
}

impl<'a> Dispatcher<'a> {
    /// A dispatcher for a single model, with the paths of the device.
    pub fn single(device: &'a Device, params: &'a wgpu::Buffer) -> Self {
        Self { device, params, layout: BatchLayout::SINGLE, f16: device.paths().f16 }
    }

    /// A dispatch of a kernel with values for its parameters, on buffers in the order of its bindings.
    ///
    /// # Errors
    /// The driver refuses the pipeline.
    ///
    /// # Panics
    /// If the kernel declares another number of bindings.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        values: &[(&str, i64)],
        buffers: &[wgpu::BufferBinding],
        grid: Grid,
    ) -> Result<Dispatch> {
        let common = [
            ("WORKGROUP_SIZE", i64::from(grid.workgroup_size)),
            ("GRID_COPIES", i64::from(grid.copies)),
            ("GRID_WIDTH", GRID_WIDTH as i64),
            ("F16", i64::from(self.f16)),
        ];
        let values = [&common, &self.layout.values()[..], values].concat();
        let pipeline = self.device.pipeline(kernel.name, kernel.wgsl(&values))?;
        let params = wgpu::BufferBinding {
            buffer: self.params,
            offset: 0,
            size: wgpu::BufferSize::new((self.layout.models * size_of::<PassParams>()) as u64),
        };
        let buffers = std::iter::once(&params).chain(buffers);
        assert_eq!(pipeline.bindings.len(), buffers.clone().count(), "bindings of {}", kernel.name);
        let entries: Vec<_> = pipeline
            .bindings
            .iter()
            .zip(buffers)
            .map(|(&binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer.clone()),
            })
            .collect();
        let bind_group = self.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        Ok(Dispatch { pipeline, bind_group, grid })
    }

    /// Invocations of a workgroup: four SIMD vectors of a processor, or two subgroups of a GPU.
    pub fn workgroup_size(&self) -> u32 {
        if self.device.is_hardware() { 64 } else { 32 }
    }

    /// Invocations that occupy the whole device.
    pub fn invocations(&self) -> usize {
        if self.device.is_hardware() { 32_768 } else { 2_048 }
    }
}

/// The binding of a whole buffer.
pub(crate) fn whole(buffer: &wgpu::Buffer) -> wgpu::BufferBinding<'_> {
    buffer.as_entire_buffer_binding()
}
