//! Proved bounds of the mean cross-entropy of a multilayer perceptron on a cell of parameter space.
//!
//! On a cell with corners θ_0 … θ_r a point is θ(λ) = Σ λ_c θ_c, λ convex weights. Each activation a is kept as an affine
//! function of λ, by its values a_c at the corners, and a radius ρ: a(λ) ∈ Σ λ_c a_c + [−ρ, ρ] for all λ.
//!
//! - **Linear.** With W(λ) affine in λ, too: W(λ) a(λ) = Σ λ_c W_c a_c − Σ_{c<d} λ_c λ_d (W_c − W_d)(a_c − a_d) + W(λ) e,
//!   |e| ≤ ρ. Of the middle term the numbers Q_cd = (W_c − W_d)(a_c − a_d) are computed, and 0 ≤ λ_c λ_d ≤ ¼,
//!   Σ_{c<d} λ_c λ_d ≤ (1 − 1/(r+1))/2 bound it; its centre goes to the corners, the rest to the radius, which also takes
//!   max_c |W_c| ρ and the rounding.
//! - **ReLU.** Where the sign is known: 0 or the identity. Else max(x, 0) is within the chords between its values at the
//!   corners and the largest gap below them, −m M/(M − m) for corners from m < 0 to M > 0.
//! - **Cross-entropy.** ln Σ exp(z) − z_y is convex in the logits, rises with every logit but that of the label and
//!   falls with that one. So its largest value for given λ is at the ends of the radii, that is again convex in λ, and
//!   the mean over the samples, being convex, is largest at a corner: the upper bound is the largest of the r + 1 means.
//!
//! The excess over the truth is of second order in the size of the cell, but for the few units that change sign in it.

use super::{Bounds, CertifiedLoss, Corner, MAX_CORNERS};
use crate::error::{Error, enough, length, range};
use crate::math;
use crate::network::{Criterion, Layer, Network, Samples};
use core::ops::DerefMut;

/// Samples that are bounded together: enough to fill a vector register.
const TILE: usize = 8;
/// 2⁻⁵², twice the largest relative error of an operation.
const UNIT: f64 = f64::EPSILON;

type Tile = [f64; TILE];

/// The cross-entropy of a multilayer perceptron over all given samples.
pub struct NetworkBounds<'a, M> {
    network: Network<'a>,
    samples: Samples<'a, f32>,
    scratch: M,
}

impl NetworkBounds<'_, &mut [f64]> {
    /// Elements of f64 that [`new`](Self::new) needs.
    pub const fn scratch_len(network: &Network) -> usize {
        // Corners of θ, the largest absolute values, and two layers of tiles: corners and radius.
        (MAX_CORNERS + 2) * network.parameter_len() + 2 * (MAX_CORNERS + 1) * TILE * widest(network)
    }
}

impl<'a, M: DerefMut<Target = [f64]>> NetworkBounds<'a, M> {
    /// Bounds of the loss of `network` on `samples`, in the caller's memory: `&mut [f64]` on a device, `Vec<f64>` on a host.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for layers other than linear and ReLU; a network that does not fit together or has no
    /// parameters; no samples; lengths that do not fit.
    pub fn new(network: Network<'a>, samples: Samples<'a, f32>, scratch: M) -> Result<Self, Error> {
        network.check()?;
        if network.layers.iter().any(|layer| !matches!(*layer, Layer::Linear { .. } | Layer::RELU)) {
            return Err(Error::Unsupported { what: "bounds of layers other than linear and ReLU" });
        }
        Criterion::PLAIN.check(network.outputs(), &samples.targets)?;
        range("samples", 1, usize::MAX, samples.len())?;
        length("inputs of the samples", network.input.len() * samples.len(), samples.inputs.len())?;
        range("parameters", 1, usize::MAX, network.parameter_len())?;
        enough("scratch of the bounds", NetworkBounds::scratch_len(&network), scratch.len())?;
        Ok(Self { network, samples, scratch })
    }
}

