//! y = x Wᵀ + b, forward and backward.
//!
//! Slices are row-major; nalgebra's views are column-major, so a view of shape (I, B) is x of shape (B, I).

use nalgebra::{DMatrixView, DMatrixViewMut, DVectorView, Dyn, RealField};

fn view<T>(data: &[T], rows: usize, columns: usize) -> DMatrixView<'_, T>
where
    T: nalgebra::Scalar,
{
    DMatrixView::from_slice_generic(data, Dyn(rows), Dyn(columns))
}

fn view_mut<T>(data: &mut [T], rows: usize, columns: usize) -> DMatrixViewMut<'_, T>
where
    T: nalgebra::Scalar,
{
    DMatrixViewMut::from_slice_generic(data, Dyn(rows), Dyn(columns))
}

/// y = x Wᵀ + b.
///
/// # Layout
/// `parameters`: W (O, I), then b (O). `x` (B, I), `y` (B, O).
pub fn forward<T: RealField + Copy>(parameters: &[T], x: &[T], y: &mut [T], batch: usize) {
    let (inputs, outputs) = (x.len() / batch, y.len() / batch);
    let (weight, bias) = parameters.split_at(inputs * outputs);
    let mut y = view_mut(y, outputs, batch);
    y.gemm_tr(T::one(), &view(weight, inputs, outputs), &view(x, inputs, batch), T::zero());
    let bias = DVectorView::from_slice_generic(bias, Dyn(outputs), nalgebra::Const::<1>);
    for mut sample in y.column_iter_mut() {
        sample += bias;
    }
}

/// dW = dyᵀ x, db = Σ dy, overwritten, and dx += dy W; an empty dx is not wanted.
///
/// # Layout
/// `parameters`, `gradient`: W (O, I), then b (O). `x`, `dx` (B, I), `dy` (B, O).
pub fn backward<T: RealField + Copy>(
    parameters: &[T],
    x: &[T],
    dy: &[T],
    gradient: &mut [T],
    dx: &mut [T],
    batch: usize,
) {
    let (inputs, outputs) = (x.len() / batch, dy.len() / batch);
    let (x, dy) = (view(x, inputs, batch), view(dy, outputs, batch));
    gradient.fill(T::zero());
    let (weight_gradient, bias_gradient) = gradient.split_at_mut(inputs * outputs);
    let mut weight_gradient = view_mut(weight_gradient, inputs, outputs);
    let mut bias_gradient = view_mut(bias_gradient, outputs, 1);
    for sample in 0..batch {
        weight_gradient.ger(T::one(), &x.column(sample), &dy.column(sample), T::one());
        bias_gradient += dy.column(sample);
    }
    if !dx.is_empty() {
        let weight = view(&parameters[..inputs * outputs], inputs, outputs);
        view_mut(dx, inputs, batch).gemm(T::one(), &weight, &dy, T::one());
    }
}
