//! Spreads the control points of a map along its simplex.
//!
//! Steps that follow the gradient crowd control points in some places and leave long straight pieces in others, which
//! cut across what a steep loss requires. The string method (E, Ren and Vanden-Eijnden, Phys. Rev. B 66, 2002) spaces
//! the points of a path evenly again and again; here this is done for simplices of every rank. A control point moves
//! within the pieces around it, so that the simplex hardly changes as a set.

use crate::engine::Engine;
use crate::simplex::{ControlPoints, MAX_VERTICES};
use heapless::Vec;

/// Iterations of [`closest`] at most.
const ITERATIONS: usize = 64;

/// Elements of memory that [`spread`] needs.
pub(super) fn points_len(control_points: &ControlPoints, dim: usize) -> usize {
    control_points.ids().len() * (3 * dim + 2)
}

/// Moves every interior control point by a share of the way to the point that is closest, in the pieces around it, to
/// the mean of the control points around it (each counted once for each of these pieces). Their momenta become 0.
///
/// `memory` has at least [`points_len`] elements; `pieces` are the slots of all pieces.
pub(super) fn spread<E: Engine + ?Sized>(
    engine: &mut E,
    control_points: &ControlPoints,
    share: f64,
    memory: &mut [f32],
    pieces: &[u32],
) -> Result<(), E::Error> {
    let dim = engine.dim();
    for (slot, theta) in (0..control_points.ids().len() as u32).zip(memory.chunks_exact_mut(dim)) {
        engine.get(slot, theta)?;
    }
    let moved = move_points(control_points, dim, share, memory, pieces);
    let (interior, slots) = (control_points.interior() as u32, control_points.ids().len() as u32);
    let moved = moved.chunks_exact(dim).skip(interior as usize);
    (interior..slots).zip(moved).try_for_each(|(slot, theta)| engine.put(slot, theta))
}

/// Where [`spread`] moves the control points that are at the start of `memory`: those of the interior, by slot.
fn move_points<'m>(
    control_points: &ControlPoints,
    dim: usize,
    share: f64,
    memory: &'m mut [f32],
    pieces: &[u32],
) -> &'m [f32] {
    let (vertices, slots) = (control_points.vertices(), control_points.ids().len());
    let (points, rest) = memory.split_at_mut(slots * dim);
    let (means, rest) = rest.split_at_mut(slots * dim);
    let (moved, rest) = rest.split_at_mut(slots * dim);
    let (counts, rest) = rest.split_at_mut(slots);
    let squares = &mut rest[..slots];
    let points = &*points;
    let range = |slot: u32| slot as usize * dim..(slot as usize + 1) * dim;
    means.fill(0.0);
    counts.fill(0.0);
    let interior = control_points.interior() as u32;
    let is_interior = |slot: &&u32| **slot >= interior;
    for piece in pieces.chunks_exact(vertices) {
        for &slot in piece.iter().filter(is_interior) {
            for &other in piece.iter().filter(|&&other| other != slot) {
                let mean = means[range(slot)].iter_mut();
                mean.zip(&points[range(other)]).for_each(|(mean, x)| *mean += x);
            }
            counts[slot as usize] += (vertices - 1) as f32;
        }
    }
    squares.fill(f32::INFINITY);
    for piece in pieces.chunks_exact(vertices) {
        for &slot in piece.iter().filter(is_interior) {
            let mean = &mut means[range(slot)];
            let count = core::mem::replace(&mut counts[slot as usize], 1.0);
            mean.iter_mut().for_each(|mean| *mean /= count);
            let corners: Vec<&[f32], MAX_VERTICES> =
                piece.iter().map(|&corner| &points[range(corner)]).collect();
            let (square, weights) = closest(&corners, mean);
            if (square as f32) < squares[slot as usize] {
                squares[slot as usize] = square as f32;
                let moved = &mut moved[range(slot)];
                moved.iter_mut().zip(&points[range(slot)]).for_each(|(to, x)| *to = (1.0 - share) as f32 * x);
                for (&corner, weight) in piece.iter().zip(weights) {
                    let weight = (share * weight) as f32;
                    moved.iter_mut().zip(&points[range(corner)]).for_each(|(to, x)| *to += weight * x);
                }
            }
        }
    }
    moved
}

/// The point of the simplex with these corners that is closest to `target`: the square of its distance, and its
/// barycentric coordinates.
///
/// Weight goes from one corner to another, the pair that gains most, as far as it helps (pairwise Frank–Wolfe).
fn closest(corners: &[&[f32]], target: &[f32]) -> (f64, [f64; MAX_VERTICES]) {
    let count = corners.len();
    let mut gram = [[0.0; MAX_VERTICES]; MAX_VERTICES];
    for i in 0..count {
        for j in 0..=i {
            let pairs = corners[i].iter().zip(corners[j]).zip(target);
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
    use heapless::Vec;

    /// No point of a fine lattice is closer, and the lattice comes as close as it can.
    #[test]
    fn closest_points() {
        let mut stream = Stream::new(Key::new(3, 1), Purpose::Init, 0, 0);
        for (count, n) in [(1, 1), (2, 200), (3, 60), (4, 24)] {
            for _ in 0..20 {
                let mut draw = || core::array::from_fn::<f32, 3, _>(|_| stream.normal() as f32);
                let (target, corners) = (draw(), core::array::from_fn::<_, 4, _>(|_| draw()));
                let (square, weights) =
                    closest(&corners.iter().map(|c| &c[..]).take(count).collect::<Vec<_, 4>>(), &target);
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
