//! Every kernel against the reference kernels of core, in f64, on odd shapes: what `valleys devices` and the tests run.

mod convolutions;
mod layers;
mod losses;
mod parameters;
mod winograd;

use crate::device::Device;
use crate::error::Result;
use crate::kernels::{self, BatchLayout, Dispatch, Dispatcher, PassParams, channel_blocks, tensor_len};
use crate::options::Paths;
use half::f16;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;
use valleys_core::rng::{Key, Purpose, Stream};

/// How far a kernel was from the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Norm of the difference, relative to the norm of the reference; the largest over all outputs.
    pub error: f64,
    /// Terms of the longest sum.
    pub terms: usize,
}

/// Kernels with a shape.
pub struct Case {
    /// Names of the kernels, separated by spaces.
    pub kernels: &'static str,
    /// The shape as text.
    pub shape: String,
    run: Run,
}

type Run = Box<dyn Fn(&CheckDispatcher) -> Result<Outcome>>;

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kernels, self.shape)
    }
}

impl Case {
    fn new(
        kernels: &'static str,
        shape: impl std::fmt::Debug,
        run: impl Fn(&CheckDispatcher) -> Result<Outcome> + 'static,
    ) -> Self {
        Self { kernels, shape: format!("{shape:?}"), run: Box::new(run) }
    }

    /// Runs the kernels on a device, and compares them with the reference.
    ///
    /// # Errors
    /// The device is lost, is out of memory, or refuses a kernel.
    pub fn run(&self, device: &Device) -> Result<Outcome> {
        let params = device.uniform("pass parameters", BatchLayout::SINGLE.params_stride())?;
        (self.run)(&CheckDispatcher { dispatcher: Dispatcher::single(device, &params) })
    }
}

/// The largest error of a correct kernel: that of sums of `terms` f32 products in any order and of a few more
/// operations, and of one rounding to f16 where activations are stored so.
pub fn tolerance(paths: Paths, terms: usize) -> f64 {
    let storage = if paths.f16 { f64::from(f16::EPSILON) } else { 0.0 };
    storage + 4.0 * f64::from(f32::EPSILON) * (terms as f64).sqrt().max(4.0)
}

/// All cases.
pub fn cases() -> Vec<Case> {
    let layers = convolutions::cases().into_iter().chain(layers::cases()).chain(losses::cases());
    layers.chain(parameters::cases()).chain(winograd::cases()).collect()
}

/// Where a case runs.
struct CheckDispatcher<'a> {
    dispatcher: Dispatcher<'a>,
}

