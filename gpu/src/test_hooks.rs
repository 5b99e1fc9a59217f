//! Hooks for the tests of the workspace. They are not part of the public API: anything here may change at any time.

use crate::device::Device;
use crate::engine::GpuEngine;
use crate::kernels::{self, SHADERS};
use crate::options::Paths;
use crate::preprocess;
use std::time::Duration;

/// A device that does nothing but accept pipelines, with the tile sizes for hardware or for software.
pub fn noop_device(as_hardware: bool, paths: Paths) -> Device {
    Device::noop(as_hardware, paths)
}

/// The shaders of all pipelines of a device so far: names and texts, in order.
pub fn shader_texts(device: &Device) -> Vec<(&'static str, String)> {
    device.shader_texts()
}

/// The names of all kernels.
pub fn kernel_names() -> Vec<&'static str> {
    kernels::ALL.iter().map(|kernel| kernel.name).collect()
}

/// All shader files: name, and text.
pub const SHADER_FILES: &[(&str, &str)] = SHADERS;

/// All shader files: name, and the text that the preprocessor makes of it with the file's own parameters.
pub fn default_shaders() -> Vec<(&'static str, String)> {
    SHADERS.iter().map(|&(name, text)| (name, preprocess::expand(text, &kernels::import, &[]))).collect()
}

/// Destroys the device of an engine, and of all engines that share it, before a submission so many from now.
pub fn lose_device_after(engine: &GpuEngine, submissions: u64) {
    engine.with_batch(|batch| batch.submitter.lost_after.set(Some(submissions)));
}

/// Submits every batch on its own until the device is lost, for all engines that share dispatches.
pub fn submit_each_batch(engine: &GpuEngine) {
    engine.with_batch(|batch| batch.submitter.batches.set(Some(1)));
}

/// Sets when an engine reads its slots back: after that much time in steps, or after that many steps.
pub fn read_back_after(engine: &mut GpuEngine, interval: Duration, steps: usize) {
    let recovery = engine.recovery_mut();
    (recovery.interval, recovery.max_steps) = (interval, steps);
}
