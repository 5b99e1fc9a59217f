//! The kernels: WGSL beside the code that puts each to work. [`ALL`] is the table of them.
//!
//! Activations lie in quads of channels, channels innermost: (image, row, column, quad). Channels that fill up a quad
//! are 0 throughout. Weights lie as their kernels read them, packed from θ once for each θ(t). A kernel's shape is
//! written into its text; how many images a batch has is read from a [`PassParams`].

pub mod batch_norm;
pub mod convolution;
pub mod fma_throughput;
pub mod gemm;
mod layout;
pub mod loss;
pub mod parameters;
pub mod pool;
pub mod samples;
pub mod tangent_removal;
pub mod winograd;

use crate::device::Device;
use crate::error::Result;
use crate::template::expand;
use std::sync::Arc;
use valleys_core::network::Shape;

pub use layout::{BatchLayout, PassParams};

/// A kernel's text, before its numbers are known.
#[derive(Debug)]
pub struct Kernel {
    /// Its name, that of its file.
    pub name: &'static str,
    /// What goes in front of it, and it.
    parts: &'static [&'static str],
}

impl Kernel {
    /// Its WGSL, with numbers for its names.
    pub fn text(&self, values: &[(&str, i64)]) -> String {
        let used =
            |text: String, (name, piece): &(&str, &str)| text.replace(&format!("#use {name}\n"), piece);
        expand(&PIECES.iter().fold(self.parts.concat(), used), values)
    }
}

/// What several kernels have within them: a line `#use NAME` stands for it.
const PIECES: [(&str, &str); 3] = [
    ("subgroup_main", include_str!("subgroup_main.wgsl")),
    ("subgroup_weights", include_str!("subgroup_weights.wgsl")),
    ("subgroup_products", include_str!("subgroup_products.wgsl")),
];

macro_rules! kernels {
    ($($constant:ident = $file:literal $(with $($part:literal)+)?;)*) => {
        $(
            #[doc = concat!("`", $file, ".wgsl`.")]
            pub const $constant: Kernel = Kernel {
                name: $file,
                parts: &[
                    include_str!("prelude.wgsl"),
                    $($(include_str!(concat!($part, ".wgsl")),)+)?
                    include_str!(concat!($file, ".wgsl")),
                ],
            };
        )*
        /// All kernels.
        pub const ALL: &[Kernel] = &[$($constant),*];
    };
}

kernels! {
    GATHER = "gather";
    MIX = "mix";
    PACK = "pack";
    CONVOLUTION = "convolution" with "tile_moments";
    CONV_BACKWARD_WEIGHTS = "conv_backward_weights";
    CONV_BACKWARD_WEIGHTS_REDUCE = "conv_backward_weights_reduce";
    MOMENTS = "moments";
    MOMENTS_REDUCE = "moments_reduce" with "batch_norm_coefficients" "workgroup_sum";
    STATISTICS = "statistics" with "batch_norm_coefficients";
    NORMALISE = "normalise";
    NORMALISE_BACKWARD = "normalise_backward";
    ROW_SUMS = "row_sums";
    ROW_SUMS_REDUCE = "row_sums_reduce" with "workgroup_sum";
    RELU_BACKWARD = "relu_backward";
    MAX_POOL = "max_pool";
    AVERAGE_POOL = "average_pool";
    CROSS_ENTROPY = "cross_entropy";
    SCORES = "scores" with "workgroup_sum";
    STEP = "step";
    GEMM = "gemm";
    FMA_THROUGHPUT = "fma_throughput";
    TANGENT_DOTS = "tangent_dots";
    TANGENT_SOLVE = "tangent_solve" with "workgroup_sum";
    TANGENT_REMOVE = "tangent_remove";
    WINOGRAD_WEIGHTS = "winograd_weights";
    WINOGRAD_INPUTS = "winograd_inputs";
    WINOGRAD_PRODUCTS = "winograd_products";
    WINOGRAD_OUTPUTS = "winograd_outputs";
}

/// What a kernel does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The [`PassParams`].
    PassParams,
    /// Numbers of a layer, the same in every pass.
    Uniform,
    /// Reads.
    Read,
    /// Writes, and may read.
    Write,
}

/// The bindings that a text declares, in their order.
///
/// # Panics
/// If they are not numbered from 0 on.
pub fn bindings(text: &str) -> Vec<Access> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("@group(0) @binding("));
    let accesses = declared.enumerate().map(|(at, line)| {
        let (number, rest) = line.split_once(')').expect("a number in parentheses");
        assert_eq!(number.parse(), Ok(at), "bindings in their order");
        match rest {
            _ if at == 0 => Access::PassParams,
            rest if rest.contains("var<uniform>") => Access::Uniform,
            rest if rest.contains("read_write") => Access::Write,
            _ => Access::Read,
        }
    });
    accesses.collect()
}

/// A kernel on a device, ready to run.
#[derive(Debug)]
pub struct Pipeline {
    name: &'static str,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// The name of its kernel.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Compiles a text; what goes wrong is told by the device.
    pub(crate) fn new(device: &wgpu::Device, kernel: &Kernel, text: &str, checked: bool) -> Self {
        let label = Some(kernel.name);
        let entries: Vec<_> =
            (0..).zip(bindings(text)).map(|(binding, access)| entry(binding, access)).collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let layouts = &[Some(&layout)];
        let whole = wgpu::PipelineLayoutDescriptor { label, bind_group_layouts: layouts, immediate_size: 0 };
        let whole = device.create_pipeline_layout(&whole);
        let descriptor =
            wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = if checked {
            device.create_shader_module(descriptor)
        } else {
            // SAFETY: every kernel guards its threads by the sizes in its text and by the pass parameters, which the host fills with
            // what its buffers have room for; its loops are counted, and all cases of the tests also run with the checks.
            #[expect(unsafe_code, reason = "there is no other way to do without the checks")]
            unsafe {
                let unchecked = wgpu::ShaderRuntimeChecks::unchecked();
                device.create_shader_module_trusted(descriptor, unchecked)
            }
        };
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&whole),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Self { name: kernel.name, pipeline, layout }
    }
}