/// The largest number of features anywhere.
const fn widest(network: &Network) -> usize {
    let mut widest = network.input.len();
    let mut i = 0;
    while i < network.layers.len() {
        let len = network.row(i).output.len();
        widest = if len > widest { len } else { widest };
        i += 1;
    }
    widest
}

impl<M: DerefMut<Target = [f64]>> CertifiedLoss for NetworkBounds<'_, M> {
    type Error = Error;

    fn bounds(&mut self, points: &[&[f32]], corners: &[Corner]) -> Result<Bounds, Error> {
        range("vertices of a cell", 1, MAX_CORNERS, points.len())?;
        match points.len() {
            1 => self.bound::<1>(points, corners),
            2 => self.bound::<2>(points, corners),
            3 => self.bound::<3>(points, corners),
            _ => self.bound::<4>(points, corners),
        }
    }
}

/// Parameters of the corners, and their largest absolute values.
struct Corners<'a, const V: usize> {
    theta: [&'a [f64]; V],
    /// max_c |θ_c|.
    largest: &'a [f64],
    /// The largest of the control points' absolute values: what the rounding of θ_c is relative to.
    magnitude: &'a [f64],
}

impl<M: DerefMut<Target = [f64]>> NetworkBounds<'_, M> {
    fn bound<const V: usize>(&mut self, points: &[&[f32]], corners: &[Corner]) -> Result<Bounds, Error> {
        length("corners of a cell", V, corners.len())?;
        let dim = self.network.parameter_len();
        for point in points {
            length("a control point", dim, point.len())?;
        }
        let (theta, rest) = self.scratch.split_at_mut(V * dim);
        let (largest, rest) = rest.split_at_mut(dim);
        let (magnitude, rest) = rest.split_at_mut(dim);
        let (tiles, _) = rest.as_chunks_mut::<TILE>();
        largest.fill(0.0);
        magnitude.fill(0.0);
        for point in points {
            magnitude.iter_mut().zip(*point).for_each(|(m, &p)| *m = m.max(f64::from(p).abs()));
        }
        for (theta, corner) in theta.chunks_exact_mut(dim).zip(corners) {
            theta.fill(0.0);
            for (&weight, point) in corner.iter().zip(points) {
                theta.iter_mut().zip(*point).for_each(|(theta, &p)| *theta += weight * f64::from(p));
            }
            largest.iter_mut().zip(&*theta).for_each(|(m, theta)| *m = m.max(theta.abs()));
        }
        let mut chunks = theta.chunks_exact(dim);
        let corners =
            Corners { theta: core::array::from_fn(|_| chunks.next().unwrap_or(&[])), largest, magnitude };

        let features = self.network.input.len();
        let count = self.samples.len();
        let all_labels = self.samples.targets.labels().unwrap_or_default();
        let (mut upper, mut lower) = ([0.0; V], [0.0; V]);
        let half = tiles.len() / 2;
        let (front, back) = tiles.split_at_mut(half);
        for first in (0..count).step_by(TILE) {
            let labels = &all_labels[first..count.min(first + TILE)];
            let inputs = &self.samples.inputs[first * features..(first + labels.len()) * features];
            forward(&self.network, &corners, inputs, labels, (front, back), &mut upper, &mut lower);
        }
        // Sums of `count` numbers that are not negative.
        let slack = (count as f64 + 4.0) * UNIT;
        let mean = |sums: [f64; V]| sums.into_iter().fold(f64::NEG_INFINITY, f64::max) / count as f64;
        let (upper, lower) = (mean(upper) * (1.0 + slack), mean(lower) * (1.0 - slack));
        // Overflow or NaN on the way: nothing is known.
        let finite = upper.is_finite() && lower.is_finite();
        Ok(if finite {
            Bounds { lower, upper }
        } else {
            Bounds { lower: f64::NEG_INFINITY, upper: f64::INFINITY }
        })
    }
}

