//! Explicit complexes, whatever they are of.

use super::{Bar, Barcode, BarcodeOptions, fits};
use crate::error::Result;
use crate::formats::topology_error;
use valleys_core::topology::{self, Filtration, Pairing, ReductionMatrix, cycles, cycles_len, reduce_sparse};

/// The barcode of a filtered complex, in all dimensions.
///
/// # Errors
/// Cycles that would not fit into memory.
///
/// # Panics
/// If two algorithms disagree, where that was asked for.
pub fn complex(name: &str, filtration: &Filtration<'_>, options: &BarcodeOptions) -> Result<Barcode> {
    let simplex = |cell: usize, closes: bool, bar: &mut Bar| {
        let slot = if closes { &mut bar.death_simplex } else { &mut bar.birth_simplex };
        *slot = Some(filtration.vertices(cell).to_vec());
    };
    reduce_complex(name, filtration, usize::MAX, options, simplex)
}

/// The barcode of a complex by reduction; `place` says where a simplex is.
pub(super) fn reduce_complex(
    name: &str,
    filtration: &Filtration<'_>,
    max_dim: usize,
    options: &BarcodeOptions,
    place: impl Fn(usize, bool, &mut Bar),
) -> Result<Barcode> {
    let error = |e| topology_error(name, e);
    let mut partner = vec![0; filtration.len()];
    let pairing =
        reduce_sparse(filtration, ReductionMatrix::Coboundary, max_dim, &mut partner).map_err(error)?;
    if options.verify {
        let mut other = vec![0; filtration.len()];
        let other =
            reduce_sparse(filtration, ReductionMatrix::Boundary, max_dim, &mut other).map_err(error)?;
        let differs = (0..filtration.len()).find(|&cell| pairing.partner(cell) != other.partner(cell));
        if let Some(cell) = differs {
            let vertices = filtration.vertices(cell);
            panic!("--verify: boundary and coboundary matrix pair the simplex {vertices:?} differently");
        }
    }
    let to_bar = |bar: topology::Bar| {
        let death = bar.death_simplex.map(|_| bar.death);
        let mut row = Bar { dim: bar.dim, birth: bar.birth, death, ..Bar::default() };
        place(bar.birth_simplex, false, &mut row);
        if let Some(cell) = bar.death_simplex {
            place(cell, true, &mut row);
        }
        row
    };
    let bars = if options.cycles {
        with_cycles(name, &pairing, max_dim, options, to_bar)?
    } else {
        pairing.bars().map(to_bar).collect()
    };
    let mut barcode = Barcode {
        input: "complex",
        complex: None,
        elements: filtration.len(),
        bars,
        zero_length: pairing.zero_length().count() as u64,
        zero_length_bars: options.zero_length.then(|| pairing.zero_length().map(to_bar).collect()),
        verified: options.verify,
    };
    barcode.sort();
    Ok(barcode)
}

fn with_cycles(
    name: &str,
    pairing: &Pairing<'_>,
    max_dim: usize,
    options: &BarcodeOptions,
    to_bar: impl Fn(topology::Bar) -> Bar,
) -> Result<Vec<Bar>> {
    let filtration = pairing.filtration();
    let Some(dim) = filtration.dim() else { return Ok(Vec::new()) };
    let dims = 0..=dim.min(max_dim);
    let words = dims.clone().map(|dim| cycles_len(pairing, dim)).max().unwrap_or(0);
    fits(name, "cycles", 4 * words as u64, options.budget)?;
    let mut scratch = vec![0; words];
    let mut bars = Vec::new();
    for dim in dims {
        let show = |bar: topology::Bar, cells: &mut dyn Iterator<Item = usize>| {
            let mut cycle: Vec<_> = cells.map(|cell| filtration.vertices(cell).to_vec()).collect();
            cycle.sort_unstable();
            bars.push(Bar { cycle: Some(cycle), ..to_bar(bar) });
        };
        cycles(pairing, dim, &mut scratch, show).map_err(|e| topology_error(name, e))?;
    }
    Ok(bars)
}
