//! Loss and error of one checkpoint.

use crate::checkpoint;
use crate::data::{self, Source, Subset, Wanted};
use crate::failure::{Failure, Kind, Result};
use crate::model::Model;
use crate::objective::fits;
use crate::reference;
use serde::Serialize;
use std::path::PathBuf;
use valleys_core::error::Error;

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct Question {
    /// The network by name.
    pub network: String,
    /// Its checkpoint.
    pub weights: PathBuf,
    /// The data set by name.
    pub dataset: String,
    /// The directory of its files.
    pub dir: Option<PathBuf>,
    /// On the training part instead of the test part.
    pub train: bool,
    /// Only the first so many samples in the order of the files.
    pub limit: Option<usize>,
    /// Statistics of batch norms anew over the training data, instead of the checkpoint's.
    pub recompute: bool,
    /// Samples of a batch of that pass.
    pub batch: usize,
    /// Tensors of other names in order, where every shape agrees.
    pub by_order: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Mean cross-entropy (natural logarithm).
    pub loss: f64,
    /// Share of wrong arg-max, ties to the lower class.
    pub error: f64,
    /// Number of samples.
    pub samples: usize,
    /// Whose statistics the batch norms had: `checkpoint`, `recomputed`; none without batch norm.
    pub statistics: Option<&'static str>,
    /// Where the samples came from, and how they were normalised.
    pub source: Source,
}

/// Evaluates a checkpoint.
///
/// # Errors
/// Unknown network or data set; data or weights missing or malformed; no samples; a loss that is not finite.
pub fn evaluate(question: &Question) -> Result<Answer> {
    let model = Model::by_name(&question.network)?;
    let network = model.network();
    let part = question.limit.map_or(Subset::All, Subset::First);
    // Statistics are those of the whole training part, whatever the limit.
    let recompute = question.recompute && network.statistics_len() > 0;
    let wanted = Wanted {
        dir: question.dir.as_deref(),
        train: match (recompute, question.train) {
            (true, _) => Subset::All,
            (false, true) => part,
            (false, false) => Subset::Nothing,
        },
        test: if question.train { Subset::Nothing } else { part },
        mean: None,
        std: None,
    };
    let mut loaded = data::load(&question.dataset, &wanted)?;
    fits(&question.network, &model, &question.dataset, &loaded)?;
    let read = checkpoint::read(&question.weights, &model.state(), question.by_order)?;
    let wrong = |what: String| Failure::new(Kind::Data, format!("{}: {what}", question.weights.display()));
    let failed = |e: Error| wrong(e.to_string());
    let statistics = if recompute {
        reference::statistics(&network, &read.theta, &loaded.data.train, question.batch).map_err(failed)?
    } else {
        read.statistics.ok_or_else(|| {
            wrong("the running statistics are missing; --recompute-statistics computes them".to_owned())
        })?
    };
    let samples = if question.train { &mut loaded.data.train } else { &mut loaded.data.test };
    let count = question.limit.unwrap_or(usize::MAX).min(samples.len());
    samples.inputs.truncate(count * network.input.len());
    samples.labels.truncate(count);
    if count == 0 {
        return Err(Failure::new(Kind::Usage, "no samples to evaluate on"));
    }
    let sum = reference::total(&network, &read.theta, &statistics, samples).map_err(failed)?;
    if !sum.loss.is_finite() {
        return Err(wrong("the loss is not finite".to_owned()));
    }
    Ok(Answer {
        loss: sum.loss / count as f64,
        error: sum.wrong as f64 / count as f64,
        samples: count,
        statistics: match network.statistics_len() {
            0 => None,
            _ => Some(if recompute { "recomputed" } else { "checkpoint" }),
        },
        source: loaded.source,
    })
}
