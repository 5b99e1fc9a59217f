//! The points t of a simplex with integer multiples of 1/n as coordinates.

use super::MAX_VERTICES;
use heapless::Vec;

/// Barycentric coordinates of a point.
pub type Barycentric = Vec<f64, MAX_VERTICES>;

/// The lattice { t : n·t_i ∈ N } of a simplex (method: section 4).
///
/// Vertices, edge midpoints and the barycentre of a triangle are among its points if n is a multiple of 6.
///
/// ```
/// use valleys_core::simplex::Lattice;
/// let lattice = Lattice::new(3, 60);
/// assert_eq!(lattice.len(), 1891);
/// assert_eq!(lattice.points().next().unwrap(), [1.0, 0.0, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lattice {
    vertices: usize,
    n: u32,
}

impl Lattice {
    /// The lattice with `n` ≥ 1 intervals on an edge of a simplex of 1 to [`MAX_VERTICES`] vertices.
    ///
    /// # Panics
    /// If `vertices` or `n` is out of range.
    pub const fn new(vertices: usize, n: u32) -> Self {
        assert!(1 <= vertices && vertices <= MAX_VERTICES && n > 0);
        Self { vertices, n }
    }

    /// Intervals on an edge.
    pub const fn n(&self) -> u32 {
        self.n
    }

    /// Number of points: C(n + r, r) for r + 1 vertices.
    pub const fn len(&self) -> usize {
        let mut count = 1;
        let mut i = 1;
        while i < self.vertices {
            count = count * (self.n as usize + i) / i;
            i += 1;
        }
        count
    }

    /// Always false: there is at least the vertex.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The numerators of the points: from (n, 0, …) to (…, 0, n), the last coordinate fastest.
    pub fn numerators(&self) -> impl Iterator<Item = Vec<u32, MAX_VERTICES>> + Clone + use<> {
        let (last, n) = (self.vertices - 1, self.n);
        let mut next: Option<Vec<u32, MAX_VERTICES>> =
            Some((0..=last).map(|i| if i == 0 { n } else { 0 }).collect());
        core::iter::from_fn(move || {
            let current = next.take()?;
            // Move one unit from the last movable coordinate to its right neighbour, which takes all that lies behind.
            next = (0..last).rev().find(|&i| current[i] > 0).map(|i| {
                let mut point = current.clone();
                let behind: u32 = point[i + 1..].iter().sum();
                point[i] -= 1;
                point[i + 1..].fill(0);
                point[i + 1] = behind + 1;
                point
            });
            Some(current)
        })
    }

    /// The number of the point with these numerators, which sum to n, in the order of [`numerators`](Self::numerators).
    pub fn index(&self, numerators: &[u32]) -> usize {
        let mut sum = self.n as usize;
        let mut index = 0;
        for (i, &k) in numerators.iter().enumerate().take(self.vertices - 1) {
            sum -= k as usize;
            // Points with a larger coordinate here: those whose later coordinates sum to less. C(sum − 1 + m, m).
            let later = self.vertices - 1 - i;
            if sum > 0 {
                index += (1..=later).fold(1, |count, j| count * (sum - 1 + j) / j);
            }
        }
        index
    }

    /// The points, in the order of [`numerators`](Self::numerators).
    pub fn points(&self) -> impl Iterator<Item = Barycentric> + Clone + use<> {
        let n = f64::from(self.n);
        self.numerators().map(move |k| k.iter().map(|&k| f64::from(k) / n).collect())
    }
}
