//! The report of a run: one HTML file made from the files of its directory and nothing else.
//!
//! The tour, in the order of the work:
//!
//! - `model`, `table`, `directory`: what the files say, and what is wrong with them;
//! - `contour`, `colour`: superlevel sets on a triangle's lattice and their colours;
//! - `svg`, `axes`, `legend`, `number`: what every picture is drawn with;
//! - `triangle_map`, `profile`, `segments`, `diagram`, `training`, `convergence`: one kind of picture each;
//! - `study`, `series`, [`weights`]: the pages of a study of weights and of checkpoints, and their pictures;
//! - `page`: pictures, numbers and sentences in the order of a reader, through `template.html`.
//!
//! The page needs no script and loads nothing; its pictures are SVG elements.

mod axes;
mod colour;
mod contour;
mod convergence;
mod diagram;
mod directory;
mod legend;
mod model;
mod number;
mod page;
mod profile;
mod segments;
mod series;
mod study;
mod svg;
mod table;
mod training;
mod triangle_map;
pub mod weights;

pub use contour::{Field, area, place};
pub use diagram::{barcode_svg, bars_svg, diagram_svg};
pub use model::Bar;

use std::path::Path;

/// The text of `report.html` for a run directory.
///
/// # Errors
/// One sentence with file and line for a file that is missing or malformed.
///
/// # Cost
/// Proportional to the size of the directory: about 0.1 s for four triangles with 1,891 lattice points each.
pub fn render(run: &Path) -> anyhow::Result<String> {
    if let Some(page) = study::page(run)? {
        return Ok(page);
    }
    let mut run = directory::read(run)?;
    // A comparison of many fits has a table and figures of its own: the other pictures are of the first two.
    if !run.summary.convergence.is_empty() {
        run.fits.truncate(2);
    }
    page::compose(&run)
}
