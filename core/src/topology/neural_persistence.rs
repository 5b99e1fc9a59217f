//! Neural persistence: a layer as a graph between its inputs and its outputs.

use super::error::enough;
use super::{Coordinate, Error};
use crate::math;

/// The maximum spanning tree of the complete bipartite graph of a layer, whose edge between input and output has the
/// length |w|: all that neural persistence needs (Rieck et al., *Neural Persistence*, ICLR 2019, definition 2).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct NeuralPersistence {
    /// Inputs and outputs.
    pub vertices: usize,
    /// Σ |w| over the tree.
    pub sum: f64,
    /// Σ w² over the tree.
    pub squares: f64,
    /// The largest |w| of the layer; the tree has it.
    pub largest: f64,
}

impl NeuralPersistence {
    /// The tree of a weight matrix (out, in), row by row; `keys` holds a number for each input and output.
    ///
    /// ```
    /// use valleys_core::topology::NeuralPersistence;
    /// let tree = NeuralPersistence::new(&[1.0f32, -0.5, 0.25, 0.0], 2, &mut [0.0; 4])?;
    /// assert_eq!((tree.vertices, tree.sum, tree.largest), (4, 1.75, 1.0));
    /// // Bars [1, 1], [1, 0.5], [1, 0.25] and the last class, counted as [1, 0].
    /// assert_eq!(tree.persistence(1.0), Some((0.25f64 + 0.5625 + 1.0).sqrt()));
    /// # Ok::<(), valleys_core::topology::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Coordinate`] names a weight that is not finite; [`Error::Ragged`] if the weights do not divide into rows;
    /// [`Error::Short`].
    ///
    /// # Cost
    /// O((in + out)²) (Prim's algorithm): each weight is looked at twice.
    pub fn new<T: Coordinate>(weights: &[T], inputs: usize, keys: &mut [f64]) -> Result<Self, Error> {
        let given = weights.len();
        if given.checked_rem(inputs).unwrap_or(given) != 0 {
            return Err(Error::Ragged { dim: inputs, given });
        }
        if let Some(i) = weights.iter().position(|&w| !w.into().is_finite()) {
            let (point, coordinate) = (i / inputs, i % inputs);
            return Err(Error::Coordinate { point, coordinate, value: weights[i].into() });
        }
        let outputs = given.checked_div(inputs).unwrap_or(0);
        let vertices = inputs + outputs;
        enough("keys of inputs and outputs", vertices, keys.len())?;
        // Inputs first. A vertex outside has its largest |w| to the tree, or −1 where it has no edge to it yet.
        let keys = &mut keys[..vertices];
        keys.fill(-1.0);
        let mut tree = Self { vertices, sum: 0.0, squares: 0.0, largest: 0.0 };
        let mut newest = 0;
        for _ in 1..vertices {
            keys[newest] = f64::NEG_INFINITY;
            if newest < inputs {
                let column = weights[newest..].iter().step_by(inputs);
                keys[inputs..].iter_mut().zip(column).for_each(|(key, &w)| raise(key, w));
            } else {
                let row = &weights[(newest - inputs) * inputs..][..inputs];
                keys[..inputs].iter_mut().zip(row).for_each(|(key, &w)| raise(key, w));
            }
            let length = largest(keys);
            newest = keys.iter().position(|&key| key == length).unwrap_or(0);
            tree.sum += length;
            tree.squares += length * length;
            tree.largest = tree.largest.max(length);
        }
        Ok(tree)
    }

    /// (Σ (1 − |w| / W)² + 1)^½ over the tree, W the largest |w| of all layers of the network; the 1 is the last class,
    /// which the authors' program counts. Undefined for W = 0.
    pub fn persistence(&self, largest: f64) -> Option<f64> {
        let edges = self.vertices.saturating_sub(1) as f64;
        let (sum, squares) = (self.sum / largest, self.squares / largest / largest);
        (largest > 0.0).then(|| math::sqrt((edges - 2.0 * sum + squares).max(0.0) + 1.0))
    }

    /// The same divided by √(vertices − 1), so that layers of different size can be compared.
    pub fn normalised(&self, largest: f64) -> Option<f64> {
        let edges = self.vertices.saturating_sub(1);
        self.persistence(largest).filter(|_| edges > 0).map(|p| p / math::sqrt(edges as f64))
    }
}

/// The key of a vertex outside the tree, now that this weight reaches it.
fn raise<T: Coordinate>(key: &mut f64, w: T) {
    let length = w.into().abs();
    *key = if (*key < length) & (*key >= -1.0) { length } else { *key };
}

/// In eight parts that do not wait for each other.
fn largest(keys: &[f64]) -> f64 {
    let more = |a: f64, b: f64| if b > a { b } else { a };
    let mut parts = [f64::NEG_INFINITY; 8];
    let (eights, rest) = keys.as_chunks::<8>();
    for eight in eights {
        (0..8).for_each(|lane| parts[lane] = more(parts[lane], eight[lane]));
    }
    parts.iter().chain(rest).copied().fold(f64::NEG_INFINITY, more)
}
