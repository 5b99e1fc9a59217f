//! Filtrations of cubes.

use alloc::vec;

use super::{Filtration, Memory, build, filtration_len};

impl Filtration<'static> {
    /// A filtration of cubes of dimension 3 at most, whose faces are all there and never later.
    ///
    /// # Layout
    /// Each entry has a value and, up to its end, the 2^d ascending vertices of a cube of dimension d. In the same places
    /// are the 2 d entries of its facets, then any others.
    pub(in super::super) fn of_cubes(
        mut values: vec::Vec<f64>,
        ends: &[u32],
        vertices: &[u32],
        facets: &[u32],
    ) -> Self {
        let (n, m) = (values.len(), vertices.len());
        let mut all = vec![0; filtration_len(n, m)];
        let (position, words) = all.split_at_mut(n);
        let (end, words) = words.split_at_mut(n);
        let (source, words) = words.split_at_mut(n);
        let (lexicographic, words) = words.split_at_mut(n);
        let (graded, words) = words.split_at_mut(n);
        let (ordered_vertices, ordered_facets) = words.split_at_mut(m);
        // Adding 0 turns -0 into 0: the two are one value.
        values.iter_mut().for_each(|value| *value += 0.0);
        let of = |entry: u32| build::span(ends, vertices, entry);
        let by_vertices = |a: &u32, b: &u32| {
            let (a, b) = (of(*a), of(*b));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        };
        build::numbered(lexicographic).sort_unstable_by(by_vertices);
        build::numbered(source).sort_unstable_by(|&a, &b| {
            values[a as usize].total_cmp(&values[b as usize]).then_with(|| by_vertices(&a, &b))
        });
        source.iter().zip(0..).for_each(|(&entry, cell)| position[entry as usize] = cell);
        lexicographic.iter_mut().for_each(|entry| *entry = position[*entry as usize]);
        let mut filled = 0;
        for (&entry, end) in source.iter().zip(end.iter_mut()) {
            let next = filled + of(entry).len();
            ordered_vertices[filled..next].copy_from_slice(of(entry));
            let facets = build::span(ends, facets, entry).iter();
            ordered_facets[filled..next]
                .iter_mut()
                .zip(facets)
                .for_each(|(slot, &facet)| *slot = position[facet as usize]);
            *end = next as u32;
            filled = next;
        }
        build::grade(end, graded);
        let values = source.iter().map(|&entry| values[entry as usize]).collect();
        Self { values: Memory::Owned(values), words: Memory::Owned(all), cells: n, is_cubical: true }
    }
}
