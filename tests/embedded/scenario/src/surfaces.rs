//! Two closed surfaces with every edge that their vertices can have, filtered by height.

use valleys_core::simplex::Simplex;

/// Most vertices, cells (7 + 21 + 14) and vertices of cells altogether (7 + 2·21 + 3·14): those of the torus.
pub const MAX_VERTICES: usize = 7;
/// Most cells.
pub const MAX_CELLS: usize = 42;
/// Most vertices of cells altogether.
pub const MAX_SPAN: usize = 91;

/// A triangulated surface.
#[derive(Clone, Copy, Debug)]
pub struct Surface {
    /// Its name.
    pub name: &'static str,
    vertices: u32,
    triangles: &'static [[u32; 3]],
}

/// The torus of Möbius and Császár.
pub const TORUS: Surface = Surface {
    name: "torus",
    vertices: 7,
    triangles: &[
        [0, 1, 3],
        [1, 2, 4],
        [2, 3, 5],
        [3, 4, 6],
        [4, 5, 0],
        [5, 6, 1],
        [6, 0, 2],
        [0, 2, 3],
        [1, 3, 4],
        [2, 4, 5],
        [3, 5, 6],
        [4, 6, 0],
        [5, 0, 1],
        [6, 1, 2],
    ],
};

/// The real projective plane, half an icosahedron.
pub const PROJECTIVE_PLANE: Surface = Surface {
    name: "projective plane",
    vertices: 6,
    triangles: &[
        [0, 1, 2],
        [0, 2, 3],
        [0, 3, 4],
        [0, 4, 5],
        [0, 1, 5],
        [1, 2, 4],
        [2, 3, 5],
        [1, 3, 4],
        [2, 4, 5],
        [1, 3, 5],
    ],
};

impl Surface {
    /// Its simplices with their values: a vertex has a height, a face the largest of its vertices plus a little for
    /// each dimension, so that some classes are short and no value is exact.
    pub fn cells(self) -> impl Iterator<Item = (impl Iterator<Item = u32>, f64)> + Clone {
        let Self { vertices, triangles, .. } = self;
        let listed = move |simplex: Simplex| {
            let corners = |t: &[u32; 3]| t.iter().fold(0, |mask, v| mask | 1 << v);
            simplex.dimension() < 2 || triangles.iter().any(|t| corners(t) == simplex.mask())
        };
        (1..1 << vertices)
            .filter_map(Simplex::new)
            .filter(move |simplex| simplex.dimension() <= 2 && listed(*simplex))
            .map(|simplex| {
                let highest = simplex.vertices().map(height).fold(0.0, f64::max);
                (simplex.vertices(), highest + 0.1 * simplex.dimension() as f64)
            })
    }
}

/// The fractional parts of the multiples of the golden ratio.
fn height(vertex: u32) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let multiple = f64::from(vertex + 1) * GOLDEN;
    multiple - f64::from(multiple as u32)
}
