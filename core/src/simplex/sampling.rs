//! Drawing a point t of a simplex.

use super::{MAX_VERTICES, lattice::Barycentric, sort_falling};
use crate::rng::Stream;

/// A uniform point of the simplex with `vertices` vertices.
///
/// Two vertices: t = (1 − u, u), the draw of Algorithm 1 for curves. Three: (u₁, u₂) reflected to (1 − u₂, 1 − u₁)
/// where u₁ + u₂ > 1, the draw for triangles. Otherwise the spacings of sorted uniform numbers.
///
/// # Panics
/// If `vertices` is 0 or more than [`MAX_VERTICES`].
pub fn uniform(stream: &mut Stream, vertices: usize) -> Barycentric {
    assert!((1..=MAX_VERTICES).contains(&vertices));
    if vertices == 3 {
        let (mut t1, mut t2) = (stream.unit(), stream.unit());
        if t1 + t2 > 1.0 {
            (t1, t2) = (1.0 - t2, 1.0 - t1);
        }
        return Barycentric::from_array([t1, t2, (1.0 - t1 - t2).max(0.0)]);
    }
    let mut cuts: Barycentric = (1..vertices).map(|_| stream.unit()).collect();
    sort_falling(&mut cuts, |x| *x);
    (0..vertices)
        .map(|i| {
            let upper = if i == 0 { 1.0 } else { cuts[i - 1] };
            upper - cuts.get(i).copied().unwrap_or(0.0)
        })
        .collect()
}
