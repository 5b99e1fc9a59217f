//! Missing values.

use super::frame::{Column, Gathered, Inputs, Parts, data_error, retain};
use crate::config::{Data, Missing};
use crate::error::Result;

/// Deals with missing values as the keys say; those that means replace are left for the encoding, which knows the training
/// part. Returns the number of rows that were left out.
///
/// # Errors
/// A missing value where none is allowed, with its line and column; all rows are left out.
pub(super) fn treat(gathered: &mut Gathered, keys: &Data, told: &mut Vec<String>) -> Result<usize> {
    let count = gathered.len();
    let features = match &gathered.inputs {
        Inputs::Columns { columns, .. } => &columns[..],
        Inputs::Images { .. } => &[],
    };
    let any = |columns: &[Column], row: usize| columns.iter().any(|column| column.values.is_missing(row));
    let how = keys.missing.unwrap_or_default();
    let is_wrong = |row: usize| match how {
        Missing::Error | Missing::Drop => any(features, row) || any(&gathered.targets, row),
        Missing::Mean => any(&gathered.targets, row),
    };
    let keep: Vec<bool> = (0..count).map(|row| !is_wrong(row)).collect();
    let missing = keep.iter().filter(|&&keep| !keep).count();
    let Some(row) = keep.iter().position(|&keep| !keep) else { return Ok(0) };
    let mut all = gathered.targets.iter().chain(features);
    let column = all.find(|column| column.values.is_missing(row)).map_or("", |column| &column.name);
    let place = gathered.places.of(row);
    match how {
        Missing::Error => {
            let what = format!(
                "{place}: column `{column}` has no value ({missing} of {count} rows lack one); data.missing = \"drop\" \
                 leaves out such rows, \"mean\" fills in the mean of the training part"
            );
            Err(data_error(what))
        }
        Missing::Mean | Missing::Drop if missing == count => {
            let empty = |column: &&Column| (0..count).all(|row| column.values.is_missing(row));
            let hint = match gathered.targets.iter().chain(features).find(empty) {
                Some(column) => {
                    format!("column `{}` has no value at all (data.ignore leaves it out)", column.name)
                }
                None => format!("the first in column `{column}`"),
            };
            let file = gathered.places.file();
            Err(data_error(format!("{file}: every row lacks a value: {hint}")))
        }
        Missing::Mean | Missing::Drop => {
            let why = match how {
                Missing::Mean => "their target is missing, which no mean replaces",
                _ => "values are missing",
            };
            told.push(format!("{missing} of {count} rows are left out, as {why}; the first is {place}"));
            gathered.retain(&keep);
            Ok(missing)
        }
    }
}

impl Gathered {
    /// Leaves only the samples that are to be kept.
    fn retain(&mut self, keep: &[bool]) {
        match &mut self.inputs {
            Inputs::Columns { columns, .. } => {
                columns.iter_mut().for_each(|column| column.values.retain(keep))
            }
            Inputs::Images { shape, pixels, .. } => {
                let len = shape.len();
                let kept = (0..keep.len()).filter(|&i| keep[i]);
                *pixels = kept.flat_map(|i| &pixels[i * len..][..len]).copied().collect();
            }
        }
        self.targets.iter_mut().for_each(|target| target.values.retain(keep));
        if let Parts::Known { is_test, .. } = &mut self.parts {
            retain(is_test, keep);
        }
        self.places.retain(keep);
    }
}
