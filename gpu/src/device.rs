//! Adapters and opened devices: limits, pipelines, errors.

use crate::error::{Error, Result};
use crate::options::{DeviceOptions, Paths};
use crate::pipeline::Pipeline;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All adapters of this machine, hardware before software, in a fixed order.
///
/// # Cost
/// Some tens of milliseconds.
pub fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    all.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    all
}

/// Whether an adapter is hardware, not a software adapter such as lavapipe.
pub fn is_hardware(info: &wgpu::AdapterInfo) -> bool {
    rank(info.device_type) < rank(wgpu::DeviceType::Other)
}

/// The order of adapters: the best kind first.
fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Whether a user's text names an adapter: by its number in [`adapters`], or by a part of its name in any case.
fn is_named(wanted: &str, number: usize, adapter: &wgpu::Adapter) -> bool {
    match wanted.parse::<usize>() {
        Ok(wanted) => wanted == number,
        Err(_) => adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase()),
    }
}

/// The adapter of some options.
fn choose(options: &DeviceOptions) -> Result<wgpu::Adapter> {
    let mut all = adapters();
    let numbers = named(options.device.as_deref(), &all)?;
    match (&numbers[..], &options.device) {
        ([_, _, ..], Some(wanted)) => {
            let found = described(numbers.iter().map(|&number| (number, &all[number])));
            Err(Error::SeveralDevices { wanted: wanted.clone(), found })
        }
        _ => Ok(all.swap_remove(numbers[0])),
    }
}

/// The numbers of the adapters that a user's text names; of all without a text. There is at least one.
///
/// # Errors
/// [`Error::NoAdapter`], or [`Error::NoDevice`] with those that there are.
pub fn named(wanted: Option<&str>, all: &[wgpu::Adapter]) -> Result<Vec<usize>> {
    let is_named = |&number: &usize| wanted.is_none_or(|wanted| is_named(wanted, number, &all[number]));
    let numbers: Vec<usize> = (0..all.len()).filter(is_named).collect();
    match (all, wanted, &numbers[..]) {
        ([], ..) => Err(Error::NoAdapter),
        (_, Some(wanted), []) => {
            Err(Error::NoDevice { wanted: wanted.to_owned(), found: described(all.iter().enumerate()) })
        }
        _ => Ok(numbers),
    }
}

/// Numbers, names and kinds of adapters, as in `0 llvmpipe (software)`.
fn described<'a>(adapters: impl Iterator<Item = (usize, &'a wgpu::Adapter)>) -> String {
    let one = |(number, adapter): (usize, &wgpu::Adapter)| {
        let info = adapter.get_info();
        let kind = if is_hardware(&info) { "hardware" } else { "software" };
        format!("{number} {} ({kind})", info.name)
    };
    adapters.map(one).collect::<Vec<_>>().join(", ")
}

/// Errors that wgpu reports by callbacks.
#[derive(Debug, Default)]
struct DeviceErrors {
    lost: Option<String>,
    refused: Option<String>,
    out_of_memory: bool,
}

/// An opened adapter.
#[derive(Debug)]
pub struct Device {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    checked: bool,
    is_hardware: bool,
    paths: Paths,
    subgroup_size: u32,
    errors: Arc<Mutex<DeviceErrors>>,
    /// By their texts.
    pipelines: Mutex<HashMap<String, Arc<Pipeline>>>,
}

impl Device {
    /// Opens the adapter of some options, with all limits that it allows.
    ///
    /// # Errors
    /// There is no such adapter, or it cannot be opened.
    pub fn open(options: &DeviceOptions) -> Result<Self> {
        Self::of(choose(options)?, options)
    }

