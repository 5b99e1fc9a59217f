//! Measures of predictions beside loss and error, on the host, from the outputs of a network.
//!
//! Definitions are those of scikit-learn, whose names are in parentheses.

use crate::data::{Source, Targets};
use valleys_core::kernels::cross_entropy::arg_max;

/// A measure: its name, and its value; none where it is undefined.
pub type Metric = (String, Option<f64>);

/// The measures of outputs (N, outputs) for targets, by name; `source` has the units of targets that are numbers.
pub fn of(outputs: &[f32], targets: &Targets, source: &Source) -> impl Iterator<Item = Metric> + use<> {
    let width = outputs.len() / targets.len().max(1);
    let metrics = match targets {
        Targets::Labels(labels) => of_classes(outputs, labels, width),
        Targets::Values { values, .. } => of_numbers(outputs, values, &source.target_columns(width)),
    };
    metrics.into_iter().map(|(name, value)| (name.to_owned(), value))
}

/// Measures of predicted classes from logits (N, classes) and labels (N).
///
/// - `balanced_error`: 1 − mean share of right predictions over the classes that occur (`balanced_accuracy_score`).
/// - `f1`: of two classes that of class 1, else the mean of 2·TP/(2·TP + FP + FN) over the classes that occur or are
///   predicted (`f1_score` with `average="binary"` or `"macro"`).
/// - `f1_weighted`: the mean of F1 weighted by the samples of the classes (`average="weighted"`).
/// - `auc`, of two classes: the share of pairs of a sample of class 1 and one of class 0 in which the former has the larger
///   difference of logits, ties counted half (`roc_auc_score`); none where a class does not occur.
pub fn of_classes(logits: &[f32], labels: &[u8], classes: usize) -> Vec<(&'static str, Option<f64>)> {
    let count = labels.len();
    if count == 0 || classes == 0 {
        return Vec::new();
    }
    let (mut right, mut labelled, mut predicted) =
        (vec![0.0; classes], vec![0.0; classes], vec![0.0; classes]);
    for (z, &label) in logits.chunks_exact(classes).zip(labels) {
        labelled[usize::from(label)] += 1.0;
        if let Some(class) = arg_max(z) {
            predicted[class] += 1.0;
            right[class] += f64::from(u8::from(class == usize::from(label)));
        }
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let occurs = |class: &usize| labelled[*class] > 0.0;
    let recall = mean(&mut (0..classes).filter(occurs).map(|class| right[class] / labelled[class]));
    // 2·TP/(2·TP + FP + FN) = 2·TP/(predicted + labelled).
    let f1 = |class: usize| match labelled[class] + predicted[class] {
        0.0 => 0.0,
        total => 2.0 * right[class] / total,
    };
    let is_binary = classes == 2;
    let seen = |class: &usize| labelled[*class] + predicted[*class] > 0.0;
    let plain = if is_binary { Some(f1(1)) } else { mean(&mut (0..classes).filter(seen).map(f1)) };
    let weighted = (0..classes).map(|class| labelled[class] * f1(class)).sum::<f64>() / count as f64;
    let mut metrics = vec![
        ("balanced_error", recall.map(|recall| 1.0 - recall)),
        ("f1", plain),
        ("f1_weighted", Some(weighted)),
    ];
    if is_binary {
        metrics.push(("auc", auc(logits, labels)));
    }
    metrics
}

/// The area under the ROC curve of two classes, by ranks.
fn auc(logits: &[f32], labels: &[u8]) -> Option<f64> {
    let mut scored: Vec<(f64, u8)> = logits
        .chunks_exact(2)
        .zip(labels)
        .map(|(z, &label)| (f64::from(z[1]) - f64::from(z[0]), label))
        .collect();
    if scored.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positive = labels.iter().filter(|&&label| label == 1).count() as f64;
    let negative = labels.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        return None;
    }
    let (mut below, mut sum) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let ones = tied.iter().filter(|(_, label)| *label == 1).count() as f64;
        let zeros = tied.len() as f64 - ones;
        sum += ones * (below + zeros / 2.0);
        below += zeros;
    }
    Some(sum / (positive * negative))
}

/// Measures of predicted numbers (N, width) against targets (N, width), after value · unit + offset of each column.
///
/// - `mae`: mean absolute deviation (`mean_absolute_error`).
/// - `r2`: 1 − Σ (p − t)² / Σ (t − mean t)², the mean over the columns (`r2_score`); none where a column is constant.
/// - `smape`: mean of 2·|p − t| / (|p| + |t|), 0 to 2; 0 where both are 0.
pub fn of_numbers(
    predictions: &[f32],
    targets: &[f32],
    columns: &[[f64; 2]],
) -> Vec<(&'static str, Option<f64>)> {
    let width = columns.len();
    let count = targets.len() / width.max(1);
    if count == 0 {
        return Vec::new();
    }
    let (mut absolute, mut symmetric, mut r2) = (0.0, 0.0, Some(0.0));
    for (column, &[unit, offset]) in columns.iter().enumerate() {
        let of = |values: &[f32]| -> Vec<f64> {
            values.iter().skip(column).step_by(width).map(|&x| f64::from(x) * unit + offset).collect()
        };
        let (p, t) = (of(predictions), of(targets));
        let mean = t.iter().sum::<f64>() / count as f64;
        let (mut squares, mut variance) = (0.0, 0.0);
        for (&p, &t) in p.iter().zip(&t) {
            absolute += (p - t).abs();
            symmetric += if p == t { 0.0 } else { 2.0 * (p - t).abs() / (p.abs() + t.abs()) };
            squares += (p - t) * (p - t);
            variance += (t - mean) * (t - mean);
        }
        let is_constant = t.iter().all(|&x| x == t[0]);
        let own = (!is_constant && variance > 0.0).then(|| 1.0 - squares / variance);
        r2 = r2.zip(own).map(|(sum, own)| sum + own);
    }
    let total = (count * width) as f64;
    vec![
        ("mae", Some(absolute / total)),
        ("r2", r2.map(|sum| sum / width as f64)),
        ("smape", Some(symmetric / total)),
    ]
}
