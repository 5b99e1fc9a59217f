//! Barcodes and distances that other libraries computed, recorded.

use serde_json::Value;
use std::path::PathBuf;

/// All cases.
pub fn recorded() -> Vec<Value> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../tests/fixtures/persistence.json"].iter().collect();
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    document["cases"].as_array().unwrap().clone()
}

/// Rows of numbers as text.
pub fn csv(rows: &Value) -> Vec<u8> {
    let row = |row: &Value| {
        let fields: Vec<String> = row.as_array().unwrap().iter().map(Value::to_string).collect();
        fields.join(",") + "\n"
    };
    rows.as_array().unwrap().iter().map(row).collect::<String>().into_bytes()
}
