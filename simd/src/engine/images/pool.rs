//! Pooling: the largest of each window, the mean of each channel.

use super::planes::{Pixel, Planes, SAMPLES};
use fearless_simd::prelude::*;

/// y = max x over windows side by side; a NaN in a window is the largest.
#[inline(always)]
pub fn max<S: Simd>(simd: S, edge: usize, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    for channel in 0..y.1.channels {
        for row in 0..y.1.height {
            for (column, y) in y.0[y.1.row(channel, row)].iter_mut().enumerate() {
                for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
                    let mut most = S::f32s::splat(simd, f32::NEG_INFINITY);
                    for a in 0..edge {
                        let row = x.1.row(channel, row * edge + a);
                        for x in &x.0[row][column * edge..][..edge] {
                            let x = S::f32s::from_slice(simd, &x[lane..][..S::f32s::LEN]);
                            most = (x.simd_le(most) | most.simd_ne(most)).select(most, x);
                        }
                    }
                    most.store_slice(&mut y[lane..][..S::f32s::LEN]);
                }
            }
        }
    }
}

/// dx = dy at the first largest element of each window, else 0.
#[inline(always)]
pub fn max_backward<S: Simd>(
    simd: S,
    edge: usize,
    x: (&[Pixel], &Planes),
    y: &[Pixel],
    dy: (&[Pixel], &Planes),
    dx: (&mut [Pixel], &Planes),
    planes: &Planes,
) {
    let zero = S::f32s::splat(simd, 0.0);
    if !x.1.height.is_multiple_of(edge) || !x.1.width.is_multiple_of(edge) {
        dx.1.all_rows().for_each(|row| dx.0[row].fill([0.0; SAMPLES]));
    }
    for channel in 0..planes.channels {
        for row in 0..planes.height {
            let (y, dy) = (&y[planes.row(channel, row)], &dy.0[dy.1.row(channel, row)]);
            for (column, (y, dy)) in y.iter().zip(dy).enumerate() {
                for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
                    let load = |pixel: &Pixel| S::f32s::from_slice(simd, &pixel[lane..][..S::f32s::LEN]);
                    let (y, mut left) = (load(y), load(dy));
                    for a in 0..edge {
                        let x = &x.0[x.1.row(channel, row * edge + a)][column * edge..][..edge];
                        let dx = &mut dx.0[dx.1.row(channel, row * edge + a)][column * edge..][..edge];
                        for (x, dx) in x.iter().zip(dx) {
                            let hit = load(x).simd_eq(y);
                            hit.select(left, zero).store_slice(&mut dx[lane..][..S::f32s::LEN]);
                            left = hit.select(zero, left);
                        }
                    }
                }
            }
        }
    }
}

/// y = Σ x / (H·W).
#[inline(always)]
pub fn average<S: Simd>(simd: S, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    let share = S::f32s::splat(simd, 1.0 / (x.1.height * x.1.width) as f32);
    for channel in 0..x.1.channels {
        let y = &mut y.0[y.1.row(channel, 0)][0];
        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
            let mut sum = S::f32s::splat(simd, 0.0);
            for row in x.1.rows(channel) {
                for x in &x.0[row] {
                    sum += S::f32s::from_slice(simd, &x[lane..][..S::f32s::LEN]);
                }
            }
            (sum * share).store_slice(&mut y[lane..][..S::f32s::LEN]);
        }
    }
}

/// dx = dy / (H·W).
#[inline(always)]
pub fn average_backward<S: Simd>(simd: S, dy: (&[Pixel], &Planes), dx: (&mut [Pixel], &Planes)) {
    let share = S::f32s::splat(simd, 1.0 / (dx.1.height * dx.1.width) as f32);
    for channel in 0..dx.1.channels {
        let dy = &dy.0[dy.1.row(channel, 0)][0];
        let mut all = [0.0; SAMPLES];
        for lane in (0..SAMPLES).step_by(S::f32s::LEN) {
            let dy = S::f32s::from_slice(simd, &dy[lane..][..S::f32s::LEN]);
            (dy * share).store_slice(&mut all[lane..][..S::f32s::LEN]);
        }
        dx.1.rows(channel).for_each(|row| dx.0[row].fill(all));
    }
}
