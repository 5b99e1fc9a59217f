//! One order of names, for tensors, files and arguments.

/// A key to sort names by: characters and whole numbers, each number in the place of its digits. `fc10` comes after
/// `fc2`, `fc` before both, `checkpoint-500` before `checkpoint-1000`.
pub fn natural(name: &str) -> (Vec<(char, u64)>, String) {
    let mut parts: Vec<(char, u64)> = Vec::new();
    let mut inside = false;
    for c in name.chars() {
        let digit = c.to_digit(10).map(u64::from);
        match (digit, parts.last_mut()) {
            (Some(digit), Some((_, number))) if inside => {
                *number = number.saturating_mul(10).saturating_add(digit);
            }
            (Some(digit), _) => parts.push(('0', digit)),
            (None, _) => parts.push((c, 0)),
        }
        inside = digit.is_some();
    }
    // `01` and `1` are the same number, and still two names.
    (parts, name.to_owned())
}

/// A name with `#` in the place of every number: the same for names that differ in numbers only.
pub fn without_numbers(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c.is_ascii_digit() {
            true if text.ends_with('#') => {}
            true => text.push('#'),
            false => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names =
            ["fc10.weight", "fc2.weight", "fc.weight", "a.2.b", "a.10.b", "a.01.b", "step-1000", "step-500"];
        names.sort_by_cached_key(|n| natural(n));
        let sorted =
            ["a.01.b", "a.2.b", "a.10.b", "fc.weight", "fc2.weight", "fc10.weight", "step-500", "step-1000"];
        assert_eq!(names, sorted);
        assert_eq!(without_numbers("layer10.0.conv2"), "layer#.#.conv#");
    }
}
