//! The configuration of a run: keys, presets, overrides, checks.

mod keys;
pub mod preset;

use crate::failure::{Failure, Kind, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

pub use keys::{KEYS, nearest};

/// Everything a run depends on but the data: two runs of the same configuration end in the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A network or an analytic objective, by name.
    pub network: String,
    /// The data set; none for an analytic objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<String>,
    /// Seed of all random numbers.
    pub seed: u64,
    /// Highest index r of the barcode: simplices of up to r + 2 vertices are fitted.
    pub index: usize,
    /// Rank 0.
    pub minima: Minima,
    /// Rank 1.
    pub curves: Curves,
    /// Rank 2 and higher.
    pub triangles: Triangles,
    /// The optimiser of every stage.
    pub train: Train,
    /// Where losses are measured.
    pub lattice: Lattice,
    /// The map of a simplex and how t is drawn.
    pub fit: Fit,
}

/// `[minima]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Minima {
    /// How many, 1 to 32.
    pub count: usize,
    /// Epochs of each, at least 1.
    pub epochs: u32,
}

/// `[curves]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curves {
    /// Epochs of each; 0 leaves the straight segment.
    pub epochs: u32,
}

/// `[triangles]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Triangles {
    /// Epochs of each triangle, and of each simplex of higher rank; 0 leaves the initial centre.
    pub epochs: u32,
    /// Whether the control points of lower faces move.
    pub centres: Centres,
}

/// `triangles.centres`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Centres {
    /// Only the simplex's own control points move.
    Fixed,
    /// All but the minima move, as private copies.
    Trainable,
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Samples of a batch; without effect on an analytic objective.
    pub batch: usize,
    /// Base learning rate of the schedule.
    pub learning_rate: f32,
    /// Momentum.
    pub momentum: f32,
    /// Weight decay, at the mixed point.
    pub weight_decay: f32,
}

/// `[lattice]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lattice {
    /// Intervals on an edge.
    pub n: u32,
}

/// `[fit]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fit {
    /// Standard deviation of a seeded displacement of new centres: 0 but where the straight start is stationary.
    pub perturbation: f64,
}

impl Config {
    /// A preset or a file, then the overrides `key=value`.
    ///
    /// # Errors
    /// Unreadable file or bad TOML with its line; unknown preset or key with the nearest known one; a value out of
    /// its range.
    pub fn load(file: Option<&Path>, preset: Option<&str>, overrides: &[String]) -> Result<Self> {
        let mut table = match (file, preset) {
            (Some(path), None) => read(path)?,
            (None, name) => preset::table(name.unwrap_or("digits"))?,
            (Some(_), Some(_)) => {
                return Err(Failure::new(Kind::Usage, "give a configuration file or --preset, not both"));
            }
        };
        for text in overrides {
            keys::set(&mut table, text)?;
        }
        keys::check(&table)?;
        let mut complete = preset::defaults();
        keys::merge(&mut complete, table);
        let config: Self = toml::Value::Table(complete).try_into().map_err(|e: toml::de::Error| {
            Failure::new(Kind::Configuration, format!("configuration: {}", e.message()))
        })?;
        config.check()?;
        Ok(config)
    }

    /// Every value in its range.
    fn check(&self) -> Result<()> {
        let most_vertices = valleys_core::simplex::MAX_VERTICES;
        let integer = [
            ("minima.count", self.minima.count as u64, 1, 32),
            ("minima.epochs", u64::from(self.minima.epochs), 1, 1_000_000),
            ("curves.epochs", u64::from(self.curves.epochs), 0, 1_000_000),
            ("triangles.epochs", u64::from(self.triangles.epochs), 0, 1_000_000),
            ("train.batch", self.train.batch as u64, 1, 1 << 20),
            ("lattice.n", u64::from(self.lattice.n), 1, 10_000),
            ("index", self.index as u64, 0, most_vertices as u64 - 2),
        ];
        for (key, given, least, most) in integer {
            if !(least..=most).contains(&given) {
                return Err(Failure::new(
                    Kind::Configuration,
                    format!("{key} is {given}, but must be {least} to {most}"),
                ));
            }
        }
        let real = [
            ("train.learning_rate", f64::from(self.train.learning_rate), f64::from(f32::MIN_POSITIVE), 1e6),
            ("train.momentum", f64::from(self.train.momentum), 0.0, 0.999_999),
            ("train.weight_decay", f64::from(self.train.weight_decay), 0.0, 1e6),
            ("fit.perturbation", self.fit.perturbation, 0.0, 1e6),
        ];
        for (key, given, least, most) in real {
            // A NaN is in no range.
            if !(least..=most).contains(&given) {
                let message = format!("{key} is {given}, but must be a number from {least:e} to {most:e}");
                return Err(Failure::new(Kind::Configuration, message));
            }
        }
        Ok(())
    }

    /// The configuration as TOML, every key with its value.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is a table of numbers and words")
    }
}

fn read(path: &Path) -> Result<toml::Table> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Failure::new(Kind::Configuration, format!("cannot read {}: {e}", path.display())))?;
    text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        let message = e.message().lines().next().unwrap_or_default().to_owned();
        Failure::new(Kind::Configuration, format!("{}, line {line}: {message}", path.display()))
    })
}
