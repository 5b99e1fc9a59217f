//! Spreads the control points of a map along its simplex.
//!
//! Steps that follow the gradient crowd control points in some places and leave long straight pieces in others, which
//! cut across what a steep loss requires. The string method (E, Ren and Vanden-Eijnden, Phys. Rev. B 66, 2002) spaces
//! the points of a path evenly again and again; here this is done for simplices of every rank. A control point moves
//! within the pieces around it, so that the simplex hardly changes as a set.

use crate::engine::Engine;
use crate::simplex::{ControlPoints, MAX_VERTICES};

/// Iterations of [`closest`] at most.
const ITERATIONS: usize = 64;

/// Elements of memory that [`spread`] needs.
pub(super) fn points_len(control_points: &ControlPoints, dim: usize) -> usize {
    (control_points.ids().len() + 2) * dim
}

/// Moves every interior control point by a share of the way to the point that is closest, in the pieces around it, to
/// the mean of the control points around it. Their momenta become 0.
///
/// `points` is memory of [`points_len`] elements; `pieces` are the slots of all pieces.
pub(super) fn spread<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    share: f64,
    points: &mut [f32],
    pieces: &[u32],
) -> Result<(), E::Error> {
    let (dim, vertices) = (engine.dim(), control_points.vertices());
    let (points, rest) = points.split_at_mut(control_points.ids().len() * dim);
    let (mean, moved) = rest.split_at_mut(dim);
    let moved = &mut moved[..dim];
    for (slot, theta) in (0..).zip(points.chunks_exact_mut(dim)) {
        engine.get(slot, theta)?;
    }
    let point = |slot: u32| &points[slot as usize * dim..][..dim];
    for slot in control_points.interior() as u32..control_points.ids().len() as u32 {
        let around = pieces.chunks_exact(vertices).filter(|piece| piece.contains(&slot));
        mean.fill(0.0);
        let mut count = 0;
        for &other in around.clone().flatten().filter(|&&other| other != slot) {
            mean.iter_mut().zip(point(other)).for_each(|(mean, x)| *mean += x);
            count += 1;
        }
        mean.iter_mut().for_each(|mean| *mean /= count as f32);
        let mut best = (f64::INFINITY, [0.0; MAX_VERTICES], [].as_slice());
        for piece in around {
            let (square, weights) = closest(piece.len(), mean, |i| point(piece[i]));
            if square < best.0 {
                best = (square, weights, piece);
            }
        }
        moved.iter_mut().zip(point(slot)).for_each(|(to, x)| *to = (1.0 - share) as f32 * x);
        for (&corner, weight) in best.2.iter().zip(best.1) {
            let weight = (share * weight) as f32;
            moved.iter_mut().zip(point(corner)).for_each(|(to, x)| *to += weight * x);
        }
        engine.put(slot, moved)?;
    }
    Ok(())
}

/// The point of the simplex with `count` corners that is closest to `target`: the square of its distance, and its
/// barycentric coordinates.
///
/// Weight goes from one corner to another, the pair that gains most, as far as it helps (pairwise Frank–Wolfe).
fn closest<'p>(
    count: usize,
    target: &[f32],
    corner: impl Fn(usize) -> &'p [f32],
) -> (f64, [f64; MAX_VERTICES]) {
    let mut gram = [[0.0; MAX_VERTICES]; MAX_VERTICES];
    for i in 0..count {
        for j in 0..=i {
            let pairs = corner(i).iter().zip(corner(j)).zip(target);
            gram[i][j] = pairs.map(|((a, b), x)| f64::from(a - x) * f64::from(b - x)).sum();
            gram[j][i] = gram[i][j];
        }
    }
    let largest = (0..count).fold(0.0_f64, |largest, i| largest.max(gram[i][i]));
    let first = (0..count).reduce(|a, b| if gram[b][b] < gram[a][a] { b } else { a }).unwrap_or(0);
    let mut weights = [0.0; MAX_VERTICES];
    weights[first] = 1.0;
    let slope = |weights: &[f64; MAX_VERTICES], i: usize| -> f64 {
        gram[i].iter().zip(weights).map(|(g, w)| g * w).sum()
    };
    for _ in 0..ITERATIONS {
        let slopes: [f64; MAX_VERTICES] = core::array::from_fn(|i| slope(&weights, i));
        let to = (0..count).reduce(|a, b| if slopes[b] < slopes[a] { b } else { a }).unwrap_or(0);
        let loaded = (0..count).filter(|&i| weights[i] > 0.0);
        let from = loaded.reduce(|a, b| if slopes[b] > slopes[a] { b } else { a }).unwrap_or(0);
        let gain = slopes[from] - slopes[to];
        if gain <= 1e-9 * largest {
            break;
        }
        let curvature = gram[from][from] + gram[to][to] - 2.0 * gram[from][to];
        let step = if curvature > 0.0 { (gain / curvature).min(weights[from]) } else { weights[from] };
        weights[from] -= step;
        weights[to] += step;
    }
    ((0..count).map(|i| weights[i] * slope(&weights, i)).sum(), weights)
}

#[cfg(test)]
mod tests {
    use super::closest;
    use crate::rng::{Key, Purpose, Stream};
    use crate::simplex::Lattice;

    /// No point of a fine lattice is closer, and the lattice comes as close as it can.
    #[test]
    fn closest_points() {
        let mut stream = Stream::new(Key::new(3, 1), Purpose::Init, 0, 0);
        for (count, n) in [(1, 1), (2, 200), (3, 60), (4, 24)] {
            for _ in 0..20 {
                let mut draw = || core::array::from_fn::<f32, 3, _>(|_| stream.normal() as f32);
                let (target, corners) = (draw(), core::array::from_fn::<_, 4, _>(|_| draw()));
                let (square, weights) = closest(count, &target, |i| &corners[i]);
                let distance = |t: &[f64]| -> f64 {
                    (0..3)
                        .map(|k| {
                            let x: f64 = t.iter().zip(&corners).map(|(t, c)| t * f64::from(c[k])).sum();
                            (x - f64::from(target[k])) * (x - f64::from(target[k]))
                        })
                        .sum()
                };
                assert!((distance(&weights[..count]) - square).abs() < 1e-5);
                assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                let nearest =
                    Lattice::new(count, n).points().map(|t| distance(&t)).fold(f64::INFINITY, f64::min);
                assert!(square <= nearest + 1e-5, "{count} corners: {square} {nearest}");
            }
        }
    }
}
