//! Reduction of the coboundary columns of one index.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::super::{Bar, Error};
use super::bar;
use super::simplices::{Cell, Simplices};
use super::table::Table;

/// A sum of simplices or of coboundaries over Z/2, the first in the order of the filtration on top; what is
/// there twice cancels when it comes up.
type Heap = BinaryHeap<Reverse<Cell>>;

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
        let (mut sum, mut terms) = (Heap::new(), Heap::new());
        for (i, &column) in columns.iter().enumerate() {
            self.starts.push(self.terms.len());
            if i % 256 == 0 {
                check(self.bytes() + size_of_val(columns))?;
            }
            let mut pivot = self.first_sum(column, &mut sum);
            while let Some(cell) = pivot {
                if let Some(other) = self.pivots.get(cell.number) {
                    let other = other as usize;
                    let end = self.starts.get(other + 1).copied().unwrap_or(self.terms.len());
                    self.add(columns[other], &mut sum, &mut terms);
                    for at in self.starts[other]..end {
                        self.add(self.terms[at], &mut sum, &mut terms);
                    }
                } else if let Some(facet) = self.simplices.apparent_facet(cell, self.dimension + 1) {
                    self.add(facet, &mut sum, &mut terms);
                } else {
                    break;
                }
                pivot = first(&mut sum);
            }
            if pivot.is_none_or(|death| death.diameter > column.diameter) {
                bars.push(bar(self.dimension, (column.diameter, column.number), pivot));
            }
            if let Some(cell) = pivot {
                self.pivots.insert(cell.number, i as u32);
                while let Some(term) = pop(&mut terms) {
                    self.terms.push(term);
                }
            }
            sum.clear();
            terms.clear();
        }
        Ok(())
    }

    /// Fills `sum` with a coboundary and gives its pivot. An emergent pair is seen on the way: the first cofacet of
    /// the same diameter, where it is nobody's pivot.
    fn first_sum(&self, column: Cell, sum: &mut Heap) -> Option<Cell> {
        let vertices = self.simplices.vertices(column.number, self.dimension);
        let mut may_emerge = true;
        for cofacet in self.simplices.cofacets(column, &vertices, false) {
            if may_emerge && cofacet.diameter == column.diameter {
                let free = self.pivots.get(cofacet.number).is_none();
                if free && self.simplices.apparent_facet(cofacet, self.dimension + 1).is_none() {
                    return Some(cofacet);
                }
                may_emerge = false;
            }
            sum.push(Reverse(cofacet));
        }
        first(sum)
    }

    /// Adds the coboundary of a simplex, and notes the simplex.
    fn add(&self, cell: Cell, sum: &mut Heap, terms: &mut Heap) {
        terms.push(Reverse(cell));
        let vertices = self.simplices.vertices(cell.number, self.dimension);
        sum.extend(self.simplices.cofacets(cell, &vertices, false).map(Reverse));
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
            for cofacet in self.simplices.cofacets(cell, &vertices, true) {
                if !last {
                    all.push(cofacet);
                }
                let apparent = || {
                    self.simplices.apparent_facet(cofacet, dimension).is_some()
                        || self.simplices.apparent_cofacet(cofacet, dimension).is_some()
                };
                if self.pivots.get(cofacet.number).is_none() && !apparent() {
                    columns.push(cofacet);
                }
            }
        }
        columns.sort_unstable_by(|x, y| y.cmp(x));
        Ok((all, columns))
    }
}

/// Takes out the first element that does not cancel.
fn pop(heap: &mut Heap) -> Option<Cell> {
    while let Some(Reverse(cell)) = heap.pop() {
        if heap.peek() == Some(&Reverse(cell)) {
            heap.pop();
        } else {
            return Some(cell);
        }
    }
    None
}

/// The first element that does not cancel, left where it is.
fn first(heap: &mut Heap) -> Option<Cell> {
    let cell = pop(heap)?;
    heap.push(Reverse(cell));
    Some(cell)
}