fn entry(binding: u32, access: Access) -> wgpu::BindGroupLayoutEntry {
    let ty = match access {
        Access::PassParams | Access::Uniform => wgpu::BufferBindingType::Uniform,
        Access::Read => wgpu::BufferBindingType::Storage { read_only: true },
        Access::Write => wgpu::BufferBindingType::Storage { read_only: false },
    };
    let has_dynamic_offset = access == Access::PassParams;
    let ty = wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None };
    wgpu::BindGroupLayoutEntry { binding, visibility: wgpu::ShaderStages::COMPUTE, ty, count: None }
}

/// How many threads a dispatch needs.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Units of work for each image of a batch.
    pub per_image: u64,
    /// Units of work for any batch.
    pub fixed: u64,
    /// Units of a thread.
    pub tile: u64,
    /// Threads of a workgroup.
    pub size: u32,
    /// How often all of it.
    pub times: u32,
}

/// The longest grid in one dimension; it goes on in the second.
const FOLD: u64 = 32_768;

impl Grid {
    /// So many units for each image, one a thread.
    pub fn images(per_image: usize, size: u32) -> Self {
        Self { per_image: per_image as u64, fixed: 0, tile: 1, size, times: 1 }
    }

    /// So many units in all, one a thread.
    pub fn fixed(units: usize, size: u32) -> Self {
        Self { per_image: 0, fixed: units as u64, tile: 1, size, times: 1 }
    }

    /// Workgroups of a model, in the first two dimensions, for a batch of `count` images.
    pub fn groups(&self, count: u32) -> [u32; 2] {
        let units = self.fixed + self.per_image * u64::from(count);
        let groups = units.div_ceil(self.tile).div_ceil(u64::from(self.size));
        [groups.min(FOLD) as u32, self.times * groups.div_ceil(FOLD) as u32]
    }
}

/// A pipeline with its buffers and its grid.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pipeline: Arc<Pipeline>,
    group: wgpu::BindGroup,
    grid: Grid,
}

impl Dispatch {
    /// The name of its kernel.
    pub fn kernel(&self) -> &'static str {
        self.pipeline.name
    }

    /// PassParamsTable it in a pass, for the pass parameters at an offset, of batches of `count` images or fewer in the first `models`
    /// models.
    pub(crate) fn encode(&self, pass: &mut wgpu::ComputePass, offset: u32, count: u32, models: u32) {
        let [x, y] = self.grid.groups(count);
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.group, &[offset]);
        pass.dispatch_workgroups(x, y, models);
    }
}

/// Where dispatches are made: a device, the pass parameters that they read, the models that they work for.
#[derive(Clone, Copy, Debug)]
pub struct KernelContext<'a> {
    /// The device.
    pub device: &'a Device,
    /// PassParamsTable of all models for each pass, [`BatchLayout::stride`] apart.
    pub params: &'a wgpu::Buffer,
    /// The models.
    pub layout: BatchLayout,
    /// Whether activations are stored as f16.
    pub f16: bool,
}

impl<'a> KernelContext<'a> {
    /// For a single model, with the paths of the device.
    pub fn single(device: &'a Device, params: &'a wgpu::Buffer) -> Self {
        Self { device, params, layout: BatchLayout::ONE, f16: device.paths().f16 }
    }

    /// A dispatch of a kernel with its numbers, on buffers in the order of its bindings.
    ///
    /// # Errors
    /// The driver refuses the pipeline.
    pub fn dispatch(
        &self,
        kernel: &Kernel,
        values: &[(&str, i64)],
        buffers: &[wgpu::BufferBinding],
        grid: Grid,
    ) -> Result<Dispatch> {
        let own =
            [("SIZE", i64::from(grid.size)), ("TIMES", i64::from(grid.times)), ("F16", i64::from(self.f16))];
        let values = [&own, &self.layout.values()[..], values].concat();
        let pipeline = self.device.pipeline(kernel, &values)?;
        let params = wgpu::BufferBinding {
            buffer: self.params,
            offset: 0,
            size: wgpu::BufferSize::new((self.layout.models * size_of::<PassParams>()) as u64),
        };
        let entries: Vec<_> = std::iter::once(&params)
            .chain(buffers)
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer.clone()),
            })
            .collect();
        let group = self.device.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &pipeline.layout,
            entries: &entries,
        });
        Ok(Dispatch { pipeline, group, grid })
    }

    /// Threads of a workgroup: eight vectors of a processor, or a GPU's own group or two.
    pub fn size(&self) -> u32 {
        if self.device.is_hardware() { 64 } else { 32 }
    }

    /// Threads that fill the device.
    pub fn threads(&self) -> usize {
        if self.device.is_hardware() { 32_768 } else { 2_048 }
    }
}

/// A whole buffer.
pub(crate) fn whole(buffer: &wgpu::Buffer) -> wgpu::BufferBinding<'_> {
    buffer.as_entire_buffer_binding()
}

/// Quads of some channels.
pub const fn channel_blocks(channels: usize) -> usize {
    channels.div_ceil(4)
}

/// Numbers of a tensor of one image, in whole quads of channels.
pub(crate) const fn tensor_len(shape: Shape) -> usize {
    shape.height * shape.width * channel_blocks(shape.channels) * 4
}
