//! Compute pipelines: a shader's text compiled, with the layout of its bindings.

/// What a shader does with a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The pass parameters: a uniform with a dynamic offset. Binding 0 of every shader.
    PassParams,
    /// Reads a uniform.
    Uniform,
    /// Reads a storage buffer.
    Read,
    /// Reads and writes a storage buffer.
    Write,
}

/// The bindings that a text declares, in their order: number and access. Numbers may have gaps.
///
/// # Panics
/// If the numbers do not increase.
pub(crate) fn bindings(text: &str) -> Vec<(u32, Access)> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("@group(0) @binding("));
    let bindings = declared.map(|line| {
        let (number, rest) = line.split_once(')').expect("a number in parentheses");
        let number = number.parse().expect("a number");
        let access = match rest {
            _ if number == 0 => Access::PassParams,
            rest if rest.contains("var<uniform>") => Access::Uniform,
            rest if rest.contains("read_write") => Access::Write,
            _ => Access::Read,
        };
        (number, access)
    });
    let mut bindings: Vec<_> = bindings.collect();
    bindings.sort_by_key(|&(number, _)| number);
    assert!(bindings.windows(2).all(|pair| pair[0].0 < pair[1].0), "a binding is declared twice");
    bindings
}

/// A kernel on a device, ready to run.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub name: &'static str,
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    /// Numbers of the bindings, increasing.
    pub bindings: Vec<u32>,
}

impl Pipeline {
    /// Compiles a text. The device reports what goes wrong.
    ///
    /// `checked` keeps the driver's checks of every index.
    pub fn new(device: &wgpu::Device, name: &'static str, text: &str, checked: bool) -> Self {
        let label = Some(name);
        let bindings = bindings(text);
        let entries: Vec<_> = bindings.iter().map(|&(binding, access)| entry(binding, access)).collect();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let descriptor =
            wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(text.into()) };
        let module = if checked {
            device.create_shader_module(descriptor)
        } else {
            // SAFETY: every kernel bounds its invocations by the sizes in its text and by the pass parameters, which the
            // host fills with what its buffers have room for. Its loops are counted. All cases of the tests also run
            // with the checks.
            #[expect(unsafe_code, reason = "wgpu has no safe way to leave the checks out")]
            unsafe {
                let unchecked = wgpu::ShaderRuntimeChecks::unchecked();
                device.create_shader_module_trusted(descriptor, unchecked)
            }
        };
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[],
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Self { name, pipeline, layout, bindings: bindings.into_iter().map(|(number, _)| number).collect() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_found_in_order_with_gaps() {
        let text = "@group(0) @binding(3) var<storage, read_write> y: array<f32>;\n\
                    @group(0) @binding(0) var<uniform> pass_params: array<PassParams, 1>;\n\
                    @group(0) @binding(1) var<uniform> place: vec4u;\n\
                    @group(0) @binding(2) var<storage, read> x: array<f32>;\n";
        let accesses = [Access::PassParams, Access::Uniform, Access::Read, Access::Write];
        assert!(bindings(text).into_iter().eq((0..).zip(accesses)));
    }
}
