//! What is done pixel by pixel: activations, sums of two values, dropout.

use super::planes::{GROUP_LEN, Pixel, Planes};
use crate::engine::elementwise::{Dropper, activate_with, differentiate_with};
use fearless_simd::{Level, dispatch, prelude::*};
use valleys_core::kernels::activation::Activation;

/// y ← f(y).
pub fn activate(level: Level, activation: Activation, y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => {
        for [row, _] in y.1.runs(*y.1) {
            activate_with(simd, activation, y.0[row].as_flattened_mut());
        }
    });
}

/// dy ← dy · f'(x), x the input, or the output where the derivative is a function of it.
pub fn differentiate(
    level: Level,
    activation: Activation,
    x: (&[Pixel], &Planes),
    dy: (&mut [Pixel], &Planes),
) {
    dispatch!(level, simd => {
        for [from, to] in x.1.runs(*dy.1) {
            let (x, dy) = (x.0[from].as_flattened(), dy.0[to].as_flattened_mut());
            differentiate_with(simd, activation, 1.0, x, dy);
        }
    });
}

/// y = x, or y += x if `add`.
pub fn transfer(level: Level, add: bool, x: (&[Pixel], &Planes), y: (&mut [Pixel], &Planes)) {
    dispatch!(level, simd => {
        for [from, to] in x.1.runs(*y.1) {
            if add {
                add_to(simd, &x.0[from], &mut y.0[to]);
            } else {
                y.0[to].copy_from_slice(&x.0[from]);
            }
        }
    });
}

#[inline(always)]
fn add_to<S: Simd>(simd: S, x: &[Pixel], y: &mut [Pixel]) {
    let y = y.as_flattened_mut().chunks_exact_mut(S::f32s::LEN);
    for (x, y) in x.as_flattened().chunks_exact(S::f32s::LEN).zip(y) {
        (S::f32s::from_slice(simd, x) + S::f32s::from_slice(simd, y)).store_slice(y);
    }
}

/// y = x / (1 − p) where an element is kept, else 0; added to y if `add`.
pub fn drop_elements(
    level: Level,
    dropper: &Dropper,
    add: bool,
    x: (&[Pixel], &Planes),
    y: (&mut [Pixel], &Planes),
) {
    dispatch!(level, simd => drop_with(simd, dropper, add, x, y));
}

#[inline(always)]
fn drop_with<S: Simd>(
    simd: S,
    dropper: &Dropper,
    add: bool,
    x: (&[Pixel], &Planes),
    y: (&mut [Pixel], &Planes),
) {
    let mut number = 0;
    for (from, to) in x.1.all_rows().zip(y.1.all_rows()) {
        for (x, y) in x.0[from].iter().zip(&mut y.0[to]) {
            for lane in (0..GROUP_LEN).step_by(S::f32s::LEN) {
                let load = |pixel: &Pixel| S::f32s::from_slice(simd, &pixel[lane..][..S::f32s::LEN]);
                let kept = dropper.apply(simd, lane, number, load(x));
                let kept = if add { kept + load(y) } else { kept };
                kept.store_slice(&mut y[lane..][..S::f32s::LEN]);
            }
            number += 1;
        }
    }
}