impl CheckDispatcher<'_> {
    /// A buffer with a tensor (B, C, H, W) of gradients.
    fn gradients(&self, shape: Shape, elements: &[f64]) -> Result<wgpu::Buffer> {
        self.dispatcher.device.buffer_with("gradients", &to_channel_blocks(shape, elements))
    }

    /// A buffer with a tensor (B, C, H, W) of activations.
    fn activations(&self, shape: Shape, elements: &[f64]) -> Result<wgpu::Buffer> {
        let blocks = to_channel_blocks(shape, elements);
        if !self.dispatcher.f16 {
            return self.dispatcher.device.buffer_with("activations", &blocks);
        }
        let bits: Vec<u16> = blocks.iter().map(|&x| f16::from_f32(x).to_bits()).collect();
        self.dispatcher.device.buffer_with("activations", &bits)
    }

    /// Activations as they are after they were stored.
    fn stored(&self, elements: &[f64]) -> Vec<f64> {
        let rounded = |x: f64| if self.dispatcher.f16 { f16::from_f32(x as f32).to_f64() } else { x };
        elements.iter().map(|&x| rounded(x)).collect()
    }

    /// A buffer for a tensor of `count` images of activations or gradients, with arbitrary content.
    fn output(&self, shape: Shape, count: usize) -> Result<wgpu::Buffer> {
        let len = tensor_len(shape) * count;
        self.dispatcher.device.buffer_with("images", &vec![7.0_f32; len])
    }

    /// The buffers of a layer: x, room for y, dy, and dx, to which the gradient is added.
    fn layer(
        &self,
        [input, output]: [Shape; 2],
        count: usize,
        [x, dy, dx]: [&[f64]; 3],
    ) -> Result<[wgpu::Buffer; 4]> {
        let [x, y] = [self.activations(input, x)?, self.output(output, count)?];
        Ok([x, y, self.gradients(output, dy)?, self.gradients(input, dx)?])
    }

    /// Buffers for weights in the orders of tables, and the dispatches that pack them from θ on the device.
    fn packed<const N: usize>(
        &self,
        tables: [Vec<Option<usize>>; N],
        theta: &wgpu::Buffer,
    ) -> Result<([wgpu::Buffer; N], Vec<Dispatch>)> {
        let mut list = Vec::with_capacity(N);
        let all = tables.map(|table| {
            let index = |index: &Option<usize>| index.map_or(u32::MAX, |index| (OFFSET + index) as u32);
            let table: Vec<u32> = table.iter().map(index).collect();
            let weights = self.floats(&vec![7.0; table.len()])?;
            let table_buffer = self.dispatcher.device.buffer_with("table", &table)?;
            let pack = kernels::parameters::pack;
            list.push(pack(&self.dispatcher, table.len(), &table_buffer, theta, &weights)?);
            Ok(weights)
        });
        let all: Vec<wgpu::Buffer> = all.into_iter().collect::<Result<_>>()?;
        Ok((all.try_into().expect("one for each table"), list))
    }

    /// A buffer with elements as f32.
    fn floats(&self, elements: &[f64]) -> Result<wgpu::Buffer> {
        self.dispatcher.device.buffer_with("elements", &to_f32(elements))
    }

    /// A uniform with the offset of the parameters in θ, and of those behind them.
    fn place(&self, behind: usize) -> Result<wgpu::Buffer> {
        let place = self.dispatcher.device.uniform("place", 16)?;
        self.dispatcher.device.write(&place, &[(OFFSET + behind) as u32, 0, 0, 0]);
        Ok(place)
    }

    /// Runs dispatches with pass parameters.
    fn run(&self, params: PassParams, list: &[Dispatch]) -> Result<()> {
        let device = self.dispatcher.device;
        device.write(self.dispatcher.params, &[params]);
        let mut encoder = device.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            list.iter().for_each(|dispatch| dispatch.encode(&mut pass, 0, params.count, 1));
        }
        device.queue.submit([encoder.finish()]);
        device.wait()
    }

    fn read(&self, buffer: &wgpu::Buffer, len: usize) -> Result<Vec<f32>> {
        let mut elements = vec![0.0; len];
        self.dispatcher.device.read(&mut [(buffer, 0, &mut elements)])?;
        Ok(elements)
    }

    /// The error of a tensor (B, C, H, W) of activations.
    fn error_of_activations(&self, shape: Shape, buffer: &wgpu::Buffer, expected: &[f64]) -> Result<f64> {
        if !self.dispatcher.f16 {
            return self.error_of_gradients(shape, buffer, expected);
        }
        let expected = to_channel_blocks(shape, expected);
        let words = self.read(buffer, expected.len() / 2)?;
        let pairs = words.iter().map(|word| [word.to_bits() as u16, (word.to_bits() >> 16) as u16]);
        let found: Vec<f32> = pairs.flatten().map(|bits| f16::from_bits(bits).to_f32()).collect();
        Ok(difference(&found, &expected.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()))
    }

    /// The error of a tensor (B, C, H, W) of gradients.
    fn error_of_gradients(&self, shape: Shape, buffer: &wgpu::Buffer, expected: &[f64]) -> Result<f64> {
        let expected: Vec<f64> = to_channel_blocks(shape, expected).iter().map(|&x| f64::from(x)).collect();
        self.error(buffer, 0, &expected)
    }

    /// The error of the elements of a buffer from `start` on.
    fn error(&self, buffer: &wgpu::Buffer, start: usize, expected: &[f64]) -> Result<f64> {
        let found = self.read(buffer, start + expected.len())?;
        Ok(difference(&found[start..], expected))
    }
}

/// The norm of the difference, relative to the norm of what is expected.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    let norm = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
    let squares = found.iter().zip(expected).map(|(&f, e)| (f64::from(f) - e).powi(2)).sum::<f64>();
    squares.sqrt() / norm.max(f64::MIN_POSITIVE)
}

/// All activations.
const ACTIVATIONS: [Activation; 6] = [
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.1 },
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Silu,
    Activation::Gelu,
];

const fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// Where parameters start in θ: not at its start.
const OFFSET: usize = 5;

/// Pass parameters of a batch of `count` images.
fn images(count: usize) -> PassParams {
    PassParams { count: count as u32, ..PassParams::default() }
}

/// A tensor (B, C, H, W) in the layout of the device: (B, H, W, channel blocks, 4).
fn to_channel_blocks(shape: Shape, elements: &[f64]) -> Vec<f32> {
    let Shape { channels, height, width } = shape;
    let (area, padded) = (height * width, channel_blocks(channels) * 4);
    let mut to = vec![0.0; elements.len() / channels * padded];
    for (i, &element) in elements.iter().enumerate() {
        let (image, channel, position) = (i / (channels * area), i / area % channels, i % area);
        to[(image * area + position) * padded + channel] = element as f32;
    }
    to
}

fn to_f32(elements: &[f64]) -> Vec<f32> {
    elements.iter().map(|&x| x as f32).collect()
}

/// Normal random numbers that f16 represents exactly.
fn random(len: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Perturbation, 0, 0);
    (0..len).map(|_| (stream.normal() * 256.0).round() / 256.0).collect()
}

/// θ with `parameters` at [`OFFSET`].
fn theta(parameters: &[f64]) -> Vec<f64> {
    [&[9.0; OFFSET], parameters, &[9.0; 3]].concat()
}