    /// A device that does nothing but accept pipelines: for tests of shaders without a GPU.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn noop(as_hardware: bool, paths: Paths) -> Self {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::NOOP;
        descriptor.backend_options.noop.enable = true;
        let instance = wgpu::Instance::new(descriptor);
        let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::NOOP)).remove(0);
        let options = DeviceOptions { as_hardware: Some(as_hardware), checked: true, paths, device: None };
        let mut device = Self::of(adapter, &options).expect("the noop adapter always opens");
        // The noop adapter has no subgroups. Shaders of a software adapter are made as for subgroups of eight.
        device.subgroup_size = if as_hardware { 0 } else { 8 };
        device
    }

    fn of(adapter: wgpu::Adapter, options: &DeviceOptions) -> Result<Self> {
        let info = adapter.get_info();
        let is_hardware = options.as_hardware.unwrap_or(is_hardware(&info));
        let wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("valleys"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| Error::NotOpened { name: info.name.clone(), reason: e.to_string() })?;
        let errors = Arc::new(Mutex::new(DeviceErrors::default()));
        let on_loss = errors.clone();
        device.set_device_lost_callback(move |reason, message| {
            lock(&on_loss).lost.get_or_insert(format!("{reason:?} {message}"));
        });
        let on_error = errors.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut errors = lock(&on_error);
            match error {
                wgpu::Error::OutOfMemory { .. } => errors.out_of_memory = true,
                other => _ = errors.refused.get_or_insert(other.to_string()),
            }
        }));
        let (checked, paths) = (options.checked, options.paths);
        let (smallest, largest) = (info.subgroup_min_size, info.subgroup_max_size);
        let has_subgroups = device.features().contains(wgpu::Features::SUBGROUP) && !paths.no_subgroups;
        let is_known = smallest == largest && [4, 8, 16].contains(&largest);
        let subgroup_size = if !is_hardware && has_subgroups && is_known { largest } else { 0 };
        let pipelines = Mutex::default();
        Ok(Self { device, queue, info, checked, is_hardware, paths, subgroup_size, errors, pipelines })
    }

    /// Name, driver and kind of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// What the adapter allows.
    pub(crate) fn limits(&self) -> wgpu::Limits {
        self.device.limits()
    }

    /// Whether the device measures the time of dispatches.
    pub(crate) fn has_timestamps(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Whether kernels have the tile sizes for hardware, not those for a software adapter.
    pub fn is_hardware(&self) -> bool {
        self.is_hardware
    }

    /// Which kernels are used that compute the same values up to rounding.
    pub fn paths(&self) -> Paths {
        self.paths
    }

    /// Invocations of a subgroup that share loads. 0 on hardware, which coalesces loads itself, and on software adapters
    /// whose subgroup size is not fixed.
    pub fn subgroup_size(&self) -> u32 {
        self.subgroup_size
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn wait(&self) -> Result<()> {
        self.wait_for(None)
    }

    /// Waits for one submission, or for all of them.
    pub(crate) fn wait_for(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None });
        self.check()?;
        polled.map_err(|e| Error::Lost(e.to_string())).map(|_| ())
    }

    /// Reports what went wrong since the last call.
    ///
    /// # Errors
    /// The device was lost, was out of memory, or refused an operation.
    pub(crate) fn check(&self) -> Result<()> {
        let mut errors = lock(&self.errors);
        if let Some(message) = &errors.lost {
            return Err(Error::Lost(message.clone()));
        }
        if std::mem::take(&mut errors.out_of_memory) {
            return Err(Error::OutOfMemory { what: "a pass", needed: 0 });
        }
        errors.refused.take().map_or(Ok(()), |message| Err(Error::Refused(message)))
    }

    /// Whether the device is lost.
    pub(crate) fn is_lost(&self) -> bool {
        lock(&self.errors).lost.is_some()
    }

    /// Destroys the device, as if it were unplugged: for tests of what happens then.
    pub(crate) fn destroy(&self) {
        self.device.destroy();
        // The callback may come late, but nothing works from here on.
        lock(&self.errors).lost.get_or_insert("destroyed".to_owned());
    }

    /// The pipeline of a shader's text, compiled once.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub(crate) fn pipeline(&self, name: &'static str, text: String) -> Result<Arc<Pipeline>> {
        if let Some(pipeline) = lock(&self.pipelines).get(&text) {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(Pipeline::new(&self.device, name, &text, self.checked));
        self.check()?;
        lock(&self.pipelines).insert(text, pipeline.clone());
        Ok(pipeline)
    }

    /// The shaders of all pipelines so far: names and texts, in order.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn shader_texts(&self) -> Vec<(&'static str, String)> {
        let pipelines = lock(&self.pipelines);
        let mut texts: Vec<_> =
            pipelines.iter().map(|(text, pipeline)| (pipeline.name, text.clone())).collect();
        texts.sort();
        texts
    }
}

/// Opens a device when it is first needed, and another one after it was lost. All engines on a provider share its device.
#[derive(Debug)]
pub struct DeviceProvider {
    options: DeviceOptions,
    current: Mutex<Option<Arc<Device>>>,
}

impl DeviceProvider {
    /// A provider of the adapter of some options. It opens nothing yet.
    pub fn new(options: DeviceOptions) -> Self {
        Self { options, current: Mutex::new(None) }
    }

    /// The open device.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn device(&self) -> Result<Arc<Device>> {
        let mut current = lock(&self.current);
        match &*current {
            Some(device) if !device.is_lost() => Ok(device.clone()),
            _ => Ok(current.insert(Arc::new(Device::open(&self.options)?)).clone()),
        }
    }
}

impl From<Arc<Device>> for DeviceProvider {
    /// A provider of a device that is open; after a loss, of the best adapter.
    fn from(device: Arc<Device>) -> Self {
        Self { options: DeviceOptions::default(), current: Mutex::new(Some(device)) }
    }
}

/// Locks, also after a panic elsewhere: every write is a single assignment, so the content is consistent.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
