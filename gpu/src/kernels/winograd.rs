//! Winograd convolutions: 3 × 3 kernels with stride 1, forward and backward to the inputs.
//!
//! Y = Aᵀ (Σ G g Gᵀ ⊙ Bᵀ d B) A for filters g, tiles of inputs d and of outputs Y, with the sum over channels between the
//! transforms: a matrix product for each point (Winograd 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural
//! Networks, 2016, equation 12). Points along an edge are 0, ±1, ∞ for two outputs; 0, ±√½, ±√2, ∞ for four, which halves
//! the rounding error of the usual 0, ±1, ±2, ∞.

use super::convolution::Convolution;
use super::span::Span;
use super::tile::{Tile, shares, tile_width};
use super::{
    Dispatch, Dispatcher, Grid, WINOGRAD_INPUTS, WINOGRAD_OUTPUTS, WINOGRAD_PRODUCTS, WINOGRAD_WEIGHTS,
    activation, channel_blocks, whole,
};
use crate::error::Result;
use crate::options::Winograd;
use valleys_core::kernels::activation::Activation;
use valleys_core::network::Shape;

/// A convolution computed by one of the Winograd algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WinogradConvolution {
    convolution: Convolution,
    winograd: Winograd,
}

/// One direction of a convolution: shapes of its input and its output, zeros around the input, rows and columns of
/// tiles.
struct Direction {
    from: Shape,
    to: Shape,
    padding: usize,
    tile_rows: usize,
    tile_columns: usize,
}

impl Direction {
    /// Tiles of an image.
    fn tiles(&self) -> usize {
        self.tile_rows * self.tile_columns
    }
}

/// Input and output channels that a layer needs at least: with fewer, the transforms cost more than the products save.
const MIN_CHANNELS: usize = 16;

impl WinogradConvolution {
    /// The Winograd convolution of 3 × 3 taps with stride 1, without dilation and groups, and at most two zeros around the
    /// image; `None` for others.
    pub fn of(convolution: Convolution, winograd: Winograd) -> Option<Self> {
        let Convolution { kernel, stride, padding, dilation, groups, .. } = convolution;
        (kernel == [3, 3] && [stride, dilation, groups] == [1; 3] && padding <= 2)
            .then_some(Self { convolution, winograd })
    }

    /// The same, where it may be faster than the direct convolution.
    pub fn worthwhile(convolution: Convolution, winograd: Winograd) -> Option<Self> {
        let channels = convolution.input.channels.min(convolution.output.channels);
        Self::of(convolution, winograd).filter(|_| channels >= MIN_CHANNELS)
    }

    fn direction(&self, is_backward: bool) -> Direction {
        let Convolution { input, output, padding, .. } = self.convolution;
        let (from, to) = if is_backward { (output, input) } else { (input, output) };
        let padding = if is_backward { 2 - padding } else { padding };
        let outputs = self.winograd.outputs();
        let (tile_rows, tile_columns) = (to.height.div_ceil(outputs), to.width.div_ceil(outputs));
        Direction { from, to, padding, tile_rows, tile_columns }
    }

    /// Blocks of four filters: rows of a table of [`transform_weights`].
    fn filter_blocks(&self, is_backward: bool) -> usize {
        let Direction { from, to, .. } = self.direction(is_backward);
        Span::of(from.channels, to.channels, 1).depth() * channel_blocks(to.channels)
    }

    /// Elements of the transformed weights.
    ///
    /// # Layout
    /// (points, input channels, output blocks, 4).
    pub fn weights_len(&self, is_backward: bool) -> usize {
        4 * self.winograd.points() * self.filter_blocks(is_backward)
    }

    /// Rows for [`transform_weights`]: the weights of [`Convolution::forward_table`] (of
    /// [`Convolution::backward_table`]) from element `packed` on are transformed to element `transformed` on.
    pub fn weights_table(&self, is_backward: bool, packed: usize, transformed: usize) -> Vec<[i32; 4]> {
        let filters = self.filter_blocks(is_backward) as i32;
        // Backward, the filters are mirrored: from the last tap to the first.
        let (first, step) = if is_backward { (8 * filters, -filters) } else { (0, filters) };
        let row = |i| [packed as i32 / 4 + first + i, step, transformed as i32 / 4 + i, filters];
        (0..filters).map(row).collect()
    }

    /// Elements of the transformed inputs, and of the products, that both directions of `images` images need.
    pub fn scratch_len(&self, images: usize) -> [usize; 2] {
        let [forward, backward] = [false, true].map(|is_backward| {
            let direction = self.direction(is_backward);
            let points = 4 * self.winograd.points() * direction.tiles() * images;
            [direction.from, direction.to].map(|shape| points * channel_blocks(shape.channels))
        });
        [forward[0].max(backward[0]), forward[1].max(backward[1])]
    }

    /// y = x ∗ w (+ b), then the activation: as [`Convolution::forward`], with transformed weights and
    /// scratch buffers of [`scratch_len`](Self::scratch_len).
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    pub fn forward(
        &self,
        dispatcher: &Dispatcher,
        activation: Option<Activation>,
        x: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        scratch: &[wgpu::Buffer; 2],
        y: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        let epilogue = [
            ("BIAS", i64::from(bias.is_some())),
            ("ACCUMULATE", 0),
            ("F32_OUTPUT", i64::from(self.convolution.f32_output)),
        ];
        let activation = activation::values(activation, self.convolution.output.channels);
        let epilogue = [&epilogue[..], &activation].concat();
        self.dispatches(dispatcher, false, &epilogue, [x, y], weights, bias, scratch)
    }

