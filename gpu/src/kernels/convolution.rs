//! Convolutions and linear layers: forward, backward to the inputs, backward to the weights.
//!
//! A linear layer is a convolution whose kernel is as large as its input. No kernel writes an im2col matrix: each is a
//! matrix product that reads its left operand from the tensor itself.

use super::span::{Span, greatest_common_divisor, inverse};
use super::tile::{Tile, shares, tile_width};
use super::{
    CONV_BACKWARD_WEIGHTS, CONV_BACKWARD_WEIGHTS_REDUCE, CONVOLUTION, Dispatch, Dispatcher, Grid, activation,
    channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::kernels::Window;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;
use valleys_core::network::graph::{Graph, Op, OpKind};

/// The shape of a convolution or linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Convolution {
    /// Shape of one input image.
    pub input: Shape,
    /// Shape of one output image.
    pub output: Shape,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// From one position to the next.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
    /// From one element of the kernel to the next.
    pub dilation: usize,
    /// Parts of the channels that are convolved apart from each other.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
    /// Whether the output is stored as f32 even where activations are f16: the logits.
    pub f32_output: bool,
}

/// What the forward kernel does with its sums before it stores them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Epilogue<'a> {
    /// Nothing.
    None,
    /// An activation.
    Activation(Activation),
    /// Mean and centred sum of squares of every run of [`Convolution::run_len`] positions, written to this buffer for
    /// the batch norm that follows.
    Moments(&'a wgpu::Buffer),
}

/// Whether operation `i` is a convolution or linear layer whose output only the batch norm behind it reads.
pub(crate) fn feeds_norm(graph: &Graph<Vec<Op>>, i: usize) -> bool {
    let (op, value) = (&graph.ops()[i], i + 1);
    let is_convolution =
        matches!(op.kind, OpKind::Linear | OpKind::Convolution { .. }) && op.activation.is_none();
    let reads =
        |next: &Op| next.kind == OpKind::BatchNorm && next.input == value && next.residual != Some(value);
    is_convolution && graph.ops().get(i + 1).is_some_and(reads) && graph.readers(value).count() == 1
}

impl Convolution {
    /// The convolution of an operation; `None` for operations of other kinds. `is_last` says whether its output are the
    /// logits.
    pub fn of(op: &Op, is_last: bool) -> Option<Self> {
        let (input, output, bias) = (op.input_shape, op.output_shape, !op.bias().is_empty());
        let plain = Self {
            input,
            output,
            kernel: [input.height, input.width],
            stride: 1,
            padding: 0,
            dilation: 1,
            groups: 1,
            bias,
            f32_output: is_last,
        };
        match op.kind {
            OpKind::Linear => Some(plain),
            OpKind::Convolution { window, groups } => {
                let Window { kernel, stride, padding, dilation, .. } = window;
                Some(Self { kernel: [kernel; 2], stride, padding, dilation, groups, ..plain })
            }
            _ => None,
        }
    }

    /// Elements of the kernel for one pair of channels.
    pub const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Floating-point operations for one image in one of the three directions, without those on padding channels.
    pub const fn flops(&self) -> usize {
        2 * self.taps() * self.input.channels / self.groups * self.output.len()
    }

    /// For each packed weight of the forward direction, its index in the layer's weight; `None` for padding, and for pairs
    /// of channels of different groups.
    ///
    /// # Layout
    /// (taps, [inputs that an output block reads](Span), output blocks, 4).
    pub fn forward_table(&self) -> Vec<Option<usize>> {
        self.table(self.input.channels, self.output.channels, |input, output| (output, input))
    }

    /// The same for the direction backward to the inputs.
    ///
    /// # Layout
    /// (taps, [outputs that an input block reads](Span), input blocks, 4).
    pub fn backward_table(&self) -> Vec<Option<usize>> {
        self.table(self.output.channels, self.input.channels, |output, input| (output, input))
    }

