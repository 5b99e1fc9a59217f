//! Convolutions of 3 × 3 taps, one apart, by minimal filtering: forward, and backward to inputs.
//!
//! Y = Aᵀ (Σ G g Gᵀ ⊙ Bᵀ d B) A for filters g, tiles of inputs d and of outputs Y, with the sum over channels between the
//! transforms: a product of matrices for each point (Winograd 1980; Lavin and Gray, Fast Algorithms for Convolutional
//! Neural Networks, 2016, equation 12). Points along an edge are 0, ±1, ∞ for two outputs; 0, ±√½, ±√2, ∞ for four,
//! which halves the rounding error of the usual 0, ±1, ±2, ∞.

use super::correlation::{Correlation, Tile, width};
use super::{
    Dispatch, Grid, Recorder, WINOGRAD_INPUTS, WINOGRAD_OUTPUTS, WINOGRAD_PRODUCTS, WINOGRAD_WEIGHTS, quads,
    whole,
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

    /// Points at which tiles are multiplied.
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

/// A convolution by minimal filtering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filtering {
    correlation: Correlation,
    winograd: Winograd,
}

/// One direction of it: shapes before and after, zeros around the image.
struct Way {
    from: Shape,
    to: Shape,
    padding: usize,
    tiles: [usize; 2],
}

/// Channels, before and after, from which on a layer may go this way: with fewer, transforms cost more than they spare.
const CHANNELS: usize = 16;

impl Filtering {
    /// That of a convolution of 3 × 3 taps, one apart, with two zeros around the image or fewer; none of others.
    pub fn of(correlation: Correlation, winograd: Winograd) -> Option<Self> {
        let Correlation { kernel, stride, padding, .. } = correlation;
        (kernel == [3, 3] && stride == 1 && padding <= 2).then_some(Self { correlation, winograd })
    }

    /// The same where it may pay.
    pub fn worth(correlation: Correlation, winograd: Winograd) -> Option<Self> {
        let channels = correlation.input.channels.min(correlation.output.channels);
        Self::of(correlation, winograd).filter(|_| channels >= CHANNELS)
    }

    fn way(&self, back: bool) -> Way {
        let Correlation { input, output, padding, .. } = self.correlation;
        let (from, to) = if back { (output, input) } else { (input, output) };
        let padding = if back { 2 - padding } else { padding };
        let outputs = self.winograd.outputs();
        Way { from, to, padding, tiles: [to.height.div_ceil(outputs), to.width.div_ceil(outputs)] }
    }

    /// Floating-point operations of the products for an image; those of the transforms do not count.
    pub fn flops(&self, back: bool) -> usize {
        let Way { from, to, tiles: [down, tangent_removal], .. } = self.way(back);
        2 * self.winograd.points() * down * tangent_removal * from.channels * to.channels
    }

    /// Quads of filters: rows of a table that [`transform_weights`] reads.
    fn filters(&self, back: bool) -> usize {
        let Way { from, to, .. } = self.way(back);
        Correlation::depth(from.channels) * quads(to.channels)
    }

    /// Numbers of the transformed weights: (points, channels before, quads of channels after, 4).
    pub fn weights_len(&self, back: bool) -> usize {
        4 * self.winograd.points() * self.filters(back)
    }

    /// Rows for [`transform_weights`]: weights that were packed by [`Correlation::forward_table`], or
    /// [`Correlation::backward_table`] where `back` says so, from one number on, are transformed to another one on.
    pub fn weights_table(&self, back: bool, packed: usize, transformed: usize) -> Vec<[i32; 4]> {
        let filters = self.filters(back) as i32;
        let (first, step) = if back { (8 * filters, -filters) } else { (0, filters) };
        let row = |i| [packed as i32 / 4 + first + i, step, transformed as i32 / 4 + i, filters];
        (0..filters).map(row).collect()
    }

    /// Numbers of the transformed inputs and of the products, for both directions of `images` images.
    pub fn planes_len(&self, images: usize) -> [usize; 2] {
        let lens = [false, true].map(|back| {
            let Way { from, to, tiles: [down, tangent_removal], .. } = self.way(back);
            let numbers =
                |channels| 4 * self.winograd.points() * down * tangent_removal * quads(channels) * images;
            [numbers(from.channels), numbers(to.channels)]
        });
        [lens[0][0].max(lens[1][0]), lens[0][1].max(lens[1][1])]
    }

