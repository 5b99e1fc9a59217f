//! The ranges of the values of a configuration.

use super::{Backend, ClassWeights, Config, CurvePaths, Loss, Sampling};
use crate::error::{CliError, ErrorKind, Result};
use std::ops::RangeInclusive;
use valleys_core::simplex::{MAX_DEPTH, MAX_VERTICES};

impl Config {
    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// A value is not, with key, value and range.
    pub(super) fn check(&self) -> Result<()> {
        self.gpu.parsed_paths()?;
        let files = self.minima.files.len();
        if files > 0 && files != self.minima.count {
            let message =
                format!("minima.files names {files} files, but minima.count is {}", self.minima.count);
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        let (fit, second, convergence) = (&self.fit, &self.second_fit, &self.convergence);
        let depths = [
            if fit.sampling == Sampling::Peak { fit.depth } else { 0 },
            second.depth,
            if convergence.epoch_multipliers.is_empty() || !convergence.samplings.contains(&Sampling::Peak) {
                0
            } else {
                convergence.depth
            },
        ];
        if self.curves.paths == CurvePaths::Any && depths.iter().all(|&depth| depth < 2) {
            let message = "curves.paths is \"any\", but no fit has peak sampling and depth 2 or more; set second_fit.depth";
            return Err(CliError::new(ErrorKind::Configuration, message.to_owned()));
        }
        self.data.check()?;
        self.loss.check()?;
        self.check_integers()?;
        self.check_numbers()
    }

    fn check_integers(&self) -> Result<()> {
        // The number of control points explodes: a tetrahedron has 149 at depth 2 and 2,065 at depth 3.
        let max_depth = if self.index <= 2 { MAX_DEPTH as u64 } else { 1 };
        let epochs = 1_000_000;
        let single: [(&str, u64, RangeInclusive<u64>); 17] = [
            ("minima.count", self.minima.count as u64, 1..=64),
            ("minima.epochs", self.minima.epochs.into(), 1..=epochs),
            ("curves.epochs", self.curves.epochs.into(), 0..=epochs),
            ("triangles.epochs", self.triangles.epochs.into(), 0..=epochs),
            ("train.batch", self.train.batch as u64, 1..=1 << 20),
            ("lattice.n", self.lattice.n.into(), 1..=10_000),
            ("lattice.curves", self.lattice.curves.into(), 0..=10_000),
            ("lattice.triangles", self.lattice.triangles.into(), 0..=10_000),
            ("lattice.simplices", self.lattice.simplices.into(), 0..=10_000),
            ("index", self.index as u64, 0..=MAX_VERTICES as u64 - 2),
            ("minima.group", self.minima.group as u64, 0..=64),
            ("fit.depth", self.fit.depth as u64, 1..=max_depth),
            ("second_fit.depth", self.second_fit.depth as u64, 0..=max_depth),
            ("second_fit.epoch_multiplier", self.second_fit.epoch_multiplier.into(), 1..=1000),
            ("study.seeds", self.study.seeds.into(), 1..=1000),
            ("study.early", self.study.early.into(), 1..=1000),
            ("convergence.depth", self.convergence.depth as u64, 0..=max_depth),
        ];
        let multipliers = self.convergence.epoch_multipliers.iter();
        let multipliers = multipliers.map(|&m| ("convergence.epoch_multipliers", m.into(), 1..=1000));
        let sizes = self.study.sizes.iter().map(|&n| ("study.sizes", n as u64, 1..=u32::MAX.into()));
        for (key, value, range) in single.into_iter().chain(multipliers).chain(sizes) {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                let message = format!("{key} is {value}, but must be {least} to {most}");
                return Err(CliError::new(ErrorKind::Configuration, message));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        let (train, fit) = (&self.train, &self.fit);
        // Key, value, whether the value is in its range, the range in words.
        let single = [
            ("train.learning_rate", train.learning_rate, train.learning_rate > 0.0, "above 0"),
            ("train.momentum", train.momentum, (0.0..1.0).contains(&train.momentum), "from 0 to below 1"),
            ("train.beta1", train.beta1, (0.0..1.0).contains(&train.beta1), "from 0 to below 1"),
            ("train.beta2", train.beta2, (0.0..1.0).contains(&train.beta2), "from 0 to below 1"),
            ("train.epsilon", train.epsilon, train.epsilon > 0.0, "above 0"),
            ("train.weight_decay", train.weight_decay, train.weight_decay >= 0.0, "0 or above"),
            (
                "curves.learning_rate",
                self.curves.learning_rate,
                self.curves.learning_rate >= 0.0,
                "0 or above",
            ),
            (
                "triangles.learning_rate",
                self.triangles.learning_rate,
                self.triangles.learning_rate >= 0.0,
                "0 or above",
            ),
            (
                "train.max_gradient_norm",
                train.max_gradient_norm,
                train.max_gradient_norm >= 0.0,
                "0 or above",
            ),
            (
                "fit.tangent_removal",
                fit.tangent_removal,
                (0.0..=1.0).contains(&fit.tangent_removal),
                "from 0 to 1",
            ),
            ("fit.perturbation", fit.perturbation, fit.perturbation >= 0.0, "0 or above"),
        ];
        if self.backend == Backend::Gpu && train.max_gradient_norm > 0.0 {
            let message = "train.max_gradient_norm is not available with backend = \"gpu\"".to_owned();
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
        in_ranges(single)
    }
}

impl Loss {
    /// Checks that every value is in its range, also as a number of 32 bits.
    ///
    /// # Errors
    /// A value is not, with key, value and range.
    pub(super) fn check(&self) -> Result<()> {
        let is_single = |x: f64| x > 0.0 && (x as f32).is_normal();
        let smoothing = self.label_smoothing;
        let is_share = (0.0..1.0).contains(&(smoothing as f32));
        let weights = if let ClassWeights::List(weights) = &self.class_weights { &weights[..] } else { &[] };
        let weights = weights
            .iter()
            .map(|&x| ("loss.class_weights", x, x == 0.0 || is_single(x), "0 or above, in 32 bits"));
        let single = [
            ("loss.label_smoothing", smoothing, is_share, "from 0 to below 1, in 32 bits"),
            ("loss.delta", self.delta, is_single(self.delta), "above 0, in 32 bits"),
        ];
        in_ranges(single.into_iter().chain(weights))
    }
}

/// Refuses the first number that is out of its range: key, value, whether it is in its range, the range in words.
fn in_ranges<'a>(numbers: impl IntoIterator<Item = (&'a str, f64, bool, &'a str)>) -> Result<()> {
    for (key, value, is_in_range, range) in numbers {
        if !(is_in_range && value.is_finite()) {
            let message = format!("{key} is {value}, but must be a number {range}");
            return Err(CliError::new(ErrorKind::Configuration, message));
        }
    }
    Ok(())
}
