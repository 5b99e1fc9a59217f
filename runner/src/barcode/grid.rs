//! Sublevel barcodes of functions on grids.

use super::complex::reduce_complex;
use super::{Bar, Barcode, BarcodeOptions, explicit_fits, zero_length};
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::{Array, topology_error};
use valleys_core::topology::{Grid, GridComplex};

/// The cubical complex in which so many points are neighbours of a point inside a grid of so many axes.
///
/// # Errors
/// Another number than 4 or 8 in the plane, 6 or 26 in space; a line, on which all complexes are the same.
pub fn complex_of_connectivity(connectivity: u32, axes: usize) -> Result<GridComplex> {
    match (axes, connectivity) {
        (2, 4) | (3, 6) => Ok(GridComplex::Vertices),
        (2, 8) | (3, 26) => Ok(GridComplex::Cells),
        _ => {
            let wanted = match axes {
                2 => "4 or 8 in the plane",
                3 => "6 or 26 on a grid of three axes",
                _ => "left out on a line, where all complexes have the same bars",
            };
            let message = format!("--connectivity is {connectivity}, but must be {wanted}");
            Err(CliError::new(ErrorKind::Usage, message))
        }
    }
}

/// The sublevel barcode of a function on a grid. Points with the value +∞ never enter.
///
/// # Errors
/// What does not fit into memory, estimated before the start.
///
/// # Panics
/// If two algorithms disagree, where that was asked for.
pub fn grid(name: &str, array: &Array, complex: GridComplex, options: &BarcodeOptions) -> Result<Barcode> {
    let Array { shape, values } = array;
    let grid = Grid::new(values, shape).map_err(|e| topology_error(name, e))?.with_complex(complex);
    let dim = grid.dim();
    let counts = &grid.cells_len()[..=dim];
    let all: u64 = counts.iter().sum();
    let cells = if complex == GridComplex::Freudenthal { "simplices" } else { "cubes" };
    let fits_explicitly = || explicit_fits(name, all, cells, options.budget);
    let (input, complex) = ("grid", Some(complex.name()));
    let fast = || -> Result<Barcode> {
        if dim == 3 {
            fits_explicitly()?;
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
        let zero_length = zero_length(counts, &bars);
        let mut barcode = Barcode {
            input,
            complex,
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
    fits_explicitly()?;
    let filtration = grid.filtration(dim).map_err(|e| topology_error(name, e))?;
    let point = |cell: usize, closes: bool, bar: &mut Bar| {
        let slot = if closes { &mut bar.death_point } else { &mut bar.birth_point };
        *slot = Some(coordinates(grid.point_of(filtration.vertices(cell)), shape));
    };
    let explicit = reduce_complex(name, &filtration, usize::MAX, options, point)?;
    if options.verify {
        fast()?.assert_same(&explicit);
    }
    Ok(Barcode { input, complex, elements: values.len(), ..explicit })
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