    fn table(
        &self,
        rows: usize,
        columns: usize,
        channels: impl Fn(usize, usize) -> (usize, usize),
    ) -> Vec<Option<usize>> {
        let span = Span::of(rows, columns, self.groups);
        let (depth, width, taps) = (span.depth(), 4 * channel_blocks(columns), self.taps());
        let [group_inputs, group_outputs] = self.group();
        let index = |i: usize| {
            let (tap, column) = (i / (depth * width), i % width);
            let row = 4 * span.first_block(column / 4) + i / width % depth;
            let (output, input) = channels(row, column);
            let has_weight = row < rows && column < columns && input / group_inputs == output / group_outputs;
            has_weight.then(|| (output * group_inputs + input % group_inputs) * taps + tap)
        };
        (0..taps * depth * width).map(index).collect()
    }

    /// Input channels, and outputs, of a group.
    const fn group(&self) -> [usize; 2] {
        [self.input.channels / self.groups, self.output.channels / self.groups]
    }

    /// For each packed bias, its index behind the start of the layer's parameters; `None` for padding.
    pub fn bias_table(&self) -> Vec<Option<usize>> {
        let first = self.output.channels * self.group()[0] * self.taps();
        let outputs = self.output.channels;
        (0..4 * channel_blocks(outputs)).map(|output| (output < outputs).then_some(first + output)).collect()
    }

    /// The tile of a kernel whose invocations write to so many blocks, of which `alike` read the same ones.
    fn tile(dispatcher: &Dispatcher, alike: usize) -> Tile {
        match (dispatcher.device.is_hardware(), tile_width(alike, 8)) {
            (true, _) => Tile { positions: 4, width: tile_width(alike, 2) },
            (_, 8) if dispatcher.device.subgroup_size() > 0 => Tile { positions: 4, width: 8 },
            _ => Tile { positions: 8, width: tile_width(alike, 4) },
        }
    }

    /// What an output block reads.
    fn span(&self) -> Span {
        Span::of(self.input.channels, self.output.channels, self.groups)
    }

    /// Output positions of one workgroup of the forward kernel: the length of the runs of [`Epilogue::Moments`].
    pub fn run_len(&self, dispatcher: &Dispatcher) -> usize {
        Self::tile(dispatcher, self.span().alike).positions * dispatcher.workgroup_size() as usize
    }

