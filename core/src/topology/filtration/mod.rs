//! A filtered complex of any dimension, checked and in its total order.

mod build;
#[cfg(feature = "alloc")]
mod cubes;
mod memory;

use super::Error;
use super::error::enough;
use memory::Memory;

/// Words of `u32` that a [`Filtration`] of `cells` simplices needs, which have `vertices` vertices
/// altogether (a triangle counts three).
pub const fn filtration_len(cells: usize, vertices: usize) -> usize {
    5 * cells + 2 * vertices
}

/// A filtered simplicial complex: simplices of any dimension on vertices `u32`, each with a finite value.
///
/// Its simplices are numbered from 0 in the total order (value, dimension, lexicographic by vertices). Every
/// face of a simplex comes before it; construction checks this. The empty complex is one.
///
/// `Grid::filtration` also makes filtrations of cubes, of dimension 3 at most; everything here holds for cubes in the
/// place of simplices. A cube of dimension d has 2^d vertices and 2 d facets.
///
/// # Layout
/// Values 8 n bytes, and n = simplices, m = vertices altogether: `position` n, `end` n, `source` n,
/// `lexicographic` n, `graded` n, `vertices` m, `facets` m words of 4 bytes.
#[derive(Clone, Debug)]
pub struct Filtration<'a> {
    values: Memory<'a, f64>,
    words: Memory<'a, u32>,
    cells: usize,
    /// Whether the cells are cubes.
    is_cubical: bool,
}

impl<'a> Filtration<'a> {
    /// Checks and orders simplices in memory of the caller, who gives one value a simplex and
    /// [`filtration_len`] words.
    ///
    /// The input is any iterator over (vertices, value), in any order; it is run through three times.
    /// Masks enter by [`Simplex::vertices`](crate::simplex::Simplex::vertices):
    ///
    /// ```
    /// use valleys_core::{simplex::Simplex, topology::{Filtration, filtration_len}};
    /// let peaks = [(0b01, 1.0), (0b10, 2.0), (0b11, 3.0)].map(|(mask, loss)| (Simplex::new(mask).unwrap(), loss));
    /// let (mut values, mut words) = ([0.0; 3], [0; filtration_len(3, 4)]);
    /// let cells = peaks.iter().map(|(simplex, value)| (simplex.vertices(), *value));
    /// let filtration = Filtration::build(cells, &mut values, &mut words)?;
    /// assert_eq!(filtration.dim(), Some(1));
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// Names the first simplex without vertices, with a value that is not finite, with a vertex twice, that
    /// is entered twice, lacks a face or comes before one; [`Error::Short`] for a short slice.
    ///
    /// # Cost
    /// O(n log n) comparisons of simplices, few where the input comes in lexicographic order.
    pub fn build<V: IntoIterator<Item = u32>>(
        cells: impl IntoIterator<Item = (V, f64), IntoIter: Clone>,
        values: &'a mut [f64],
        words: &'a mut [u32],
    ) -> Result<Self, Error> {
        let cells = cells.into_iter();
        let (n, m) = build::count(cells.clone())?;
        enough("values of the filtration", n, values.len())?;
        enough("words of the filtration", filtration_len(n, m), words.len())?;
        let (values, words) = (&mut values[..n], &mut words[..filtration_len(n, m)]);
        build::fill(cells, values, words)?;
        let (values, words) = (Memory::Borrowed(values), Memory::Borrowed(words));
        Ok(Self { values, words, cells: n, is_cubical: false })
    }

