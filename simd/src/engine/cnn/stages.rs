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
    /// Moments of the inputs of a batch norm.
    Moments(usize),
    /// The linear layers, forward and backward.
    Head,
    /// The linear layers, forward only.
    Scores,
    /// Sums of the gradients of a batch norm.
    Sums(usize),
    /// The backward pass of an operation.
    Backward(usize),
}

/// Instructions between two sums over the batch.
pub type Stage = Vec<Instruction>;

/// The stages of a training step, and those that give the statistics of the batch norms. `batch_norms` says of each
/// operation whether it is a batch norm.
pub fn stages(batch_norms: &[bool]) -> [Vec<Stage>; 2] {
    let mut all = Vec::new();
    let mut stage = vec![Instruction::Read];
    for (i, &is_batch_norm) in batch_norms.iter().enumerate() {
        if is_batch_norm {
            stage.push(Instruction::Moments(i));
            all.push(std::mem::take(&mut stage));
        }
        stage.push(Instruction::Forward(i));
    }
    let statistics = all.clone();
    stage.push(Instruction::Head);
    for (i, &is_batch_norm) in batch_norms.iter().enumerate().rev() {
        if is_batch_norm {
            stage.push(Instruction::Sums(i));
            all.push(std::mem::take(&mut stage));
        }
        stage.push(Instruction::Backward(i));
    }
    all.push(stage);
    [all, statistics]
}
