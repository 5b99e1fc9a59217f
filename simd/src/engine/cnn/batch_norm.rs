//! Batch norm with the addition of a residual and a ReLU, and the sums over the batch that it needs.

use super::planes::{GROUP_LEN, Pixel, Planes};
use fearless_simd::{Level, dispatch, prelude::*};
use valleys_core::kernels::batch_norm::EPSILON;

/// Moments of some elements of a channel: their number, their mean, and the sum of their squared deviations from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// The moments of the union of two disjoint sets (Chan, Golub and LeVeque 1979).
    pub fn join(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let (gap, share) = (other.mean - self.mean, other.count / count);
        Self {
            count,
            mean: self.mean + gap * share,
            squares: self.squares + other.squares + gap * gap * self.count * share,
        }
    }

    /// Mean and biased variance.
    pub fn biased(self) -> [f64; 2] {
        [self.mean, self.squares / self.count]
    }

    /// Mean and unbiased variance. The variance of a single element is 0.
    pub fn unbiased(self) -> [f64; 2] {
        [self.mean, self.squares / (self.count - 1.0).max(1.0)]
    }
}

/// How a channel is normalised: forward y = scale · z + shift, backward dz = scale · g + dz_z · z + dz_1.
#[derive(Clone, Copy, Debug, Default)]
pub struct Channel {
    mean: f32,
    /// 1 / √(variance + ε).
    inverse: f64,
    scale: f32,
    shift: f32,
    dz_z: f32,
    dz_1: f32,
}

impl Channel {
    /// From mean and variance, γ and β.
    pub fn new([mean, variance]: [f64; 2], gamma: f32, beta: f32) -> Self {
        let inverse = 1.0 / (variance + EPSILON).sqrt();
        let scale = f64::from(gamma) * inverse;
        let shift = (f64::from(beta) - mean * scale) as f32;
        Self { mean: mean as f32, inverse, scale: scale as f32, shift, dz_z: 0.0, dz_1: 0.0 }
    }

    /// Sets the coefficients of the backward pass from Σ g and Σ g (z − mean) over `count` elements. Returns dγ and dβ.
    pub fn set_backward(&mut self, [sum, product]: [f64; 2], count: f64) -> [f32; 2] {
        let scale = f64::from(self.scale);
        let dz_z = -scale * self.inverse * self.inverse * product / count;
        self.dz_z = dz_z as f32;
        self.dz_1 = (-scale * sum / count - dz_z * f64::from(self.mean)) as f32;
        [(self.inverse * product) as f32, sum as f32]
    }
}

/// The moments of each channel over the first `samples` samples of a group.
pub fn moments(level: Level, z: (&[Pixel], &Planes), samples: usize, moments: &mut [Moments]) {
    dispatch!(level, simd => moments_with(simd, z, samples, moments));
}

#[inline(always)]
fn moments_with<S: Simd>(simd: S, z: (&[Pixel], &Planes), samples: usize, moments: &mut [Moments]) {
    for (channel, moments) in moments.iter_mut().enumerate() {
        // Deviations from any element are as good as from the mean, and do not need a pass to find it.
        let first = z.0[z.1.row(channel, 0)][0][0];
        let (mut sums, mut squares) = ([0.0; GROUP_LEN], [0.0; GROUP_LEN]);
        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
            let shift = S::f32s::splat(simd, first);
            let mut sum = [S::f32s::splat(simd, 0.0); 4];
            let mut square = sum;
            for row in z.1.rows(channel) {
                let (fours, rest) = z.0[row].as_chunks::<4>();
                for four in fours {
                    for i in 0..4 {
                        let z = S::f32s::from_slice(simd, &four[i][lane..][..S::f32s::LEN]) - shift;
                        sum[i] += z;
                        square[i] = z.mul_add(z, square[i]);
                    }
                }
                for z in rest {
                    let z = S::f32s::from_slice(simd, &z[lane..][..S::f32s::LEN]) - shift;
                    sum[0] += z;
                    square[0] = z.mul_add(z, square[0]);
                }
            }
            let total = |x: [S::f32s; 4]| (x[0] + x[1]) + (x[2] + x[3]);
            total(sum).store_slice(&mut sums[lane..][..S::f32s::LEN]);
            total(square).store_slice(&mut squares[lane..][..S::f32s::LEN]);
        }
        let total = |x: [f32; GROUP_LEN]| x[..samples].iter().map(|&x| f64::from(x)).sum::<f64>();
        let count = (samples * z.1.height * z.1.width) as f64;
        let (sum, square) = (total(sums), total(squares));
        let deviation = (square - sum * sum / count).max(0.0);
        let deviation = if square.is_nan() { square } else { deviation };
        *moments = Moments { count, mean: f64::from(first) + sum / count, squares: deviation };
    }
}

