//! Which simplex closes the class that another one opens.

use super::error::enough;
use super::{Bar, Error, Filtration, NONE};

/// The result of a reduction: every simplex opens a class, closes one, or opens an essential one.
#[derive(Clone, Copy, Debug)]
pub struct Pairing<'a> {
    filtration: &'a Filtration<'a>,
    partner: &'a [u32],
    max_dim: usize,
}

impl<'a> Pairing<'a> {
    pub(super) fn new(filtration: &'a Filtration<'a>, partner: &'a [u32], max_dim: usize) -> Self {
        Self { filtration, partner, max_dim }
    }

    /// The simplices that are paired.
    pub fn filtration(&self) -> &'a Filtration<'a> {
        self.filtration
    }

    /// The largest dimension asked for.
    pub(super) fn max_dim(&self) -> usize {
        self.max_dim
    }

    /// The simplex paired with this one; `None` where it is essential, or closes a class of a dimension that was
    /// not asked for.
    pub fn partner(&self, cell: usize) -> Option<usize> {
        let other = self.partner[cell];
        (other != NONE).then_some(other as usize)
    }

    /// All classes, those of length zero included, in the order of their birth simplices.
    pub fn classes(&self) -> impl Iterator<Item = Bar> + Clone + 'a {
        let Self { filtration, partner, max_dim } = *self;
        partner.iter().enumerate().filter_map(move |(cell, &other)| {
            let dim = filtration.dimension(cell);
            let birth = filtration.value(cell);
            if dim > max_dim || (other != NONE && (other as usize) < cell) {
                return None;
            }
            let death_simplex = (other != NONE).then_some(other as usize);
            let death = death_simplex.map_or(f64::INFINITY, |d| filtration.value(d));
            Some(Bar { dim, birth, death, birth_simplex: cell, death_simplex })
        })
    }

    /// The bars, that is the classes of positive length, essential ones among them, in the order of their
    /// birth simplices. [`Pairing::write_bars`] sorts them as a barcode.
    pub fn bars(&self) -> impl Iterator<Item = Bar> + Clone + 'a {
        self.classes().filter(|bar| bar.birth < bar.death)
    }

    /// The classes of length zero, born and dead at the same value.
    pub fn zero_length(&self) -> impl Iterator<Item = Bar> + Clone + 'a {
        self.classes().filter(|bar| bar.birth == bar.death)
    }

    /// Writes the bars to the front of `out`, ordered by dimension, birth, death, and returns that part.
    ///
    /// # Errors
    /// [`Error::Short`] with the number of bars.
    pub fn write_bars<'o>(&self, out: &'o mut [Bar]) -> Result<&'o mut [Bar], Error> {
        let count = self.bars().count();
        enough("bars", count, out.len())?;
        let out = &mut out[..count];
        out.iter_mut().zip(self.bars()).for_each(|(slot, bar)| *slot = bar);
        out.sort_unstable_by(Bar::order);
        Ok(out)
    }

    /// The bars ordered by dimension, birth, death.
    #[cfg(feature = "alloc")]
    pub fn sorted(&self) -> alloc::vec::Vec<Bar> {
        let mut bars: alloc::vec::Vec<Bar> = self.bars().collect();
        bars.sort_unstable_by(Bar::order);
        bars
    }
}
