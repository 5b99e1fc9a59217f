//! Measures of predictions against recorded values of scikit-learn (`tests/fixtures/metrics.py`), and where they are
//! undefined.

use serde_json::Value;
use valleys::metrics::{of_classes, of_numbers};

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn compare(found: &[(&str, Option<f64>)], expected: &Value) {
    let expected = expected.as_object().unwrap();
    assert_eq!(found.len(), expected.len());
    for (name, value) in found {
        let (value, expected) = (value.unwrap(), expected[*name].as_f64().unwrap());
        assert!((value - expected).abs() < 1e-12, "{name}: {value} {expected}");
    }
}

#[test]
fn measures_are_those_of_scikit_learn() {
    let recorded: Value = serde_json::from_str(include_str!("../fixtures/metrics.json")).unwrap();
    for case in recorded["classes"].as_array().unwrap() {
        let width = case["width"].as_u64().unwrap() as usize;
        let (outputs, labels) =
            (floats(&case["outputs"]), serde_json::from_value::<Vec<u8>>(case["labels"].clone()).unwrap());
        compare(&of_classes(&outputs, &labels, width), &case["metrics"]);
    }
    for case in recorded["numbers"].as_array().unwrap() {
        let (outputs, targets) = (floats(&case["outputs"]), floats(&case["targets"]));
        let columns: Vec<[f64; 2]> = serde_json::from_value(case["columns"].clone()).unwrap();
        compare(&of_numbers(&outputs, &targets, &columns), &case["metrics"]);
    }
}

#[test]
fn what_is_undefined_is_none() {
    let of =
        |found: &[(&'static str, Option<f64>)], name: &str| found.iter().find(|(n, _)| *n == name).unwrap().1;
    // One class alone has no ROC curve; a logit that is no number has no place in an order, and predicts nothing.
    let one = of_classes(&[0.0, 1.0, 2.0, 1.0], &[1, 1], 2);
    assert_eq!((of(&one, "auc"), of(&one, "balanced_error")), (None, Some(0.5)));
    let nan = of_classes(&[f32::NAN, 1.0, 2.0, 1.0], &[1, 0], 2);
    assert_eq!((of(&nan, "auc"), of(&nan, "balanced_error"), of(&nan, "f1")), (None, Some(0.5), Some(0.0)));
    let constant = of_numbers(&[1.0, 2.0], &[3.0, 3.0], &[[1.0, 0.0]]);
    assert_eq!((of(&constant, "r2"), of(&constant, "mae")), (None, Some(1.5)));
    // The mean of equal numbers may round.
    let constant = of_numbers(&[1.0; 10], &[1.7; 10], &[[0.3, 0.1]]);
    assert_eq!(of(&constant, "r2"), None);
    let zeros = of_numbers(&[0.0, 1.0], &[0.0, 1.0], &[[1.0, 0.0]]);
    assert_eq!((of(&zeros, "smape"), of(&zeros, "r2")), (Some(0.0), Some(1.0)));
    assert!(of_classes(&[], &[], 3).is_empty() && of_numbers(&[], &[], &[[1.0, 0.0]]).is_empty());
}