/// Adds the bounds of a tile of samples to the sums of each corner.
fn forward<const V: usize>(
    network: &Network,
    corners: &Corners<V>,
    inputs: &[f32],
    labels: &[u8],
    (mut from, mut to): (&mut [Tile], &mut [Tile]),
    upper: &mut [f64; V],
    lower: &mut [f64; V],
) {
    // A tile holds [corner][feature][sample], then the radius [feature][sample].
    let mut width = network.input.len();
    for (k, column) in from[..width].iter_mut().enumerate() {
        *column = core::array::from_fn(|s| inputs.get(s * width + k).map_or(0.0, |&x| f64::from(x)));
    }
    // Samples are the same at each corner, and exact, until the first linear layer.
    let mut exact = true;
    let mut offset = 0;
    for layer in network.layers {
        match *layer {
            Layer::Linear { outputs } => {
                linear(corners, offset, exact, &from[..width * (V + 1)], &mut to[..outputs * (V + 1)], width);
                offset += outputs * (width + 1);
                width = outputs;
                exact = false;
                (from, to) = (to, from);
            }
            _ if exact => from[..width].iter_mut().flatten().for_each(|x| *x = x.max(0.0)),
            _ => relu::<V>(&mut from[..width * (V + 1)], width),
        }
    }
    if exact {
        for c in 1..V {
            from.copy_within(..width, c * width);
        }
        from[V * width..(V + 1) * width].fill([0.0; TILE]);
    }
    let (values, radius) = from[..width * (V + 1)].split_at(width * V);
    for (s, &label) in labels.iter().enumerate() {
        for (c, (upper, lower)) in upper.iter_mut().zip(lower.iter_mut()).enumerate() {
            let values = &values[c * width..(c + 1) * width];
            let logit = |j: usize, sign: f64| {
                let sign = if j == usize::from(label) { -sign } else { sign };
                values[j][s] + sign * radius[j][s]
            };
            let (up, down) = (
                cross_entropy(width, label, |j| logit(j, 1.0)),
                cross_entropy(width, label, |j| logit(j, -1.0)),
            );
            *upper += up.1;
            *lower += down.0;
        }
    }
}

