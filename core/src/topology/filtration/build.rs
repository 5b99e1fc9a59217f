//! Checking simplices and bringing them into their order.

use core::cmp::Ordering;

use super::super::{Error, NONE, SimplexName};

/// Simplices and their vertices altogether.
pub(super) fn count<V: IntoIterator<Item = u32>>(
    cells: impl Iterator<Item = (V, f64)>,
) -> Result<(usize, usize), Error> {
    let (mut n, mut m) = (0, 0);
    for (vertices, _) in cells {
        n += 1;
        m += vertices.into_iter().count();
    }
    // One word is kept for "none".
    if m >= NONE as usize {
        Err(Error::TooMany { what: "vertices of simplices", given: m })
    } else {
        Ok((n, m))
    }
}

/// Fills the layout of a [`super::Filtration`]; the slices have exactly their lengths.
pub(super) fn fill<V: IntoIterator<Item = u32>>(
    cells: impl Iterator<Item = (V, f64)> + Clone,
    values: &mut [f64],
    words: &mut [u32],
) -> Result<(), Error> {
    let n = values.len();
    let (position, words) = words.split_at_mut(n);
    let (end, words) = words.split_at_mut(n);
    let (source, words) = words.split_at_mut(n);
    let (lexicographic, words) = words.split_at_mut(n);
    let (graded, words) = words.split_at_mut(n);
    let (vertices, facets) = words.split_at_mut(words.len() / 2);

    // In the order of the input first, where neighbours are near: ends in `graded`, vertices in `facets`,
    // facets in `vertices`.
    enter(cells.clone(), values, graded, facets)?;
    let of = |entry: u32| span(graded, facets, entry);
    let by_vertices = |a: &u32, b: &u32| {
        let (a, b) = (of(*a), of(*b));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    };
    numbered(lexicographic).sort_unstable_by(by_vertices);
    if let Some(twins) = lexicographic.windows(2).find(|w| of(w[0]) == of(w[1])) {
        return Err(Error::Duplicate { simplex: SimplexName::new(of(twins[0]).iter().copied()) });
    }
    numbered(source).sort_unstable_by(|&a, &b| {
        values[a as usize].total_cmp(&values[b as usize]).then_with(|| by_vertices(&a, &b))
    });
    close(values, graded, lexicographic, facets, vertices)?;

    // Now in the order of the filtration.
    source.iter().zip(0..).for_each(|(&entry, cell)| position[entry as usize] = cell);
    lexicographic.iter_mut().for_each(|entry| *entry = position[*entry as usize]);
    let mut filled = 0;
    for (&entry, end) in source.iter().zip(end.iter_mut()) {
        for &facet in span(graded, vertices, entry) {
            facets[filled] = position[facet as usize];
            filled += 1;
        }
        *end = filled as u32;
    }
    for ((simplex, value), &cell) in cells.zip(&*position) {
        let start = if cell == 0 { 0 } else { end[cell as usize - 1] as usize };
        let slots = &mut vertices[start..end[cell as usize] as usize];
        slots.iter_mut().zip(simplex).for_each(|(slot, vertex)| *slot = vertex);
        slots.sort_unstable();
        values[cell as usize] = value + 0.0;
    }
    grade(end, graded);
    Ok(())
}

/// Writes ends, sorted vertices and values in the order of the input.
fn enter<V: IntoIterator<Item = u32>>(
    cells: impl Iterator<Item = (V, f64)>,
    values: &mut [f64],
    end: &mut [u32],
    vertices: &mut [u32],
) -> Result<(), Error> {
    let mut filled = 0;
    for (entry, (simplex, value)) in cells.enumerate() {
        let start = filled;
        for vertex in simplex {
            vertices[filled] = vertex;
            filled += 1;
        }
        let simplex = &mut vertices[start..filled];
        simplex.sort_unstable();
        if simplex.is_empty() {
            return Err(Error::NoVertices { entry });
        }
        if !value.is_finite() {
            return Err(Error::NotFinite { simplex: SimplexName::new(simplex.iter().copied()), value });
        }
        if simplex.windows(2).any(|w| w[0] == w[1]) {
            return Err(Error::RepeatedVertex { simplex: SimplexName::new(simplex.iter().copied()) });
        }
        end[entry] = filled as u32;
        // Adding 0 turns -0 into 0: the two are one value.
        values[entry] = value + 0.0;
    }
    Ok(())
}

