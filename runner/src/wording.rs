//! Words of error messages: the nearest known name, and types as a user knows them.

/// The hint "; did you mean …?" with the most similar candidate. Empty if no candidate is similar.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    candidates
        .map(|c| (strsim::jaro_winkler(word, c), c))
        .filter(|(similarity, _)| *similarity > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, c)| format!("; did you mean {c:?}?"))
}

/// Replaces the names of Rust's types in a message of the deserialiser.
pub fn without_rust_types(message: &str) -> String {
    let words = message.split(' ').map(|word| match word.trim_end() {
        "usize" | "u32" | "u64" => "an integer, 0 or above",
        "f32" | "f64" => "a number",
        "sequence" => "list in brackets",
        other => other,
    });
    words.collect::<Vec<_>>().join(" ")
}
