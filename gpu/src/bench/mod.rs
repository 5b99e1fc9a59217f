//! How fast a device is: kernels at the layer shapes of known networks, matrix products, whole steps. Each stands beside
//! what the device copies and computes at most.

mod kernels;
mod layers;
mod steps;

use crate::device::Device;
use crate::error::Result;
use crate::kernels::{BatchLayout, Dispatch, Dispatcher, PassParams};
use std::sync::Arc;
use std::time::Instant;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kernel, or `step`.
    pub kernel: &'static str,
    /// Its shape as text.
    pub shape: String,
    /// The median of the repetitions, in seconds.
    pub median_seconds: f64,
    /// The shortest repetition, in seconds.
    pub best_seconds: f64,
    /// Processor time of all threads in the shortest repetition, in seconds: of a software adapter, where the system
    /// measures it (Linux).
    pub processor_seconds: Option<f64>,
    /// 10⁹ floating-point operations a second in the shortest repetition, without those on padding.
    pub gflops: f64,
    /// 10⁹ bytes a second in the shortest repetition; each element is counted once.
    pub gbytes_per_second: f64,
    /// Whether the device measured the time, instead of the host.
    pub timestamps: bool,
}

/// What is measured, with its floating-point operations and its bytes.
struct Measurement {
    kernel: &'static str,
    shape: String,
    flops: f64,
    bytes: f64,
    work: Work,
}

enum Work {
    /// Dispatches for batches of so many images.
    List(Vec<Dispatch>, u32),
    /// A function that takes so many steps of an engine, and returns the seconds of one.
    Steps(Box<dyn FnMut() -> Result<f64>>, usize),
}

/// A name, and what makes the measurement.
type Case = (String, Box<dyn Fn(&Dispatcher) -> Result<Measurement>>);

/// Repetitions of a measurement.
const REPETITIONS: usize = 7;

/// Measures every case whose name (kernel and shape) contains the pattern. `on_row` gets each row when it is measured.
///
/// # Errors
/// The device was lost, or is out of memory.
///
/// # Cost
/// A few minutes without a pattern.
pub fn run(device: &Arc<Device>, pattern: &str, mut on_row: impl FnMut(&Row)) -> Result<Vec<Row>> {
    let params = device.uniform("pass parameters", BatchLayout::SINGLE.params_stride())?;
    let dispatcher = Dispatcher::single(device, &params);
    let mut rows = Vec::new();
    for (name, prepare) in kernels::cases(device).into_iter().chain(steps::cases(device)) {
        if name.contains(pattern) {
            let row = measure(&dispatcher, prepare(&dispatcher)?)?;
            on_row(&row);
            rows.push(row);
        }
    }
    Ok(rows)
}

fn measure(dispatcher: &Dispatcher, measurement: Measurement) -> Result<Row> {
    let Measurement { kernel, shape, flops, bytes, work } = measurement;
    let is_hardware = dispatcher.device.is_hardware();
    let timestamps = dispatcher.device.has_timestamps() && is_hardware && matches!(work, Work::List(..));
    // Seconds of one unit of work, and the number of units.
    let mut repeat: Box<dyn FnMut() -> Result<(f64, usize)>> = match work {
        Work::Steps(mut step, steps) => {
            step()?;
            Box::new(move || Ok((step()?, steps)))
        }
        Work::List(list, count) => {
            dispatcher.device.write(dispatcher.params, &[PassParams { count, ..PassParams::default() }]);
            time(dispatcher, &list, count, 1, timestamps)?;
            let once = time(dispatcher, &list, count, 1, false)?;
            let budget = if is_hardware { 0.05 } else { 0.15 };
            let times = ((budget / once) as usize).clamp(1, 2000);
            Box::new(move || Ok((time(dispatcher, &list, count, times, timestamps)?, times)))
        }
    };
    let (mut seconds, mut processor) = (Vec::new(), None::<f64>);
    for _ in 0..REPETITIONS {
        let before = processor_seconds();
        let (each, times) = repeat()?;
        seconds.push(each);
        let used = processor_seconds().zip(before).map(|(after, before)| (after - before) / times as f64);
        processor = [processor, used].into_iter().flatten().reduce(f64::min);
    }
    seconds.sort_by(f64::total_cmp);
    let (best, median) = (seconds[0], seconds[seconds.len() / 2]);
    Ok(Row {
        kernel,
        shape,
        median_seconds: median,
        best_seconds: best,
        processor_seconds: processor.filter(|_| !is_hardware),
        gflops: flops / best * 1e-9,
        gbytes_per_second: bytes / best * 1e-9,
        timestamps,
    })
}

/// Seconds of one run of a list, out of several in one submission.
fn time(
    dispatcher: &Dispatcher,
    list: &[Dispatch],
    count: u32,
    times: usize,
    timestamps: bool,
) -> Result<f64> {
    let device = dispatcher.device;
    let queries = timestamps.then(|| {
        device.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: None,
            ty: wgpu::QueryType::Timestamp,
            count: 2,
        })
    });
    let mut encoder = device.device.create_command_encoder(&Default::default());
    {
        let timestamp_writes = queries.as_ref().map(|query_set| wgpu::ComputePassTimestampWrites {
            query_set,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        let descriptor = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        for _ in 0..times {
            list.iter().for_each(|dispatch| dispatch.encode(&mut pass, 0, count, 1));
        }
    }
    let commands = encoder.finish();
    device.wait()?;
    let start = Instant::now();
    device.queue.submit([commands]);
    device.wait()?;
    let mut seconds = start.elapsed().as_secs_f64();
    if let Some(queries) = queries {
        // In a submission of its own: some drivers resolve too early within the same one.
        let resolved = device.query_buffer("timestamps", 16)?;
        let mut encoder = device.device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        device.queue.submit([encoder.finish()]);
        let mut words = [0.0_f32; 4];
        device.read(&mut [(&resolved, 0, &mut words)])?;
        let [begin, end]: [u64; 2] = bytemuck::cast(words);
        let period = f64::from(device.queue.get_timestamp_period()) * 1e-9;
        let measured = end.saturating_sub(begin) as f64 * period;
        if measured > 0.0 {
            seconds = measured;
        }
    }
    Ok(seconds / times as f64)
}

/// Processor time of all threads so far, where the system measures it (Linux).
fn processor_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    Some(threads.filter_map(of_thread).sum::<f64>() * 1e-9)
}
