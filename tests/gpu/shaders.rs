//! Every shader without a GPU: each file alone, with its own parameters, and all texts that networks of all kinds need,
//! for both families of tile sizes. naga validates them and translates them to SPIR-V, MSL and HLSL; they keep within the
//! limits that every WebGPU adapter has.

use crate::every_layer;
use naga::back::{hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use valleys_core::engine::{Engine, Step, StepParams};
use valleys_core::network::{CropFlip, Layer, zoo};
use valleys_gpu::test_hooks::{SHADER_FILES, default_shaders, kernel_names, noop_device, shader_texts};
use valleys_gpu::{DeviceProvider, GpuDataset, GpuEngine, check};
use valleys_tests::engines::{course, mix};
use valleys_tests::trained::{Case, networks, shape};

/// Limits of WebGPU's defaults.
const INVOCATIONS: u32 = 256;
const WORKGROUP_BYTES: u32 = 16_384;
const STORAGE_BUFFERS: usize = 8;

fn validate(name: &str, text: &str) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string_with_path(text, name)));
    let mut capabilities = Capabilities::default();
    capabilities.set(Capabilities::SUBGROUP, text.contains("subgroupBroadcast"));
    // Every adapter but those of old OpenGL has it.
    capabilities.set(Capabilities::SHADER_FLOAT16_IN_FLOAT32, text.contains("pack2x16float"));
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    let info = validator
        .validate(&module)
        .unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string_with_path(text, name)));
    (module, info)
}

#[test]
fn every_shader_file_is_valid_with_its_own_parameters() {
    for (name, text) in default_shaders() {
        validate(name, &text);
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../gpu/src/kernels");
    let files = std::fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name());
    let files: BTreeSet<String> = files.filter_map(|file| file.into_string().ok()).collect();
    let files: BTreeSet<&str> = files.iter().filter_map(|file| file.strip_suffix(".wgsl")).collect();
    assert_eq!(files, SHADER_FILES.iter().map(|(name, _)| *name).collect());
}

/// What a tool sees that knows `#import` alone: loops that are not unrolled, branches that are not decided.
#[test]
fn every_shader_file_is_wgsl_as_it_is() {
    fn join(text: &str, imported: &mut Vec<&'static str>, to: &mut String) {
        for line in text.lines() {
            let Some(import) = line.strip_prefix("#import ") else {
                assert!(!line.starts_with('#'), "{line}");
                *to += &format!("{line}\n");
                continue;
            };
            let name = import.split(' ').next().unwrap();
            // The other choice of the two.
            if name == "storage_f16" || imported.contains(&name) {
                continue;
            }
            let (name, text) = SHADER_FILES.iter().find(|(file, _)| *file == name).unwrap();
            imported.push(name);
            join(text, imported, to);
        }
    }
    for (name, text) in SHADER_FILES {
        let mut joined = String::new();
        join(text, &mut Vec::new(), &mut joined);
        if let Err(error) = naga::front::wgsl::parse_str(&joined) {
            panic!("{name}: {}", error.emit_to_string_with_path(&joined, name));
        }
    }
}

