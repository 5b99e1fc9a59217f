//! The UCI digits, embedded: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine
//! Learning Repository, 1998, doi 10.24432/C50P49 (CC BY 4.0). 1,797 images of 8 × 8, counts 0 to 16.

use super::{Dataset, Samples, stratified};
use std::io::Read;

/// Gzipped CSV, one image a line: 64 pixels row by row, then the label.
const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Numbers of an image.
pub const FEATURES: usize = 64;

/// Classes.
pub const CLASSES: usize = 10;

/// The images as x/16, split 80/20 by class: 1,437 for training, 360 for testing, always the same.
pub fn load() -> Dataset {
    let mut text = String::new();
    flate2::read::GzDecoder::new(FILE).read_to_string(&mut text).expect("the embedded file is gzipped text");
    let mut all = Samples { inputs: Vec::new(), labels: Vec::new() };
    for line in text.lines() {
        let mut numbers = line.split(',').map(|x| x.parse::<u8>().expect("the embedded file holds counts"));
        all.inputs.extend(numbers.by_ref().take(FEATURES).map(|x| f32::from(x) / 16.0));
        all.labels.extend(numbers);
    }
    stratified(&all, CLASSES, 0.2)
}