/// Lower and upper bound of ln Σ exp(z_j) − z_label.
fn cross_entropy(classes: usize, label: u8, logit: impl Fn(usize) -> f64) -> (f64, f64) {
    let largest = (0..classes).map(&logit).fold(f64::NEG_INFINITY, f64::max);
    if !(0..classes).all(|j| logit(j).is_finite()) {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let sum: f64 = (0..classes).map(|j| math::exp(logit(j) - largest)).sum();
    let above = largest - logit(usize::from(label));
    let value = math::ln(sum) + above;
    // The sum errs by a factor of (classes + 8) units, so its logarithm by as much, and the rest by units of itself.
    let slack = (classes as f64 + 16.0) * UNIT * (1.0 + above);
    ((value - slack).max(0.0), value + slack)
}

/// y = W x + b on affine functions with radii.
fn linear<const V: usize>(
    corners: &Corners<V>,
    offset: usize,
    exact: bool,
    x: &[Tile],
    y: &mut [Tile],
    width: usize,
) {
    let outputs = y.len() / (V + 1);
    let biases = offset + outputs * width;
    // The largest absolute value of an input of each sample, radius included.
    let mut largest: Tile = [1.0; TILE];
    let (values, radii) = x.split_at(if exact { width } else { width * V });
    for tile in values {
        for s in 0..TILE {
            largest[s] = largest[s].max(tile[s].abs());
        }
    }
    if !exact {
        for tile in &radii[..width] {
            for s in 0..TILE {
                largest[s] = largest[s].max(tile[s].abs() * 2.0);
            }
        }
    }
    let unit = 16.0 * (width as f64 + 32.0) * UNIT;
    for j in 0..outputs {
        let row = offset + j * width..offset + (j + 1) * width;
        let mut z = [[0.0; TILE]; V];
        let mut radius = [0.0; TILE];
        // The centre of what is not affine, and its radius.
        let (mut centre, mut bent) = ([0.0; TILE], [0.0; TILE]);
        if exact {
            for (c, z) in z.iter_mut().enumerate() {
                dot(&corners.theta[c][row.clone()], &values[..width], z);
            }
        } else {
            for (c, z) in z.iter_mut().enumerate() {
                dot(&corners.theta[c][row.clone()], &values[c * width..(c + 1) * width], z);
            }
            dot(&corners.largest[row.clone()], &radii[..width], &mut radius);
            // −Σ λ_c λ_d Q_cd, from −(sum of what is positive)/4 to (sum of what is negative)/4, and by the sum of all λ_c λ_d.
            let (mut low, mut high, mut least, mut most) =
                ([0.0; TILE], [0.0; TILE], [0.0f64; TILE], [0.0f64; TILE]);
            for c in 0..V {
                for d in 0..c {
                    let mut q = [0.0; TILE];
                    product(
                        (&corners.theta[c][row.clone()], &corners.theta[d][row.clone()]),
                        (&values[c * width..(c + 1) * width], &values[d * width..(d + 1) * width]),
                        &mut q,
                    );
                    for s in 0..TILE {
                        low[s] -= q[s].max(0.0) / 4.0;
                        high[s] -= q[s].min(0.0) / 4.0;
                        least[s] = least[s].min(-q[s]);
                        most[s] = most[s].max(-q[s]);
                    }
                }
            }
            let total = (1.0 - 1.0 / V as f64) / 2.0;
            for s in 0..TILE {
                let (low, high) = (low[s].max(total * least[s]), high[s].min(total * most[s]));
                centre[s] = (low + high) / 2.0;
                bent[s] = (high - low) / 2.0;
            }
        }
        let magnitude: f64 = corners.magnitude[row].iter().sum::<f64>() + corners.magnitude[biases + j];
        for s in 0..TILE {
            for (c, z) in z.iter().enumerate() {
                y[c * outputs + j][s] = z[s] + corners.theta[c][biases + j] + centre[s];
            }
            y[V * outputs + j][s] = (radius[s] + bent[s]) * (1.0 + unit) + unit * magnitude * largest[s];
        }
    }
}

/// Σ_k w_k x_k.
fn dot(w: &[f64], x: &[Tile], sum: &mut Tile) {
    for (&w, x) in w.iter().zip(x) {
        for s in 0..TILE {
            sum[s] += w * x[s];
        }
    }
}

/// Σ_k (w_k − w'_k)(x_k − x'_k).
fn product((w, v): (&[f64], &[f64]), (x, y): (&[Tile], &[Tile]), sum: &mut Tile) {
    for ((&w, &v), (x, y)) in w.iter().zip(v).zip(x.iter().zip(y)) {
        for s in 0..TILE {
            sum[s] += (w - v) * (x[s] - y[s]);
        }
    }
}

/// y = max(x, 0) in place, on affine functions with radii.
fn relu<const V: usize>(x: &mut [Tile], width: usize) {
    let (values, radii) = x.split_at_mut(V * width);
    for k in 0..width {
        for s in 0..TILE {
            let radius = radii[k][s];
            let corner = |c: usize| values[c * width + k][s];
            let low = (0..V).map(corner).fold(f64::INFINITY, f64::min);
            let high = (0..V).map(corner).fold(f64::NEG_INFINITY, f64::max);
            if low - radius >= 0.0 {
                continue;
            }
            let (shift, radius) = if high + radius <= 0.0 {
                (0.0, 0.0)
            } else if high <= 0.0 {
                // Between 0 and what the radius reaches above it.
                ((high + radius) / 2.0, (high + radius) / 2.0)
            } else if low >= 0.0 {
                (0.0, radius)
            } else {
                let gap = -low * high / (high - low);
                (-gap / 2.0, radius + gap / 2.0)
            };
            for c in 0..V {
                let value = &mut values[c * width + k][s];
                *value = value.max(0.0) + shift;
            }
            // Rounding of the few operations above.
            radii[k][s] = radius * (1.0 + 16.0 * UNIT) + 16.0 * UNIT * (high.abs() + radius);
        }
    }
}