/// Finds the facets of every simplex, in lexicographic order; a vertex gets itself, for want of any.
fn close(
    values: &[f64],
    end: &[u32],
    lexicographic: &[u32],
    vertices: &[u32],
    facets: &mut [u32],
) -> Result<(), Error> {
    let of = |entry: u32| span(end, vertices, entry);
    let mut lower: &[u32] = &[];
    let mut rest = lexicographic;
    while let Some(&first) = rest.first() {
        let len = of(first).len();
        let (same, higher) = rest.split_at(rest.partition_point(|&entry| of(entry).len() == len));
        let below = if lower.first().is_some_and(|&entry| of(entry).len() + 1 == len) { lower } else { &[] };
        // Facets of neighbours are neighbours: each search starts where the last one ended.
        let mut hints = [0; 32];
        for &entry in same {
            let simplex = of(entry);
            let start = end[entry as usize] as usize - len;
            if len == 1 {
                facets[start] = entry;
                continue;
            }
            for omitted in 0..len {
                let hint = &mut hints[omitted.min(31)];
                let Some(at) = gallop(below, *hint, |&face| without(of(face), simplex, omitted)) else {
                    return Err(Error::MissingFace {
                        simplex: SimplexName::new(simplex.iter().copied()),
                        face: face_name(simplex, omitted),
                    });
                };
                *hint = at;
                let (face, value) = (below[at], values[entry as usize]);
                if values[face as usize] > value {
                    return Err(Error::FaceLater {
                        simplex: SimplexName::new(simplex.iter().copied()),
                        value,
                        face: face_name(simplex, omitted),
                        face_value: values[face as usize],
                    });
                }
                facets[start + omitted] = face;
            }
        }
        (lower, rest) = (same, higher);
    }
    Ok(())
}

/// Lists the cells by their number of vertices. A complex of dimension d has 2^(d+1) simplices at least, so this takes
/// O(n log n) steps.
pub(super) fn grade(end: &[u32], graded: &mut [u32]) {
    let (mut filled, mut len) = (0, 1);
    while filled < graded.len() {
        let mut start = 0;
        for (cell, &end) in end.iter().enumerate() {
            if end - start == len {
                graded[filled] = cell as u32;
                filled += 1;
            }
            start = end;
        }
        len += 1;
    }
}

fn face_name(simplex: &[u32], omitted: usize) -> SimplexName {
    SimplexName::new(simplex[..omitted].iter().chain(&simplex[omitted + 1..]).copied())
}

/// Compares vertices with those of a simplex of one more, one of them omitted.
fn without(vertices: &[u32], simplex: &[u32], omitted: usize) -> Ordering {
    let (front, back) = vertices.split_at(omitted);
    front.cmp(&simplex[..omitted]).then_with(|| back.cmp(&simplex[omitted + 1..]))
}

/// Binary search in steps that double from `hint` on, in either direction.
fn gallop(sorted: &[u32], hint: usize, order: impl Fn(&u32) -> Ordering) -> Option<usize> {
    let here = order(sorted.get(hint)?);
    let (mut low, mut high, mut step) = (hint, hint, 1);
    match here {
        Ordering::Equal => return Some(hint),
        Ordering::Less => {
            while high < sorted.len() && order(&sorted[high]).is_lt() {
                (low, high) = (high, high + step);
                step *= 2;
            }
            high = sorted.len().min(high + 1);
        }
        Ordering::Greater => {
            while low > 0 && order(&sorted[low]).is_gt() {
                (low, high) = (low.saturating_sub(step), low);
                step *= 2;
            }
        }
    }
    sorted[low..high].binary_search_by(order).ok().map(|at| low + at)
}

/// The part of entry `i` in an array cut at `ends`.
pub(super) fn span<'a>(ends: &[u32], all: &'a [u32], i: u32) -> &'a [u32] {
    let start = if i == 0 { 0 } else { ends[i as usize - 1] };
    &all[start as usize..ends[i as usize] as usize]
}

pub(super) fn numbered(slice: &mut [u32]) -> &mut [u32] {
    slice.iter_mut().zip(0..).for_each(|(slot, i)| *slot = i);
    slice
}
