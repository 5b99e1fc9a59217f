//! Reports: single HTML files without scripts and network access. Their figures are SVG elements.
//!
//! The report of a run is made from the files of its directory only.
//!
//! # Tour
//!
//! - Pages: `run_page` (`run.html`), `study` (`study.html`), [`comparison`] (`comparison.html`) and [`weights`]
//!   (`weights.html`) compute the values of a
//!   template, `render` fills it. All templates extend `base.html`, with the styles of `page.css` and `figure.css`.
//! - `run_files`: reads the files of a run.
//! - Figures of a run: `triangle_map`, `profile`, `segments`, `dendrogram`, `diagram`, `training`, `convergence`. Figures of studies
//!   and checkpoints: `series`.
//! - Parts of figures: `svg`, `axes`, `legend`, `number`, `contour` (superlevel sets on a triangle), `colour`.

mod axes;
mod colour;
pub mod comparison;
mod contour;
mod convergence;
mod dendrogram;
mod diagram;
mod legend;
mod number;
mod profile;
mod render;
mod run_files;
mod run_page;
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
pub use render::flattened;
use std::path::Path;

/// Fits of a convergence study at most, of which all figures are drawn.
const MAX_FITS: usize = 4;

/// The text of `report.html` of a run directory.
///
/// # Errors
/// A file is missing or malformed, with its line.
///
/// # Cost
/// Proportional to the size of the files: about 0.1 s for four triangles with 1,891 lattice points each.
pub fn render(run: &Path) -> Result<String> {
    let summary = Summary::read(run)?;
    if let Some(study) = &summary.study {
        return study::page(run, &summary, study);
    }
    let mut run = run_files::read(run, summary)?;
    // A convergence study of many fits has its own figures. The other figures show the first two fits.
    if !run.summary.convergence.is_empty() && run.fits.len() > MAX_FITS {
        run.fits.truncate(2);
    }
    run_page::run_page(&run)
}
