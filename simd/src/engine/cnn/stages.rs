//! The order of the operations of a pass.
//!
//! A batch norm needs sums over the whole batch, and a convolution of a batch needs all its samples. So a pass is a list of
//! *stages*: in a stage, every sample tile executes some instructions by itself; between two stages, what the tiles summed
//! is joined, and products are computed.

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
    /// Transforms the inputs of a convolution of a batch.
    Transform(usize),
    /// The outputs of a convolution of a batch, from the products.
    Inverse(usize),
    /// Transforms inputs and gradients of a convolution of a batch.
    TransformBackward(usize),
    /// The gradient of the inputs of a convolution of a batch, from the products.
    InverseBackward(usize),
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
    /// Whether it is a convolution of a batch.
    pub is_batched: bool,
    /// Whether the output of the network depends on it.
    pub is_live: bool,
}

impl Kind {
    /// What ends the stage before the forward pass of operation `i`, where statistics are given or not, and the pass.
    const fn forward(self, i: usize, given: bool) -> (Option<Instruction>, Instruction) {
        match self {
            Self { is_batch_norm: true, .. } if !given => {
                (Some(Instruction::Moments(i)), Instruction::Forward(i))
            }
            Self { is_batched: true, .. } => (Some(Instruction::Transform(i)), Instruction::Inverse(i)),
            Self { is_linear: true, .. } => (None, Instruction::Linear(i)),
            _ => (None, Instruction::Forward(i)),
        }
    }

    /// The same of the backward pass.
    const fn backward(self, i: usize) -> (Option<Instruction>, Instruction) {
        match self {
            Self { is_batch_norm: true, .. } => (Some(Instruction::Sums(i)), Instruction::Backward(i)),
            Self { is_batched: true, .. } => {
                (Some(Instruction::TransformBackward(i)), Instruction::InverseBackward(i))
            }
            Self { is_linear: true, .. } => (None, Instruction::LinearBackward(i)),
            _ => (None, Instruction::Backward(i)),
        }
    }
}

/// The stages of a training step, those that give the statistics of the batch norms, and those of a forward pass where they
/// are given.
pub fn stages(kinds: &[Kind]) -> [Vec<Stage>; 3] {
    let mut training = Stages::new();
    let mut statistics = Vec::new();
    for (i, kind) in kinds.iter().enumerate() {
        training.push(kind.forward(i, false));
        if kind.is_batch_norm {
            // Up to the moments of the last one.
            statistics.clone_from(&training.done);
        }
    }
    training.stage.push(Instruction::Head);
    for (i, kind) in kinds.iter().enumerate().rev().filter(|(_, kind)| kind.is_live) {
        training.push(kind.backward(i));
    }
    let mut scores = Stages::new();
    kinds.iter().enumerate().for_each(|(i, kind)| scores.push(kind.forward(i, true)));
    scores.stage.push(Instruction::Scores);
    [training.finish(), statistics, scores.finish()]
}

/// Stages that are built instruction by instruction.
struct Stages {
    done: Vec<Stage>,
    stage: Stage,
}

impl Stages {
    fn new() -> Self {
        Self { done: Vec::new(), stage: vec![Instruction::Read] }
    }

    fn push(&mut self, (last, next): (Option<Instruction>, Instruction)) {
        if let Some(last) = last {
            self.stage.push(last);
            self.done.push(std::mem::take(&mut self.stage));
        }
        self.stage.push(next);
    }

    fn finish(mut self) -> Vec<Stage> {
        self.done.push(self.stage);
        self.done
    }
}
