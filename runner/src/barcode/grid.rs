//! Sublevel barcodes of functions on grids.

use super::complex::reduce_complex;
use super::{Bar, Barcode, BarcodeOptions, explicit_fits, zero_length};
use crate::error::Result;
use crate::formats::{Array, topology_error};
use valleys_core::topology::Grid;

/// The sublevel barcode of a function on a grid: Freudenthal triangulation, lower star.
///
/// # Errors
/// What does not fit into memory, estimated before the start.
///
/// # Panics
/// If two algorithms disagree, where that was asked for.
pub fn grid(name: &str, array: &Array, options: &BarcodeOptions) -> Result<Barcode> {
    let Array { shape, values } = array;
    let grid = Grid::new(values, shape).map_err(|e| topology_error(name, e))?;
    let dim = grid.dim();
    let counts: Vec<u64> = (0..=dim).map(|dimension| simplices(shape, dimension)).collect();
    let all: u64 = counts.iter().sum();
    let fast = || -> Result<Barcode> {
        if dim == 3 {
            explicit_fits(name, all, options.budget)?;
        }
        let bars = grid.bars().map_err(|e| topology_error(name, e))?;
        let bars = bars.into_iter().map(|bar| Bar {
            dim: bar.dim,
            birth: bar.birth,
            death: bar.death_simplex.map(|_| bar.death),
            birth_point: Some(coordinates(bar.birth_simplex, shape)),
            death_point: bar.death_simplex.map(|point| coordinates(point, shape)),
            ..Bar::default()
        });
        let bars: Vec<Bar> = bars.collect();
        let zero_length = zero_length(&counts, &bars);
        let mut barcode = Barcode {
            input: "grid",
            elements: values.len(),
            bars,
            zero_length,
            zero_length_bars: None,
            verified: false,
        };
        barcode.sort();
        Ok(barcode)
    };
    if !options.listing() && !options.verify {
        return fast();
    }
    explicit_fits(name, all, options.budget)?;
    let filtration = grid.filtration(dim).map_err(|e| topology_error(name, e))?;
    // A simplex stands for the vertex whose value it has; of several, the last.
    let point = |cell: usize, closes: bool, bar: &mut Bar| {
        let vertices = filtration.vertices(cell).iter().map(|&v| v as usize);
        let highest = vertices.max_by(|&a, &b| values[a].total_cmp(&values[b]));
        let slot = if closes { &mut bar.death_point } else { &mut bar.birth_point };
        *slot = highest.map(|v| coordinates(v, shape));
    };
    let explicit = reduce_complex(name, &filtration, usize::MAX, options, point)?;
    if options.verify {
        fast()?.assert_same(&explicit);
    }
    Ok(Barcode { input: "grid", elements: values.len(), ..explicit })
}

/// Simplices of one dimension d: chains of d steps along axes that no other step goes along.
fn simplices(shape: &[usize], dimension: usize) -> u64 {
    fn chains(shape: &[usize], gone: usize, steps: usize) -> u64 {
        if steps == 0 {
            let places = |(axis, &n): (usize, &usize)| (n - (gone >> axis & 1).min(n)) as u64;
            return shape.iter().enumerate().map(places).product();
        }
        let free = (1..1usize << shape.len()).filter(|step| step & gone == 0);
        free.map(|step| chains(shape, gone | step, steps - 1)).sum()
    }
    chains(shape, 0, dimension)
}

/// The coordinates of a point.
fn coordinates(mut point: usize, shape: &[usize]) -> Vec<usize> {
    let mut place = vec![0; shape.len()];
    for (slot, &axis) in place.iter_mut().zip(shape).rev() {
        *slot = point % axis;
        point /= axis;
    }
    place
}
