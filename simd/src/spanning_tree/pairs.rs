//! The pass over all pairs of points, and over the pairs of some points with all.

use super::frame::{Frame, Narrow};
use super::nearest::{Keep, Nearest};
use super::panel::panels;
use super::screen::{Bound, below, sums};
use crate::floats::{LANES, Line};
use fearless_simd::{dispatch, prelude::*};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Panels of a block: the more, the less often the others are packed.
const BLOCK: usize = 8;

/// Points that differ, and the squares of their norms in the frame, padded to whole panels.
pub struct Cloud<'a, T> {
    pub frame: &'a Frame<'a, T>,
    pub points: Vec<u32>,
    pub norms: Vec<f32>,
}

impl<T: Narrow> Cloud<'_, T> {
    /// The nearest points of every point.
    pub fn nearest(&self, bound: Bound, threads: usize) -> Vec<Nearest> {
        let next = AtomicUsize::new(0);
        self.each_thread(threads, &vec![Nearest::NONE; self.norms.len()], |cloud, lists| {
            dispatch!(cloud.frame.level, simd => cloud.all(simd, bound, &next, lists));
        })
    }

    /// What is kept of all points with another label, for each of some points: `kept` is what that begins with.
    pub fn outside<K: Keep + Sync>(
        &self,
        some: &[u32],
        labels: &[u32],
        kept: &[K],
        bound: Bound,
        threads: usize,
    ) -> Vec<K> {
        let next = AtomicUsize::new(0);
        self.each_thread(threads, kept, |cloud, kept| {
            dispatch!(cloud.frame.level, simd => cloud.some(simd, bound, some, labels, &next, kept));
        })
    }

    /// The lanes of a panel that hold points.
    fn filled(&self, column: usize) -> u32 {
        u32::MAX >> LANES.saturating_sub(self.points.len() - column)
    }

    /// Lists that some threads fill together. Which of them shows a pair to its lists makes no difference.
    fn each_thread<K: Keep + Sync>(
        &self,
        threads: usize,
        empty: &[K],
        fill: impl Fn(&Self, &mut [K]) + Sync,
    ) -> Vec<K> {
        let mut lists = empty.to_vec();
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut lists = empty.to_vec();
                        fill(self, &mut lists);
                        lists
                    })
                })
                .collect();
            fill(self, &mut lists);
            for other in others {
                let other = other.join().expect("threads do not panic");
                lists.iter_mut().zip(&other).for_each(|(list, other)| list.merge(other));
            }
        });
        lists
    }

    /// Shows pairs of the blocks that are `next` with all panels after them, in ascending order.
    #[inline(always)]
    fn all<S: Simd>(&self, simd: S, bound: Bound, next: &AtomicUsize, lists: &mut [Nearest]) {
        let dim = self.frame.dim;
        let (mut block, mut panel) = (panels(BLOCK, dim), panels(1, dim));
        let mut products = [[0.0; LANES]; BLOCK * LANES];
        loop {
            let begin = next.fetch_add(1, Ordering::Relaxed) * BLOCK * LANES;
            if begin >= self.points.len() {
                return;
            }
            let end = self.points.len().min(begin + BLOCK * LANES);
            let count = (end - begin).div_ceil(LANES);
            let block = &mut block.lines_mut()[..count * dim];
            for (points, lines) in self.points[begin..end].chunks(LANES).zip(block.chunks_exact_mut(dim)) {
                self.frame.pack(simd, points, lines);
            }
            for column in (begin..self.points.len()).step_by(LANES) {
                let inside = column < begin + count * LANES;
                let columns = if inside {
                    &block[(column - begin) / LANES * dim..][..dim]
                } else {
                    let points = &self.points[column..][..LANES.min(self.points.len() - column)];
                    self.frame.pack(simd, points, panel.lines_mut());
                    panel.lines()
                };
                // Within the block, panels after this one have seen it as columns.
                let rows = if inside { (column - begin) / LANES + 1 } else { count };
                let products = &mut products[..rows * LANES];
                sums(simd, bound.form, &block[..rows * dim], columns, products);
                self.show(simd, bound, begin..end, column, products, lists);
            }
        }
    }

    /// Lists who is near: rows with the panel of columns from `column` on.
    #[inline(always)]
    fn show<S: Simd>(
        &self,
        simd: S,
        bound: Bound,
        rows: Range<usize>,
        column: usize,
        products: &mut [Line],
        lists: &mut [Nearest],
    ) {
        let norms: &Line = self.norms[column..].first_chunk().expect("whole panels");
        let mut limits: Line = [0.0; LANES];
        limits.iter_mut().zip(&lists[column..]).for_each(|(limit, list)| *limit = list.limit());
        for (row, products) in rows.zip(products) {
            let own = [self.norms[row], lists[row].limit()];
            let mut bits = below(simd, bound, products, own, norms, &limits) & self.filled(column);
            if row >= column {
                // In the panel of the row itself: only the points after it.
                bits &= u32::MAX.checked_shl((row - column) as u32 + 1).unwrap_or(0);
            }
            while bits != 0 {
                let lane = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (bound, other) = (products[lane], column + lane);
                if bound < lists[row].limit() {
                    lists[row].insert(bound, other as u32);
                }
                if bound < limits[lane] {
                    lists[other].insert(bound, row as u32);
                    limits[lane] = lists[other].limit();
                }
            }
        }
    }

    /// Shows the blocks of `some` that are `next` to all panels.
    #[inline(always)]
    fn some<S: Simd, K: Keep>(
        &self,
        simd: S,
        bound: Bound,
        some: &[u32],
        labels: &[u32],
        next: &AtomicUsize,
        lists: &mut [K],
    ) {
        let dim = self.frame.dim;
        let (mut block, mut panel) = (panels(BLOCK, dim), panels(1, dim));
        let mut products = [[0.0; LANES]; BLOCK * LANES];
        loop {
            let begin = next.fetch_add(1, Ordering::Relaxed) * BLOCK * LANES;
            if begin >= some.len() {
                return;
            }
            let rows = &some[begin..some.len().min(begin + BLOCK * LANES)];
            let lists = &mut lists[begin..][..rows.len()];
            let block = &mut block.lines_mut()[..rows.len().div_ceil(LANES) * dim];
            for (rows, lines) in rows.chunks(LANES).zip(block.chunks_exact_mut(dim)) {
                let mut points = [0; LANES];
                points.iter_mut().zip(rows).for_each(|(point, &row)| *point = self.points[row as usize]);
                self.frame.pack(simd, &points[..rows.len()], lines);
            }
            for column in (0..self.points.len()).step_by(LANES) {
                let points = &self.points[column..][..LANES.min(self.points.len() - column)];
                self.frame.pack(simd, points, panel.lines_mut());
                sums(simd, bound.form, block, panel.lines(), &mut products);
                let norms: &Line = self.norms[column..].first_chunk().expect("whole panels");
                for ((&row, products), list) in rows.iter().zip(&mut products).zip(&mut *lists) {
                    let own = [self.norms[row as usize], list.limit()];
                    let limits = &[f32::NEG_INFINITY; LANES];
                    let mut bits = below(simd, bound, products, own, norms, limits) & self.filled(column);
                    while bits != 0 {
                        let lane = bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let outside = labels[row as usize] != labels[column + lane];
                        if outside && products[lane] < list.limit() {
                            list.insert(products[lane], (column + lane) as u32);
                        }
                    }
                }
            }
        }
    }
}