/// Rows and channels in the order of the memory, so that the processor can prefetch them.
fn in_order(height: usize, channels: &[Channel]) -> impl Iterator<Item = (usize, (usize, &Channel))> {
    (0..height).flat_map(move |row| channels.iter().enumerate().map(move |channel| (row, channel)))
}

/// y = scale · z + shift, plus the residual if there is one, then ReLU if `relu`. A NaN stays NaN.
pub fn forward(
    level: Level,
    channels: &[Channel],
    z: (&[Pixel], &Planes),
    residual: Option<(&[Pixel], &Planes)>,
    y: (&mut [Pixel], &Planes),
    relu: bool,
) {
    dispatch!(level, simd => forward_with(simd, channels, z, residual, y, relu));
}

#[inline(always)]
fn forward_with<S: Simd>(
    simd: S,
    channels: &[Channel],
    z: (&[Pixel], &Planes),
    residual: Option<(&[Pixel], &Planes)>,
    y: (&mut [Pixel], &Planes),
    relu: bool,
) {
    let zero = S::f32s::splat(simd, 0.0);
    let rectified = |y: S::f32s| if relu { y.simd_lt(zero).select(zero, y) } else { y };
    for (row, (c, channel)) in in_order(z.1.height, channels) {
        let (scale, shift) = (S::f32s::splat(simd, channel.scale), S::f32s::splat(simd, channel.shift));
        let normalise = |z: &[f32]| scale.mul_add(S::f32s::from_slice(simd, z), shift);
        let rows = y.0[y.1.row(c, row)].as_flattened_mut().chunks_exact_mut(S::f32s::LEN);
        let rows = rows.zip(z.0[z.1.row(c, row)].as_flattened().chunks_exact(S::f32s::LEN));
        match residual {
            Some((x, planes)) => {
                let x = x[planes.row(c, row)].as_flattened().chunks_exact(S::f32s::LEN);
                for ((y, z), x) in rows.zip(x) {
                    let sum = normalise(z) + S::f32s::from_slice(simd, x);
                    rectified(sum).store_slice(y);
                }
            }
            None => {
                for (y, z) in rows {
                    rectified(normalise(z)).store_slice(y);
                }
            }
        }
    }
}

/// Channels whose sums are computed together; their rows are next to each other.
const CHANNELS: usize = 8;

/// For each channel Σ g and Σ g (z − mean), where g is the gradient before the ReLU. Behind a ReLU with output y, dy becomes
/// g = dy where y > 0, else 0; otherwise g is dy.
pub fn sums(
    level: Level,
    channels: &[Channel],
    z: (&[Pixel], &Planes),
    relu: Option<(&[Pixel], &Planes)>,
    dy: (&mut [Pixel], &Planes),
    sums: &mut [[f64; 2]],
) {
    dispatch!(level, simd => sums_with(simd, channels, z, relu, dy, sums));
}

