//! The fits of a run: which maps, how t is drawn, how many epochs.

use crate::config::{Config, Sampling};
use std::ops::Range;
use valleys_core::fit::{self, PeakSampling};

/// One way of fitting all curves, triangles and higher simplices between the minima.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stage {
    /// How t is drawn.
    pub sampling: Sampling,
    /// Depth of the maps.
    pub depth: usize,
    /// How many times the epochs of the configuration.
    pub epoch_multiplier: u32,
}

impl Stage {
    /// The folder of the fit: `uniform-1`, `peak-2-x4`.
    pub fn name(&self) -> String {
        let name = format!("{}-{}", self.sampling.name(), self.depth);
        if self.epoch_multiplier == 1 { name } else { format!("{name}-x{}", self.epoch_multiplier) }
    }

    /// The epochs of each depth, 1 first: `epochs` × effort, shared out evenly, each with a schedule of its own.
    pub fn phases(&self, epochs: u32) -> Vec<Range<u32>> {
        let total = u64::from(epochs) * u64::from(self.epoch_multiplier);
        let end = |phase: usize| (total * phase as u64 / self.depth as u64) as u32;
        (0..self.depth).map(|phase| end(phase)..end(phase + 1)).collect()
    }

    /// How t is drawn; over finer cells for a function, whose loss costs next to nothing.
    pub fn sampling(&self, tangent_removal: f64, is_function: bool) -> fit::Sampling {
        match self.sampling {
            Sampling::Uniform => fit::Sampling::Uniform,
            Sampling::Peak => {
                let chosen = PeakSampling::default();
                let cells = if is_function { FUNCTION_CELLS } else { chosen.cells };
                fit::Sampling::Peak(PeakSampling { tangent_removal: tangent_removal as f32, cells, ..chosen })
            }
        }
    }
}

/// Cells on an edge for functions.
const FUNCTION_CELLS: u32 = 32;

/// The fits of a configuration, the main one first.
pub fn stages(config: &Config) -> Vec<Stage> {
    let mut all = vec![Stage { sampling: config.fit.sampling, depth: config.fit.depth, epoch_multiplier: 1 }];
    let mut add = |stage: Stage| {
        if !all.contains(&stage) {
            all.push(stage);
        }
    };
    if config.second_fit.depth > 0 {
        add(Stage {
            sampling: Sampling::Peak,
            depth: config.second_fit.depth,
            epoch_multiplier: config.second_fit.epoch_multiplier,
        });
    }
    for &epoch_multiplier in &config.convergence.epoch_multipliers {
        for depth in 1..=config.convergence.depth {
            for sampling in [Sampling::Uniform, Sampling::Peak] {
                add(Stage { sampling, depth, epoch_multiplier });
            }
        }
    }
    all
}