    /// y = x ∗ w (+ b), then the epilogue.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn forward(
        &self,
        dispatcher: &Dispatcher,
        epilogue: Epilogue,
        x: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        y: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let Self { input, output, .. } = *self;
        let mut values = vec![
            ("BACKWARD", 0),
            ("BIAS", i64::from(bias.is_some())),
            ("MOMENTS", i64::from(matches!(epilogue, Epilogue::Moments(_)))),
            ("F32_OUTPUT", i64::from(self.f32_output)),
            ("ACCUMULATE", 0),
            ("ROWS", output.height as i64),
            ("COLUMNS", output.width as i64),
            ("MULTIPLY", self.stride as i64),
            ("DIVIDE", 1),
            ("IN_STEP", self.dilation as i64),
            ("TAP_STEP", 1),
        ];
        let activation =
            if let Epilogue::Activation(activation) = epilogue { Some(activation) } else { None };
        values.extend(activation::values(activation, output.channels));
        let mut buffers = vec![whole(x), weights, whole(y)];
        buffers.extend(bias);
        if let Epilogue::Moments(partial) = epilogue {
            buffers.push(whole(partial));
        }
        self.gather(dispatcher, [input, output], 1, &mut values, &buffers)
    }

    /// dx = dy ∗ flipped w, added to the content of dx if `accumulate` is true.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward_data(
        &self,
        dispatcher: &Dispatcher,
        accumulate: bool,
        dy: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        dx: &wgpu::Buffer,
    ) -> Result<Dispatch> {
        let Self { input, output, stride, dilation, .. } = *self;
        let divisor = greatest_common_divisor(stride, dilation);
        let mut values = vec![
            ("BACKWARD", 1),
            ("BIAS", 0),
            ("MOMENTS", 0),
            ("F32_OUTPUT", 1),
            ("ACCUMULATE", i64::from(accumulate)),
            ("ROWS", input.height.div_ceil(stride) as i64),
            ("COLUMNS", input.width.div_ceil(stride) as i64),
            ("MULTIPLY", 1),
            ("DIVIDE", stride as i64),
            ("IN_STEP", -((dilation / divisor) as i64)),
            ("TAP_STEP", (stride / divisor) as i64),
            ("DIVISOR", divisor as i64),
            ("INVERSE", inverse(dilation / divisor, stride / divisor) as i64),
        ];
        values.extend(activation::values(None, input.channels));
        self.gather(dispatcher, [output, input], stride, &mut values, &[whole(dy), weights, whole(dx)])
    }

    /// The kernel `convolution` from one shape to another. Through a stride, positions fall into `classes`² classes
    /// that meet the same taps.
    fn gather(
        &self,
        dispatcher: &Dispatcher,
        [from, to]: [Shape; 2],
        classes: usize,
        values: &mut Vec<(&str, i64)>,
        buffers: &[wgpu::BufferBinding],
    ) -> Result<Dispatch> {
        let span = Span::of(from.channels, to.channels, self.groups);
        let tile = Self::tile(dispatcher, span.alike);
        let column_tiles = channel_blocks(to.channels) / tile.width;
        let positions = to.height.div_ceil(classes) * to.width.div_ceil(classes);
        let depth = from.channels.min(4);
        values.extend([
            ("PADDING", self.padding as i64),
            ("DILATION", self.dilation as i64),
            ("KERNEL_HEIGHT", self.kernel[0] as i64),
            ("KERNEL_WIDTH", self.kernel[1] as i64),
            ("IN_HEIGHT", from.height as i64),
            ("IN_WIDTH", from.width as i64),
            ("IN_BLOCKS", channel_blocks(from.channels) as i64),
            ("SPAN", span.blocks as i64),
            ("GROUP_INPUTS", span.group[0] as i64),
            ("GROUP_OUTPUTS", span.group[1] as i64),
            ("DEPTH", depth as i64),
            ("OUT_HEIGHT", to.height as i64),
            ("OUT_WIDTH", to.width as i64),
            ("OUT_BLOCKS", channel_blocks(to.channels) as i64),
            ("POSITIONS", tile.positions as i64),
            ("WIDTH", tile.width as i64),
            ("COLUMN_TILES", column_tiles as i64),
            ("SUBGROUP_SIZE", dispatcher.device.subgroup_size().into()),
            ("SHARES", shares(dispatcher, depth, tile.width)),
        ]);
        let grid = Grid {
            per_image: positions as u64,
            fixed: 0,
            tile: tile.positions as u64,
            workgroup_size: dispatcher.workgroup_size(),
            copies: (column_tiles * classes * classes) as u32,
        };
        dispatcher.dispatch(&CONVOLUTION, values, buffers, grid)
    }

    /// How [`backward_weights`](Self::backward_weights) is tiled.
    fn weights_tile(&self, dispatcher: &Dispatcher) -> WeightsTile {
        let subgroup_size = dispatcher.device.subgroup_size() as usize;
        let Span { blocks, alike, .. } = self.span();
        // Eight channels an invocation halve the number of parts; every invocation of a subgroup still needs one.
        let can_halve =
            blocks.is_multiple_of(2) && (self.taps() * blocks / 2).is_multiple_of(subgroup_size.max(1));
        let depth = if can_halve { 8 } else { self.input.channels.min(4) };
        let width = tile_width(alike, if subgroup_size > 0 { subgroup_size.min(8) } else { 2 });
        WeightsTile {
            depth,
            parts: blocks.div_ceil(depth.div_ceil(4)),
            width,
            column_tiles: channel_blocks(self.output.channels) / width,
        }
    }

    /// Into how many runs the output rows of `batch` images are split.
    fn splits(&self, dispatcher: &Dispatcher, batch: usize) -> usize {
        let WeightsTile { parts, column_tiles, .. } = self.weights_tile(dispatcher);
        let wanted = dispatcher.invocations() / (self.taps() * parts * column_tiles);
        // A run has four rows or more, so that its partial sums are worth writing; all partial sums together take at
        // most 64 MiB.
        let rows = batch * self.output.height;
        let bytes = 4 * self.weights_tile(dispatcher).len(self.taps());
        wanted.min(rows / 4).min((64 << 20) / bytes).max(1)
    }

    /// Elements of the partial sums of [`Convolution::backward_weights`].
    pub fn partial_len(&self, dispatcher: &Dispatcher, batch: usize) -> usize {
        self.splits(dispatcher, batch) * self.weights_tile(dispatcher).len(self.taps())
    }

    /// dw = x ∗ dy in the layout of θ, written to `gradient` at the offset in `place`: partial sums, then their sum.
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    pub fn backward_weights(
        &self,
        dispatcher: &Dispatcher,
        batch: usize,
        x: &wgpu::Buffer,
        dy: &wgpu::Buffer,
        partial: &wgpu::Buffer,
        place: &wgpu::Buffer,
        gradient: &wgpu::Buffer,
    ) -> Result<[Dispatch; 2]> {
        let Self { input, output, .. } = *self;
        let WeightsTile { depth, parts, width, column_tiles } = self.weights_tile(dispatcher);
        let (span, splits) = (self.span(), self.splits(dispatcher, batch));
        // Invocations of a subgroup differ only in their taps and parts of channels.
        let subgroup_size = dispatcher.device.subgroup_size() as usize;
        let units = (self.taps() * parts).next_multiple_of(subgroup_size.max(1));
        let positions = (subgroup_size / width).max(1);
        let values = [
            ("KERNEL_HEIGHT", self.kernel[0] as i64),
            ("KERNEL_WIDTH", self.kernel[1] as i64),
            ("STRIDE", self.stride as i64),
            ("PADDING", self.padding as i64),
            ("DILATION", self.dilation as i64),
            ("IN_HEIGHT", input.height as i64),
            ("IN_WIDTH", input.width as i64),
            ("IN_BLOCKS", channel_blocks(input.channels) as i64),
            ("OUT_HEIGHT", output.height as i64),
            ("OUT_WIDTH", output.width as i64),
            ("OUT_BLOCKS", channel_blocks(output.channels) as i64),
            ("DEPTH", depth as i64),
            ("PARTS", parts as i64),
            ("SPAN", span.blocks as i64),
            ("GROUP_INPUTS", span.group[0] as i64),
            ("GROUP_OUTPUTS", span.group[1] as i64),
            ("WIDTH", width as i64),
            ("COLUMN_TILES", column_tiles as i64),
            ("SPLITS", splits as i64),
            ("SUBGROUP_SIZE", subgroup_size as i64),
            ("UNITS", units as i64),
            ("POSITIONS", positions as i64),
        ];
        let grid = Grid::fixed(splits * units * column_tiles, dispatcher.workgroup_size());
        let partial_sums = dispatcher.dispatch(
            &CONV_BACKWARD_WEIGHTS,
            &values,
            &[whole(x), whole(dy), whole(partial)],
            grid,
        )?;
        let values = [
            ("OUTPUTS", output.channels as i64),
            ("CHANNELS", self.group()[0] as i64),
            ("TAPS", self.taps() as i64),
            ("DEPTHS", (parts * depth) as i64),
            ("OUT_BLOCKS", channel_blocks(output.channels) as i64),
            ("SPLITS", splits as i64),
            ("GROUPS", self.groups as i64),
            ("IN_BLOCKS", channel_blocks(input.channels) as i64),
            ("SPAN", span.blocks as i64),
            ("GROUP_OUTPUTS", span.group[1] as i64),
        ];
        let weights = output.channels * self.group()[0] * self.taps();
        let grid = Grid::fixed(weights, dispatcher.workgroup_size());
        let buffers = [whole(place), whole(partial), whole(gradient)];
        Ok([partial_sums, dispatcher.dispatch(&CONV_BACKWARD_WEIGHTS_REDUCE, &values, &buffers, grid)?])
    }
}

/// The tiles of the weight gradient: an invocation owns one tap, `depth` channels and `width` output blocks.
struct WeightsTile {
    depth: usize,
    /// Parts of `depth` channels that an output block reads.
    parts: usize,
    width: usize,
    /// Tiles of `width` output blocks.
    column_tiles: usize,
}

impl WeightsTile {
    /// Elements of the partial sums of one run.
    fn len(&self, taps: usize) -> usize {
        taps * self.parts * self.depth * self.column_tiles * self.width * 4
    }
}
