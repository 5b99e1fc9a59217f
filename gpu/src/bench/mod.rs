//! How fast a device is: kernels over the layer shapes of known networks, products of matrices, whole steps, each beside
//! what the device copies and computes at most.

mod cases;

use crate::device::Device;
use crate::error::Result;
use crate::kernels::{BatchLayout, Dispatch, KernelContext, PassParams};
use std::sync::Arc;
use std::time::Instant;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The kernel, or `step`.
    pub kernel: &'static str,
    /// Its shape, in words.
    pub shape: String,
    /// The median of the repetitions, in seconds.
    pub median_seconds: f64,
    /// The best of them.
    pub best_seconds: f64,
    /// Processor time of all threads, the best of the repetitions, where a pipeline plays the GPU and Linux tells it.
    pub processor_seconds: Option<f64>,
    /// 10⁹ floating-point operations a second, by the best; those of padding do not count.
    pub gflops: f64,
    /// 10⁹ bytes a second, by the best; each number counted once.
    pub gbytes_per_second: f64,
    /// Whether the device told the time itself, and not the host's clock around a submission.
    pub timestamps: bool,
}

/// What is measured: dispatches, their operations and their bytes.
pub(crate) struct Measurement {
    pub kernel: &'static str,
    pub shape: String,
    pub flops: f64,
    pub bytes: f64,
    pub work: Work,
}

pub(crate) enum Work {
    /// A list for batches of so many images.
    List(Vec<Dispatch>, u32),
    /// Steps of a landscape: how many seconds one takes, and how many are taken at once.
    Steps(Box<dyn FnMut() -> Result<f64>>, usize),
}

/// Processor time of all threads so far.
fn processor() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let of_thread = |thread: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    Some(threads.filter_map(of_thread).sum::<f64>() * 1e-9)
}

/// Repetitions of a measurement.
const REPETITIONS: usize = 7;

/// Measures everything whose name, kernel and shape, holds the pattern; `tell` hears each row as it is there.
///
/// # Errors
/// The device is lost, or has no room.
pub fn run(device: &Arc<Device>, pattern: &str, mut tell: impl FnMut(&Row)) -> Result<Vec<Row>> {
    let params = device.uniform("pass parameters", BatchLayout::ONE.stride())?;
    let context = KernelContext::single(device, &params);
    let mut rows = Vec::new();
    for (name, make) in cases::all(device.clone()) {
        if name.contains(pattern) {
            let measured = make(&context)?;
            let row = measure(&context, measured)?;
            tell(&row);
            rows.push(row);
        }
    }
    Ok(rows)
}

fn measure(context: &KernelContext, measured: Measurement) -> Result<Row> {
    let Measurement { kernel, shape, flops, bytes, work } = measured;
    let timestamps =
        context.device.has_timestamps() && context.device.is_hardware() && matches!(work, Work::List(..));
    let mut go: Box<dyn FnMut() -> Result<(f64, usize)>> = match work {
        Work::Steps(mut step, steps) => {
            step()?;
            Box::new(move || Ok((step()?, steps)))
        }
        Work::List(list, count) => {
            context.device.write(context.params, &[PassParams { count, ..PassParams::default() }]);
            time(context, &list, count, 1, timestamps)?;
            let once = time(context, &list, count, 1, false)?;
            let budget = if context.device.is_hardware() { 0.05 } else { 0.15 };
            let times = ((budget / once) as usize).clamp(1, 2000);
            Box::new(move || Ok((time(context, &list, count, times, timestamps)?, times)))
        }
    };
    let (mut seconds, mut least) = (Vec::new(), None::<f64>);
    for _ in 0..REPETITIONS {
        let before = processor();
        let (each, times) = go()?;
        seconds.push(each);
        let used = processor().zip(before).map(|(after, before)| (after - before) / times as f64);
        least = [least, used].into_iter().flatten().reduce(f64::min);
    }
    seconds.sort_by(f64::total_cmp);
    let (best, median) = (seconds[0], seconds[seconds.len() / 2]);
    Ok(Row {
        kernel,
        shape,
        median_seconds: median,
        best_seconds: best,
        processor_seconds: least.filter(|_| !context.device.is_hardware()),
        gflops: flops / best * 1e-9,
        gbytes_per_second: bytes / best * 1e-9,
        timestamps,
    })
}

/// Seconds of one go through a list, from several.
fn time(
    context: &KernelContext,
    list: &[Dispatch],
    count: u32,
    times: usize,
    timestamps: bool,
) -> Result<f64> {
    let device = context.device;
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
        // In a submission of its own: some drivers resolve too early within the same.
        let resolved = device.query_buffer("timestamps", 16)?;
        let mut encoder = device.device.create_command_encoder(&Default::default());
        encoder.resolve_query_set(&queries, 0..2, &resolved, 0);
        device.queue.submit([encoder.finish()]);
        let mut words = [0.0_f32; 4];
        device.read(&mut [(&resolved, 0, &mut words)])?;
        let [begin, end]: [u64; 2] = bytemuck::cast(words);
        let told = end.saturating_sub(begin) as f64 * f64::from(device.queue.get_timestamp_period()) * 1e-9;
        if told > 0.0 {
            seconds = told;
        }
    }
    Ok(seconds / times as f64)
}
