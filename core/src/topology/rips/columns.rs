//! Reduction of the coboundary columns of one index.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::super::{Bar, Error};
use super::bar;
use super::simplices::{Cell, Simplices};
use super::table::Table;

/// All diameters.
const EVERY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// The columns reduced so far.
pub(super) struct Columns<'s> {
    simplices: &'s Simplices,
    dimension: usize,
    /// The column of each pivot.
    pivots: Table,
    /// The sum of simplices whose coboundary a reduced column is, without its own; the sum of column i begins at
    /// `starts[i]`.
    terms: Vec<Cell>,
    starts: Vec<usize>,
}

impl<'s> Columns<'s> {
    pub(super) fn new(simplices: &'s Simplices, dimension: usize) -> Self {
        Self { simplices, dimension, pivots: Table::new(), terms: Vec::new(), starts: Vec::new() }
    }

    fn bytes(&self) -> usize {
        self.pivots.bytes()
            + self.terms.capacity() * size_of::<Cell>()
            + self.starts.capacity() * size_of::<usize>()
    }

    /// Reduces the columns, which come in descending order, and adds the bars they show.
    pub(super) fn reduce(
        &mut self,
        columns: &[Cell],
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
            while let Some(cell) = pivot {
                if let Some(other) = self.pivots.get(cell.number) {
                    let other = other as usize;
                    let end = self.starts.get(other + 1).copied().unwrap_or(self.terms.len());
                    sum.add(columns[other]);
                    self.terms[self.starts[other]..end].iter().for_each(|&term| sum.add(term));
                } else if let Some(facet) = self.simplices.apparent_facet(cell, self.dimension + 1) {
                    sum.add(facet);
                } else {
                    break;
                }
                pivot = sum.first();
            }
            if pivot.is_none_or(|death| death.diameter > column.diameter) {
                bars.push(bar(self.dimension, (column.diameter, column.number), pivot));
            }
            if let Some(cell) = pivot {
                self.pivots.insert(cell.number, i as u32);
                sum.keep_terms(column, &mut self.terms);
            }
            sum.clear();
        }
        Ok(())
    }

    /// An emergent pair is seen before anything is added up: the first cofacet of the same diameter, where it is
    /// nobody's pivot.
    fn emergent(&self, column: Cell) -> Option<Cell> {
        let first = self.simplices.first_cofacet(column, self.dimension)?;
        let free = self.pivots.get(first.number).is_none();
        (free && self.simplices.apparent_facet(first, self.dimension + 1).is_none()).then_some(first)
    }

    /// The simplices of the next dimension, unless they are not needed any more, and those among them that are
    /// columns, descending: neither pivots of this index nor in an apparent pair.
    pub(super) fn next(
        &self,
        lower: &[Cell],
        last: bool,
        check: impl Fn(usize) -> Result<(), Error>,
    ) -> Result<(Vec<Cell>, Vec<Cell>), Error> {
        let (mut all, mut columns) = (Vec::new(), Vec::new());
        let dimension = self.dimension + 1;
        for (i, &cell) in lower.iter().enumerate() {
            if i % 256 == 0 {
                check(self.bytes() + (all.capacity() + columns.capacity()) * size_of::<Cell>())?;
            }
            let vertices = self.simplices.vertices(cell.number, self.dimension);
            self.simplices.cofacets(cell, &vertices, true, EVERY, |cofacet| {
                if !last {
                    all.push(cofacet);
                }
                let apparent = || {
                    self.simplices.apparent_cofacet(cofacet, dimension).is_some()
                        || self.simplices.apparent_facet(cofacet, dimension).is_some()
                };
                if self.pivots.get(cofacet.number).is_none() && !apparent() {
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
    terms: Vec<Cell>,
    bound: f64,
    width: f64,
    /// Cofacets, the first in the order of the filtration on top; what is there twice cancels when it comes up.
    heap: BinaryHeap<Reverse<Cell>>,
    diameters: Vec<f64>,
}

/// Cofacets of a column that are added up at first.
const WINDOW: usize = 4;

impl<'s> Sum<'s> {
    fn new(simplices: &'s Simplices, dimension: usize) -> Self {
        let (terms, heap, diameters) = (Vec::new(), BinaryHeap::new(), Vec::new());
        Self { simplices, dimension, terms, bound: 0.0, width: 0.0, heap, diameters }
    }

    fn start(&mut self, column: Cell) {
        let vertices = self.simplices.vertices(column.number, self.dimension);
        self.diameters.clear();
        self.simplices.cofacets(column, &vertices, false, EVERY, |cofacet| {
            self.diameters.push(cofacet.diameter);
            true
        });
        self.bound = self.simplices.threshold;
        if self.diameters.len() > WINDOW {
            self.bound = *self.diameters.select_nth_unstable_by(WINDOW, f64::total_cmp).1;
        }
        self.width =
            (self.bound - column.diameter).max((self.simplices.threshold - column.diameter) / 1024.0);
        self.add(column);
    }

    /// Adds the coboundary of a simplex.
    fn add(&mut self, cell: Cell) {
        self.terms.push(cell);
        self.add_between(cell, f64::NEG_INFINITY);
    }

    /// Adds the cofacets above a diameter, up to the bound.
    fn add_between(&mut self, cell: Cell, low: f64) {
        let vertices = self.simplices.vertices(cell.number, self.dimension);
        self.simplices.cofacets(cell, &vertices, false, (low, self.bound), |cofacet| {
            self.heap.push(Reverse(cofacet));
            true
        });
    }

    /// The pivot: the first cofacet that does not cancel.
    fn first(&mut self) -> Option<Cell> {
        loop {
            while let Some(Reverse(cell)) = self.heap.pop() {
                if self.heap.peek() == Some(&Reverse(cell)) {
                    self.heap.pop();
                } else {
                    self.heap.push(Reverse(cell));
                    return Some(cell);
                }
            }
            if self.bound >= self.simplices.threshold {
                return None;
            }
            let low = self.bound;
            self.width *= 2.0;
            // At least one number higher, so that it ends.
            self.bound = (low + self.width).max(low.next_up()).min(self.simplices.threshold);
            for i in 0..self.terms.len() {
                self.add_between(self.terms[i], low);
            }
        }
    }

    /// Appends the terms that occur an odd number of times to `kept`, but for the column itself.
    fn keep_terms(&mut self, column: Cell, kept: &mut Vec<Cell>) {
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
