//! Breast Cancer Wisconsin (Diagnostic), embedded: W. Wolberg, O. Mangasarian, N. Street, W. Street, UCI Machine
//! Learning Repository, 1995, doi 10.24432/C5DW2B (CC BY 4.0). 569 patients, 30 real features, malignant (0) or benign.

use super::own::moments;
use super::{LoadOptions, Raw, Samples, Source, Targets, file, stratified};
use crate::error::Result;
use std::path::Path;
use valleys_core::network::Shape;

/// Gzipped CSV: a line of counts and names, then a patient a line, 30 features and the label.
const FILE: &[u8] = include_bytes!("../../data/breast_cancer.csv.gz");

const FEATURES: usize = 30;

/// Classes.
const CLASSES: usize = 2;

/// The patients, split 80/20 by class: 455 for training, 114 for testing, always the same. Each feature is a channel,
/// normalised by its mean and (population) standard deviation over the whole training part.
pub(super) fn load(options: &LoadOptions) -> Result<Raw> {
    let bytes = file::bounded(Path::new("breast_cancer.csv.gz"), FILE)?;
    let text = String::from_utf8(bytes).expect("the embedded file is text");
    let mut all = Samples::default();
    let mut labels = Vec::new();
    for line in text.lines().skip(1) {
        let mut numbers = line.split(',');
        let features = numbers.by_ref().take(FEATURES);
        all.inputs.extend(features.map(|x| x.parse::<f32>().expect("the embedded file holds numbers")));
        labels.extend(numbers.map(|x| x.parse::<u8>().expect("the embedded file holds labels")));
    }
    all.targets = Targets::Labels(labels);
    let data = stratified(&all, CLASSES, 0.2);
    let of = |feature| data.train.inputs.iter().skip(feature).step_by(FEATURES).map(|&x| f64::from(x));
    let (mean, std) = (0..FEATURES).map(|feature| moments(of(feature))).map(<(f64, f64)>::from).unzip();
    let source = Source::of_constants(1.0, mean, std).with_classes(&["malignant", "benign"]);
    Ok(Raw { data: data.picked(options, CLASSES), shape: Shape::flat(FEATURES), classes: CLASSES, source })
}
