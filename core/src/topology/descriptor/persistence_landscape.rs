//! Persistence landscapes.

use super::super::error::enough;
use super::super::{Error, Interval};

/// Persistence landscape: λ_k(t), the k-th largest of max(0, min(t − birth, death − t)) over the intervals
/// (Bubenik 2015), for k from 1 to `layers` and every t of `at`. An essential interval counts as t − birth.
///
/// # Layout
/// `out` is (layers, at), layer by layer.
///
/// ```
/// use valleys_core::topology::{Interval, persistence_landscape};
/// let diagram = [Interval::new(0.0, 4.0), Interval::new(1.0, 3.0)];
/// let mut out = [0.0; 6];
/// persistence_landscape(&diagram, &[1.0, 2.0, 3.5], 2, &mut out)?;
/// assert_eq!(out, [1.0, 2.0, 0.5, 0.0, 1.0, 0.0]);
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Interval`] names an interval that is none; [`Error::Short`].
///
/// # Cost
/// O(n k layers) for n intervals and k values.
pub fn persistence_landscape(
    intervals: &[Interval],
    at: &[f64],
    layers: usize,
    out: &mut [f64],
) -> Result<(), Error> {
    enough("landscape", layers.saturating_mul(at.len()), out.len())?;
    out[..layers * at.len()].fill(0.0);
    for (number, interval) in intervals.iter().enumerate() {
        let Interval { birth, death } = interval.checked(0, number)?;
        for (i, &t) in at.iter().enumerate() {
            // Each layer keeps the larger height and hands on the other.
            let mut height = (t - birth).min(death - t);
            for layer in 0..layers {
                if height <= 0.0 {
                    break;
                }
                let kept = &mut out[layer * at.len() + i];
                (*kept, height) = (kept.max(height), kept.min(height));
            }
        }
    }
    Ok(())
}
