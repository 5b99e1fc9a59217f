//! Every kernel against the reference kernels of core, in f64, on shapes that are odd: what `valleys devices` and the
//! tests of this crate run.

mod layers;
mod parameters;
mod winograd;

use crate::device::Device;
use crate::error::Result;
use crate::kernels::{self, BatchLayout, Dispatch, KernelContext, PassParams, channel_blocks, tensor_len};
use crate::paths::Paths;
use half::f16;
use valleys_core::network::Shape;
use valleys_core::rng::{Key, Purpose, Stream};

/// How far a kernel was from the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Norm of the difference, relative to the norm of what the reference gives; the largest of all outputs.
    pub error: f64,
    /// Terms of the longest sum.
    pub terms: usize,
}

/// A kernel with a shape.
pub struct Case {
    /// Names of the kernels.
    pub kernels: &'static str,
    /// The shape, in words.
    pub shape: String,
    run: Run,
}

type Run = Box<dyn Fn(&CheckContext) -> Result<Outcome>>;

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kernels, self.shape)
    }
}

impl Case {
    fn new(
        kernels: &'static str,
        shape: impl std::fmt::Debug,
        run: impl Fn(&CheckContext) -> Result<Outcome> + 'static,
    ) -> Self {
        Self { kernels, shape: format!("{shape:?}"), run: Box::new(run) }
    }

    /// Runs it on a device.
    ///
    /// # Errors
    /// The device is lost, has no room, or refuses the kernel.
    pub fn run(&self, device: &Device) -> Result<Outcome> {
        let params = device.uniform("pass parameters", BatchLayout::ONE.stride())?;
        (self.run)(&CheckContext { context: KernelContext::single(device, &params) })
    }
}

/// The largest error that a correct kernel makes: sums of `terms` f32 products in any order, with some operations more;
/// and one rounding to f16, in whichever direction, where activations are stored so.
pub fn tolerance(paths: Paths, terms: usize) -> f64 {
    let stored = if paths.f16 { f64::from(f16::EPSILON) } else { 0.0 };
    stored + 4.0 * f64::from(f32::EPSILON) * (terms as f64).sqrt().max(4.0)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    layers::cases().into_iter().chain(parameters::cases()).chain(winograd::cases()).collect()
}

/// Makes the pipelines of all cases; what they compute is not looked at.
///
/// # Errors
/// As [`Case::run`].
pub fn compile(device: &Device) -> Result<()> {
    cases().iter().try_for_each(|case| case.run(device).map(|_| ()))
}

/// Where a case runs.
struct CheckContext<'a> {
    context: KernelContext<'a>,
}