/// The texts of all pipelines that networks of all kinds need.
fn texts(as_hardware: bool, paths: &str) -> Vec<(&'static str, String)> {
    let device = Arc::new(noop_device(as_hardware, paths.parse().unwrap()));
    let lenet5 = zoo::LENET5.map(|(_, layer)| layer).to_vec();
    let resnet = |width| zoo::resnet(2, width, true).map(|(_, layer)| layer).collect::<Vec<_>>();
    let mlp = vec![Layer::Linear { outputs: 5 }, Layer::RELU, Layer::Linear { outputs: 3 }];
    let all = networks().into_iter().chain([
        (zoo::LENET5_INPUT, lenet5),
        (zoo::RESNET_INPUT, resnet(1)),
        (zoo::RESNET_INPUT, resnet(2)),
        (shape(7, 1, 1), mlp),
    ]);
    for network in all {
        let case = Arc::new(Case::new(network, [4, 9]));
        let provider = Arc::new(DeviceProvider::from(device.clone()));
        let shared = GpuDataset::new(provider, case.clone(), case.input.channels);
        let shared = Arc::new(shared.with_models(if as_hardware || !paths.is_empty() { 8 } else { 1 }));
        let augment = CropFlip { shape: case.input, padding: 4, border: vec![0.0; case.input.channels] };
        for augment in [None, Some(augment)] {
            let mut gpu = GpuEngine::new(&case.network(), shared.clone(), case.batch, 8, augment).unwrap();
            for terms in 1..=5 {
                let mix = mix(&(0..terms).map(|slot| (slot, 1.0 / terms as f32)).collect::<Vec<_>>());
                let steps = [Step { mix, rate: 0.1, batch: 0 }];
                // A device that does nothing returns nothing: only the pipelines count.
                let _ = gpu.advance(&StepParams { tangent_removal: 1.0, ..course(4, 0) }, &steps, &mut [0.0]);
            }
        }
    }
    // Of eight models; those of one model are in the cases of the kernels.
    for case in if as_hardware { every_layer::cases() } else { Vec::new() } {
        let provider = Arc::new(DeviceProvider::from(device.clone()));
        let shared = case.dataset(provider).with_models(8);
        let mut gpu = case.engine(Arc::new(shared), 3);
        for params in every_layer::courses() {
            let steps = [Step { mix: mix(&[(0, 0.5), (2, 0.5)]), rate: 0.1, batch: 0 }];
            let _ = gpu.advance(&params, &steps, &mut [0.0]);
        }
    }
    // Their results are not looked at.
    check::cases().iter().for_each(|case| _ = case.run(&device).unwrap());
    shader_texts(&device)
}

#[test]
fn every_shader_is_portable() {
    let mut kernels = BTreeSet::new();
    let mut count = 0;
    let all = [(false, ""), (true, ""), (false, "f16,winograd2"), (true, "f16,winograd4")];
    let all: BTreeSet<_> = all.iter().flat_map(|&(as_hardware, paths)| texts(as_hardware, paths)).collect();
    assert!(all.iter().any(|(_, text)| text.contains("subgroupBroadcast")));
    for (name, text) in all {
        kernels.insert(name);
        count += 1;
        let (module, info) = validate(name, &text);
        let storage = |space| matches!(space, naga::AddressSpace::Storage { .. });
        let buffers = module.global_variables.iter().filter(|(_, v)| storage(v.space)).count();
        assert!(buffers <= STORAGE_BUFFERS, "{name} binds {buffers} storage buffers");
        let layouter = {
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            layouter
        };
        let shared = |v: &naga::GlobalVariable| v.space == naga::AddressSpace::WorkGroup;
        let bytes: u32 =
            module.global_variables.iter().filter(|(_, v)| shared(v)).map(|(_, v)| layouter[v.ty].size).sum();
        assert!(bytes <= WORKGROUP_BYTES, "{name} takes {bytes} bytes of workgroup memory");
        let threads: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!(threads <= INVOCATIONS, "{name} has {threads} threads");

        let words = spv::write_vec(&module, &info, &spv::Options::default(), None).unwrap();
        assert_eq!(words[0], 0x0723_0203, "{name}: SPIR-V's magic number");
        let options = msl::Options { fake_missing_bindings: true, ..msl::Options::default() };
        let (metal, _) =
            msl::write_string(&module, &info, &options, &msl::PipelineOptions::default()).unwrap();
        assert!(metal.contains("kernel void"), "{name}");
        let mut direct = String::new();
        let options = hlsl::Options { fake_missing_bindings: true, ..hlsl::Options::default() };
        let pipeline = hlsl::PipelineOptions::default();
        hlsl::Writer::new(&mut direct, &options, &pipeline).write(&module, &info, None).unwrap();
        assert!(direct.contains("numthreads"), "{name}");
    }
    let all: BTreeSet<_> = kernel_names().into_iter().collect();
    assert_eq!(kernels, all, "a kernel without a case");
    println!("{count} shaders of {} kernels", all.len());
}
