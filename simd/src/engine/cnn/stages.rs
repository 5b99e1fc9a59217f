//! The order of the operations of a pass.
//!
//! A batch norm needs sums over the whole batch. So a pass is a list of *stages*: in a stage, every sample tile executes
//! some instructions by itself; between two stages, what the tiles summed is joined.

/// What a sample tile does. Operations are given by their number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Instruction {
    /// Reads the samples.
    Read,
    /// The forward pass of an operation.
    Forward(usize),
    /// The forward pass of a linear layer.
    Linear(usize),
    /// Moments of the inputs of a batch norm.
    Moments(usize),
    /// The head, forward and backward.
    Head,
    /// The head, forward only.
    Scores,
    /// Sums of the gradients of a batch norm.
    Sums(usize),
    /// The backward pass of an operation.
    Backward(usize),
    /// The backward pass of a linear layer.
    LinearBackward(usize),
}

impl Instruction {
    /// Whether it is for all samples of a tile together.
    pub const fn is_joint(self) -> bool {
        matches!(self, Self::Head | Self::Scores | Self::Linear(_) | Self::LinearBackward(_))
    }
}

/// Instructions between two sums over the batch.
pub type Stage = Vec<Instruction>;

/// What decides which instructions an operation has.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Whether it is a batch norm.
    pub is_batch_norm: bool,
    /// Whether it is a linear layer.
    pub is_linear: bool,
    /// Whether the output of the network depends on it.
    pub is_live: bool,
}

impl Kind {
    /// The forward pass of operation `i`.
    pub const fn forward(self, i: usize) -> Instruction {
        if self.is_linear { Instruction::Linear(i) } else { Instruction::Forward(i) }
    }

    const fn backward(self, i: usize) -> Instruction {
        if self.is_linear { Instruction::LinearBackward(i) } else { Instruction::Backward(i) }
    }
}

/// The stages of a training step, and those that give the statistics of the batch norms.
pub fn stages(kinds: &[Kind]) -> [Vec<Stage>; 2] {
    let mut all = Vec::new();
    let mut stage = vec![Instruction::Read];
    for (i, kind) in kinds.iter().enumerate() {
        if kind.is_batch_norm {
            stage.push(Instruction::Moments(i));
            all.push(std::mem::take(&mut stage));
        }
        stage.push(kind.forward(i));
    }
    let statistics = all.clone();
    stage.push(Instruction::Head);
    for (i, kind) in kinds.iter().enumerate().rev().filter(|(_, kind)| kind.is_live) {
        if kind.is_batch_norm {
            stage.push(Instruction::Sums(i));
            all.push(std::mem::take(&mut stage));
        }
        stage.push(kind.backward(i));
    }
    all.push(stage);
    [all, statistics]
}
