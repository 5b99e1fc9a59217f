//! Sets of minima, the map of a simplex into parameter space, its lattice, its uniform points.

mod edgewise;
mod lattice;
mod map;
mod sampling;

use core::fmt;

pub use edgewise::EdgewiseSubdivision;
pub use lattice::{Barycentric, Lattice};
pub use map::{ControlPointId, ControlPoints, MAX_DEPTH, Mix, Weights, control_points_len, weights};
pub use sampling::uniform;

/// Most vertices of a simplex with a map: lattices of more than seven dimensions are out of reach anyway.
pub const MAX_VERTICES: usize = 8;

/// A non-empty set of minima `{0, …, 63}`: bit `i` stands for minimum `i` (method: section 1, face S).
///
/// Its faces are its non-empty sub-masks. Ordered by dimension, then lexicographically by vertices,
/// which is the tie order of a filtration.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Simplex(u64);

impl Simplex {
    /// The simplex of a mask; `None` for the empty set.
    pub const fn new(mask: u64) -> Option<Self> {
        if mask == 0 { None } else { Some(Self(mask)) }
    }

    /// The vertex `{i}`, `i` < 64.
    ///
    /// # Panics
    /// If `i` is 64 or more.
    pub const fn vertex(i: u32) -> Self {
        assert!(i < 64, "a simplex has vertices 0 to 63");
        Self(1 << i)
    }

    /// The bit mask.
    pub const fn mask(self) -> u64 {
        self.0
    }

    /// Number of vertices minus one.
    pub const fn dimension(self) -> usize {
        self.0.count_ones() as usize - 1
    }

    /// Vertices in ascending order.
    pub fn vertices(self) -> impl DoubleEndedIterator<Item = u32> + Clone {
        (0..64).filter(move |i| self.0 >> i & 1 == 1)
    }

    /// Whether every vertex of `self` is one of `other`.
    pub const fn is_face_of(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// All non-empty sub-masks, itself included, ascending by mask. 2^(dimension+1) − 1 of them.
    pub fn faces(self) -> impl Iterator<Item = Self> + Clone {
        let mut next = Some(0u64);
        core::iter::from_fn(move || {
            let sub = next?.wrapping_sub(self.0) & self.0;
            next = if sub == self.0 { None } else { Some(sub) };
            Some(Self(sub))
        })
    }

    /// The faces of one dimension less, by omitted vertex ascending; none for a vertex.
    pub fn facets(self) -> impl Iterator<Item = Self> + Clone {
        self.vertices().filter_map(move |i| Self::new(self.0 & !(1 << i)))
    }
}

/// Sorts at most [`MAX_VERTICES`] elements by falling key: by insertion, since core's sort for any length weighs
/// kilobytes on a device, once for each type.
fn sort_falling<T>(items: &mut [T], key: impl Fn(&T) -> f64) {
    for end in 1..items.len() {
        for i in (0..end).rev() {
            if key(&items[i]).total_cmp(&key(&items[i + 1])).is_ge() {
                break;
            }
            items.swap(i, i + 1);
        }
    }
}

impl PartialOrd for Simplex {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Simplex {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.dimension().cmp(&other.dimension()).then_with(|| self.vertices().cmp(other.vertices()))
    }
}

impl fmt::Display for Simplex {
    /// Vertices joined by `-`: `0-1-2`, the name of the simplex in files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, v) in self.vertices().enumerate() {
            if n > 0 {
                f.write_str("-")?;
            }
            write!(f, "{v}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Simplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
