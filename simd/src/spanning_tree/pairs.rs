//! Passes over pairs of points: all pairs once, or some points with all others.

use super::candidates::{CandidateList, Candidates};
use super::lower_bound::{LowerBound, below, below_rows, sums};
use super::narrowing::NarrowedCloud;
use crate::floats::{AlignedFloats, LINE_LEN, Line};
use fearless_simd::{Level, dispatch, prelude::*};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Point tiles of a block of rows: the more there are, the less often a tile of columns is packed.
const BLOCK_TILES: usize = 8;

/// Points of a block of rows.
const BLOCK_LEN: usize = BLOCK_TILES * LINE_LEN;

/// Memory for some point tiles.
pub fn point_tiles(count: usize, dim: usize) -> AlignedFloats {
    AlignedFloats::of_lines(count * dim)
}

/// The points of a cloud without duplicates, numbered from 0.
pub struct DistinctPoints<'a> {
    /// Instruction set.
    pub level: Level,
    /// The cloud.
    pub cloud: &'a dyn NarrowedCloud,
    /// Numbers of the points in the cloud, ascending.
    pub points: Vec<u32>,
    /// Squared norms of the narrowed points, filled with 0 to whole tiles.
    pub norms: Vec<f32>,
}

impl DistinctPoints<'_> {
    /// The candidate list of every point, padded to whole tiles.
    pub fn candidates(&self, bound: LowerBound, threads: usize) -> Vec<CandidateList> {
        let next = AtomicUsize::new(0);
        self.on_threads(threads, &vec![CandidateList::EMPTY; self.norms.len()], |lists| {
            self.fill_all(bound, &next, lists);
        })
    }

    /// The candidates of some points among the points with another label. `initial` are the collections to start from.
    pub fn candidates_outside<C: Candidates + Sync>(
        &self,
        some: &[u32],
        labels: &[u32],
        initial: &[C],
        bound: LowerBound,
        threads: usize,
    ) -> Vec<C> {
        let next = AtomicUsize::new(0);
        self.on_threads(threads, initial, |lists| self.fill_some(bound, some, labels, &next, lists))
    }

    /// A bit for each column of a tile that holds a point.
    fn occupied(&self, column: usize) -> u32 {
        u32::MAX >> LINE_LEN.saturating_sub(self.points.len() - column)
    }

    /// The points of a tile of columns.
    fn tile(&self, column: usize) -> &[u32] {
        &self.points[column..][..LINE_LEN.min(self.points.len() - column)]
    }

    /// Collections that several threads fill. The result does not depend on which thread sees which pair.
    fn on_threads<C: Candidates + Sync>(
        &self,
        threads: usize,
        initial: &[C],
        fill: impl Fn(&mut [C]) + Sync,
    ) -> Vec<C> {
        let mut lists = initial.to_vec();
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|_| {
                    scope.spawn(|| {
                        let mut lists = initial.to_vec();
                        fill(&mut lists);
                        lists
                    })
                })
                .collect();
            fill(&mut lists);
            for other in others {
                let other = other.join().expect("threads do not panic");
                lists.iter_mut().zip(&other).for_each(|(list, other)| list.merge(other));
            }
        });
        lists
    }

    /// Takes blocks of rows by turns, each with the tiles from its own on, in ascending order.
    fn fill_all(&self, bound: LowerBound, next: &AtomicUsize, lists: &mut [CandidateList]) {
        let dim = self.cloud.dim();
        let (mut block, mut tile) = (point_tiles(BLOCK_TILES, dim), point_tiles(1, dim));
        let mut products = [[0.0; LINE_LEN]; BLOCK_LEN];
        loop {
            let begin = next.fetch_add(1, Ordering::Relaxed) * BLOCK_LEN;
            if begin >= self.points.len() {
                return;
            }
            let end = self.points.len().min(begin + BLOCK_LEN);
            let count = (end - begin).div_ceil(LINE_LEN);
            let block = &mut block.lines_mut()[..count * dim];
            for (points, lines) in self.points[begin..end].chunks(LINE_LEN).zip(block.chunks_exact_mut(dim)) {
                self.cloud.pack(self.level, points, lines);
            }
            for column in (begin..self.points.len()).step_by(LINE_LEN) {
                let inside = column < begin + count * LINE_LEN;
                let columns = if inside {
                    &block[(column - begin) / LINE_LEN * dim..][..dim]
                } else {
                    self.cloud.pack(self.level, self.tile(column), tile.lines_mut());
                    tile.lines()
                };
                // Within the block, later tiles have met this one as columns.
                let rows = if inside { (column - begin) / LINE_LEN + 1 } else { count };
                let products = &mut products[..rows * LINE_LEN];
                sums(self.level, bound.formula, &block[..rows * dim], columns, products);
                dispatch!(self.level, simd => self.offer(simd, bound, begin..end, column, products, lists));
            }
        }
    }

    /// Offers the pairs of some rows with the tile of columns from `column` on to their lists.
    #[inline(always)]
    fn offer<S: Simd>(
        &self,
        simd: S,
        bound: LowerBound,
        rows: Range<usize>,
        column: usize,
        products: &mut [Line],
        lists: &mut [CandidateList],
    ) {
        let norms: &Line = self.norms[column..].first_chunk().expect("whole tiles");
        let mut limits: Line = [0.0; LINE_LEN];
        limits.iter_mut().zip(&lists[column..]).for_each(|(limit, list)| *limit = list.limit());
        for (row, products) in rows.zip(products) {
            let own = [self.norms[row], lists[row].limit()];
            let mut bits = below(simd, bound, products, own, norms, &limits) & self.occupied(column);
            if row >= column {
                // In the tile of the row itself only the points after it.
                bits &= u32::MAX.checked_shl((row - column) as u32 + 1).unwrap_or(0);
            }
            while bits != 0 {
                let i = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let (bound, other) = (products[i], column + i);
                if bound < lists[row].limit() {
                    lists[row].insert(bound, other as u32);
                }
                if bound < limits[i] {
                    lists[other].insert(bound, row as u32);
                    limits[i] = lists[other].limit();
                }
            }
        }
    }

    /// Takes blocks of `some` by turns, each with all tiles.
    fn fill_some<C: Candidates>(
        &self,
        bound: LowerBound,
        some: &[u32],
        labels: &[u32],
        next: &AtomicUsize,
        lists: &mut [C],
    ) {
        let dim = self.cloud.dim();
        let (mut block, mut tile) = (point_tiles(BLOCK_TILES, dim), point_tiles(1, dim));
        let (mut products, mut bits) = ([[0.0; LINE_LEN]; BLOCK_LEN], [0; BLOCK_LEN]);
        loop {
            let begin = next.fetch_add(1, Ordering::Relaxed) * BLOCK_LEN;
            if begin >= some.len() {
                return;
            }
            let rows = &some[begin..some.len().min(begin + BLOCK_LEN)];
            let lists = &mut lists[begin..][..rows.len()];
            let block = &mut block.lines_mut()[..rows.len().div_ceil(LINE_LEN) * dim];
            for (rows, lines) in rows.chunks(LINE_LEN).zip(block.chunks_exact_mut(dim)) {
                let mut points = [0; LINE_LEN];
                points.iter_mut().zip(rows).for_each(|(point, &row)| *point = self.points[row as usize]);
                self.cloud.pack(self.level, &points[..rows.len()], lines);
            }
            for column in (0..self.points.len()).step_by(LINE_LEN) {
                self.cloud.pack(self.level, self.tile(column), tile.lines_mut());
                sums(self.level, bound.formula, block, tile.lines(), &mut products);
                let norms: &Line = self.norms[column..].first_chunk().expect("whole tiles");
                let own =
                    rows.iter().zip(&*lists).map(|(&row, list)| [self.norms[row as usize], list.limit()]);
                below_rows(self.level, bound, &mut products, own, norms, &mut bits);
                let bounds = products.iter().zip(bits);
                for ((&row, list), (bounds, bits)) in rows.iter().zip(&mut *lists).zip(bounds) {
                    let mut bits = bits & self.occupied(column);
                    while bits != 0 {
                        let i = bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let outside = labels[row as usize] != labels[column + i];
                        if outside && bounds[i] < list.limit() {
                            list.insert(bounds[i], (column + i) as u32);
                        }
                    }
                }
            }
        }
    }
}
