//! Proved bounds of the largest losses on the fitted simplices of a run directory (method: section 8).

use super::directory::load_config;
use super::job::simplices;
use super::points::{id_memory, new_control_points};
use super::variant::{FitVariant, variants};
use super::{Options, Run};
use crate::error::{CliError, ErrorKind, Result};
use crate::problem::{self, AnyCertifiedLoss};
use crate::schema::{CERTIFIED, CertifiedMaxLoss, Summary, write_certified};
use rayon::prelude::*;
use std::path::Path;
use std::time::{Duration, Instant};
use valleys_core::certify::{Bounds, BranchAndBound, Cell};
use valleys_core::error::Error;
use valleys_core::simplex::Simplex;

/// Cells that are bounded in one round. A constant, so that a result does not depend on the number of threads.
const ROUND_LEN: usize = 16;

/// What is proved, and how tightly.
#[derive(Clone, Copy, Debug)]
pub struct CertifyOptions {
    /// Rank of the largest simplices: 1 for curves, 2 for triangles, too.
    pub rank: usize,
    /// The bound is at most this share above the largest loss found.
    pub tolerance: f64,
    /// Time for each simplex. What is proved until then is reported.
    pub time: Duration,
}

/// Proves upper bounds of the losses on all fitted simplices of a run directory, of every fit, and writes them to
/// `certified.json`, `summary.json` and `report.html`. `on_simplex` gets each result.
///
/// # Errors
/// `root` is not a finished run directory; there are no bounds for its loss; a file cannot be read or written.
///
/// # Cost
/// At most the time of the options for each simplex.
pub fn certify(
    root: &Path,
    options: &CertifyOptions,
    mut on_simplex: impl FnMut(&CertifiedMaxLoss),
) -> Result<Vec<CertifiedMaxLoss>> {
    let config = load_config(root)?;
    let problem = problem::from_config(&config)?;
    if let Err(error) = problem.certified_loss() {
        let message = format!("nothing can be proved of network {:?}: {error}", config.network.name());
        return Err(CliError::new(ErrorKind::Configuration, message));
    }
    let summary = Summary::read(root)?;
    let run = Run::open(problem, config, Some(root), &Options { quiet: true, ..Options::default() })?;
    let mut all = Vec::new();
    for variant in variants(&run.config) {
        // Curves that fits share are certified once.
        let first_rank = if variant.of_rank(1) == variant { 1 } else { 2 };
        let fit = summary.fits.iter().find(|fit| fit.name == variant.name());
        for rank in first_rank..=options.rank.min(run.config.index + 1) {
            for simplex in simplices(&run.config, rank) {
                let vertices: Vec<u32> = simplex.vertices().collect();
                let curve = fit.and_then(|fit| fit.curves.iter().find(|c| c.edge[..] == vertices[..]));
                let segment =
                    fit.and_then(|fit| fit.segments.iter().find(|s| s.triangle[..] == vertices[..]));
                let Some(found) = curve.map(|c| c.peak).or(segment.map(|s| s.death)) else { continue };
                let certified = run.certify_simplex(&variant, simplex, found, options)?;
                on_simplex(&certified);
                all.push(certified);
            }
        }
    }
    run.store.write(CERTIFIED, write_certified(&all).as_bytes())?;
    run.write_summary()?;
    Ok(all)
}

impl Run {
    fn certify_simplex(
        &self,
        variant: &FitVariant,
        simplex: Simplex,
        found: f64,
        options: &CertifyOptions,
    ) -> Result<CertifiedMaxLoss> {
        let start = Instant::now();
        let failed = |e: Error| CliError::new(ErrorKind::Jobs, format!("{} {simplex}: {e}", variant.name()));
        let mut memory = id_memory(simplex, variant.depth);
        let control_points = new_control_points(simplex, variant.depth, &mut memory);
        let theta = self.read_points(variant, simplex, &control_points)?;
        let theta: Vec<&[f32]> = theta.iter().map(Vec::as_slice).collect();
        let (mut search, mut cells) = BranchAndBound::new(&control_points, &theta).map_err(failed)?;
        loop {
            let bound = |loss: &mut std::result::Result<_, Error>, cell: Cell| {
                let loss: &mut Box<dyn AnyCertifiedLoss> = loss.as_mut().map_err(|e| *e)?;
                let points: Vec<&[f32]> = cell.slots.iter().map(|&slot| theta[slot as usize]).collect();
                loss.bounds(&points, &cell.corners).map(|bounds| (cell, bounds))
            };
            let bounded: std::result::Result<Vec<(Cell, Bounds)>, Error> =
                cells.into_par_iter().map_init(|| self.problem.certified_loss(), bound).collect();
            bounded.map_err(failed)?.into_iter().for_each(|(cell, bounds)| search.insert(cell, bounds));
            let reached = found.max(search.lower());
            if search.upper() - reached <= options.tolerance * reached.abs() || start.elapsed() > options.time
            {
                break;
            }
            cells = search.split(ROUND_LEN);
            if cells.is_empty() {
                break;
            }
        }
        Ok(CertifiedMaxLoss {
            fit: variant.name(),
            simplex: simplex.vertices().collect(),
            found,
            upper: search.upper(),
            cells: search.bounded(),
            seconds: start.elapsed().as_secs_f64(),
        })
    }
}