    /// y = x ∗ w, plus the bias if there is one, cut off at 0 if `relu` says so: as [`Correlation::forward`], with
    /// transformed weights and room for [`Filtering::planes_len`] numbers.
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    pub fn forward(
        &self,
        recorder: &Recorder,
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
            ("FULL", i64::from(self.correlation.logits)),
        ];
        self.list(recorder, false, end, [x, y], weights, bias, planes)
    }

    /// dx = dy ∗ flipped w, added to what is there if `accumulate` says so: as [`Correlation::backward_data`].
    ///
    /// # Errors
    /// As [`Recorder::dispatch`].
    pub fn backward_data(
        &self,
        recorder: &Recorder,
        accumulate: bool,
        dy: &wgpu::Buffer,
        weights: wgpu::BufferBinding,
        planes: &[wgpu::Buffer; 2],
        dx: &wgpu::Buffer,
    ) -> Result<[Dispatch; 3]> {
        let end = [("BIAS", 0), ("RELU", 0), ("ACCUMULATE", i64::from(accumulate)), ("FULL", 1)];
        self.list(recorder, true, end, [dy, dx], weights, None, planes)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a buffer of its own")]
    fn list(
        &self,
        recorder: &Recorder,
        back: bool,
        end: [(&str, i64); 4],
        [x, y]: [&wgpu::Buffer; 2],
        weights: wgpu::BufferBinding,
        bias: Option<wgpu::BufferBinding>,
        [v, m]: &[wgpu::Buffer; 2],
    ) -> Result<[Dispatch; 3]> {
        let Way { from, to, padding, tiles: [down, tangent_removal] } = self.way(back);
        let [before, after] = [from, to].map(|shape| quads(shape.channels));
        let tiles = down * tangent_removal;
        let shared = [
            ("OUTPUTS", self.winograd.outputs() as i64),
            ("DOWN", down as i64),
            ("ACROSS", tangent_removal as i64),
            ("BACK", i64::from(back)),
            ("V", recorder.lanes.apart_in(v)),
            ("M", recorder.lanes.apart_in(m)),
        ];
        let values = [
            ("PADDING", padding as i64),
            ("HEIGHT", from.height as i64),
            ("IN_WIDTH", from.width as i64),
            ("QUADS", before as i64),
        ];
        let inputs = recorder.dispatch(
            &WINOGRAD_INPUTS,
            &[&shared[..], &values].concat(),
            &[whole(x), whole(v)],
            Grid::images(tiles * before, recorder.size()),
        )?;

        let (Tile { places, width }, size) = tile(recorder, after);
        let blocks = after / width;
        let values = [
            ("TILES", tiles as i64),
            ("QUADS", before as i64),
            ("DEPTH", from.channels.min(4) as i64),
            ("OUT_QUADS", after as i64),
            ("PIXELS", places as i64),
            ("WIDTH", width as i64),
            ("BLOCKS", blocks as i64),
            ("POINTS", self.winograd.points() as i64),
            ("VECTOR", recorder.device.vector().into()),
            ("U", recorder.lanes.apart_in(weights.buffer)),
        ];
        let grid = Grid {
            per_image: tiles as u64,
            fixed: 0,
            tile: places as u64,
            size,
            times: (blocks * self.winograd.points()) as u32,
        };
        let products = recorder.dispatch(
            &WINOGRAD_PRODUCTS,
            &[&shared[..], &values].concat(),
            &[whole(v), weights, whole(m)],
            grid,
        )?;

        let values =
            [("OUT_HEIGHT", to.height as i64), ("OUT_WIDTH", to.width as i64), ("QUADS", after as i64)];
        let mut buffers = vec![whole(m), whole(y)];
        buffers.extend(bias);
        let outputs = recorder.dispatch(
            &WINOGRAD_OUTPUTS,
            &[&shared[..], &values, &end].concat(),
            &buffers,
            Grid::images(tiles * after, recorder.size()),
        )?;
        Ok([inputs, products, outputs])
    }
}

/// Tiles and quads of channels of a thread of the products, threads of a workgroup: one vector of a processor, for small
/// images have few tiles.
fn tile(recorder: &Recorder, quads: usize) -> (Tile, u32) {
    match recorder.device.is_hardware() {
        true => (Tile { places: 4, width: width(quads, 4) }, recorder.size()),
        false => (Tile { places: 8, width: width(quads, 4) }, 8),
    }
}

/// G g Gᵀ of all filters that rows of tables name, once for each θ(t).
///
/// # Errors
/// As [`Recorder::dispatch`].
pub fn transform_weights(
    recorder: &Recorder,
    winograd: Winograd,
    rows: usize,
    table: &wgpu::Buffer,
    packed: &wgpu::Buffer,
    transformed: &wgpu::Buffer,
) -> Result<Dispatch> {
    let apart = recorder.lanes.apart_in(transformed);
    let values = [("OUTPUTS", winograd.outputs() as i64), ("LENGTH", rows as i64), ("U", apart)];
    let buffers = [whole(table), whole(packed), whole(transformed)];
    recorder.dispatch(&WINOGRAD_WEIGHTS, &values, &buffers, Grid::fixed(rows, recorder.size()))
}
