//! Models side by side, and the numbers of a pass for each.

use super::quads;

/// The numbers of one pass over a batch in one lane, as `prelude.wgsl` has them.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Record {
    /// Images in the batch; 0 where the lane rests.
    pub count: u32,
    /// Its first entry in the order of the samples.
    pub first: u32,
    /// Where its loss goes.
    pub number: u32,
    /// Its share of the samples.
    pub share: f32,
    /// Learning rate.
    pub rate: f32,
    /// Momentum μ.
    pub momentum: f32,
    /// Weight decay λ.
    pub decay: f32,
    /// Weight of the control point that is moved.
    pub weight: f32,
    /// Weights of the control points in the mix.
    pub mix: [f32; 8],
    /// The lane whose control points they are.
    pub home: u32,
    /// What fills up a vector.
    pub rest: [u32; 3],
}

/// Models that work side by side in one dispatch, each in a lane of every buffer, and how far apart the lanes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes {
    /// How many.
    pub count: usize,
    /// Images of a lane of a tensor.
    pub images: usize,
    /// Parameters, which lie in whole quads.
    pub dim: usize,
    /// Packed weights, in whole quads.
    pub packed: usize,
    /// Part sums, in whole quads.
    pub part: usize,
}

impl Lanes {
    /// The most that a run takes.
    pub const MOST: usize = 8;

    /// A single model: nothing is apart from anything.
    pub const ONE: Self = Self { count: 1, images: 0, dim: 0, packed: 0, part: 0 };

    /// Numbers of θ of a lane: whole quads.
    pub const fn theta_len(&self) -> usize {
        4 * quads(self.dim)
    }

    /// Bytes from the records of one pass to those of the next: what every adapter allows as an offset.
    pub const fn stride(&self) -> u64 {
        ((self.count * size_of::<Record>()) as u64).next_multiple_of(256)
    }

    /// From one lane to the next, where a lane takes so many.
    const fn apart(&self, len: usize) -> i64 {
        if self.count > 1 { len as i64 } else { 0 }
    }

    /// Quads from one lane to the next in a buffer of all lanes.
    pub(super) fn apart_in(&self, buffer: &wgpu::Buffer) -> i64 {
        self.apart(buffer.size() as usize / 16 / self.count)
    }

    /// What kernels know of it. The text for a single model is the same for all networks.
    pub(super) fn values(&self) -> [(&'static str, i64); 5] {
        [
            ("LANES", self.count as i64),
            ("IMAGES", self.apart(self.images)),
            ("DIM", self.apart(quads(self.dim))),
            ("PACKED", self.apart(quads(self.packed))),
            ("PART", self.apart(quads(self.part))),
        ]
    }
}
