//! Convolutions of 3 × 3 taps, one apart, by minimal winograd_convolution: forward, and backward to inputs.
//!
//! Y = Aᵀ (Σ G g Gᵀ ⊙ Bᵀ d B) A for filters g, tiles of inputs d and of outputs Y, with the sum over channels between the
//! transforms: a product of matrices for each point (Winograd 1980; Lavin and Gray, Fast Algorithms for Convolutional
//! Neural Networks, 2016, equation 12). ValueRequest along an edge are 0, ±1, ∞ for two outputs; 0, ±√½, ±√2, ∞ for four,
//! which f16 the rounding error of the usual 0, ±1, ±2, ∞.

use super::convolution::{Convolution, Tile, width};
use super::{
    Dispatch, Grid, KernelContext, WINOGRAD_INPUTS, WINOGRAD_OUTPUTS, WINOGRAD_PRODUCTS, WINOGRAD_WEIGHTS,
    channel_blocks, whole,
};
use crate::error::Result;
use valleys_core::network::Shape;

/// How many outputs a tile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winograd {
    /// F(2 × 2, 3 × 3): 16 products for 4 outputs, which take 36 one by one.
    F2,
    /// F(4 × 4, 3 × 3): 36 products for 16 outputs, which take 144 one by one.
    F4,
}

impl Winograd {
    /// Outputs of a tile along an edge.
    pub const fn outputs(self) -> usize {
        match self {
            Self::F2 => 2,
            Self::F4 => 4,
        }
    }

    /// ValueRequest at which tiles are multiplied.
    pub const fn points(self) -> usize {
        (self.outputs() + 2) * (self.outputs() + 2)
    }

    /// How many times the rounding error of sums one by one may be expected.
    ///
    /// Errors of one size at all points, relative to the sums there, meet in the outputs. For independent numbers of
    /// variance 1 along one edge that is Σ A²·‖B‖²·‖G‖² / 3 times the variance, in the mean of the outputs, with the
    /// rows of B and G of a point: 5/3 and 5.02. Two edges square it; its root is taken.
    pub const fn amplification(self) -> f64 {
        match self {
            Self::F2 => 5.0 / 3.0,
            Self::F4 => 5.02,
        }
    }
}

/// A convolution by minimal winograd_convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WinogradConvolution {
    convolution: Convolution,
    winograd: Winograd,
}

/// One direction of it: shapes before and after, zeros around the image.
struct Direction {
    from: Shape,
    to: Shape,
    padding: usize,
    tiles: [usize; 2],
}

/// Channels, before and after, from which on a layer may go this way: with fewer, transforms cost more than they spare.
const CHANNELS: usize = 16;

impl WinogradConvolution {
    /// That of a convolution of 3 × 3 taps, one apart, with two zeros around the image or fewer; none of others.
    pub fn of(convolution: Convolution, winograd: Winograd) -> Option<Self> {
        let Convolution { kernel, stride, padding, .. } = convolution;
        (kernel == [3, 3] && stride == 1 && padding <= 2).then_some(Self { convolution, winograd })
    }

    /// The same where it may pay.
    pub fn worth(convolution: Convolution, winograd: Winograd) -> Option<Self> {
        let channels = convolution.input.channels.min(convolution.output.channels);
        Self::of(convolution, winograd).filter(|_| channels >= CHANNELS)
    }

    fn way(&self, back: bool) -> Direction {
        let Convolution { input, output, padding, .. } = self.convolution;
        let (from, to) = if back { (output, input) } else { (input, output) };
        let padding = if back { 2 - padding } else { padding };
        let outputs = self.winograd.outputs();
        Direction { from, to, padding, tiles: [to.height.div_ceil(outputs), to.width.div_ceil(outputs)] }
    }

    /// Floating-point operations of the products for an image; those of the transforms do not count.
    pub fn flops(&self, back: bool) -> usize {
        let Direction { from, to, tiles: [down, tangent_removal], .. } = self.way(back);
        2 * self.winograd.points() * down * tangent_removal * from.channels * to.channels
    }

    /// Quads of filters: rows of a table that [`transform_weights`] reads.
    fn filters(&self, back: bool) -> usize {
        let Direction { from, to, .. } = self.way(back);
        Convolution::depth(from.channels) * channel_blocks(to.channels)
    }

    /// Numbers of the transformed weights: (points, channels before, channel_blocks of channels after, 4).
    pub fn weights_len(&self, back: bool) -> usize {
        4 * self.winograd.points() * self.filters(back)
    }

    /// Rows for [`transform_weights`]: weights that were packed by [`Convolution::forward_table`], or
    /// [`Convolution::backward_table`] where `back` says so, from one number on, are transformed to another one on.
    pub fn weights_table(&self, back: bool, packed: usize, transformed: usize) -> Vec<[i32; 4]> {
        let filters = self.filters(back) as i32;
        let (first, step) = if back { (8 * filters, -filters) } else { (0, filters) };
        let row = |i| [packed as i32 / 4 + first + i, step, transformed as i32 / 4 + i, filters];
        (0..filters).map(row).collect()
    }

