//! Vietoris–Rips barcodes of metric spaces.

use super::cliques::{self, Cliques};
use super::complex::reduce_complex;
use super::{Bar, Barcode, BarcodeOptions, explicit_fits, fits, zero_length};
use crate::error::{CliError, Result};
use crate::formats::topology_error;
use std::thread::available_parallelism;
use valleys_core::topology::{
    self, Cosine, Distances, Edge, Euclidean, Filtration, Metric, Rips, find_root, spanning_tree,
};
use valleys_simd::spanning_tree::{self as host, Distance, Scalar};

/// A metric space of a file.
pub trait MetricSpace: Metric {
    /// Its minimum spanning tree by the host's algorithm, if there is one for such spaces: another than the core's.
    fn fast_spanning_tree(&self) -> Option<Tree>;
}

/// Edges ascending by length.
type Tree = std::result::Result<Vec<Edge>, topology::Error>;

impl<T: Scalar> MetricSpace for Euclidean<'_, T> {
    fn fast_spanning_tree(&self) -> Option<Tree> {
        Some(host::spanning_tree(self.coordinates(), self.dim(), Distance::Euclidean, threads()))
    }
}

impl<T: Scalar> MetricSpace for Cosine<'_, T> {
    fn fast_spanning_tree(&self) -> Option<Tree> {
        Some(host::spanning_tree(self.coordinates(), self.dim(), Distance::Cosine, threads()))
    }
}

impl MetricSpace for Distances<'_> {
    fn fast_spanning_tree(&self) -> Option<Tree> {
        None
    }
}

fn threads() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// Which part of the complex.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RipsLimits {
    /// The largest index of a bar.
    pub max_dim: usize,
    /// The largest diameter of a simplex, inclusive; infinite for none.
    pub threshold: f64,
}

/// The Vietoris–Rips barcode of a metric space; the value of a simplex is its diameter.
///
/// # Errors
/// What does not fit into memory, estimated before the start; a distance that is not finite.
///
/// # Panics
/// If two algorithms disagree, where that was asked for.
pub fn rips(
    name: &str,
    input: &'static str,
    space: &dyn MetricSpace,
    limits: RipsLimits,
    options: &BarcodeOptions,
) -> Result<Barcode> {
    // Edges of infinite length are missing: they never enter, whatever the threshold.
    let most = if space.has_missing_edges() { f64::MAX } else { f64::INFINITY };
    let limits = RipsLimits { threshold: limits.threshold.min(most), ..limits };
    let RipsLimits { max_dim, threshold } = limits;
    let points = space.points();
    if max_dim > 0 {
        let what = format!("{points} points at index {max_dim}, that is their distances and edges,");
        let least = Rips::least_budget(points) as u64;
        fits(name, &what, least, options.budget)
            .map_err(|f| CliError::new(f.kind, format!("{f}; --max-index 0 needs no distance matrix")))?;
    }
    let counts = cliques::counts(space, max_dim, threshold);
    let barcode = |bars: std::result::Result<Vec<Bar>, topology::Error>| -> Result<Barcode> {
        let bars = bars.map_err(|e| topology_error(name, e))?;
        let zero_length = zero_length(&counts, &bars);
        let mut barcode = Barcode {
            input,
            complex: None,
            elements: points,
            bars,
            zero_length,
            zero_length_bars: None,
            verified: false,
        };
        barcode.sort();
        Ok(barcode)
    };
    let by_core = || Ok(bars_of(points, &core_tree(space)?, threshold));
    let bars_alone = options.verify || !options.listing();
    let host = if max_dim == 0 && bars_alone { space.fast_spanning_tree() } else { None };
    let has_second_tree = host.is_some();
    let fast = || {
        barcode(match host {
            Some(tree) => tree.map(|tree| bars_of(points, &tree, threshold)),
            None if max_dim == 0 => by_core(),
            None => rips_bars(space, limits, options.budget),
        })
    };
    if !options.listing() && !options.verify {
        return fast();
    }
    if !options.listing() && has_second_tree {
        let fast = fast()?;
        fast.assert_same(&barcode(by_core())?);
        return Ok(Barcode { verified: true, ..fast });
    }
    // The top dimension may be far larger than the others: counted before it is made.
    let simplices = cliques::counts(space, max_dim + 1, threshold);
    let all = simplices.iter().fold(0u64, |sum, &n| sum.saturating_add(n));
    explicit_fits(name, all, "simplices", options.budget)?;
    let cliques = Cliques::new(space, max_dim + 1, threshold);
    let filtration = Filtration::new(cliques.cells()).map_err(|e| topology_error(name, e))?;
    drop(cliques);
    let simplex = |cell: usize, closes: bool, bar: &mut Bar| {
        let slot = if closes { &mut bar.death_simplex } else { &mut bar.birth_simplex };
        *slot = Some(filtration.vertices(cell).to_vec());
    };
    let explicit = reduce_complex(name, &filtration, max_dim, options, simplex)?;
    if options.verify {
        fast()?.assert_same(&explicit);
    }
    Ok(Barcode { input, elements: points, ..explicit })
}

/// The spanning tree of any metric space.
fn core_tree(space: &dyn MetricSpace) -> Tree {
    let mut edges = vec![Edge::default(); space.points().saturating_sub(1)];
    spanning_tree(space, &mut edges)?;
    Ok(edges)
}

/// Index 0 from a minimum spanning tree.
fn bars_of(points: usize, edges: &[Edge], threshold: f64) -> Vec<Bar> {
    // The elder of two components is the one with the first point.
    let mut first: Vec<u32> = (0..points as u32).collect();
    let mut bars = Vec::with_capacity(points);
    let bar = |birth: u32, death: Option<&Edge>| Bar {
        birth: 0.0,
        death: death.map(|edge| edge.length),
        birth_simplex: Some(vec![birth]),
        death_simplex: death.map(|edge| vec![edge.a.min(edge.b), edge.a.max(edge.b)]),
        ..Bar::default()
    };
    for edge in edges.iter().take_while(|edge| edge.length <= threshold) {
        let (a, b) = (find_root(&mut first, edge.a), find_root(&mut first, edge.b));
        first[a.max(b) as usize] = a.min(b);
        if edge.length > 0.0 {
            bars.push(bar(a.max(b), Some(edge)));
        }
    }
    bars.extend((0..points as u32).filter(|&v| first[v as usize] == v).map(|v| bar(v, None)));
    bars
}

fn rips_bars(
    space: &dyn Metric,
    RipsLimits { max_dim, threshold }: RipsLimits,
    budget: usize,
) -> std::result::Result<Vec<Bar>, topology::Error> {
    let bars = Rips { max_dim, threshold, budget }.bars(space)?;
    let bar = |bar: topology::Bar| Bar {
        dim: bar.dim,
        birth: bar.birth,
        death: bar.death_simplex.map(|_| bar.death),
        birth_simplex: Some(Rips::vertices(bar.birth_simplex, bar.dim)),
        death_simplex: bar.death_simplex.map(|cell| Rips::vertices(cell, bar.dim + 1)),
        ..Bar::default()
    };
    Ok(bars.into_iter().map(bar).collect())
}
