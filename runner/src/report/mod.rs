//! The report of a run: one HTML file made from the files of its directory and nothing else.
//!
//! In the order of the work:
//!
//! - `run_files`: the files of a run;
//! - `contour`, `colour`: superlevel sets on a triangle's lattice and their colours;
//! - `svg`, `axes`, `legend`, `number`: parts of every figure;
//! - `triangle_map`, `profile`, `segments`, `diagram`, `training`, `convergence`: one kind of figure each;
//! - `study`, `series`, [`weights`]: the pages of a study of weights and of checkpoints, and their figures;
//! - `page`: figures, numbers and sentences in the order of a reader, through `run.html`.
//!
//! The page needs no script and loads nothing; its figures are SVG elements.

mod axes;
mod colour;
mod contour;
mod convergence;
mod diagram;
mod legend;
mod number;
mod page;
mod profile;
mod run_files;
mod segments;
mod series;
mod study;
mod svg;
mod training;
mod triangle_map;
pub mod weights;

use crate::error::Result;
use crate::schema::Summary;
pub use contour::{Field, signed_area, to_plane};
pub use diagram::{barcode_svg, bars_svg, diagram_svg};
use std::path::Path;

/// The text of `report.html` for a run directory.
///
/// # Errors
/// A file that is missing or malformed, with its line.
///
/// # Cost
/// Proportional to the size of the directory: about 0.1 s for four triangles with 1,891 lattice points each.
pub fn render(run: &Path) -> Result<String> {
    let summary = Summary::read(run)?;
    if let Some(study) = &summary.study {
        return study::page(run, &summary, study);
    }
    let mut run = run_files::read(run, summary)?;
    // A convergence study has a table and figures of its own: the other figures are of the first two fits.
    if !run.summary.convergence.is_empty() {
        run.fits.truncate(2);
    }
    page::run_page(&run)
}
