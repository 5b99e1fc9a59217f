//! Reduction of large complexes: sparse columns, in memory that grows with their fill.

use alloc::vec::Vec;

use super::super::error::enough;
use super::super::union_find::merge_components;
use super::super::{Bar, Error, Filtration, NONE, Pairing};
use super::ReductionMatrix;
use super::bit_tree::BitTree;

/// The bars of a filtration in all dimensions, ordered by dimension, birth, death, by the fast algorithm.
///
/// ```
/// use valleys_core::topology::{Filtration, barcode};
/// let circle = [(vec![0], 0.0), (vec![1], 0.0), (vec![2], 0.0), (vec![0, 1], 1.0), (vec![1, 2], 1.0), (vec![0, 2], 2.0)];
/// let bars = barcode(&Filtration::new(circle)?);
/// assert_eq!(bars.len(), 4); // two components that merge, one that stays, the circle
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
pub fn barcode(filtration: &Filtration<'_>) -> Vec<Bar> {
    let mut partner = alloc::vec![NONE; filtration.len()];
    pair(filtration, ReductionMatrix::Coboundary, usize::MAX, &mut partner);
    Pairing::new(filtration, &partner, usize::MAX).sorted()
}

/// Rows of a column that are added up at first.
const WINDOW: usize = 8;

/// Pairs the simplices of a filtration for the dimensions 0 to `max_dim`; one word a simplex for the partners.
///
/// [`ReductionMatrix::Coboundary`] is the fast algorithm, with dimension 0 by union-find;
/// [`ReductionMatrix::Boundary`] is the check.
///
/// # Errors
/// [`Error::Short`] for a short slice.
///
/// # Cost
/// Cubic in the worst case, near linear in practice. Working memory: 4 bytes a facet and 12 a simplex of the two
/// dimensions at work, and the additions of the columns, which cannot be bounded beforehand.
pub fn reduce_sparse<'a>(
    filtration: &'a Filtration<'a>,
    matrix: ReductionMatrix,
    max_dim: usize,
    partner: &'a mut [u32],
) -> Result<Pairing<'a>, Error> {
    enough("partners", filtration.len(), partner.len())?;
    let partner = &mut partner[..filtration.len()];
    partner.fill(NONE);
    pair(filtration, matrix, max_dim, partner);
    Ok(Pairing::new(filtration, partner, max_dim))
}

fn pair(filtration: &Filtration<'_>, matrix: ReductionMatrix, max_dim: usize, partner: &mut [u32]) {
    let n = filtration.len();
    let mut rank = alloc::vec![0; n];
    for k in matrix.blocks(filtration, max_dim) {
        if matrix == ReductionMatrix::Coboundary && k == 0 {
            merge_components(filtration, &mut rank, partner);
            continue;
        }
        // Columns in the order of their reduction, rows in the order of pivots.
        let (mut lower, higher) =
            (filtration.simplices_of(k).to_vec(), filtration.simplices_of(k + 1).to_vec());
        lower.reverse();
        number(&lower, &mut rank);
        let (columns, rows, block) = match matrix {
            ReductionMatrix::Boundary => {
                let block = Block::boundary(filtration, &higher, &rank);
                (higher, lower, block)
            }
            ReductionMatrix::Coboundary => {
                let block = Block::coboundary(filtration, lower.len(), &higher, &rank);
                (lower, higher, block)
            }
        };
        let cleared = |column: usize| partner[columns[column] as usize] != NONE;
        let owner = block.reduce(rows.len(), cleared);
        for (&row, &column) in rows.iter().zip(&owner) {
            if column != NONE {
                partner[row as usize] = columns[column as usize];
                partner[columns[column as usize] as usize] = row;
            }
        }
    }
}

fn number(cells: &[u32], rank: &mut [u32]) {
    cells.iter().zip(0..).for_each(|(&cell, i)| rank[cell as usize] = i);
}

/// One block of the matrix: the rows of column j, ascending, are `rows[start[j]..start[j + 1]]`. Columns stand
/// in the order of their reduction, and the pivot of a column is its least row.
struct Block {
    start: Vec<u32>,
    rows: Vec<u32>,
}

impl Block {
    fn boundary(filtration: &Filtration<'_>, columns: &[u32], rank: &[u32]) -> Self {
        let (mut start, mut rows) = (Vec::with_capacity(columns.len() + 1), Vec::new());
        for &cell in columns {
            let from = rows.len();
            start.push(from as u32);
            rows.extend(filtration.facets(cell as usize).iter().map(|&facet| rank[facet as usize]));
            rows[from..].sort_unstable();
        }
        start.push(rows.len() as u32);
        Self { start, rows }
    }

