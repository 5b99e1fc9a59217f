//! One opened GPU: which adapter, what it allows, its pipelines, and what went wrong on it.

use crate::error::{Error, Result};
use crate::kernels::{Kernel, Pipeline};
use crate::paths::Paths;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which adapter, and how its pipelines are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOptions {
    /// The number of an adapter in [`adapters`], or a part of its name in any case; none for the best one.
    pub device: Option<String>,
    /// Keep the driver's checks of every index. Without them pipelines are faster, and a wrong index is undefined.
    pub checked: bool,
    /// Take the sizes of kernels for hardware, or for a pipeline that plays it; none for what it is.
    pub as_hardware: Option<bool>,
    /// Other ways for some layers.
    pub paths: Paths,
}

impl DeviceOptions {
    /// The adapter named in the environment variable `VALLEYS_DEVICE`, if any; checked in debug builds.
    pub fn from_environment() -> Self {
        Self {
            device: std::env::var("VALLEYS_DEVICE").ok(),
            checked: cfg!(debug_assertions),
            ..Self::default()
        }
    }

    /// This options with an adapter named by the user, if one was.
    pub fn or_named(self, device: Option<&str>) -> Self {
        Self { device: device.map(str::to_owned).or(self.device), ..self }
    }
}

/// All adapters of this machine, real GPUs before software ones, in a fixed order.
///
/// # Cost
/// Some tens of milliseconds.
pub fn adapters() -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let mut all = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    all.sort_by_key(|adapter| rank(adapter.get_info().device_type));
    all
}

/// Whether an adapter is hardware, not a pipeline that plays one.
pub fn is_hardware(info: &wgpu::AdapterInfo) -> bool {
    rank(info.device_type) < 3
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Whether an adapter is the one that a user names: by its number in [`adapters`], or by a part of its name in any case.
pub fn is_named(wanted: &str, number: usize, adapter: &wgpu::Adapter) -> bool {
    match wanted.parse::<usize>() {
        Ok(wanted) => wanted == number,
        Err(_) => adapter.get_info().name.to_lowercase().contains(&wanted.to_lowercase()),
    }
}

/// The adapter of a options.
///
/// # Errors
/// None answers to it; the message names all that are there.
pub fn choose(options: &DeviceOptions) -> Result<wgpu::Adapter> {
    let mut all = adapters();
    let name = |adapter: &wgpu::Adapter| adapter.get_info().name;
    let at = match &options.device {
        None => (!all.is_empty()).then_some(0),
        Some(wanted) => (0..all.len()).find(|&number| is_named(wanted, number, &all[number])),
    };
    match at {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let found: Vec<String> = all.iter().map(name).collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            let wanted = options.device.as_ref().map_or("".to_owned(), |wanted| format!("{wanted:?}"));
            Err(Error::NoDevice { wanted, found })
        }
    }
}

/// What happened to a device behind our back.
#[derive(Debug, Default)]
struct DeviceErrors {
    lost: Option<String>,
    refused: Option<String>,
    out_of_memory: bool,
}

/// One opened GPU.
#[derive(Debug)]
pub struct Device {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    checked: bool,
    hardware: bool,
    paths: Paths,
    vector: u32,
    errors: Arc<Mutex<DeviceErrors>>,
    pipelines: Mutex<HashMap<String, Arc<Pipeline>>>,
}

impl Device {
    /// Opens the adapter of a options, with all it allows.
    ///
    /// # Errors
    /// None answers to it, or it cannot be opened.
    pub fn open(options: &DeviceOptions) -> Result<Self> {
        Self::of(choose(options)?, options)
    }