    /// Numbers of the transformed inputs and of the products, for both directions of `images` images.
    pub fn planes_len(&self, images: usize) -> [usize; 2] {
        let lens = [false, true].map(|back| {
            let Direction { from, to, tiles: [down, tangent_removal], .. } = self.way(back);
            let numbers = |channels| {
                4 * self.winograd.points() * down * tangent_removal * channel_blocks(channels) * images
            };
            [numbers(from.channels), numbers(to.channels)]
        });
        [lens[0][0].max(lens[1][0]), lens[0][1].max(lens[1][1])]
    }

    /// y = x ∗ w, plus the bias if there is one, cut off at 0 if `relu` says so: as [`Convolution::forward`], with
    /// transformed weights and room for [`WinogradConvolution::planes_len`] numbers.
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    pub fn forward(
        &self,
        context: &KernelContext,
        relu: bool,
        x: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        planes: &[wgpu::Buffer; 2],
        y: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        let end = [
            ("BIAS", i64::from(bias.is_some())),
            ("RELU", i64::from(relu)),
            ("ACCUMULATE", 0),
            ("FULL", i64::from(self.convolution.logits)),
        ];
        self.list(context, false, end, [x, y], weights, bias, planes)
    }

    /// dx = dy ∗ flipped w, added to what is there if `accumulate` says so: as [`Convolution::backward_data`].
    ///
    /// # Errors
    /// As [`KernelContext::dispatch`].
    pub fn backward_data(
        &self,
        context: &KernelContext,
        accumulate: bool,
        dy: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        planes: &[wgpu::Buffer; 2],
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        let end = [("BIAS", 0), ("RELU", 0), ("ACCUMULATE", i64::from(accumulate)), ("FULL", 1)];
        self.list(context, true, end, [dy, dx], weights, None, planes)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    fn list(
        &self,
        context: &KernelContext,
        back: bool,
        end: [(&str, i64); 4],
        [x, y]: [&wgpu::Buffer; 2],
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        [v, m]: &[wgpu::Buffer; 2],
    ) -> Result<[Dispatch; 3]> {
        let Direction { from, to, padding, tiles: [down, tangent_removal] } = self.way(back);
        let [before, after] = [from, to].map(|shape| channel_blocks(shape.channels));
        let tiles = down * tangent_removal;
        let shared = [
            ("OUTPUTS", self.winograd.outputs() as i64),
            ("DOWN", down as i64),
            ("ACROSS", tangent_removal as i64),
            ("BACK", i64::from(back)),
            ("V", context.layout.stride_in(v)),
            ("M", context.layout.stride_in(m)),
        ];
        let values = [
            ("PADDING", padding as i64),
            ("HEIGHT", from.height as i64),
            ("IN_WIDTH", from.width as i64),
            ("IN_BLOCKS", before as i64),
        ];
        let inputs = context.dispatch(
            &WINOGRAD_INPUTS,
            &[&shared[..], &values].concat(),
            &[whole(x), whole(v)],
            Grid::images(tiles * before, context.size()),
        )?;

        let (Tile { places, width }, size) = tile(context, after);
        let blocks = after / width;
        let values = [
            ("TILES", tiles as i64),
            ("IN_BLOCKS", before as i64),
            ("DEPTH", from.channels.min(4) as i64),
            ("OUT_BLOCKS", after as i64),
            ("PIXELS", places as i64),
            ("WIDTH", width as i64),
            ("BLOCKS", blocks as i64),
            ("POINTS", self.winograd.points() as i64),
            ("SUBGROUP_SIZE", context.device.subgroup_size().into()),
            ("U", context.layout.stride_in(weights.buffer)),
        ];
        let grid = Grid {
            per_image: tiles as u64,
            fixed: 0,
            tile: places as u64,
            size,
            times: (blocks * self.winograd.points()) as u32,
        };
        let products = context.dispatch(
            &WINOGRAD_PRODUCTS,
            &[&shared[..], &values].concat(),
            &[whole(v), weights, whole(m)],
            grid,
        )?;

        let values =
            [("OUT_HEIGHT", to.height as i64), ("OUT_WIDTH", to.width as i64), ("IN_BLOCKS", after as i64)];
        let mut buffers = vec![whole(m), whole(y)];
        buffers.extend(bias);
        let outputs = context.dispatch(
            &WINOGRAD_OUTPUTS,
            &[&shared[..], &values, &end].concat(),
            &buffers,
            Grid::images(tiles * after, context.size()),
        )?;
        Ok([inputs, products, outputs])
    }
}

/// Tiles and quads of channels of a thread of the products, threads of a workgroup: one vector of a processor, for small
/// images have few tiles.
fn tile(context: &KernelContext, blocks: usize) -> (Tile, u32) {
    match context.device.is_hardware() {
        true => (Tile { places: 4, width: width(blocks, 4) }, context.size()),
        false => (Tile { places: 8, width: width(blocks, 4) }, 8),
    }
}

/// G g Gᵀ of all filters that rows of tables name, once for each θ(t).
///
/// # Errors
/// As [`KernelContext::dispatch`].
pub fn transform_weights(
    context: &KernelContext,
    winograd: Winograd,
    rows: usize,
    table: &wgpu::Buffer,
    packed: &wgpu::Buffer,
    transformed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let apart = context.layout.stride_in(transformed);
    let values = [("OUTPUTS", winograd.outputs() as i64), ("LENGTH", rows as i64), ("U", apart)];
    let buffers = [whole(table), whole(packed), whole(transformed)];
    context.dispatch(&WINOGRAD_WEIGHTS, &values, &buffers, Grid::fixed(rows, context.size()))
}
