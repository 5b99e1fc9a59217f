//! Labelled samples in memory.

/// Samples of one split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// (N, features).
    pub inputs: Vec<f32>,
    /// (N), each below the number of classes.
    pub labels: Vec<u8>,
}

/// A data set, split; shared by all jobs of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What networks are fitted to.
    pub train: Samples,
    /// What they are tested on.
    pub test: Samples,
}
