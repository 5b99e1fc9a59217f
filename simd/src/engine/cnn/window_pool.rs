//! Pooling in windows of any stride and padding, which may overlap.

use super::planes::{GROUP_LEN, Pixel, Planes};
use fearless_simd::{Level, dispatch, f32x16, prelude::*};
use std::ops::Range;
use valleys_core::kernels::Window;

/// y = max x over each window. A NaN in a window is the largest; what lies in the padding never is.
pub fn max(level: Level, window: &Window, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => {
        each_window(window, *y.1, |[channel, row, column], [rows, columns]| {
            let mut most = f32x16::splat(simd, f32::NEG_INFINITY);
            for from in rows {
                for x in &x.0[x.1.row(channel, from)][columns.clone()] {
                    let x = f32x16::from_slice(simd, x);
                    most = (x.simd_le(most) | most.simd_ne(most)).select(most, x);
                }
            }
            most.store_slice(&mut y.0[y.1.row(channel, row)][column]);
        });
    });
}

/// dx = dy at the first largest element of each window, else 0; added to dx if `add`.
pub fn max_backward(
    level: Level,
    window: &Window,
    add: bool,
    [x, y]: [(&[Pixel], &Planes); 2],
    dy: (&[Pixel], &Planes),
    dx: (&mut [Pixel], &Planes),
) {
    clear(add, &mut *dx.0, dx.1);
    dispatch!(level, simd => {
        let zero = f32x16::splat(simd, 0.0);
        each_window(window, *dy.1, |[channel, row, column], [rows, columns]| {
            let most = f32x16::from_slice(simd, &y.0[y.1.row(channel, row)][column]);
            let mut rest = f32x16::from_slice(simd, &dy.0[dy.1.row(channel, row)][column]);
            for from in rows {
                let x = &x.0[x.1.row(channel, from)][columns.clone()];
                for (x, dx) in x.iter().zip(&mut dx.0[dx.1.row(channel, from)][columns.clone()]) {
                    let hit = f32x16::from_slice(simd, x).simd_eq(most);
                    (f32x16::from_slice(simd, dx) + hit.select(rest, zero)).store_slice(dx);
                    rest = hit.select(zero, rest);
                }
            }
        });
    });
}

/// y = Σ x / K² over each window; padding counts as zeros.
pub fn average(level: Level, window: &Window, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => {
        let share = f32x16::splat(simd, share(window));
        each_window(window, *y.1, |[channel, row, column], [rows, columns]| {
            let mut sum = f32x16::splat(simd, 0.0);
            for from in rows {
                for x in &x.0[x.1.row(channel, from)][columns.clone()] {
                    sum += f32x16::from_slice(simd, x);
                }
            }
            (sum * share).store_slice(&mut y.0[y.1.row(channel, row)][column]);
        });
    });
}

/// dx = Σ dy / K² over the windows of each element; added to dx if `add`.
pub fn average_backward(
    level: Level,
    window: &Window,
    add: bool,
    dy: (&[Pixel], &Planes),
    dx: (&mut [Pixel], &Planes),
) {
    clear(add, &mut *dx.0, dx.1);
    dispatch!(level, simd => {
        let share = f32x16::splat(simd, share(window));
        each_window(window, *dy.1, |[channel, row, column], [rows, columns]| {
            let dy = f32x16::from_slice(simd, &dy.0[dy.1.row(channel, row)][column]) * share;
            for from in rows {
                for dx in &mut dx.0[dx.1.row(channel, from)][columns.clone()] {
                    (f32x16::from_slice(simd, dx) + dy).store_slice(dx);
                }
            }
        });
    });
}

fn share(window: &Window) -> f32 {
    1.0 / (window.kernel * window.kernel) as f32
}

/// Sets a gradient to 0, unless it is added to.
fn clear(add: bool, dx: &mut [Pixel], planes: &Planes) {
    if !add {
        planes.all_rows().for_each(|row| dx[row].fill([0.0; GROUP_LEN]));
    }
}

/// Visits all windows: channel, row and column of the output, and the rows and columns of inputs.
#[inline(always)]
fn each_window(window: &Window, outputs: Planes, mut visit: impl FnMut([usize; 3], [Range<usize>; 2])) {
    for row in 0..outputs.height {
        let (taps, top) = window.taps(window.height, row);
        let rows = top..top + taps.len();
        for channel in 0..outputs.channels {
            for column in 0..outputs.width {
                let (taps, left) = window.taps(window.width, column);
                visit([channel, row, column], [rows.clone(), left..left + taps.len()]);
            }
        }
    }
}
