//! How many classes are alive.

use super::super::error::enough;
use super::super::{Error, Interval};

/// Betti curve: for every value t of `at`, ascending, the number of intervals with birth ≤ t < death.
///
/// ```
/// use valleys_core::topology::{Interval, betti_curve};
/// let diagram = [Interval::new(0.0, 2.0), Interval::new(1.0, f64::INFINITY)];
/// let mut alive = [0; 4];
/// betti_curve(&diagram, &[-1.0, 0.0, 1.0, 2.0], &mut alive)?;
/// assert_eq!(alive, [0, 1, 2, 1]);
/// # Ok::<(), valleys_core::topology::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unordered`] names a value that is not at least the one before it; [`Error::Interval`];
/// [`Error::Short`].
///
/// # Cost
/// O(n log k) for n intervals and k values.
pub fn betti_curve(intervals: &[Interval], at: &[f64], alive: &mut [u32]) -> Result<(), Error> {
    enough("Betti curve", at.len(), alive.len())?;
    if let Some(i) = (0..at.len()).find(|&i| at[i].is_nan() || (i > 0 && at[i] < at[i - 1])) {
        return Err(Error::Unordered { number: i, value: at[i] });
    }
    let alive = &mut alive[..at.len()];
    alive.fill(0);
    for (number, interval) in intervals.iter().enumerate() {
        let Interval { birth, death } = interval.checked(0, number)?;
        // Differences first, which may wrap on the way to sums that do not.
        for (end, step) in [(birth, 1), (death, u32::MAX)] {
            if let Some(change) = alive.get_mut(at.partition_point(|&t| t < end)) {
                *change = change.wrapping_add(step);
            }
        }
    }
    let mut sum = 0u32;
    for count in alive {
        sum = sum.wrapping_add(*count);
        *count = sum;
    }
    Ok(())
}
