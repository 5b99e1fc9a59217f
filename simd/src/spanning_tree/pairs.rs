//! The pass over all pairs of points, and over the pairs of some points with all.

use super::candidates::{CandidateList, Candidates};
use super::lower_bound::{LowerBound, below, sums};
use super::narrowing::{Narrowing, Scalar};
use super::point_tile::point_tiles;
use crate::floats::{LANES, Line};
use fearless_simd::{dispatch, prelude::*};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Point tiles of a block: the more, the less often the others are packed.
const BLOCK: usize = 8;

/// Points that differ, and the squares of their norms in the narrowing, padded to whole point_tiles.
pub struct DistinctPoints<'a, T> {
    pub narrowing: &'a Narrowing<'a, T>,
    pub points: Vec<u32>,
    pub norms: Vec<f32>,
}

impl<T: Scalar> DistinctPoints<'_, T> {
    /// The nearest points of every point.
    pub fn nearest(&self, bound: LowerBound, threads: usize) -> Vec<CandidateList> {
        let next = AtomicUsize::new(0);
        self.each_thread(threads, &vec![CandidateList::NONE; self.norms.len()], |distinct, lists| {
            dispatch!(distinct.narrowing.level, simd => distinct.all(simd, bound, &next, lists));
        })
    }

    /// What is kept of all points with another label, for each of some points: `kept` is what that begins with.
    pub fn outside<K: Candidates + Sync>(
        &self,
        some: &[u32],
        labels: &[u32],
        kept: &[K],
        bound: LowerBound,
        threads: usize,
    ) -> Vec<K> {
        let next = AtomicUsize::new(0);
        self.each_thread(threads, kept, |distinct, kept| {
            dispatch!(distinct.narrowing.level, simd => distinct.some(simd, bound, some, labels, &next, kept));
        })
    }

    /// The lanes of a tile that hold points.
    fn filled(&self, column: usize) -> u32 {
        u32::MAX >> LANES.saturating_sub(self.points.len() - column)
    }

    /// Lists that some threads fill together. Which of them shows a pair to its lists makes no difference.
    fn each_thread<K: Candidates + Sync>(
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

    /// Shows pairs of the blocks that are `next` with all point_tiles after them, in ascending order.
    #[inline(always)]
    fn all<S: Simd>(&self, simd: S, bound: LowerBound, next: &AtomicUsize, lists: &mut [CandidateList]) {
        let dim = self.narrowing.dim;
        let (mut block, mut tile) = (point_tiles(BLOCK, dim), point_tiles(1, dim));
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
                self.narrowing.pack(simd, points, lines);
            }
            for column in (begin..self.points.len()).step_by(LANES) {
                let inside = column < begin + count * LANES;
                let columns = if inside {
                    &block[(column - begin) / LANES * dim..][..dim]
                } else {
                    let points = &self.points[column..][..LANES.min(self.points.len() - column)];
                    self.narrowing.pack(simd, points, tile.lines_mut());
                    tile.lines()
                };
                // CandidatesBelow the block, point_tiles after this one have seen it as columns.
                let rows = if inside { (column - begin) / LANES + 1 } else { count };
                let products = &mut products[..rows * LANES];
                sums(simd, bound.formula, &block[..rows * dim], columns, products);
                self.show(simd, bound, begin..end, column, products, lists);
            }
        }
    }

    /// Lists who is near: rows with the tile of columns from `column` on.
    #[inline(always)]
    fn show<S: Simd>(
        &self,
        simd: S,
        bound: LowerBound,
        rows: Range<usize>,
        column: usize,
        products: &mut [Line],
        lists: &mut [CandidateList],
    ) {
        let norms: &Line = self.norms[column..].first_chunk().expect("whole point_tiles");
        let mut limits: Line = [0.0; LANES];
        limits.iter_mut().zip(&lists[column..]).for_each(|(limit, list)| *limit = list.limit());
        for (row, products) in rows.zip(products) {
            let own = [self.norms[row], lists[row].limit()];
            let mut bits = below(simd, bound, products, own, norms, &limits) & self.filled(column);
            if row >= column {
                // In the tile of the row itself: only the points after it.
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

    /// Shows the blocks of `some` that are `next` to all point_tiles.
    #[inline(always)]
    fn some<S: Simd, K: Candidates>(
        &self,
        simd: S,
        bound: LowerBound,
        some: &[u32],
        labels: &[u32],
        next: &AtomicUsize,
        lists: &mut [K],
    ) {
        let dim = self.narrowing.dim;
        let (mut block, mut tile) = (point_tiles(BLOCK, dim), point_tiles(1, dim));
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
                self.narrowing.pack(simd, &points[..rows.len()], lines);
            }
            for column in (0..self.points.len()).step_by(LANES) {
                let points = &self.points[column..][..LANES.min(self.points.len() - column)];
                self.narrowing.pack(simd, points, tile.lines_mut());
                sums(simd, bound.formula, block, tile.lines(), &mut products);
                let norms: &Line = self.norms[column..].first_chunk().expect("whole point_tiles");
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
