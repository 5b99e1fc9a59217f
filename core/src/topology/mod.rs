//! Filtrations, their reduction over Z/2, bars. Knows nothing of networks: with [`crate::simplex`] and
//! [`crate::math`] it can be vendored alone.
//!
//! A [`Filtration`] is a simplicial complex whose simplices have values, checked and put in a total
//! order. A reduction finds the [`Pairing`] of its simplices: each one opens a class, closes one, or
//! opens one that never closes. Pairs of different value are [`Bar`]s.
//!
//! Two algorithms compute every pairing: the reduction of the [`ReductionMatrix::Boundary`] and that of the
//! [`ReductionMatrix::Coboundary`]. For dimension 0 there is a third, [`union_find`]. [`cycles`] gives a cycle for each
//! bar. Coefficients are Z/2 throughout.
//!
//! Bars without a filtration: [`spanning_tree`] for dimension 0 of clouds and distance matrices, [`Grid`] for sublevel
//! sets of functions on arrays (with one of three complexes, [`GridComplex`]), `Rips` (feature `alloc`) for higher dimensions of clouds. What is done with bars:
//! [`w_infinity`], [`bottleneck`], `wasserstein` (feature `alloc`), [`LifetimeStatistics`], [`betti_curve`],
//! [`persistence_landscape`], [`PersistenceImage`]. The weights of a layer: [`LifetimeStatistics::of_space`],
//! [`NeuralPersistence`].
//!
//! ```
//! use valleys_core::topology::{Filtration, ReductionMatrix, Pairing, filtration_len, reduce, reduce_len};
//!
//! // The hollow triangle, entered in any order, without an allocator.
//! let cells: [(&[u32], f64); 6] =
//!     [(&[0], 0.0), (&[1], 0.0), (&[2], 0.5), (&[0, 1], 1.0), (&[1, 2], 2.0), (&[0, 2], 3.0)];
//! let cells = cells.iter().map(|(vertices, value)| (vertices.iter().copied(), *value));
//! let (mut values, mut words) = ([0.0; 6], [0; filtration_len(6, 9)]);
//! let filtration = Filtration::build(cells, &mut values, &mut words)?;
//!
//! let (mut scratch, mut partner) = ([0; 64], [0; 6]);
//! assert!(reduce_len(&filtration, ReductionMatrix::Boundary, 1) <= scratch.len());
//! let pairing = reduce(&filtration, ReductionMatrix::Boundary, 1, &mut scratch, &mut partner)?;
//!
//! let mut bars = pairing.bars().filter(|bar| bar.dim == 1);
//! let circle = bars.next().unwrap();
//! assert_eq!((circle.birth, circle.death), (3.0, f64::INFINITY));
//! assert_eq!(filtration.vertices(circle.birth_simplex), [0, 2]);
//! # Ok::<(), valleys_core::topology::Error>(())
//! ```

mod bar;
mod descriptor;
mod distance;
mod error;
mod filtration;
mod grid;
mod metric;
mod neural_persistence;
mod pairing;
mod reduce;
#[cfg(feature = "alloc")]
mod rips;
mod spanning_tree;
mod sum;
mod union_find;

pub use bar::{Bar, Interval, w_infinity};
pub use descriptor::{LifetimeStatistics, PersistenceImage, betti_curve, persistence_landscape};
pub use distance::{GroundMetric, Match, bottleneck, bottleneck_len};
#[cfg(feature = "alloc")]
pub use distance::{bottleneck_matching, wasserstein, wasserstein_matching};
pub use error::{Error, SimplexName};
pub use filtration::{Filtration, filtration_len};
pub use grid::{Grid, GridComplex};
pub use metric::{Coordinate, Cosine, Distances, Euclidean, Metric};
pub use neural_persistence::NeuralPersistence;
pub use pairing::Pairing;
pub use reduce::{ReductionMatrix, cycles, cycles_len, reduce, reduce_len};
#[cfg(feature = "alloc")]
pub use reduce::{barcode, reduce_sparse};
#[cfg(feature = "alloc")]
pub use rips::Rips;
pub use spanning_tree::{Edge, spanning_tree};
pub use union_find::{find as find_root, union_find};

/// No simplex: the partner of an essential one.
const NONE: u32 = u32::MAX;
