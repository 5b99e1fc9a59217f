//! Functions with known critical values.

use super::{AnyCertifiedLoss, Problem};
use crate::engine_error::{AnyEngine, EngineError, boxed};
use crate::error::{CliError, ErrorKind, Result};
use valleys_core::certify::FunctionBounds;
use valleys_core::engine::{BATCHES, Direct, Function, FunctionLoss, Slots, rotate, rotation};
use valleys_core::error::Error;
use valleys_core::fit::{Cells, PeakSampling};
use valleys_core::rng::{Key, Purpose, Stream};

/// Standard deviation of the initial points of minima around the function's known minima.
const INITIAL_SPREAD: f64 = 0.1;

/// Maximum number of variables. The rotation matrix has its square.
const MAX_VARIABLES: usize = 4096;

/// Points of one call of the function at most.
const MAX_POINTS: usize = 64;

/// A function with known critical values. If it has more variables than it needs, it is rotated by a random rotation.
#[derive(Clone, Debug)]
pub struct FunctionProblem {
    function: Function,
    /// Orthogonal matrix, (dim, dim); the identity if there are no additional variables.
    rotation: Vec<f64>,
    dim: usize,
}

impl FunctionProblem {
    /// Peak sampling of a loss that costs almost nothing and may be steep: many cells, measured after every epoch, and
    /// control points that stay evenly spaced.
    pub const PEAK_SAMPLING: PeakSampling =
        PeakSampling { cells: Cells::InPieces(90), measure_every: 1, spacing: 0.1, ..PeakSampling::NETWORK };

    /// A function with the number of variables in the text `parameters`, or with as few as possible if that is empty.
    ///
    /// # Errors
    /// `parameters` is not a number, too small or too large.
    pub fn new(function: Function, parameters: &str, seed: u64) -> Result<Self> {
        let least = function.least_dim();
        let dim = if parameters.is_empty() { Some(least) } else { parameters.parse().ok() };
        let Some(dim) = dim.filter(|d| (least..=MAX_VARIABLES).contains(d)) else {
            let name = function.name();
            let message =
                format!("network \"{name}:{parameters}\": {least} to {MAX_VARIABLES} variables expected");
            return Err(CliError::new(ErrorKind::Configuration, message));
        };
        let mut matrix = vec![0.0; dim * dim];
        if dim > least {
            rotation(seed, dim, &mut matrix).expect("the matrix has dim × dim elements");
        } else {
            (0..dim).for_each(|i| matrix[i * (dim + 1)] = 1.0);
        }
        Ok(Self { function, rotation: matrix, dim })
    }
}

impl Problem for FunctionProblem {
    fn dim(&self) -> usize {
        self.dim
    }

    fn batches(&self) -> u32 {
        BATCHES
    }

    /// A random point near one of the function's minima, in turn.
    fn initial(&self, seed: u64, vertex: u32) -> Vec<f32> {
        let mut stream = Stream::new(Key::new(seed, 1 << vertex), Purpose::Init, 0, 0);
        let mut x: Vec<f64> = (0..self.dim).map(|_| INITIAL_SPREAD * stream.normal()).collect();
        let wells = self.function.wells();
        let well = wells[vertex as usize % wells.len()];
        x.iter_mut().zip(well).for_each(|(x, w)| *x += w);
        let mut theta = vec![0.0; self.dim];
        rotate(&self.rotation, &x, &mut theta);
        theta
    }

    fn certified_loss(&self) -> std::result::Result<Box<dyn AnyCertifiedLoss + '_>, Error> {
        Ok(Box::new(FunctionBounds::new(self.function, self.dim, &self.rotation)?))
    }

    fn engine(&self, slots: usize) -> std::result::Result<AnyEngine<'_>, EngineError> {
        let dim = self.dim;
        let loss = FunctionLoss::new(self.function, dim, &self.rotation, vec![0.0; 2 * dim])?;
        let second = vec![0.0; Slots::second_len(slots, dim)];
        let (slots, scratch) = (vec![0.0; Slots::memory_len(slots, dim)], vec![0.0; (1 + MAX_POINTS) * dim]);
        Ok(boxed(Direct::new(loss, slots, scratch)?.with_second_moments(second)?))
    }

    fn fingerprint(&self) -> String {
        String::new()
    }

    fn peak_sampling(&self) -> PeakSampling {
        Self::PEAK_SAMPLING
    }
}
