//! Tangent removal: the component of a gradient along the simplex is removed.
//!
//! A step along the simplex itself only re-parametrises the map. It moves control points towards the minima and leaves
//! the ridge to long straight pieces, whose largest loss rises. The nudged elastic band (Henkelman and Jónsson, J. Chem.
//! Phys. 113, 2000) removes this component from paths; here it is removed for simplices of every rank.

use crate::simplex::MAX_VERTICES;

/// Coefficients a of the orthogonal projection Σ a_i d_i of a vector g on directions d_i, from their products.
///
/// `gram[i][j]` = d_i · d_j and `product[i]` = d_i · g for the first `count` directions. A direction that depends on
/// earlier ones, up to rounding, gets 0.
pub fn coefficients(
    mut gram: [[f64; MAX_VERTICES]; MAX_VERTICES],
    mut product: [f64; MAX_VERTICES],
    count: usize,
) -> [f64; MAX_VERTICES] {
    // Gauss–Jordan elimination without pivoting: the matrix is symmetric and positive semidefinite.
    for i in 0..count {
        let pivot = gram[i][i];
        let size = gram[i].iter().fold(0.0_f64, |a, b| a.max(b.abs()));
        if pivot <= f64::from(f32::EPSILON) * size || pivot <= 0.0 {
            product[i] = 0.0;
            (0..count).for_each(|j| (gram[i][j], gram[j][i]) = (0.0, 0.0));
            continue;
        }
        (0..count).for_each(|j| gram[i][j] /= pivot);
        product[i] /= pivot;
        for k in (0..count).filter(|&k| k != i) {
            let factor = gram[k][i];
            (0..count).for_each(|j| gram[k][j] -= factor * gram[i][j]);
            product[k] -= factor * product[i];
        }
    }
    product
}
