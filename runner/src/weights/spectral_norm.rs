//! The largest singular value of a matrix.

use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::Coordinate;

/// Most steps: with every vector kept orthogonal, some fifty are enough for any matrix of a network.
const STEPS: usize = 300;

/// The iteration ends when σ² has changed by less than this share in each of the last three steps.
const TOLERANCE: f64 = 1e-13;

/// σ₁ by the Lanczos iteration on WᵀW (Golub and Van Loan, *Matrix Computations*, section 10.1): the power iteration
/// that keeps all its vectors, and so needs the root of its steps. Always the same start.
pub fn spectral_norm<T: Coordinate>(rows: &[T], inputs: usize) -> f64 {
    let largest = rows.iter().fold(0.0f64, |a, &w| a.max(w.into().abs()));
    if largest == 0.0 {
        return 0.0;
    }
    let mut stream = Stream::new(Key::new(0, 0), Purpose::Perturbation, 0, 0);
    let mut vector: Vec<f64> = (0..inputs).map(|_| stream.normal()).collect();
    let length = dot(&vector, &vector).sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    // The tridiagonal matrix.
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    let (mut top, mut calm) = (0.0, 0);
    while basis.len() < STEPS.min(inputs) {
        let (mut next, mut scaled) = (vec![0.0; inputs], vec![0.0; inputs]);
        for row in rows.chunks_exact(inputs) {
            scaled.iter_mut().zip(row).for_each(|(s, &w)| *s = w.into() / largest);
            let product = dot(&scaled, &vector);
            next.iter_mut().zip(&scaled).for_each(|(n, w)| *n += w * product);
        }
        diagonal.push(dot(&next, &vector));
        basis.push(vector);
        // Twice is enough (Kahan and Parlett).
        for _ in 0..2 {
            for earlier in &basis {
                let along = dot(&next, earlier);
                next.iter_mut().zip(earlier).for_each(|(n, e)| *n -= along * e);
            }
        }
        let length = dot(&next, &next).sqrt();
        let before = top;
        top = largest_eigenvalue(&diagonal, &beside);
        calm = if top - before <= TOLERANCE * top { calm + 1 } else { 0 };
        if calm == 3 || length <= TOLERANCE * top {
            break;
        }
        beside.push(length);
        next.iter_mut().for_each(|x| *x /= length);
        vector = next;
    }
    top.max(0.0).sqrt() * largest
}

/// Of a symmetric tridiagonal matrix, by bisection: the leading minors of A − x change sign as often as there are
/// eigenvalues above x (Sturm).
fn largest_eigenvalue(diagonal: &[f64], beside: &[f64]) -> f64 {
    let off = |i: usize| beside.get(i).map_or(0.0, |b: &f64| b.abs());
    let before = |i: usize| if i == 0 { 0.0 } else { off(i - 1) };
    let last = diagonal.len() - 1;
    let reach = |i: usize| diagonal[i] + before(i) + if i < last { off(i) } else { 0.0 };
    let mut hi = (0..=last).map(reach).fold(f64::NEG_INFINITY, f64::max);
    let mut lo = diagonal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let all_below = |x: f64| {
        let mut pivot = 1.0;
        (0..=last).all(|i| {
            pivot = x - diagonal[i] - if i == 0 { 0.0 } else { before(i) * before(i) / pivot };
            pivot > 0.0
        })
    };
    while hi - lo > f64::EPSILON * hi.abs() {
        let middle = lo + (hi - lo) / 2.0;
        if middle <= lo || middle >= hi {
            break;
        }
        if all_below(middle) { hi = middle } else { lo = middle }
    }
    hi
}

/// In eight sums that do not wait for each other.
fn dot(x: &[f64], y: &[f64]) -> f64 {
    let (x8, rest) = x.as_chunks::<8>();
    let (y8, y) = y.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (x, y) in x8.iter().zip(y8) {
        (0..8).for_each(|lane| sums[lane] += x[lane] * y[lane]);
    }
    rest.iter().zip(y).fold(sums.iter().sum(), |sum, (x, y)| sum + x * y)
}
