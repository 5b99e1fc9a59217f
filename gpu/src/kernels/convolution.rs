//! Convolutions and linear layers: forward, backward to inputs, backward to weights.
//!
//! A linear layer is a convolution whose kernel is as large as its input. None of them writes a matrix of windows down:
//! each is a product of matrices whose left one is read where it lies.

use super::{
    CONV_BACKWARD_WEIGHTS, CONV_BACKWARD_WEIGHTS_REDUCE, CONVOLUTION, Dispatch, Grid, KernelContext,
    channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::network::{Layer, Row, Shape};

/// The shape of a convolution or linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Shape of an image before it.
    pub input: Shape,
    /// Shape of an image after it.
    pub output: Shape,
    /// Rows and columns of its kernel.
    pub kernel: [usize; 2],
    /// From one place to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether what it gives are the logits, which are f32 however activations are stored.
    pub logits: bool,
}

/// What follows in the same sweep over memory.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a> {
    /// Nothing.
    Nothing,
    /// What is below 0 is cut off.
    Relu,
    /// The mean and the squares of every [`Convolution::run_len`] places go to part sums, for a batch norm.
    Moments(&'a wgpu::Buffer),
}

/// Places and blocks of channels of a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    pub places: usize,
    pub width: usize,
}

/// The largest of 1 to `most` that divides a number of blocks.
pub(super) fn width(blocks: usize, most: usize) -> usize {
    (1..=most).rev().find(|w| blocks.is_multiple_of(*w)).unwrap_or(1)
}

impl Convolution {
    /// That of a row of a plan; none of other layers.
    pub fn of(row: &Row) -> Option<Self> {
        let (input, output) = (row.input, row.output);
        match row.layer {
            Layer::Linear { .. } => {
                let kernel = [input.height, input.width];
                Some(Self { input, output, kernel, stride: 1, padding: 0, bias: true, logits: false })
            }
            Layer::Convolution { kernel, stride, padding, bias, .. } => {
                let kernel = [kernel; 2];
                Some(Self { input, output, kernel, stride, padding, bias, logits: false })
            }
            _ => None,
        }
    }

    /// Taps of the kernel.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Multiplications and additions for an image, in one of the three directions, without those by padding channels.
    pub const fn flops(&self) -> usize {
        2 * self.taps() * self.input.channels * self.output.len()
    }

    /// Rows of the packed weights of a tap: channels that are multiplied.
    pub(super) const fn depth(channels: usize) -> usize {
        if channels < 4 { channels } else { channel_blocks(channels) * 4 }
    }

    /// Which weight of the layer each packed number is, for the way forward: (taps, inputs, output blocks, 4).
    pub fn forward_table(&self) -> Vec<Option<usize>> {
        self.table(self.input.channels, self.output.channels, |c, o| (o, c))
    }

    /// The same for the way back to the inputs: (taps, outputs, input blocks, 4).
    pub fn backward_table(&self) -> Vec<Option<usize>> {
        self.table(self.output.channels, self.input.channels, |o, c| (o, c))
    }

    fn table(
        &self,
        rows: usize,
        columns: usize,
        order: impl Fn(usize, usize) -> (usize, usize),
    ) -> Vec<Option<usize>> {
        let (depth, width, taps) = (Self::depth(rows), 4 * channel_blocks(columns), self.taps());
        let place = |i: usize| {
            let (tap, row, column) = (i / (depth * width), i / width % depth, i % width);
            let (o, c) = order(row, column);
            (row < rows && column < columns).then_some((o * self.input.channels + c) * taps + tap)
        };
        (0..taps * depth * width).map(place).collect()
    }

    /// Which bias each packed number is.
    pub fn bias_table(&self) -> Vec<Option<usize>> {
        let first = self.output.channels * self.input.channels * self.taps();
        let outputs = self.output.channels;
        (0..4 * channel_blocks(outputs)).map(|o| (o < outputs).then_some(first + o)).collect()
    }

