//! Loss and error of one checkpoint.

use crate::checkpoint::{self, Pair};
use crate::config::{ClassWeights, Data, Loss};
use crate::data::{self, Dataset, LoadOptions, Source, Subset};
use crate::error::{CliError, ErrorKind, Result};
use crate::metrics;
use crate::model::NetworkSpec;
use crate::predictions;
use crate::problem::{criterion, fitting_model};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use valleys_core::engine::{Function, Split};
use valleys_core::error::Error;

/// What is to be evaluated.
#[derive(Clone, Debug)]
pub struct Question {
    /// The network by name.
    pub network: String,
    /// Its checkpoint: a safetensors file, an index of shards, or a folder that holds one model.
    pub weights: PathBuf,
    /// The data set by name, or the path of data of one's own.
    pub dataset: String,
    /// The keys `[data]`. Those of the limit do not act.
    pub data: Data,
    /// The keys `[loss]`.
    pub loss: Loss,
    /// On the training part instead of the test part.
    pub train: bool,
    /// Only the first so many samples in the order of the files.
    pub limit: Option<usize>,
    /// Statistics of batch norms anew over the training data, instead of the checkpoint's.
    pub recompute: bool,
    /// Samples of a batch of that pass.
    pub batch: usize,
    /// Tensors of other names by the shapes of their modules, and in order where those are equal.
    pub by_order: bool,
    /// By the reference kernels, slowly, instead of the fast engine.
    pub reference: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Mean loss: that of the keys `[loss]`, by default cross-entropy (natural logarithm), or where numbers are predicted
    /// the squared error of the normalised targets.
    pub loss: f64,
    /// Share of wrong arg-max, ties to the lower class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Root mean square deviation in the unit of the target, where numbers are predicted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rmse: Option<f64>,
    /// Other measures of the predictions; null where one is undefined.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Number of samples.
    pub samples: usize,
    /// Whose statistics the batch norms had: `checkpoint`, `recomputed`; none without batch norm.
    pub statistics: Option<&'static str>,
    /// Where the samples came from, and how they were normalised.
    pub source: Source,
    /// Which tensor of the file was taken for which of the network, where it was by order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Vec<Pair>>,
    /// What was converted or joined, each in a sentence.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Evaluates a checkpoint.
///
/// # Errors
/// Unknown network or data set; a network that the fast engine does not support; data or weights missing or malformed; no
/// samples; a loss that is not finite.
pub fn evaluate(question: &Question) -> Result<Answer> {
    if Function::ALL.iter().any(|function| function.name() == question.network) {
        let what =
            format!("{} is a function, which has no weights and no data; give a network", question.network);
        return Err(CliError::new(ErrorKind::Configuration, what));
    }
    let spec = NetworkSpec::from_text(&question.network)?;
    let has_norms = spec.check()?;
    let part = question.limit.map_or(Subset::All, Subset::First);
    // Statistics and balanced weights are those of the whole training part, whatever the limit.
    let recompute = question.recompute && has_norms;
    let is_balanced = matches!(question.loss.class_weights, ClassWeights::Named(_));
    let train = match (recompute || is_balanced, question.train) {
        (true, _) => Subset::All,
        (false, true) => part,
        (false, false) => Subset::Nothing,
    };
    let test = if question.train { Subset::Nothing } else { part };
    let wanted = LoadOptions::of_keys(&question.data, train, test);
    let loaded = data::load(&question.dataset, &wanted)?;
    let model = fitting_model(&spec, &question.dataset, &loaded)?;
    let network = model.network();
    let state = model.state();
    let read = match checkpoint::read(&question.weights, &state, question.by_order) {
        // Asked only after a failure: whether the other reading fits.
        Err(mut error) if !question.by_order && checkpoint::read(&question.weights, &state, true).is_ok() => {
            error.message.push_str("; every shape fits by order: --by-order takes it so, and says how");
            return Err(error);
        }
        read => read?,
    };
    let wrong =
        |what: String| CliError::new(ErrorKind::Data, format!("{}: {what}", question.weights.display()));
    let failed = |e: Error| match e {
        Error::Unsupported { what } => {
            let message = format!(
                "the fast engine of the processor does not support network {:?}: {what}; --reference evaluates it, slowly",
                question.network
            );
            CliError::new(ErrorKind::Configuration, message)
        }
        e => wrong(e.to_string()),
    };
    let Dataset { train, test } = loaded.data;
    let known = if train.is_empty() { &test } else { &train };
    let criterion = criterion(&question.loss, &known.targets, loaded.outputs)?;
    let (mut samples, others) = match (question.train, recompute) {
        (false, _) => (test, train),
        (true, false) => (train, test),
        (true, true) => (train.clone(), train),
    };
    let count = question.limit.unwrap_or(usize::MAX).min(samples.len());
    samples.inputs.truncate(count * network.input.len());
    samples.targets.truncate(count);
    if count == 0 {
        return Err(CliError::new(ErrorKind::Usage, "no samples to evaluate on"));
    }
    let stored = match (recompute, read.statistics) {
        (true, _) => None,
        (false, Some(statistics)) => Some(statistics),
        (false, None) => {
            let missing = "the running statistics are missing; --recompute-statistics computes them";
            return Err(wrong(missing.to_owned()));
        }
    };
    // Without anything to recompute, samples of either part stand for the training part.
    let data = if recompute {
        Dataset { train: others, test: samples }
    } else {
        Dataset { train: samples, test: others }
    };
    let (theta, batch) = (&read.theta, question.batch);
    let data = Arc::new(data);
    let split = if recompute { Split::Test } else { Split::Train };
    let outputs = predictions::outputs(question.reference, &network, &data, split, theta, stored, batch)
        .map_err(failed)?;
    let evaluated = if recompute { &data.test } else { &data.train };
    let targets = evaluated.targets.borrowed();
    let sum = criterion.get().scores(&outputs, &targets);
    if !sum.loss.is_finite() {
        return Err(wrong("the loss is not finite".to_owned()));
    }
    let error = Some(sum.mean_error(&targets));
    let is_share = targets.labels().is_some();
    Ok(Answer {
        loss: sum.mean_loss(),
        error: error.filter(|_| is_share),
        rmse: error.filter(|_| !is_share),
        metrics: metrics::of(&outputs, &evaluated.targets, &loaded.source).collect(),
        samples: count,
        statistics: match network.statistics_len() {
            0 => None,
            _ => Some(if recompute { "recomputed" } else { "checkpoint" }),
        },
        source: loaded.source,
        mapping: read.mapping,
        notes: read.notes,
    })
}
