//! A function with known critical values as a loss.

use super::{Batch, Function, Loss, Split, Subset, Value, rotate};
use crate::error::{Error, enough, length, range};
use core::ops::DerefMut;

/// Steps of an epoch, for a function that has no data to count.
pub const BATCHES: u32 = 100;

/// L(θ) = f(Qθ) with a fixed orthogonal matrix Q. The scratch memory `V` is the caller's.
#[derive(Debug)]
pub struct FunctionLoss<'m, V> {
    function: Function,
    dim: usize,
    rotation: &'m [f64],
    /// Qθ and ∇f(Qθ).
    vectors: V,
}

impl<'m, V: DerefMut<Target = [f64]>> FunctionLoss<'m, V> {
    /// A function of `dim` variables.
    ///
    /// `rotation` is Q (dim × dim, row-major), see [`rotation`](super::rotation); `vectors` is scratch memory of at
    /// least 2 · dim elements.
    ///
    /// # Errors
    /// Too few variables for the function; a slice of the wrong length.
    pub fn new(function: Function, dim: usize, rotation: &'m [f64], vectors: V) -> Result<Self, Error> {
        range("variables of the function", function.least_dim(), usize::MAX, dim)?;
        length("rotation matrix", dim * dim, rotation.len())?;
        enough("scratch vectors", 2 * dim, vectors.len())?;
        Ok(Self { function, dim, rotation, vectors })
    }

    /// f(Qθ); its gradient in the function's own coordinates goes to the second half of the scratch memory.
    fn value(&mut self, theta: &[f32]) -> f64 {
        let (x, slope) = self.vectors[..2 * self.dim].split_at_mut(self.dim);
        for (x, row) in x.iter_mut().zip(self.rotation.chunks_exact(self.dim)) {
            *x = product(row, theta);
        }
        self.function.gradient(x, slope)
    }
}

impl<V: DerefMut<Target = [f64]>> Loss for FunctionLoss<'_, V> {
    type Error = Error;

    fn dim(&self) -> usize {
        self.dim
    }

    fn batches(&self) -> u32 {
        BATCHES
    }

    fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
        let value = self.value(theta);
        // ∇L = Qᵀ∇f.
        rotate(self.rotation, &self.vectors[self.dim..2 * self.dim], gradient);
        Ok(value as f32)
    }

    fn values(
        &mut self,
        _: Split,
        _: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (theta, value) in thetas.iter().zip(values) {
            *value = Value { loss: self.value(theta), error: None };
        }
        Ok(())
    }
}

/// The scalar product, in eight sums that a processor adds at the same time.
fn product(row: &[f64], theta: &[f32]) -> f64 {
    let (rows, row_rest) = row.as_chunks::<8>();
    let (thetas, theta_rest) = theta.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (row, theta) in rows.iter().zip(thetas) {
        for ((sum, q), &theta) in sums.iter_mut().zip(row).zip(theta) {
            *sum += q * f64::from(theta);
        }
    }
    let rest = row_rest.iter().zip(theta_rest).map(|(q, &theta)| q * f64::from(theta));
    sums.into_iter().chain(rest).sum()
}