    fn tile(context: &KernelContext, blocks: usize) -> Tile {
        match (context.device.is_hardware(), width(blocks, 8)) {
            (true, _) => Tile { places: 4, width: width(blocks, 2) },
            (_, 8) if context.device.subgroup_size() > 0 => Tile { places: 4, width: 8 },
            _ => Tile { places: 8, width: width(blocks, 4) },
        }
    }

    /// Places of a workgroup on the way forward, whose moments it may leave.
    pub fn run_len(&self, context: &KernelContext) -> usize {
        Self::tile(context, channel_blocks(self.output.channels)).places * context.size() as usize
    }

    /// y = x ∗ w, plus the bias if there is one, and what follows.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn forward(
        &self,
        context: &KernelContext,
        then: Epilogue,
        x: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        y: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let Self { input, output, .. } = *self;
        let mut values = vec![
            ("BACKWARD", 0),
            ("BIAS", i64::from(bias.is_some())),
            ("RELU", i64::from(matches!(then, Epilogue::Relu))),
            ("MOMENTS", i64::from(matches!(then, Epilogue::Moments(_)))),
            ("FULL", i64::from(self.logits)),
            ("ACCUMULATE", 0),
            ("ROWS", output.height as i64),
            ("COLUMNS", output.width as i64),
            ("MULTIPLY", self.stride as i64),
            ("SIGN", 1),
            ("DIVIDE", 1),
        ];
        let mut buffers = vec![whole(x), weights, whole(y)];
        buffers.extend(bias);
        if let Epilogue::Moments(part) = then {
            buffers.push(whole(part));
        }
        self.gather(context, [input, output], 1, &mut values, &buffers)
    }

    /// dx = dy ∗ flipped w, added to what is there if `accumulate` says so.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn backward_data(
        &self,
        context: &KernelContext,
        accumulate: bool,
        dy: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        dx: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let Self { input, output, stride, .. } = *self;
        let mut values = vec![
            ("BACKWARD", 1),
            ("BIAS", 0),
            ("RELU", 0),
            ("MOMENTS", 0),
            ("FULL", 1),
            ("ACCUMULATE", i64::from(accumulate)),
            ("ROWS", input.height.div_ceil(stride) as i64),
            ("COLUMNS", input.width.div_ceil(stride) as i64),
            ("MULTIPLY", 1),
            ("SIGN", -1),
            ("DIVIDE", stride as i64),
        ];
        self.gather(context, [output, input], stride, &mut values, &[whole(dy), weights, whole(dx)])
    }

    /// The kernel `convolution` from a shape to another, for `classes`² classes of places.
    fn gather(
        &self,
        context: &KernelContext,
        [from, to]: [Shape; 2],
        classes: usize,
        values: &mut Vec<(&str, i64)>,
        buffers: &[wgpu::BufferBinding],
    ) -> Result<Dispatch> {
        let tile = Self::tile(context, channel_blocks(to.channels));
        let blocks = channel_blocks(to.channels) / tile.width;
        let places = to.height.div_ceil(classes) * to.width.div_ceil(classes);
        values.extend([
            ("PADDING", self.padding as i64),
            ("KERNEL_Y", self.kernel[0] as i64),
            ("KERNEL_X", self.kernel[1] as i64),
            ("HEIGHT", from.height as i64),
            ("IN_WIDTH", from.width as i64),
            ("IN_BLOCKS", channel_blocks(from.channels) as i64),
            ("DEPTH", from.channels.min(4) as i64),
            ("OUT_HEIGHT", to.height as i64),
            ("OUT_WIDTH", to.width as i64),
            ("OUT_BLOCKS", channel_blocks(to.channels) as i64),
            ("PIXELS", tile.places as i64),
            ("WIDTH", tile.width as i64),
            ("BLOCKS", blocks as i64),
            ("SUBGROUP_SIZE", context.device.subgroup_size().into()),
        ]);
        let grid = Grid {
            per_image: places as u64,
            fixed: 0,
            tile: tile.places as u64,
            size: context.size(),
            times: (blocks * classes * classes) as u32,
        };
        context.dispatch(&CONVOLUTION, values, buffers, grid)
    }

    /// Channels of a thread, groups of them; blocks of outputs of a thread, blocks of them.
    fn weights_tile(&self, context: &KernelContext) -> [usize; 4] {
        let vector = context.device.subgroup_size() as usize;
        let inputs = channel_blocks(self.input.channels);
        // With half as many groups, no thread of a vector may be left without one.
        let halves = inputs.is_multiple_of(2) && (self.taps() * inputs / 2).is_multiple_of(vector.max(1));
        let depth = if halves { 8 } else { self.input.channels.min(4) };
        let outputs = channel_blocks(self.output.channels);
        let width = width(outputs, if vector > 0 { vector.min(8) } else { 2 });
        [depth, inputs.div_ceil(depth.div_ceil(4)), width, outputs / width]
    }

    /// In how many runs the rows of `batch` images are split.
    fn splits(&self, context: &KernelContext, batch: usize) -> usize {
        let [depth, groups, width, blocks] = self.weights_tile(context);
        let wanted = context.threads() / (self.taps() * groups * blocks);
        // A run is long enough to be worth its sums; all sums together are 64 MiB at most.
        let rows = batch * self.output.height;
        let sums = self.taps() * groups * depth * blocks * width * 16;
        wanted.min(rows / 4).min((64 << 20) / sums).max(1)
    }

    /// Numbers of the part sums of [`Convolution::backward_weights`].
    pub fn part_len(&self, context: &KernelContext, batch: usize) -> usize {
        let [depth, groups, width, blocks] = self.weights_tile(context);
        self.splits(context, batch) * self.taps() * groups * depth * blocks * width * 4
    }

    /// dw = x ∗ dy, as θ has it, in `gradient` from the number in `place` on: part sums, then their sum.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    pub fn backward_weights(
        &self,
        context: &KernelContext,
        batch: usize,
        x: &wgpu::Buffer,
        dy: &wgpu::Buffer,
        part: &wgpu::Buffer,
        place: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let Self { input, output, .. } = *self;
        let [depth, groups, width, blocks] = self.weights_tile(context);
        let splits = self.splits(context, batch);
        // Threads that give each other numbers differ in their taps and groups of channels alone.
        let vector = context.device.subgroup_size() as usize;
        let units = (self.taps() * groups).next_multiple_of(vector.max(1));
        let places = (vector / width).max(1);
        let values = [
            ("KERNEL_Y", self.kernel[0] as i64),
            ("KERNEL_X", self.kernel[1] as i64),
            ("STRIDE", self.stride as i64),
            ("PADDING", self.padding as i64),
            ("HEIGHT", input.height as i64),
            ("IN_WIDTH", input.width as i64),
            ("IN_BLOCKS", channel_blocks(input.channels) as i64),
            ("OUT_HEIGHT", output.height as i64),
            ("OUT_WIDTH", output.width as i64),
            ("OUT_BLOCKS", channel_blocks(output.channels) as i64),
            ("DEPTH", depth as i64),
            ("GROUPS", groups as i64),
            ("WIDTH", width as i64),
            ("BLOCKS", blocks as i64),
            ("SPLITS", splits as i64),
            ("SUBGROUP_SIZE", vector as i64),
            ("UNITS", units as i64),
            ("PLACES", places as i64),
        ];
        let threads = splits * units * blocks;
        let grid = Grid::fixed(threads, context.size());
        let parts =
            context.dispatch(&CONV_BACKWARD_WEIGHTS, &values, &[whole(x), whole(dy), whole(part)], grid)?;
        let values = [
            ("OUTPUTS", output.channels as i64),
            ("CHANNELS", input.channels as i64),
            ("TAPS", self.taps() as i64),
            ("DEPTHS", (groups * depth) as i64),
            ("OUT_BLOCKS", channel_blocks(output.channels) as i64),
            ("SPLITS", splits as i64),
        ];
        let grid = Grid::fixed(output.channels * input.channels * self.taps(), context.size());
        let buffers = [whole(place), whole(part), whole(gradient)];
        Ok([parts, context.dispatch(&CONV_BACKWARD_WEIGHTS_REDUCE, &values, &buffers, grid)?])
    }
}
