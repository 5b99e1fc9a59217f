//! Pooling: the largest element of adjacent windows, the mean of each channel.

use super::planes::{GROUP_LEN, Pixel, Planes};
use fearless_simd::{Level, dispatch, prelude::*};

/// y = max x over adjacent windows of `edge` by `edge`. A NaN in a window is the largest.
pub fn max(level: Level, edge: usize, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => max_with(simd, edge, x, y));
}

#[inline(always)]
fn max_with<S: Simd>(simd: S, edge: usize, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    for channel in 0..y.1.channels {
        for row in 0..y.1.height {
            for (column, y) in y.0[y.1.row(channel, row)].iter_mut().enumerate() {
                for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
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

/// dx = dy at the first largest element of each window, else 0. `y` and `dy` have the same planes but for their halo.
pub fn max_backward(
    level: Level,
    edge: usize,
    x: (&[Pixel], &Planes),
    y: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    dx: (&mut [Pixel], &Planes),
) {
    dispatch!(level, simd => max_backward_with(simd, edge, x, y, dy, dx));
}

#[inline(always)]
fn max_backward_with<S: Simd>(
    simd: S,
    edge: usize,
    x: (&[Pixel], &Planes),
    y: (&[Pixel], &Planes),
    dy: (&[Pixel], &Planes),
    dx: (&mut [Pixel], &Planes),
) {
    let zero = S::f32s::splat(simd, 0.0);
    if !x.1.height.is_multiple_of(edge) || !x.1.width.is_multiple_of(edge) {
        dx.1.all_rows().for_each(|row| dx.0[row].fill([0.0; GROUP_LEN]));
    }
    for channel in 0..y.1.channels {
        for row in 0..y.1.height {
            let (y, dy) = (&y.0[y.1.row(channel, row)], &dy.0[dy.1.row(channel, row)]);
            for (column, (y, dy)) in y.iter().zip(dy).enumerate() {
                for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                    let load = |pixel: &Pixel| S::f32s::from_slice(simd, &pixel[lane..][..S::f32s::LEN]);
                    let (y, mut rest) = (load(y), load(dy));
                    for a in 0..edge {
                        let x = &x.0[x.1.row(channel, row * edge + a)][column * edge..][..edge];
                        let dx = &mut dx.0[dx.1.row(channel, row * edge + a)][column * edge..][..edge];
                        for (x, dx) in x.iter().zip(dx) {
                            let hit = load(x).simd_eq(y);
                            hit.select(rest, zero).store_slice(&mut dx[lane..][..S::f32s::LEN]);
                            rest = hit.select(zero, rest);
                        }
                    }
                }
            }
        }
    }
}

/// y = Σ x / (H · W).
pub fn average(level: Level, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => average_with(simd, x, y));
}

#[inline(always)]
fn average_with<S: Simd>(simd: S, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    let share = S::f32s::splat(simd, 1.0 / (x.1.height * x.1.width) as f32);
    for channel in 0..x.1.channels {
        let y = &mut y.0[y.1.row(channel, 0)][0];
        for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
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

/// dx = dy / (H · W), added to dx if `add`.
pub fn average_backward(add: bool, dy: (&[Pixel], &Planes), dx: (&mut [Pixel], &Planes)) {
    let share = 1.0 / (dx.1.height * dx.1.width) as f32;
    for channel in 0..dx.1.channels {
        let all = dy.0[dy.1.row(channel, 0)][0].map(|dy| dy * share);
        for row in dx.1.rows(channel) {
            if add {
                let each = |dx: &mut Pixel| dx.iter_mut().zip(all).for_each(|(dx, dy)| *dx += dy);
                dx.0[row].iter_mut().for_each(each);
            } else {
                dx.0[row].fill(all);
            }
        }
    }
}
