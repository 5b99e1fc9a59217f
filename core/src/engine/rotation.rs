//! Random rotations: what holds in the first coordinates must hold in any direction.

use crate::error::{Error, length};
use crate::math;
use crate::rng::{Key, Purpose, Stream};

/// Fills `matrix` (dim × dim, rows first) with a random orthogonal matrix, uniform over all of them.
///
/// Gram–Schmidt, twice, on the rows of a Gaussian matrix.
///
/// # Errors
/// `matrix` not of dim² elements.
///
/// # Cost
/// O(dim³).
pub fn rotation(seed: u64, dim: usize, matrix: &mut [f64]) -> Result<(), Error> {
    length("rotation matrix", dim * dim, matrix.len())?;
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Rotation, 0, 0);
    matrix.fill_with(|| stream.normal());
    for i in 0..dim {
        let (done, rest) = matrix.split_at_mut(i * dim);
        let row = &mut rest[..dim];
        for _ in 0..2 {
            for earlier in done.chunks_exact(dim) {
                let overlap: f64 = row.iter().zip(earlier).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(earlier).for_each(|(a, b)| *a -= overlap * b);
            }
        }
        let norm = math::sqrt(row.iter().map(|a| a * a).sum());
        row.iter_mut().for_each(|a| *a /= norm);
    }
    Ok(())
}

/// θ = Qᵀx: a point of the function's own coordinates in parameter space.
pub fn rotate(matrix: &[f64], x: &[f64], theta: &mut [f32]) {
    for (i, theta) in theta.iter_mut().enumerate() {
        *theta = matrix.chunks_exact(x.len()).zip(x).map(|(row, x)| row[i] * x).sum::<f64>() as f32;
    }
}
