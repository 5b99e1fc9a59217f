//! Reduction of the coboundary columns of one dimension.

use alloc::vec::Vec;

use super::super::{Bar, Error};
use super::bar;
use super::pivot_table::PivotTable;
use super::radix_heap::RadixHeap;
use super::simplices::{SimplexKey, Simplices};

/// All ranks.
const EVERY: (u32, u32) = (0, u32::MAX);

/// The columns reduced so far.
pub(super) struct Columns<'s> {
    simplices: &'s Simplices,
    dimension: usize,
    /// The column of each pivot.
    pivots: PivotTable,
    /// The sum of simplices whose coboundary a reduced column is, without its own; the sum of column i begins at
    /// `starts[i]`.
    terms: Vec<SimplexKey>,
    starts: Vec<usize>,
}

impl<'s> Columns<'s> {
    pub(super) fn new(simplices: &'s Simplices, dimension: usize) -> Self {
        Self { simplices, dimension, pivots: PivotTable::new(), terms: Vec::new(), starts: Vec::new() }
    }

    fn bytes(&self) -> usize {
        self.pivots.bytes()
            + self.terms.capacity() * size_of::<SimplexKey>()
            + self.starts.capacity() * size_of::<usize>()
    }

    /// Reduces the columns, which come in descending order, and adds the bars they show.
    pub(super) fn reduce(
        &mut self,
        columns: &[SimplexKey],
        bars: &mut Vec<Bar>,
        check: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut sum = Sum::new(self.simplices, self.dimension);
        for (i, &column) in columns.iter().enumerate() {
            self.starts.push(self.terms.len());
            if i % 256 == 0 {
                check(self.bytes() + size_of_val(columns))?;
            }
            let mut pivot = self.emergent(column);
            if pivot.is_none() {
                sum.start(column);
                pivot = sum.first();
            }
            while let Some(key) = pivot {
                if let Some(other) = self.pivots.get(key) {
                    let other = other as usize;
                    let end = self.starts.get(other + 1).copied().unwrap_or(self.terms.len());
                    sum.add(columns[other], key);
                    self.terms[self.starts[other]..end].iter().for_each(|&term| sum.add(term, key));
                } else if let Some(facet) = self.simplices.apparent_facet(key, self.dimension + 1) {
                    sum.add(facet, key);
                } else {
                    break;
                }
                pivot = sum.first();
            }
            if pivot.is_none_or(|death| death.rank() > column.rank()) {
                let vertices = self.simplices.vertices(column, self.dimension);
                let birth = (self.simplices.diameter(column), vertices.number());
                bars.push(bar(self.simplices, self.dimension, birth, pivot));
            }
            if let Some(key) = pivot {
                self.pivots.insert(key, i as u32);
                sum.keep_terms(column, &mut self.terms);
            }
            sum.clear();
        }
        Ok(())
    }

    /// An emergent pair is seen before anything is added up: the first cofacet of the same diameter, where it is
    /// nobody's pivot.
    fn emergent(&self, column: SimplexKey) -> Option<SimplexKey> {
        let first = self.simplices.first_cofacet(column, self.dimension)?;
        let free = self.pivots.get(first).is_none();
        (free && self.simplices.apparent_facet(first, self.dimension + 1).is_none()).then_some(first)
    }

    /// The simplices of the next dimension, unless they are not needed any more, and those among them that are
    /// columns, descending: neither pivots of this dimension nor in an apparent pair.
    pub(super) fn next(
        &self,
        lower: &[SimplexKey],
        last: bool,
        check: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<(Vec<SimplexKey>, Vec<SimplexKey>), Error> {
        let (mut all, mut columns) = (Vec::new(), Vec::new());
        let dimension = self.dimension + 1;
        for (i, &key) in lower.iter().enumerate() {
            if i % 256 == 0 {
                check(self.bytes() + (all.capacity() + columns.capacity()) * size_of::<SimplexKey>())?;
            }
            self.simplices.cofacets(key, self.dimension, true, EVERY, |cofacet| {
                if !last {
                    all.push(cofacet);
                }
                let apparent = || {
                    self.simplices.apparent_cofacet(cofacet, dimension).is_some()
                        || self.simplices.apparent_facet(cofacet, dimension).is_some()
                };
                if self.pivots.get(cofacet).is_none() && !apparent() {
                    columns.push(cofacet);
                }
                true
            });
        }
        columns.sort_unstable_by(|x, y| y.cmp(x));
        Ok((all, columns))
    }
}

/// A sum of coboundaries over Z/2, of which only the cofacets up to a diameter have been added up.
///
/// A pivot is found long before most cofacets are looked at: the bound rises when none is left below it.
struct Sum<'s> {
    simplices: &'s Simplices,
    dimension: usize,
    /// The simplices whose coboundaries are added, some of them more than once.
    terms: Vec<SimplexKey>,
    /// The largest rank of what has been added up.
    bound: u32,
    width: u32,
    heap: RadixHeap,
    ranks: Vec<u32>,
}

/// Cofacets of a column that are added up at first.
const WINDOW: usize = 4;

impl<'s> Sum<'s> {
    fn new(simplices: &'s Simplices, dimension: usize) -> Self {
        let (terms, heap, ranks) = (Vec::new(), RadixHeap::new(), Vec::new());
        Self { simplices, dimension, terms, bound: 0, width: 0, heap, ranks }
    }

    fn start(&mut self, column: SimplexKey) {
        self.ranks.clear();
        self.simplices.cofacets(column, self.dimension, false, EVERY, |cofacet| {
            self.ranks.push(cofacet.rank());
            true
        });
        let last = self.simplices.last_rank();
        self.bound = last;
        if self.ranks.len() > WINDOW {
            self.bound = *self.ranks.select_nth_unstable(WINDOW).1;
        }
        self.width = (self.bound - column.rank()).max((last - column.rank()) / 1024);
        self.add(column, SimplexKey::FIRST);
    }

    /// Adds the coboundary of a simplex to a sum whose pivot has been taken out. Of a column with the same pivot,
    /// cofacets before it cancel among themselves, and it does with the one taken out.
    fn add(&mut self, key: SimplexKey, pivot: SimplexKey) {
        self.terms.push(key);
        self.simplices.cofacets(key, self.dimension, false, (pivot.rank(), self.bound), |cofacet| {
            if cofacet > pivot {
                self.heap.push(cofacet);
            }
            true
        });
    }

    /// Takes out the pivot: the first cofacet that does not cancel.
    fn first(&mut self) -> Option<SimplexKey> {
        loop {
            let first = self.heap.pop();
            let last = self.simplices.last_rank();
            if first.is_some() || self.bound >= last {
                return first;
            }
            let from = self.bound + 1;
            self.width = self.width.max(1).saturating_mul(2);
            self.bound = self.bound.saturating_add(self.width).min(last);
            for &term in &self.terms {
                self.simplices.cofacets(term, self.dimension, false, (from, self.bound), |cofacet| {
                    self.heap.push(cofacet);
                    true
                });
            }
        }
    }

    /// Appends the terms that occur an odd number of times to `kept`, but for the column itself.
    fn keep_terms(&mut self, column: SimplexKey, kept: &mut Vec<SimplexKey>) {
        self.terms.sort_unstable();
        for same in self.terms.chunk_by(|a, b| a == b).filter(|same| same.len() % 2 == 1) {
            if same[0] != column {
                kept.push(same[0]);
            }
        }
    }

    fn clear(&mut self) {
        self.heap.clear();
        self.terms.clear();
    }
}
