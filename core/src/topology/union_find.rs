//! Dimension 0 without a matrix.

use super::error::enough;
use super::{Error, Filtration, NONE, Pairing};

/// The root of the component of `x` in a union-find forest; halves the path to it.
///
/// `parent[x]` is the parent of `x`, and a root is its own parent. To join two components, set the parent of one root to
/// the other root.
///
/// ```
/// use valleys_core::topology::find_root;
/// let mut parent = [0, 0, 1, 3];
/// assert_eq!(find_root(&mut parent, 2), 0);
/// assert_eq!(parent, [0, 0, 0, 3]);
/// ```
///
/// # Panics
/// If `x` or a parent is no index of `parent`.
///
/// # Cost
/// Amortised O(log n) for n elements.
pub fn find(parent: &mut [u32], mut x: u32) -> u32 {
    while parent[x as usize] != x {
        let above = parent[parent[x as usize] as usize];
        parent[x as usize] = above;
        x = above;
    }
    x
}

/// Pairs vertices with the edges that merge their components: persistence of dimension 0 by union-find.
///
/// An edge that joins two components closes the younger one (elder rule, in the total order of the
/// filtration). `parent` and `partner` hold one word a simplex.
///
/// # Errors
/// [`Error::Short`] for a short slice.
///
/// # Cost
/// O(n log n) for n vertices and edges.
pub fn union_find<'a>(
    filtration: &'a Filtration<'a>,
    parent: &mut [u32],
    partner: &'a mut [u32],
) -> Result<Pairing<'a>, Error> {
    let n = filtration.len();
    enough("union-find", n, parent.len())?;
    enough("partners", n, partner.len())?;
    let partner = &mut partner[..n];
    partner.fill(NONE);
    merge_components(filtration, parent, partner);
    Ok(Pairing::new(filtration, partner, 0))
}

/// [`union_find`] on slices of checked length; `partner` comes filled with [`NONE`].
pub(super) fn merge_components(filtration: &Filtration<'_>, parent: &mut [u32], partner: &mut [u32]) {
    for cell in 0..filtration.len() {
        match *filtration.facets(cell) {
            [] => parent[cell] = cell as u32,
            [a, b] => {
                let (a, b) = (find(parent, a), find(parent, b));
                if a != b {
                    let (elder, younger) = (a.min(b), a.max(b));
                    parent[younger as usize] = elder;
                    partner[younger as usize] = cell as u32;
                    partner[cell] = younger;
                }
            }
            _ => {}
        }
    }
}
