//! The UCI digits, embedded: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
//! Learning Repository, 1998, doi 10.24432/C50P49 (CC BY 4.0). 1,797 images of 8 × 8, counts 0 to 16.

use super::{LoadOptions, Raw, Samples, Source, Targets, file, stratified};
use crate::error::Result;
use std::path::Path;
use valleys_core::network::Shape;

/// Gzipped CSV, one image a line: 64 pixels row by row, then the label.
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

const SHAPE: Shape = Shape { channels: 1, height: 8, width: 8 };

/// Classes.
const CLASSES: usize = 10;

/// The images, split 80/20 by class: 1,437 for training, 360 for testing, always the same.
pub(super) fn load(options: &LoadOptions) -> Result<Raw> {
    let bytes = file::bounded(Path::new("digits.csv.gz"), FILE)?;
    let text = String::from_utf8(bytes).expect("the embedded file is text");
    let mut all = Samples::default();
    let mut labels = Vec::new();
    for line in text.lines() {
        let mut numbers = line.split(',').map(|x| x.parse::<u8>().expect("the embedded file holds counts"));
        all.inputs.extend(numbers.by_ref().take(SHAPE.len()).map(f32::from));
        labels.extend(numbers);
    }
    all.targets = Targets::Labels(labels);
    let data = stratified(&all, CLASSES, 0.2).picked(options, CLASSES);
    let source = Source::of_constants(16.0, vec![0.0], vec![1.0]).with_classes(&super::DIGITS);
    Ok(Raw { data, shape: SHAPE, classes: CLASSES, source })
}
