//! Data of one's own: tables, arrays, images.
//!
//! One pipeline: read ([`read`](mod@read), by what the path names), missing values, target, split, encoding by the training
//! part. Each decision is in one file, and is told.
//!
//! | file | what |
//! |---|---|
//! | `frame` | samples as they were read |
//! | `table`, `array`, `archive`, `idx_set`, `folder` | readers |
//! | `picture`, `resize` | images |
//! | `roles` | which column is what |
//! | `missing`, `target`, `split`, `encode` | the steps of the pipeline |
//! | `provenance` | what a run records of it |

mod archive;
mod array;
mod encode;
mod folder;
mod frame;
mod idx_set;
mod missing;
mod picture;
mod provenance;
mod read;
mod resize;
mod roles;
mod split;
mod table;
mod target;

pub use picture::{Picture, Pixels};
pub use provenance::Own;
pub use split::SplitKind;

use super::{Dataset, LoadOptions, Loaded, Samples, Source};
use crate::config::Data;
use crate::error::Result;
use encode::Encoded;
use read::Told;
use std::path::Path;
use target::Target;

/// Whether there is a file or a folder of this name.
pub(super) fn exists(path: &Path) -> bool {
    read::exists(path)
}

/// Loads the data that a path names.
///
/// # Errors
/// What is wrong with a file, its contents or a key, in one sentence.
pub(super) fn load(path: &Path, options: &LoadOptions) -> Result<Loaded> {
    let default = Data::default();
    let keys = options.keys.unwrap_or(&default);
    let mut told = Told::default();
    let mut gathered = read::read(path, keys, &mut told)?;
    let file = gathered.places.file();
    let dropped = missing::treat(&mut gathered, keys, &mut told.told)?;
    let target = Target::find(&mut gathered, keys, &mut told.told)?;
    let split = split::split(&mut gathered, &target, keys)?;
    target.check_parts(&split, &file, &mut told.notes)?;
    let constants = target.constants(&split, keys, &file)?;
    let encoded = encode::encode(gathered.inputs, &split, &gathered.places, keys, &mut told.told, &mut told.notes)?;
    let own = Own::new(&told, &target, &split, &encoded, &constants, keys)
        .with_sizes(gathered.rows, gathered.columns, dropped);
    let Encoded { train, test, shape, names, scale, mean, std } = encoded;
    let _ = (train, test, shape, names, scale, mean, std, own, constants);
    let _: (Option<Dataset>, Option<Samples>, Option<Source>) = (None, None, None);
    todo!()
}
