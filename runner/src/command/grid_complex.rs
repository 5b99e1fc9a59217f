//! Flags of `valleys barcode grid` that choose the complex.

use crate::barcode::complex_of_connectivity;
use crate::error::Result;
use clap::{Args, ValueEnum};
use valleys_core::topology::GridComplex;

/// Which complex a grid is taken for.
#[derive(Args, Clone, Copy, Debug)]
pub struct GridComplexArgs {
    /// The complex. Bars of `freudenthal` depend on the orientation of the grid, those of `vertices` and `cells` do not.
    #[arg(long, value_enum, default_value_t = ComplexOption::Freudenthal, conflicts_with = "connectivity")]
    complex: ComplexOption,
    /// Neighbours of a point in sublevel sets, in the place of --complex: 4 (vertices) or 8 (cells) in the plane, 6 or 26 in
    /// space.
    #[arg(long, value_name = "N")]
    connectivity: Option<u32>,
}

/// The values of `--complex`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum ComplexOption {
    /// Triangulation with diagonals from (i, j) to (i + 1, j + 1): 6 neighbours in the plane, 14 in space.
    Freudenthal,
    /// Cubical complex, values at the vertices: 4 neighbours in the plane, 6 in space. GUDHI:
    /// CubicalComplex(vertices=...).
    Vertices,
    /// Cubical complex, values at the squares or cubes: 8 neighbours in the plane, 26 in space. GUDHI:
    /// CubicalComplex(top_dimensional_cells=...).
    Cells,
}

impl GridComplexArgs {
    /// The complex of a grid of so many axes.
    ///
    /// # Errors
    /// A connectivity that such a grid does not have.
    pub fn of(self, axes: usize) -> Result<GridComplex> {
        match (self.connectivity, self.complex) {
            (Some(connectivity), _) => complex_of_connectivity(connectivity, axes),
            (None, ComplexOption::Freudenthal) => Ok(GridComplex::Freudenthal),
            (None, ComplexOption::Vertices) => Ok(GridComplex::Vertices),
            (None, ComplexOption::Cells) => Ok(GridComplex::Cells),
        }
    }
}

/// A line of text about the complex of a barcode.
pub fn line(complex: &str) -> String {
    match complex {
        "freudenthal" => {
            "complex freudenthal: bars depend on the orientation of the grid; --complex vertices or cells do not"
                .to_owned()
        }
        other => format!("complex {other}: bars do not depend on the orientation of the grid"),
    }
}
