//! Reduction in bounded memory: bit columns, one block of the matrix at a time.

use super::super::error::enough;
use super::super::{Error, Filtration, NONE, Pairing};
use super::{ReductionMatrix, rank};

/// Words that [`reduce`] needs: the bits of the largest block.
pub fn reduce_len(filtration: &Filtration<'_>, matrix: ReductionMatrix, max_dim: usize) -> usize {
    let count = |k| filtration.simplices_of(k).len();
    let bits = matrix.blocks(filtration, max_dim).map(|k| match matrix {
        ReductionMatrix::Boundary => count(k + 1) * count(k).div_ceil(32),
        ReductionMatrix::Coboundary => count(k) * count(k + 1).div_ceil(32),
    });
    bits.max().unwrap_or(0)
}

/// Pairs the simplices of a filtration for the dimensions 0 to `max_dim`, in memory of the caller:
/// [`reduce_len`] words of `scratch`, and one word a simplex for the partners.
///
/// For complexes of up to some thousand simplices, where an allocator is missing; else
/// `reduce_sparse`.
///
/// # Errors
/// [`Error::Short`] for a short slice.
///
/// # Cost
/// O(c² r) bit operations for each block of c columns and r rows, 32 at once.
pub fn reduce<'a>(
    filtration: &'a Filtration<'a>,
    matrix: ReductionMatrix,
    max_dim: usize,
    scratch: &mut [u32],
    partner: &'a mut [u32],
) -> Result<Pairing<'a>, Error> {
    let n = filtration.len();
    enough("scratch of the reduction", reduce_len(filtration, matrix, max_dim), scratch.len())?;
    enough("partners", n, partner.len())?;
    let partner = &mut partner[..n];
    partner.fill(NONE);

    for k in matrix.blocks(filtration, max_dim) {
        let (lower, higher) = (filtration.simplices_of(k), filtration.simplices_of(k + 1));
        match matrix {
            ReductionMatrix::Boundary => {
                Block::new(higher, lower, scratch).reduce_boundary(filtration, partner)
            }
            ReductionMatrix::Coboundary => {
                Block::new(lower, higher, scratch).reduce_coboundary(filtration, partner)
            }
        }
    }
    Ok(Pairing::new(filtration, partner, max_dim))
}

/// One block of the matrix, column by column; simplices stand for columns and rows, ascending.
struct Block<'b> {
    columns: &'b [u32],
    rows: &'b [u32],
    stride: usize,
    bits: &'b mut [u32],
}

impl<'b> Block<'b> {
    fn new(columns: &'b [u32], rows: &'b [u32], bits: &'b mut [u32]) -> Self {
        let stride = rows.len().div_ceil(32);
        let bits = &mut bits[..columns.len() * stride];
        bits.fill(0);
        Self { columns, rows, stride, bits }
    }

    fn set(&mut self, column: usize, row: usize) {
        self.bits[column * self.stride + row / 32] |= 1 << (row % 32);
    }

    fn reduce_boundary(&mut self, filtration: &Filtration<'_>, partner: &mut [u32]) {
        for (column, &cell) in self.columns.iter().enumerate() {
            for &facet in filtration.facets(cell as usize) {
                self.set(column, rank(self.rows, facet));
            }
        }
        for column in 0..self.columns.len() {
            // A simplex with a partner closes nothing: it is the pivot of the block above.
            if partner[self.columns[column] as usize] == NONE {
                self.reduce_column(column, partner, Self::last);
            }
        }
    }

    fn reduce_coboundary(&mut self, filtration: &Filtration<'_>, partner: &mut [u32]) {
        for (row, &cell) in self.rows.iter().enumerate() {
            for &facet in filtration.facets(cell as usize) {
                self.set(rank(self.columns, facet), row);
            }
        }
        for column in (0..self.columns.len()).rev() {
            if partner[self.columns[column] as usize] == NONE {
                self.reduce_column(column, partner, Self::first);
            }
        }
    }

    fn reduce_column(
        &mut self,
        column: usize,
        partner: &mut [u32],
        pivot: fn(&Self, usize) -> Option<usize>,
    ) {
        while let Some(row) = pivot(self, column) {
            let row = self.rows[row] as usize;
            if partner[row] == NONE {
                partner[row] = self.columns[column];
                partner[self.columns[column] as usize] = row as u32;
                return;
            }
            let other = rank(self.columns, partner[row]);
            for word in 0..self.stride {
                self.bits[column * self.stride + word] ^= self.bits[other * self.stride + word];
            }
        }
    }

    fn column(&self, column: usize) -> &[u32] {
        &self.bits[column * self.stride..(column + 1) * self.stride]
    }

    fn last(&self, column: usize) -> Option<usize> {
        let words = self.column(column);
        let word = words.iter().rposition(|&w| w != 0)?;
        Some(word * 32 + 31 - words[word].leading_zeros() as usize)
    }

    fn first(&self, column: usize) -> Option<usize> {
        let words = self.column(column);
        let word = words.iter().position(|&w| w != 0)?;
        Some(word * 32 + words[word].trailing_zeros() as usize)
    }
}
