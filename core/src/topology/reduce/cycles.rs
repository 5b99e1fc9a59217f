//! Cycles that stand for the classes of a pairing.

use super::super::error::enough;
use super::super::{Bar, Error, Filtration, NONE, Pairing};
use super::rank;

/// Words that [`cycles`] needs for the classes of one dimension.
pub fn cycles_len(pairing: &Pairing<'_>, dim: usize) -> usize {
    let (filled, open) = (filled(pairing, dim).count(), open(pairing, dim).count());
    let rows = |dimension| pairing.filtration().simplices_of(dimension).len();
    let below = if dim > 0 && open > 0 { rows(dim - 1) } else { 0 };
    let essential = if below > 0 { block_len(open, below, open) } else { 0 };
    block_len(filled, rows(dim), 0).max(essential)
}

/// Shows a cycle for every bar of one dimension, in the order of their ends, then the essential ones by birth: the
/// simplices whose sum it is, ascending.
///
/// The last simplex of a cycle is the one that opens the class; the cycle of a finite bar is the boundary of a chain
/// whose last simplex is the one that closes it. A vertex stands for its component.
///
/// ```
/// use valleys_core::topology::{Filtration, ReductionMatrix, cycles, cycles_len, filtration_len, reduce};
/// let circle = [(&[0][..], 0.0), (&[1], 0.0), (&[2], 0.0), (&[0, 1], 1.0), (&[1, 2], 1.0), (&[0, 2], 2.0)];
/// let circle = circle.map(|(vertices, value)| (vertices.iter().copied(), value));
/// let (mut values, mut words) = ([0.0; 6], [0; filtration_len(6, 9)]);
/// let filtration = Filtration::build(circle, &mut values, &mut words)?;
/// let (mut scratch, mut partner) = ([0; 64], [0; 6]);
/// let pairing = reduce(&filtration, ReductionMatrix::Coboundary, 1, &mut scratch, &mut partner)?;
/// let mut scratch = vec![0; cycles_len(&pairing, 1)];
/// let mut edges = Vec::new();
/// cycles(&pairing, 1, &mut scratch, |_, cells| edges.extend(cells.map(|c| filtration.vertices(c).to_vec())))?;
/// assert_eq!(edges, [[0, 1], [1, 2], [0, 2]]);
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Short`] for a short slice.
///
/// # Cost
/// The pairs are known, so the columns that close classes are reduced, and no others: O(c² r) bit operations, 32 at
/// once, for c classes and r simplices.
pub fn cycles(
    pairing: &Pairing<'_>,
    dim: usize,
    scratch: &mut [u32],
    mut show: impl FnMut(Bar, &mut dyn Iterator<Item = usize>),
) -> Result<(), Error> {
    enough("scratch of the cycles", cycles_len(pairing, dim), scratch.len())?;
    let filtration = pairing.filtration();
    let bar_of = |cell: usize| {
        let death_simplex = pairing.partner(cell);
        let death = death_simplex.map_or(f64::INFINITY, |d| filtration.value(d));
        Bar { dim, birth: filtration.value(cell), death, birth_simplex: cell, death_simplex }
    };

    let rows = filtration.simplices_of(dim);
    let mut block = Block::new(filled(pairing, dim), rows, false, scratch);
    for column in 0..block.columns.len() {
        block.reduce(filtration, pairing, column);
        let birth = pairing.partner(block.columns[column] as usize);
        let bar = birth.map(bar_of).filter(|bar| bar.birth < bar.death);
        if let Some(bar) = bar {
            show(bar, &mut block.rows_of(column).map(|row| rows[row] as usize));
        }
    }

    if dim == 0 {
        for &vertex in open(pairing, 0).filter(|&&v| pairing.partner(v as usize).is_none()) {
            show(bar_of(vertex as usize), &mut core::iter::once(vertex as usize));
        }
        return Ok(());
    }
    if open(pairing, dim).next().is_none() {
        return Ok(());
    }
    let mut block = Block::new(open(pairing, dim), filtration.simplices_of(dim - 1), true, scratch);
    for column in 0..block.columns.len() {
        block.reduce(filtration, pairing, column);
        let cell = block.columns[column] as usize;
        if pairing.partner(cell).is_none() {
            show(bar_of(cell), &mut block.terms_of(column).map(|term| block.columns[term] as usize));
        }
    }
    Ok(())
}

/// The simplices that close classes of a dimension, ascending.
fn filled<'a>(pairing: &Pairing<'a>, dim: usize) -> impl Iterator<Item = &'a u32> + use<'a> {
    let pairing = *pairing;
    let cells = if dim <= pairing.max_dim() { pairing.filtration().simplices_of(dim + 1) } else { &[] };
    cells
        .iter()
        .filter(move |&&cell| pairing.partner(cell as usize).is_some_and(|other| other < cell as usize))
}

/// The simplices of a dimension that close classes of the one below or open essential ones, ascending; none if there
/// are none of the latter.
fn open<'a>(pairing: &Pairing<'a>, dim: usize) -> impl Iterator<Item = &'a u32> + use<'a> {
    let pairing = *pairing;
    let cells = if dim <= pairing.max_dim() { pairing.filtration().simplices_of(dim) } else { &[] };
    let essential = cells.iter().any(|&cell| pairing.partner(cell as usize).is_none());
    let cells = if essential { cells } else { &[] };
    cells
        .iter()
        .filter(move |&&cell| pairing.partner(cell as usize).is_none_or(|other| other < cell as usize))
}

fn block_len(columns: usize, rows: usize, terms: usize) -> usize {
    columns * (1 + rows.div_ceil(32) + terms.div_ceil(32))
}

/// Columns of the boundary matrix as bits of their rows, followed by the bits of the columns they are sums of.
struct Block<'s> {
    columns: &'s [u32],
    rows: &'s [u32],
    bits: &'s mut [u32],
    row_words: usize,
    stride: usize,
}

impl<'s> Block<'s> {
    fn new<'c>(
        cells: impl Iterator<Item = &'c u32>,
        rows: &'s [u32],
        terms: bool,
        scratch: &'s mut [u32],
    ) -> Self {
        let mut count = 0;
        for (slot, &cell) in scratch.iter_mut().zip(cells) {
            *slot = cell;
            count += 1;
        }
        let (columns, bits) = scratch.split_at_mut(count);
        let row_words = rows.len().div_ceil(32);
        let stride = row_words + if terms { count.div_ceil(32) } else { 0 };
        let bits = &mut bits[..count * stride];
        bits.fill(0);
        let mut block = Self { columns, rows, bits, row_words, stride };
        if terms {
            (0..count).for_each(|column| block.set(column, 32 * row_words + column));
        }
        block
    }

    fn set(&mut self, column: usize, bit: usize) {
        self.bits[column * self.stride + bit / 32] |= 1 << (bit % 32);
    }

    /// Adds earlier columns until the last row is the column's own, or none is left.
    fn reduce(&mut self, filtration: &Filtration<'_>, pairing: &Pairing<'_>, column: usize) {
        let cell = self.columns[column];
        for &facet in filtration.facets(cell as usize) {
            self.set(column, rank(self.rows, facet));
        }
        while let Some(row) = self.last(column) {
            let other = pairing.partner(self.rows[row] as usize).map_or(NONE, |other| other as u32);
            if other >= cell {
                return;
            }
            let from = rank(self.columns, other) * self.stride;
            let (earlier, this) = self.bits.split_at_mut(column * self.stride);
            for (word, other) in this.iter_mut().zip(&earlier[from..from + self.stride]) {
                *word ^= other;
            }
        }
    }

    fn words(&self, column: usize) -> (&[u32], &[u32]) {
        self.bits[column * self.stride..(column + 1) * self.stride].split_at(self.row_words)
    }

    fn last(&self, column: usize) -> Option<usize> {
        let words = self.words(column).0;
        let word = words.iter().rposition(|&w| w != 0)?;
        Some(word * 32 + 31 - words[word].leading_zeros() as usize)
    }

    fn rows_of(&self, column: usize) -> impl Iterator<Item = usize> {
        ones(self.words(column).0)
    }

    fn terms_of(&self, column: usize) -> impl Iterator<Item = usize> {
        ones(self.words(column).1)
    }
}

/// The places of the bits that are set.
fn ones(words: &[u32]) -> impl Iterator<Item = usize> {
    (0..words.len() * 32).filter(|bit| words[bit / 32] >> (bit % 32) & 1 == 1)
}