impl CheckContext<'_> {
    /// A buffer with a tensor (B, C, H, W) of gradients in quads of channels.
    fn gradients(&self, shape: Shape, numbers: &[f64]) -> Result<wgpu::Buffer> {
        self.context.device.buffer_with("gradients", &to_channel_blocks(shape, numbers))
    }

    /// The same of activations.
    fn activations(&self, shape: Shape, numbers: &[f64]) -> Result<wgpu::Buffer> {
        let quads = to_channel_blocks(shape, numbers);
        match self.context.f16 {
            true => {
                let halves: Vec<u16> = quads.iter().map(|&x| f16::from_f32(x).to_bits()).collect();
                self.context.device.buffer_with("activations", &halves)
            }
            false => self.context.device.buffer_with("activations", &quads),
        }
    }

    /// What is left of activations once they are stored.
    fn stored(&self, numbers: &[f64]) -> Vec<f64> {
        let half = |x: f64| f16::from_f32(x as f32).to_f64();
        numbers.iter().map(|&x| if self.context.f16 { half(x) } else { x }).collect()
    }

    /// A buffer for a tensor of `count` images, of either kind, with other numbers in it.
    fn room(&self, shape: Shape, count: usize) -> Result<wgpu::Buffer> {
        let len = tensor_len(shape) * count;
        self.context.device.buffer_with("images", &vec![7.0_f32; len])
    }

    /// The buffers of a layer both ways: what it reads, room for what it gives, the gradient of that, the gradient of what it
    /// reads, to which its own is added.
    fn layer(
        &self,
        [input, output]: [Shape; 2],
        count: usize,
        [x, dy, dx]: [&[f64]; 3],
    ) -> Result<[wgpu::Buffer; 4]> {
        let [on_x, on_y] = [self.activations(input, x)?, self.room(output, count)?];
        Ok([on_x, on_y, self.gradients(output, dy)?, self.gradients(input, dx)?])
    }

    /// Weights in the orders of tables, from θ on the device, and what packs them.
    fn packed<const N: usize>(
        &self,
        tables: [Vec<Option<usize>>; N],
        theta: &wgpu::Buffer,
    ) -> Result<([wgpu::Buffer; N], Vec<Dispatch>)> {
        let mut list = Vec::with_capacity(N);
        let all = tables.map(|table| {
            let place = |at: &Option<usize>| at.map_or(u32::MAX, |at| (OFFSET + at) as u32);
            let table: Vec<u32> = table.iter().map(place).collect();
            let weights = self.floats(&vec![7.0; table.len()])?;
            let on_device = self.context.device.buffer_with("table", &table)?;
            list.push(kernels::parameters::pack(&self.context, table.len(), &on_device, theta, &weights)?);
            Ok(weights)
        });
        let all: Vec<wgpu::Buffer> = all.into_iter().collect::<Result<_>>()?;
        Ok((all.try_into().expect("one for each table"), list))
    }

    fn floats(&self, numbers: &[f64]) -> Result<wgpu::Buffer> {
        self.context.device.buffer_with("numbers", &narrow(numbers))
    }

    /// The parameters' offset, and the parameters behind it.
    fn place(&self) -> Result<wgpu::Buffer> {
        let place = self.context.device.uniform("place", 16)?;
        self.context.device.write(&place, &[OFFSET as u32, 0, 0, 0]);
        Ok(place)
    }

    /// Runs dispatches for a params.
    fn run(&self, params: PassParams, list: &[Dispatch]) -> Result<()> {
        let device = self.context.device;
        device.write(self.context.params, &[params]);
        let mut encoder = device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            list.iter().for_each(|dispatch| dispatch.encode(&mut pass, 0, params.count, 1));
        }
        device.queue.submit([encoder.finish()]);
        device.wait()
    }

    fn read(&self, buffer: &wgpu::Buffer, len: usize) -> Result<Vec<f32>> {
        let mut numbers = vec![0.0; len];
        self.context.device.read(&mut [(buffer, 0, &mut numbers)])?;
        Ok(numbers)
    }

    /// The error of a tensor (B, C, H, W) of activations.
    fn error_of_activations(&self, shape: Shape, buffer: &wgpu::Buffer, expected: &[f64]) -> Result<f64> {
        if !self.context.f16 {
            return self.error(shape, buffer, expected);
        }
        let expected = to_channel_blocks(shape, expected);
        let words = self.read(buffer, expected.len() / 2)?;
        let halves = words.iter().flat_map(|word| {
            let bits = word.to_bits();
            [bits as u16, (bits >> 16) as u16]
        });
        let found: Vec<f32> = halves.map(|bits| f16::from_bits(bits).to_f32()).collect();
        Ok(difference(&found, &expected.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
    }

    /// The error of a tensor (B, C, H, W) of gradients.
    fn error(&self, shape: Shape, buffer: &wgpu::Buffer, expected: &[f64]) -> Result<f64> {
        let expected: Vec<f64> = to_channel_blocks(shape, expected).iter().map(|&x| f64::from(x)).collect();
        self.difference(buffer, 0, &expected)
    }

    /// The error of the numbers of a buffer from `start` on.
    fn difference(&self, buffer: &wgpu::Buffer, start: usize, expected: &[f64]) -> Result<f64> {
        let found = self.read(buffer, start + expected.len())?;
        Ok(difference(&found[start..], expected))
    }
}

/// The norm of the difference, relative.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
    let apart = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2)).sum::<f64>();
    apart.sqrt() / norm.max(f64::MIN_POSITIVE)
}

/// Where parameters begin in θ: not at the beginning.
const OFFSET: usize = 5;

/// A params of `count` images.
fn images(count: usize) -> PassParams {
    PassParams { count: count as u32, ..PassParams::default() }
}

fn to_channel_blocks(shape: Shape, numbers: &[f64]) -> Vec<f32> {
    let Shape { channels, height, width } = shape;
    let (area, wide) = (height * width, channel_blocks(channels) * 4);
    let mut to = vec![0.0; numbers.len() / channels * wide];
    for (i, &number) in numbers.iter().enumerate() {
        let (image, channel, place) = (i / (channels * area), i / area % channels, i % area);
        to[(image * area + place) * wide + channel] = number as f32;
    }
    to
}

fn narrow(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&x| x as f32).collect()
}

/// Numbers around 0 that an f16 holds.
fn random(len: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Perturbation, 0, 0);
    (0..len).map(|_| (stream.normal() * 256.0).round() / 256.0).collect()
}

/// θ with `parameters` at their place.
fn theta(parameters: &[f64]) -> Vec<f64> {
    [&[9.0; OFFSET], parameters, &[9.0; 3]].concat()
}
