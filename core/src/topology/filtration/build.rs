//! Checking simplices and bringing them into their order.

use core::cmp::Ordering;

use super::super::{Error, NONE, Name};

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
    let (vertices, facets) = words.split_at_mut(words.len() / 2);

    // In the order of the input first: `position` holds the ends, `facets` the vertices.
    enter(cells.clone(), values, position, facets)?;
    let of = |entry: u32| span(position, facets, entry);
    let by_vertices = |a: &u32, b: &u32| {
        let (a, b) = (of(*a), of(*b));
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    };
    numbered(lexicographic).sort_unstable_by(by_vertices);
    if let Some(twins) = lexicographic.windows(2).find(|w| of(w[0]) == of(w[1])) {
        return Err(Error::Duplicate { simplex: Name::new(of(twins[0]).iter().copied()) });
    }
    numbered(source).sort_unstable_by(|&a, &b| {
        values[a as usize].total_cmp(&values[b as usize]).then_with(|| by_vertices(&a, &b))
    });

    let mut filled = 0;
    for (&entry, end) in source.iter().zip(end.iter_mut()) {
        let simplex = of(entry);
        vertices[filled..filled + simplex.len()].copy_from_slice(simplex);
        filled += simplex.len();
        *end = filled as u32;
    }
    source.iter().zip(0..).for_each(|(&entry, cell)| position[entry as usize] = cell);
    lexicographic.iter_mut().for_each(|entry| *entry = position[*entry as usize]);
    cells.zip(&*position).for_each(|((_, value), &cell)| values[cell as usize] = value + 0.0);

    close(values, end, lexicographic, vertices, facets)
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
            return Err(Error::NotFinite { simplex: Name::new(simplex.iter().copied()), value });
        }
        if simplex.windows(2).any(|w| w[0] == w[1]) {
            return Err(Error::RepeatedVertex { simplex: Name::new(simplex.iter().copied()) });
        }
        end[entry] = filled as u32;
        // Adding 0 turns -0 into 0: the two are one value.
        values[entry] = value + 0.0;
    }
    Ok(())
}

/// Finds the facets of every cell, in lexicographic order.
fn close(
    values: &[f64],
    end: &[u32],
    lexicographic: &[u32],
    vertices: &[u32],
    facets: &mut [u32],
) -> Result<(), Error> {
    let of = |cell: u32| span(end, vertices, cell);
    let mut lower: &[u32] = &[];
    let mut rest = lexicographic;
    while let Some(&first) = rest.first() {
        let len = of(first).len();
        let (same, higher) = rest.split_at(rest.partition_point(|&cell| of(cell).len() == len));
        if len > 1 {
            // Facets of neighbours are neighbours: each search starts where the last one ended.
            let mut hints = [0; 32];
            let below =
                if lower.first().is_some_and(|&cell| of(cell).len() == len - 1) { lower } else { &[] };
            for &cell in same {
                let simplex = of(cell);
                let start = end[cell as usize] as usize - len;
                for omitted in 0..len {
                    let hint = &mut hints[omitted.min(31)];
                    let order = |&other: &u32| without(of(other), simplex, omitted);
                    let Some(at) = gallop(below, *hint, order) else {
                        return Err(Error::MissingFace {
                            simplex: Name::new(simplex.iter().copied()),
                            face: face_name(simplex, omitted),
                        });
                    };
                    *hint = at;
                    let face = below[at];
                    if face > cell {
                        return Err(Error::FaceLater {
                            simplex: Name::new(simplex.iter().copied()),
                            value: values[cell as usize],
                            face: face_name(simplex, omitted),
                            face_value: values[face as usize],
                        });
                    }
                    facets[start + omitted] = face;
                }
            }
        }
        (lower, rest) = (same, higher);
    }
    Ok(())
}

fn face_name(simplex: &[u32], omitted: usize) -> Name {
    Name::new(simplex[..omitted].iter().chain(&simplex[omitted + 1..]).copied())
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
fn span<'a>(ends: &[u32], all: &'a [u32], i: u32) -> &'a [u32] {
    let start = if i == 0 { 0 } else { ends[i as usize - 1] };
    &all[start as usize..ends[i as usize] as usize]
}

fn numbered(slice: &mut [u32]) -> &mut [u32] {
    slice.iter_mut().zip(0..).for_each(|(slot, i)| *slot = i);
    slice
}
