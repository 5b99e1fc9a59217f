//! The constants of a normalisation: computed over the training part, or given.

use super::frame::key_error;
use crate::config::Normalise;
use crate::error::Result;

/// Mean and population standard deviation, in two passes.
pub(in crate::data) fn moments(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    [mean, (values.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt()]
}

/// The smallest and largest of some numbers.
pub(super) fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], x| [least.min(x), most.max(x)])
}

/// What is subtracted and what the rest is divided by.
pub(super) fn constants(values: impl Iterator<Item = f64> + Clone, normalise: Normalise) -> [f64; 2] {
    match normalise {
        Normalise::ZScore => moments(values),
        Normalise::MinMax => {
            let [least, most] = range(values);
            [least, most - least]
        }
        Normalise::None => [0.0, 1.0],
    }
}

/// Puts the constants that a key gives in the place of those that were computed: one for all numbers, or one for each
/// feature.
///
/// # Errors
/// Another number of them.
pub(super) fn replace(
    key: &str,
    given: Option<&[f64]>,
    constants: &mut [f64],
    is_number: &[bool],
) -> Result<()> {
    match given {
        None => {}
        Some([one]) => {
            constants.iter_mut().zip(is_number).filter(|(_, is)| **is).for_each(|(x, _)| *x = *one)
        }
        Some(all) if all.len() == constants.len() => constants.copy_from_slice(all),
        Some(other) => {
            let what = format!(
                "{key} has {} numbers, but must have 1 or, for each feature, {}",
                other.len(),
                constants.len()
            );
            return Err(key_error(what));
        }
    }
    Ok(())
}