    /// [`Filtration::build`] in memory of its own.
    ///
    /// ```
    /// use valleys_core::topology::{Error, Filtration};
    /// let segment = Filtration::new([(vec![4], 0.0), (vec![7], 0.0), (vec![7, 4], 1.0)])?;
    /// assert_eq!(segment.vertices(2), [4, 7]);
    /// let open = Filtration::new([(vec![4], 0.0), (vec![7, 4], 1.0)]).unwrap_err();
    /// assert_eq!(open.to_string(), "simplex 4-7 lacks its face 7");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Filtration::build`].
    #[cfg(feature = "alloc")]
    pub fn new<V: IntoIterator<Item = u32>>(
        cells: impl IntoIterator<Item = (V, f64), IntoIter: Clone>,
    ) -> Result<Filtration<'static>, Error> {
        let cells = cells.into_iter();
        let (n, m) = build::count(cells.clone())?;
        let (mut values, mut words) = (alloc::vec![0.0; n], alloc::vec![0; filtration_len(n, m)]);
        build::fill(cells, &mut values, &mut words)?;
        let (values, words) = (Memory::Owned(values), Memory::Owned(words));
        Ok(Filtration { values, words, cells: n, is_cubical: false })
    }

    /// Number of simplices.
    pub fn len(&self) -> usize {
        self.cells
    }

    /// Whether there is no simplex.
    pub fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Dimension of the complex, `None` if it is empty.
    pub fn dim(&self) -> Option<usize> {
        self.lexicographic().last().map(|&cell| self.dimension(cell as usize))
    }

    /// Value of a simplex.
    pub fn value(&self, cell: usize) -> f64 {
        self.values[cell]
    }

    /// Dimension of a simplex.
    pub fn dimension(&self, cell: usize) -> usize {
        let vertices = self.span(cell).len();
        if self.is_cubical { vertices.ilog2() as usize } else { vertices - 1 }
    }

    /// Vertices of a simplex, ascending.
    pub fn vertices(&self, cell: usize) -> &[u32] {
        &self.entries().0[self.span(cell)]
    }

    /// The simplices of one dimension less on the boundary of a simplex, by omitted vertex ascending; none for a
    /// vertex. Those of a cube come in pairs, by axis.
    pub fn facets(&self, cell: usize) -> &[u32] {
        let span = self.span(cell);
        match span.len() {
            1 => &[],
            // A cube of dimension 3 has more vertices than facets.
            8 if self.is_cubical => &self.entries().1[span][..6],
            _ => &self.entries().1[span],
        }
    }

    /// The simplex of an entry of the input.
    pub fn position(&self, entry: usize) -> usize {
        self.part(0)[entry] as usize
    }

    /// The entry of the input that a simplex comes from.
    pub fn source(&self, cell: usize) -> usize {
        self.part(2)[cell] as usize
    }

    /// The simplex with these vertices, ascending.
    pub fn find(&self, vertices: &[u32]) -> Option<usize> {
        let order = self.lexicographic();
        let found = order.binary_search_by(|&cell| {
            let other = self.vertices(cell as usize);
            other.len().cmp(&vertices.len()).then_with(|| other.cmp(vertices))
        });
        found.ok().map(|at| order[at] as usize)
    }

    /// All simplices by dimension, then lexicographically by vertices.
    pub fn lexicographic(&self) -> &[u32] {
        self.part(3)
    }

    /// The simplices of one dimension, in the order of the filtration.
    pub fn simplices_of(&self, dimension: usize) -> &[u32] {
        let graded = self.part(4);
        let below = |d| graded.partition_point(|&cell| self.dimension(cell as usize) < d);
        &graded[below(dimension)..below(dimension.saturating_add(1))]
    }

    /// Where the vertices and facets of a simplex lie in their arrays.
    fn span(&self, cell: usize) -> core::ops::Range<usize> {
        let end = self.part(1);
        let start = if cell == 0 { 0 } else { end[cell - 1] as usize };
        start..end[cell] as usize
    }

    /// `position`, `end`, `source`, `lexicographic`, `graded`.
    fn part(&self, i: usize) -> &[u32] {
        &self.words[i * self.cells..(i + 1) * self.cells]
    }

    /// `vertices` and `facets`.
    fn entries(&self) -> (&[u32], &[u32]) {
        let entries = &self.words[5 * self.cells..];
        entries.split_at(entries.len() / 2)
    }
}
