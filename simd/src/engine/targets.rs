//! The targets of a sample tile.

use super::samples::SampleReader;
use crate::floats::{AlignedFloats, LINE_LEN, Line};
use valleys_core::network::Targets;

/// The label of a column without a sample.
pub const NO_SAMPLE: f32 = -1.0;

/// What the samples of a tile are to be mapped to.
#[derive(Debug)]
pub struct TileTargets {
    /// Labels as floats, 0 where targets are numbers, [`NO_SAMPLE`] in columns without a sample.
    pub labels: Line,
    /// Targets that are numbers: (outputs, samples).
    values: AlignedFloats,
}

impl TileTargets {
    /// No samples; memory for `values` numbers of each.
    pub fn new(values: usize) -> Self {
        Self { labels: [NO_SAMPLE; LINE_LEN], values: AlignedFloats::of_lines(values) }
    }

    /// Reads the targets of the chosen samples, at most [`LINE_LEN`].
    pub fn read(&mut self, reader: &SampleReader, chosen: &[u32]) {
        match reader.samples.targets {
            Targets::Labels(labels) => {
                let chosen = chosen.iter().map(|&sample| f32::from(labels[sample as usize]));
                let all = chosen.chain(std::iter::repeat(NO_SAMPLE));
                self.labels.iter_mut().zip(all).for_each(|(to, label)| *to = label);
            }
            Targets::Values { width, values, .. } => {
                self.labels = std::array::from_fn(|i| if i < chosen.len() { 0.0 } else { NO_SAMPLE });
                for (column, &sample) in chosen.iter().enumerate() {
                    let values = &values[sample as usize * width..][..width];
                    self.values.lines_mut().iter_mut().zip(values).for_each(|(to, &x)| to[column] = x);
                }
            }
        }
    }

    /// Targets that are numbers.
    pub fn values(&self) -> &[Line] {
        self.values.lines()
    }
}