    /// A device that does nothing, to which all pipelines can be given: for tests of their texts without a GPU.
    #[cfg(feature = "noop")]
    pub fn noop(as_hardware: bool, paths: Paths) -> Self {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::NOOP;
        descriptor.backend_options.noop.enable = true;
        let instance = wgpu::Instance::new(descriptor);
        let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::NOOP)).remove(0);
        let options = DeviceOptions { as_hardware: Some(as_hardware), checked: true, paths, device: None };
        let mut device = Self::of(adapter, &options).expect("it is always there");
        // It has no vectors of its own.
        device.vector = if as_hardware { 0 } else { 8 };
        device
    }

    /// The texts of all pipelines so far, with their kernels' names, in order.
    pub fn shader_texts(&self) -> Vec<(&'static str, String)> {
        let pipelines = open(&self.pipelines);
        let mut texts: Vec<_> =
            pipelines.iter().map(|(text, pipeline)| (pipeline.name(), text.clone())).collect();
        texts.sort();
        texts
    }

    fn of(adapter: wgpu::Adapter, options: &DeviceOptions) -> Result<Self> {
        let info = adapter.get_info();
        let hardware = options.as_hardware.unwrap_or(is_hardware(&info));
        let wanted = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SUBGROUP;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("valleys"),
            required_features: adapter.features() & wanted,
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| {
            Error::NoDevice { wanted: info.name.clone(), found: format!("{} ({e})", info.name) }
        })?;
        let errors = Arc::new(Mutex::new(DeviceErrors::default()));
        let of_loss = errors.clone();
        device.set_device_lost_callback(move |reason, message| {
            open(&of_loss).lost.get_or_insert(format!("{reason:?} {message}"));
        });
        let of_errors = errors.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut errors = open(&of_errors);
            match error {
                wgpu::Error::OutOfMemory { .. } => errors.out_of_memory = true,
                other => _ = errors.refused.get_or_insert(other.to_string()),
            }
        }));
        let (checked, paths, pipelines) = (options.checked, options.paths, Mutex::default());
        let (least, most) = (info.subgroup_min_size, info.subgroup_max_size);
        let give = device.features().contains(wgpu::Features::SUBGROUP) && !paths.no_subgroups;
        let vector = if !hardware && give && least == most && [4, 8, 16].contains(&most) { most } else { 0 };
        Ok(Self { device, queue, info, checked, hardware, paths, vector, errors, pipelines })
    }

    /// Name, driver and kind of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// What the adapter allows.
    pub fn limits(&self) -> wgpu::Limits {
        self.device.limits()
    }

    /// Whether dispatches can be timed on the device.
    pub fn has_timestamps(&self) -> bool {
        self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY)
    }

    /// Whether kernels have the sizes for hardware, not for a pipeline that plays a GPU.
    pub fn is_hardware(&self) -> bool {
        self.hardware
    }

    /// Which other ways layers take.
    pub fn paths(&self) -> Paths {
        self.paths
    }

    /// Threads that a pipeline which plays a GPU runs as one vector, where they can give each other numbers; else 0.
    pub fn subgroup_size(&self) -> u32 {
        self.vector
    }

    /// Waits until everything submitted is done.
    ///
    /// # Errors
    /// The device was lost, had no room, or refused an operation.
    pub fn wait(&self) -> Result<()> {
        self.wait_for(None)
    }

    pub(crate) fn wait_for(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let polled = self.device.poll(wgpu::PollType::Wait { submission_index: submission, timeout: None });
        self.check()?;
        polled.map_err(|e| Error::Lost(e.to_string())).map(|_| ())
    }

    /// Whether everything went well so far.
    ///
    /// # Errors
    /// The device was lost, had no room, or refused an operation.
    pub fn check(&self) -> Result<()> {
        let mut errors = open(&self.errors);
        if let Some(message) = &errors.lost {
            return Err(Error::Lost(message.clone()));
        }
        if std::mem::take(&mut errors.out_of_memory) {
            return Err(Error::OutOfMemory { what: "a pass", needed: 0 });
        }
        errors.refused.take().map_or(Ok(()), |message| Err(Error::Refused(message)))
    }

    /// Whether the device is lost.
    pub fn is_lost(&self) -> bool {
        open(&self.errors).lost.is_some()
    }

    /// Destroys the device, as an unplugged cable would: for tests of what happens then.
    pub fn destroy(&self) {
        self.device.destroy();
        // The callback may come late, but nothing works from here on.
        open(&self.errors).lost.get_or_insert("destroyed".to_owned());
    }

    /// The pipeline of a kernel with its numbers, made once.
    ///
    /// # Errors
    /// The driver refuses it.
    pub(crate) fn pipeline(&self, kernel: &Kernel, values: &[(&str, i64)]) -> Result<Arc<Pipeline>> {
        let text = kernel.text(values);
        if let Some(pipeline) = open(&self.pipelines).get(&text) {
            return Ok(pipeline.clone());
        }
        let pipeline = Arc::new(Pipeline::new(&self.device, kernel, &text, self.checked));
        self.check()?;
        open(&self.pipelines).insert(text, pipeline.clone());
        Ok(pipeline)
    }
}

/// Opens a device when one is needed, and another one when that was lost; all who ask share it.
#[derive(Debug)]
pub struct DeviceProvider {
    options: DeviceOptions,
    now: Mutex<Option<Arc<Device>>>,
}

impl DeviceProvider {
    /// An provider of the adapter of a options. Nothing is opened yet.
    pub fn new(options: DeviceOptions) -> Self {
        Self { options, now: Mutex::new(None) }
    }

    /// An provider whose device is open already.
    pub fn with(device: Arc<Device>) -> Self {
        Self { options: DeviceOptions::default(), now: Mutex::new(Some(device)) }
    }

    /// The device that is open.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn device(&self) -> Result<Arc<Device>> {
        let mut now = open(&self.now);
        match &*now {
            Some(device) if !device.is_lost() => Ok(device.clone()),
            _ => Ok(now.insert(Arc::new(Device::open(&self.options)?)).clone()),
        }
    }
}

/// What a panic elsewhere left is as good as before: every write is one assignment.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