    fn coboundary(filtration: &Filtration<'_>, columns: usize, cofacets: &[u32], rank: &[u32]) -> Self {
        // Counted one place late, summed, then moved on by one while filling: ends up in its place.
        let mut start = alloc::vec![0u32; columns + 2];
        let facets = |cell: u32| filtration.facets(cell as usize).iter().map(|&f| rank[f as usize] as usize);
        cofacets.iter().for_each(|&cell| facets(cell).for_each(|column| start[column + 2] += 1));
        (2..start.len()).for_each(|i| start[i] += start[i - 1]);
        let mut rows = alloc::vec![0; start[columns + 1] as usize];
        for (&cell, row) in cofacets.iter().zip(0..) {
            for column in facets(cell) {
                rows[start[column + 1] as usize] = row;
                start[column + 1] += 1;
            }
        }
        start.pop();
        Self { start, rows }
    }

    fn column(&self, column: u32) -> &[u32] {
        &self.rows[self.start[column as usize] as usize..self.start[column as usize + 1] as usize]
    }

    /// For each row the column whose pivot it becomes.
    fn reduce(&self, rows: usize, cleared: impl Fn(usize) -> bool) -> Vec<u32> {
        let mut owner = alloc::vec![NONE; rows];
        let mut sums = Sums::new(self.start.len() - 1);
        let mut sum = Sum::new(rows);
        for column in (0..self.start.len() as u32 - 1).filter(|&j| !cleared(j as usize)) {
            // Emergent pair: nothing to add, nothing to store.
            let first = self.column(column).first();
            if let Some(&pivot) = first
                && owner[pivot as usize] == NONE
            {
                owner[pivot as usize] = column;
                continue;
            }
            sum.start(self, column);
            while let Some(pivot) = sum.pivot(self) {
                if owner[pivot] == NONE {
                    owner[pivot] = column;
                    sums.keep(column, &mut sum.terms);
                    break;
                }
                sum.add(self, sums.of(&owner[pivot]));
            }
            sum.clear();
        }
        owner
    }
}

/// A sum of columns, of which only the rows below a bound have been added up.
///
/// A pivot is found long before most rows of the columns are looked at: the bound rises when no row is left
/// below it.
struct Sum {
    terms: Vec<u32>,
    /// The first row of each term that is not added up, as a place in the rows of the block.
    next: Vec<u32>,
    bound: u32,
    width: u32,
    tree: BitTree,
}

impl Sum {
    fn new(rows: usize) -> Self {
        Self { terms: Vec::new(), next: Vec::new(), bound: 0, width: 0, tree: BitTree::new(rows) }
    }

    fn start(&mut self, block: &Block, column: u32) {
        let rows = block.column(column);
        let Some(&first) = rows.first() else { return };
        self.width = rows[rows.len().min(WINDOW) - 1] - first + 1;
        self.bound = first + self.width;
        self.tree.start_at(first as usize);
        self.add(block, &[column]);
    }

    fn add(&mut self, block: &Block, columns: &[u32]) {
        for &column in columns {
            let start = block.start[column as usize];
            let next = start + self.tree.toggle_below(self.bound, block.column(column));
            self.terms.push(column);
            self.next.push(next);
        }
    }

    fn pivot(&mut self, block: &Block) -> Option<usize> {
        loop {
            if let Some(pivot) = self.tree.first(self.bound) {
                return Some(pivot);
            }
            let left = |(&term, &next): (&u32, &u32)| {
                let rows = &block.rows[next as usize..block.start[term as usize + 1] as usize];
                rows.first().copied()
            };
            let least = self.terms.iter().zip(&self.next).filter_map(left).min()?;
            self.width = self.width.saturating_mul(2);
            self.bound = least.saturating_add(self.width);
            self.tree.start_at(least as usize);
            for (&term, next) in self.terms.iter().zip(&mut self.next) {
                let rows = &block.rows[*next as usize..block.start[term as usize + 1] as usize];
                *next += self.tree.toggle_below(self.bound, rows);
            }
        }
    }

    fn clear(&mut self) {
        self.tree.clear(self.bound);
        self.terms.clear();
        self.next.clear();
    }
}

/// The reduced columns, each as the sum of columns of the matrix that it is.
struct Sums {
    /// Where the sum of a column lies in `terms`; `(0, 0)` for a column that is its own.
    place: Vec<(usize, usize)>,
    terms: Vec<u32>,
}

impl Sums {
    fn new(columns: usize) -> Self {
        Self { place: alloc::vec![(0, 0); columns], terms: Vec::new() }
    }

    fn of<'s>(&'s self, column: &'s u32) -> &'s [u32] {
        match self.place[*column as usize] {
            (0, 0) => core::slice::from_ref(column),
            (start, end) => &self.terms[start..end],
        }
    }

    /// Keeps the terms that occur an odd number of times.
    fn keep(&mut self, column: u32, terms: &mut [u32]) {
        terms.sort_unstable();
        let start = self.terms.len();
        for same in terms.chunk_by(|a, b| a == b).filter(|same| same.len() % 2 == 1) {
            self.terms.push(same[0]);
        }
        self.place[column as usize] = (start, self.terms.len());
    }
}
