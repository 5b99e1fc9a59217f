//! What is computed of one matrix of weights.

use super::moments::moments;
use super::spectral_norm::spectral_norm;
use clap::ValueEnum;
use serde::Serialize;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::{Error, LifetimeStatistics, NeuralPersistence};
use valleys_simd::spanning_tree::{Distance, Scalar, spanning_tree};

/// Distance of two neurons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// √Σ (x − y)²: the paper.
    #[default]
    Euclidean,
    /// 1 − x·y / |x||y|: without the lengths of the weight vectors.
    Cosine,
}

/// A matrix to set the weights against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Baseline {
    /// The same entries in random order: what is left is the distribution of the entries.
    Shuffle,
    /// Normal random numbers of the same Frobenius norm: what is left is shape and norm.
    Gaussian,
}

/// Weights (out, in), row by row, and the biases of the rows.
#[derive(Clone, Debug)]
pub struct Matrix<T> {
    /// The weights.
    pub rows: Vec<T>,
    /// One more coordinate of each row, where wanted.
    pub bias: Option<Vec<T>>,
}

/// The topology of a matrix and its companions from the literature; a field is none where it is undefined.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Statistics {
    /// Finite bars of positive length.
    pub bars: usize,
    /// Bars of length 0: neurons that are the same.
    pub duplicates: usize,
    /// Σ l / m.
    pub mean_lifetime: Option<f64>,
    /// Σ l.
    pub total_lifetime: f64,
    /// The longest.
    pub max_lifetime: Option<f64>,
    /// H = −Σ p ln p, p = l / Σ l.
    pub entropy: Option<f64>,
    /// H / ln m.
    pub entropy_norm_log_n: Option<f64>,
    /// H / ln Σ l (giotto-tda, eXNN).
    pub entropy_norm_log_sum: Option<f64>,
    /// Neural persistence (Rieck et al. 2019), relative to the largest weight of all layers taken.
    pub neural_persistence: Option<f64>,
    /// The same over √(in + out − 1).
    pub neural_persistence_norm: Option<f64>,
    /// √Σ w².
    pub frobenius_norm: f64,
    /// The largest singular value σ₁; none where it was not wanted.
    pub spectral_norm: Option<f64>,
    /// Σ w² / σ₁² (Rudelson and Vershynin 2007).
    pub stable_rank: Option<f64>,
    /// Third standardised moment of the entries.
    pub skewness: Option<f64>,
    /// Fourth standardised moment of the entries, less 3.
    pub kurtosis: Option<f64>,
    #[serde(skip)]
    tree: NeuralPersistence,
}

impl Statistics {
    /// The largest |w|.
    pub fn largest(&self) -> f64 {
        self.tree.largest
    }

    /// Fills in neural persistence, which is relative to the largest |w| of all layers.
    pub fn relate(&mut self, largest: f64) {
        self.neural_persistence = self.tree.persistence(largest);
        self.neural_persistence_norm = self.tree.normalised(largest);
    }
}

/// How a matrix is measured.
#[derive(Clone, Copy, Debug)]
pub struct StatisticsOptions {
    /// Distance of two neurons.
    pub metric: Metric,
    /// Threads; no bit depends on it.
    pub threads: usize,
    /// Whether the spectral norm and the stable rank are wanted, which take longer than all else.
    pub spectrum: bool,
}

/// Statistics of the bars of index 0 of a cloud of neurons with `dim` coordinates each.
///
/// # Errors
/// A neuron without direction; distances that overflow.
pub fn lifetimes<T: Scalar>(
    neurons: &[T],
    dim: usize,
    metric: Metric,
    threads: usize,
) -> Result<LifetimeStatistics, Error> {
    let distance = match metric {
        Metric::Euclidean => Distance::Euclidean,
        Metric::Cosine => Distance::Cosine,
    };
    let tree = spanning_tree(neurons, dim, distance, threads)?;
    LifetimeStatistics::of_tree(&tree, &mut vec![0.0; tree.len()])
}

impl<T: Scalar> Matrix<T> {
    /// All statistics; neural persistence relative to the largest weight of this matrix. The bias is a coordinate of the
    /// cloud, and not in the companions.
    ///
    /// # Errors
    /// As [`lifetimes`].
    pub fn statistics(&self, inputs: usize, how: StatisticsOptions) -> Result<Statistics, Error> {
        let rows = self.rows.as_slice();
        let neurons = rows.len().checked_div(inputs).unwrap_or(0);
        let tree = NeuralPersistence::new(rows, inputs, &mut vec![0.0; inputs + neurons])?;
        let l = match &self.bias {
            None => lifetimes(rows, inputs, how.metric, how.threads)?,
            Some(bias) => {
                let with: Vec<T> = rows
                    .chunks_exact(inputs)
                    .zip(bias)
                    .flat_map(|(row, &bias)| row.iter().copied().chain([bias]))
                    .collect();
                lifetimes(&with, inputs + 1, how.metric, how.threads)?
            }
        };
        let (frobenius_norm, skewness, kurtosis) = moments(rows);
        let spectral_norm = how.spectrum.then(|| spectral_norm(rows, inputs));
        let mut statistics = Statistics {
            bars: l.bars,
            duplicates: l.zero_length,
            mean_lifetime: l.mean,
            total_lifetime: l.sum,
            max_lifetime: l.max,
            entropy: l.entropy,
            entropy_norm_log_n: l.entropy_norm_log_n,
            entropy_norm_log_sum: l.entropy_norm_log_sum,
            neural_persistence: None,
            neural_persistence_norm: None,
            frobenius_norm,
            spectral_norm,
            stable_rank: spectral_norm.filter(|s| *s > 0.0).map(|s| (frobenius_norm / s).powi(2)),
            skewness,
            kurtosis,
            tree,
        };
        statistics.relate(tree.largest);
        Ok(statistics)
    }
}

impl Baseline {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shuffle => "shuffle",
            Self::Gaussian => "gaussian",
        }
    }

    /// Turns a matrix of norm `frobenius` into a baseline, in place. Which one depends on the seed and the layer's number.
    pub fn apply<T: Scalar>(
        self,
        matrix: &mut Matrix<T>,
        inputs: usize,
        frobenius: f64,
        seed: u64,
        number: u32,
    ) {
        let bias = matrix.bias.iter_mut().map(|bias| (bias.as_mut_slice(), 1, 1));
        for (entries, width, place) in std::iter::once((matrix.rows.as_mut_slice(), inputs, 0)).chain(bias) {
            match self {
                Self::Shuffle => {
                    Stream::new(Key::new(seed, number.into()), Purpose::Perturbation, place, 0)
                        .shuffle(entries);
                }
                Self::Gaussian => {
                    let wanted = if place == 0 { frobenius } else { moments(entries).0 };
                    for (row, entries) in (0..).zip(entries.chunks_mut(width)) {
                        let mut stream =
                            Stream::new(Key::new(seed, number.into()), Purpose::Perturbation, 2 + place, row);
                        entries.fill_with(|| T::from_f64(stream.normal()));
                    }
                    let scale = wanted / moments(entries).0;
                    entries.iter_mut().for_each(|x| *x = T::from_f64((*x).into() * scale));
                }
            }
        }
    }
}