#[inline(always)]
fn sums_with<S: Simd>(
    simd: S,
    channels: &[Channel],
    z: (&[Pixel], &Planes),
    relu: Option<(&[Pixel], &Planes)>,
    dy: (&mut [Pixel], &Planes),
    sums: &mut [[f64; 2]],
) {
    let zero = S::f32s::splat(simd, 0.0);
    for (block, sums) in sums.chunks_mut(CHANNELS).enumerate() {
        let mut parts = [[[zero; 2]; 2]; CHANNELS];
        for row in 0..z.1.height {
            for (c, part) in (block * CHANNELS..channels.len()).zip(&mut parts) {
                let mean = S::f32s::splat(simd, channels[c].mean);
                let [mut sum, mut product] = *part;
                let dy = dy.0[dy.1.row(c, row)].as_flattened_mut().chunks_exact_mut(S::f32s::LEN);
                let z = z.0[z.1.row(c, row)].as_flattened().chunks_exact(S::f32s::LEN);
                let z = z.map(|z| S::f32s::from_slice(simd, z));
                let mut add = |i: usize, g: S::f32s, z: S::f32s| {
                    sum[i % 2] += g;
                    product[i % 2] = g.mul_add(z - mean, product[i % 2]);
                };
                match relu {
                    None => {
                        dy.zip(z)
                            .enumerate()
                            .for_each(|(i, (dy, z))| add(i, S::f32s::from_slice(simd, dy), z));
                    }
                    Some((y, planes)) => {
                        let y = y[planes.row(c, row)].as_flattened().chunks_exact(S::f32s::LEN);
                        for (i, ((dy, z), y)) in dy.zip(z).zip(y).enumerate() {
                            let positive = S::f32s::from_slice(simd, y).simd_gt(zero);
                            let g = positive.select(S::f32s::from_slice(simd, dy), zero);
                            g.store_slice(dy);
                            add(i, g, z);
                        }
                    }
                }
                *part = [sum, product];
            }
        }
        let total = |x: [S::f32s; 2]| (x[0] + x[1]).as_slice().iter().map(|&x| f64::from(x)).sum::<f64>();
        sums.iter_mut().zip(parts).for_each(|(sums, part)| *sums = part.map(total));
    }
}

/// The gradient dz, 0 for unused samples of the group; added to dz if `add`. `used` is 1 for a sample, else 0.
pub fn backward(
    level: Level,
    channels: &[Channel],
    used: &Pixel,
    add: bool,
    z: (&[Pixel], &Planes),
    g: (&[Pixel], &Planes),
    dz: (&mut [Pixel], &Planes),
) {
    if add {
        dispatch!(level, simd => backward_with::<_, true>(simd, channels, used, z, g, dz));
    } else {
        dispatch!(level, simd => backward_with::<_, false>(simd, channels, used, z, g, dz));
    }
}

#[inline(always)]
fn backward_with<S: Simd, const ADD: bool>(
    simd: S,
    channels: &[Channel],
    used: &Pixel,
    z: (&[Pixel], &Planes),
    g: (&[Pixel], &Planes),
    dz: (&mut [Pixel], &Planes),
) {
    for (row, (c, channel)) in in_order(z.1.height, channels) {
        let scale = S::f32s::splat(simd, channel.scale);
        let rows = dz.0[dz.1.row(c, row)].iter_mut().zip(&z.0[z.1.row(c, row)]);
        for ((dz, z), g) in rows.zip(&g.0[g.1.row(c, row)]) {
            for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                let load = |pixel: &Pixel| S::f32s::from_slice(simd, &pixel[lane..][..S::f32s::LEN]);
                let used = load(used);
                let (dz_z, dz_1) = (used * channel.dz_z, used * channel.dz_1);
                let mut sum = scale.mul_add(load(g), dz_z.mul_add(load(z), dz_1));
                if ADD {
                    sum += load(dz);
                }
                sum.store_slice(&mut dz[lane..][..S::f32s::LEN]);
            }
        }
    }
}