    /// dx = dy ∗ flipped w, added to the content of dx if `accumulate` is true: as [`Convolution::backward_data`].
    ///
    /// # Errors
    /// As [`Dispatcher::dispatch`].
    pub fn backward_data(
        &self,
        dispatcher: &Dispatcher,
        accumulate: bool,
        dy: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        scratch: &[wgpu::Buffer; 2],
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        let epilogue = [("BIAS", 0), ("ACCUMULATE", i64::from(accumulate)), ("F32_OUTPUT", 1)];
        let epilogue = [&epilogue[..], &activation::values(None, 0)].concat();
        self.dispatches(dispatcher, true, &epilogue, [dy, dx], weights, None, scratch)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    fn dispatches(
        &self,
        dispatcher: &Dispatcher,
        is_backward: bool,
        epilogue: &[(&str, i64)],
        [x, y]: [&wgpu::Buffer; 2],
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        [v, m]: &[wgpu::Buffer; 2],
    ) -> Result<[Dispatch; 3]> {
        let direction = self.direction(is_backward);
        let Direction { from, to, padding, tile_rows, tile_columns } = direction;
        let [in_blocks, out_blocks] = [from, to].map(|shape| channel_blocks(shape.channels));
        let [v_stride, m_stride] = [v, m].map(|buffer| dispatcher.layout.stride_in(buffer));
        let tiling = [
            ("OUTPUTS", self.winograd.outputs() as i64),
            ("TILE_ROWS", tile_rows as i64),
            ("TILE_COLUMNS", tile_columns as i64),
        ];
        let values = [
            ("BACKWARD", i64::from(is_backward)),
            ("PADDING", padding as i64),
            ("IN_HEIGHT", from.height as i64),
            ("IN_WIDTH", from.width as i64),
            ("IN_BLOCKS", in_blocks as i64),
            ("V_STRIDE", v_stride),
        ];
        let inputs = dispatcher.dispatch(
            &WINOGRAD_INPUTS,
            &[&tiling[..], &values].concat(),
            &[whole(x), whole(v)],
            Grid::images(direction.tiles() * in_blocks, dispatcher.workgroup_size()),
        )?;

        let (Tile { positions, width }, workgroup_size) = tile(dispatcher, out_blocks);
        let (depth, column_tiles) = (from.channels.min(4), out_blocks / width);
        let values = [
            ("TILES", direction.tiles() as i64),
            ("POINTS", self.winograd.points() as i64),
            ("IN_BLOCKS", in_blocks as i64),
            ("OUT_BLOCKS", out_blocks as i64),
            ("DEPTH", depth as i64),
            ("POSITIONS", positions as i64),
            ("WIDTH", width as i64),
            ("COLUMN_TILES", column_tiles as i64),
            ("SUBGROUP_SIZE", dispatcher.device.subgroup_size().into()),
            ("SHARES", shares(dispatcher, depth, width)),
            ("V_STRIDE", v_stride),
            ("U_STRIDE", dispatcher.layout.stride_in(weights.buffer)),
            ("M_STRIDE", m_stride),
        ];
        let grid = Grid {
            per_image: direction.tiles() as u64,
            fixed: 0,
            tile: positions as u64,
            workgroup_size,
            copies: (column_tiles * self.winograd.points()) as u32,
        };
        let products =
            dispatcher.dispatch(&WINOGRAD_PRODUCTS, &values, &[whole(v), weights, whole(m)], grid)?;

        let values = [
            ("OUT_HEIGHT", to.height as i64),
            ("OUT_WIDTH", to.width as i64),
            ("OUT_BLOCKS", out_blocks as i64),
            ("M_STRIDE", m_stride),
        ];
        let mut buffers = vec![whole(m), whole(y)];
        buffers.extend(bias);
        let outputs = dispatcher.dispatch(
            &WINOGRAD_OUTPUTS,
            &[&tiling[..], &values, epilogue].concat(),
            &buffers,
            Grid::images(direction.tiles() * out_blocks, dispatcher.workgroup_size()),
        )?;
        Ok([inputs, products, outputs])
    }
}

/// Tile and workgroup size of the products. A software adapter gets workgroups of one SIMD vector, because small images
/// have few tiles.
fn tile(dispatcher: &Dispatcher, blocks: usize) -> (Tile, u32) {
    match dispatcher.device.is_hardware() {
        true => (Tile { positions: 4, width: tile_width(blocks, 4) }, dispatcher.workgroup_size()),
        false => (Tile { positions: 8, width: tile_width(blocks, 4) }, 8),
    }
}

/// G g Gᵀ of all filters that the rows of a table name, once for each θ(t).
///
/// # Errors
/// As [`Dispatcher::dispatch`].
pub(crate) fn transform_weights(
    dispatcher: &Dispatcher,
    winograd: Winograd,
    rows: usize,
    table: &wgpu::Buffer,
    packed: &wgpu::Buffer,
    transformed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let values = [
        ("OUTPUTS", winograd.outputs() as i64),
        ("LENGTH", rows as i64),
        ("U_STRIDE", dispatcher.layout.stride_in(transformed)),
    ];
    let buffers = [whole(table), whole(packed), whole(transformed)];
    dispatcher.dispatch(&WINOGRAD_WEIGHTS, &values, &buffers, Grid::fixed(rows, dispatcher.workgroup_size()))
}
