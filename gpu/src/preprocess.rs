//! The shader preprocessor: imports, parameters, unrolled loops and branches decided when a pipeline is made.
//!
//! Shaders are WGSL as it is, so that tools read them: a loop that is to be unrolled is a loop, a branch on a parameter
//! is a branch. The preprocessor does what compilers do not do reliably. Its five rules, line by line:
//!
//! - `#import name` stands for the file `name.wgsl`, the first time that it is imported.
//! - `const NAME = value;` at the start of a line is a parameter. The host's value replaces the one in the file.
//! - `for (var i = A; i < B; i++) { // unroll` is written out, once for each i.
//! - `if (P) {`, where P consists of parameters and unrolled counters, is decided; only the branch taken is kept.
//! - A line that ends with `// if P` is kept where P holds, and dropped elsewhere.
//!
//! Expressions are of integers, names, `! * / % + - < <= > >= == != && ||` and parentheses; false is 0, true is 1.

use std::collections::HashMap;

/// Values of parameters.
type Names = HashMap<String, i64>;

/// The WGSL that a shader stands for, with values for parameters; a parameter without one keeps that of its file.
///
/// `import` gives the text of a file by its name.
///
/// # Panics
/// If the shader breaks a rule or has no such parameter. That is a defect of this crate, which its tests find.
pub(crate) fn expand(
    shader: &str,
    import: &impl Fn(&str) -> Option<&'static str>,
    values: &[(&str, i64)],
) -> String {
    let given = values.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let mut linker = Linker { import, given, names: Names::new(), imported: Vec::new(), lines: Vec::new() };
    linker.link(shader);
    for (name, _) in values {
        assert!(linker.names.contains_key(*name), "the shader has no parameter {name}");
    }
    let lines: Vec<&str> = linker.lines.iter().map(String::as_str).collect();
    let mut text = String::new();
    expand_lines(&lines, &linker.names, &mut text);
    text
}

/// Joins a file with what it imports, and finds the values of all parameters.
struct Linker<'a, F> {
    import: &'a F,
    given: Names,
    names: Names,
    imported: Vec<String>,
    lines: Vec<String>,
}

impl<F: Fn(&str) -> Option<&'static str>> Linker<'_, F> {
    fn link(&mut self, text: &str) {
        // Conditions of imports may name parameters that follow them.
        for (name, value) in text.lines().filter_map(parameter) {
            if let Some(value) = self.given.get(name).copied().or_else(|| evaluate(value, &self.names)) {
                self.names.insert(name.to_owned(), value);
            }
        }
        for line in text.lines() {
            if let Some(import) = line.strip_prefix("#import ") {
                let (name, condition) = conditional(import);
                let is_new = !self.imported.iter().any(|imported| imported == name);
                if is_new && condition.is_none_or(|condition| holds(condition, &self.names)) {
                    self.imported.push(name.to_owned());
                    let text =
                        (self.import)(name).unwrap_or_else(|| panic!("there is no shader file {name}"));
                    self.link(text);
                }
            } else if let Some((name, value)) = parameter(line) {
                let given = self.given.get(name).copied();
                let value = given.or_else(|| evaluate(value, &self.names));
                let value = value.unwrap_or_else(|| panic!("{line:?} has no value"));
                self.names.insert(name.to_owned(), value);
                let is_bool = line.contains("= true") || line.contains("= false");
                let value = if is_bool { (value != 0).to_string() } else { value.to_string() };
                self.lines.push(format!("const {name} = {value};"));
            } else if !line.trim_start().starts_with("//") {
                self.lines.push(line.to_owned());
            }
        }
    }
}

/// The name and the value of a parameter, if the line declares one.
fn parameter(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("const ")?.split_once(" = ")?;
    Some((name, rest.split_once(';')?.0))
}

/// A line and its condition.
fn conditional(line: &str) -> (&str, Option<&str>) {
    match line.split_once(" // if ") {
        Some((line, condition)) => (line, Some(condition)),
        None => (line, None),
    }
}

fn holds(condition: &str, names: &Names) -> bool {
    evaluate(condition, names).unwrap_or_else(|| panic!("{condition:?} has no value")) != 0
}

fn expand_lines(lines: &[&str], names: &Names, text: &mut String) {
    let mut at = 0;
    while at < lines.len() {
        let (line, condition) = conditional(lines[at]);
        if condition.is_some_and(|condition| !holds(condition, names)) {
            at += 1;
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        if let Some(header) = line.trim().strip_suffix(" { // unroll") {
            let end = closing(lines, at);
            unroll(header, &lines[at + 1..end], indent, names, text);
            at = end + 1;
            continue;
        }
        let branch = line.trim().strip_prefix("if (").and_then(|rest| rest.strip_suffix(") {"));
        if let Some(value) = branch.and_then(|condition| evaluate(condition, names)) {
            let first = closing(lines, at);
            let end = match lines[first].trim() {
                "} else {" => closing(lines, first),
                "}" => first,
                other => panic!("cannot decide a branch that goes on with {other:?}"),
            };
            let taken = if value != 0 { at + 1..first } else { (first + 1).min(end)..end };
            if value != 0 || end > first {
                block(&lines[taken], indent, names, text);
            }
            at = end + 1;
            continue;
        }
        text.push_str(line);
        text.push('\n');
        at += 1;
    }
}

/// A block of its own, so that what it declares stays in it.
fn block(lines: &[&str], indent: &str, names: &Names, text: &mut String) {
    text.push_str(indent);
    text.push_str("{\n");
    expand_lines(lines, names, text);
    text.push_str(indent);
    text.push_str("}\n");
}

/// Writes out a loop: `for (var i = A; i < B; i++)`.
fn unroll(header: &str, body: &[&str], indent: &str, names: &Names, text: &mut String) {
    let parse = || {
        let parts = header.strip_prefix("for (var ")?.strip_suffix("++)")?;
        let [start, bound, _] = parts.split("; ").collect::<Vec<_>>().try_into().ok()?;
        let (counter, start) = start.split_once(" = ")?;
        let bound = bound.strip_prefix(counter)?.strip_prefix(" < ")?;
        Some((counter, start.ends_with('u'), evaluate(start, names)?, evaluate(bound, names)?))
    };
    let (counter, is_unsigned, from, to) = parse().unwrap_or_else(|| panic!("cannot unroll {header:?}"));
    for i in from..to {
        let literal = if is_unsigned { format!("{i}u") } else { i.to_string() };
        let replaced: Vec<String> = body.iter().map(|line| replace(line, counter, &literal)).collect();
        block(&replaced.iter().map(String::as_str).collect::<Vec<_>>(), indent, names, text);
    }
}

/// The line that closes the block that line `open` opens.
fn closing(lines: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (i, line) in lines.iter().enumerate().skip(open) {
        let code = line.split("//").next().unwrap_or_default();
        for c in code.chars() {
            match c {
                // The first brace of `} else {` closes another block.
                '}' if i > open => {
                    depth -= 1;
                    if depth == 0 {
                        return i;
                    }
                }
                '{' => depth += 1,
                _ => {}
            }
        }
    }
    panic!("{:?} is never closed", lines[open]);
}

/// A line with a name replaced, where it is no member of something.
fn replace(line: &str, name: &str, by: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let len = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (token, after) = rest.split_at(len);
        text.push_str(if token == name && !text.ends_with('.') { by } else { token });
        rest = after;
    }
    text
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The value of an expression; `None` where it names something that is no parameter.
fn evaluate(expression: &str, names: &Names) -> Option<i64> {
    let mut parser = Parser { rest: expression.trim(), names };
    let value = parser.binary(0)?;
    parser.rest.is_empty().then_some(value)
}

struct Parser<'a> {
    rest: &'a str,
    names: &'a Names,
}

/// Binary operators by precedence, lowest first; of two with the same beginning the longer one first.
const OPERATORS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn binary(&mut self, level: usize) -> Option<i64> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.rest.starts_with(**operator)) {
            self.rest = self.rest[operator.len()..].trim_start();
            let right = self.binary(level + 1)?;
            left = match *operator {
                "||" => i64::from(left != 0 || right != 0),
                "&&" => i64::from(left != 0 && right != 0),
                "==" => i64::from(left == right),
                "!=" => i64::from(left != right),
                "<=" => i64::from(left <= right),
                ">=" => i64::from(left >= right),
                "<" => i64::from(left < right),
                ">" => i64::from(left > right),
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" => left.checked_div(right)?,
                _ => left.checked_rem(right)?,
            };
        }
        Some(left)
    }

    fn unary(&mut self) -> Option<i64> {
        if let Some(rest) = self.rest.strip_prefix('!') {
            self.rest = rest;
            return Some(i64::from(self.unary()? == 0));
        }
        if let Some(rest) = self.rest.strip_prefix('-') {
            self.rest = rest;
            return Some(-self.unary()?);
        }
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest.trim_start();
            let value = self.binary(0)?;
            self.rest = self.rest.strip_prefix(')')?.trim_start();
            return Some(value);
        }
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        match word {
            "true" => Some(1),
            "false" => Some(0),
            word => self.names.get(word).copied().or_else(|| word.trim_end_matches(['u', 'i']).parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(name: &str) -> Option<&'static str> {
        match name {
            "scale" => Some("const SCALE = 2;\nconst TWICE = 2 * SCALE;\nfn scale() {}\n"),
            _ => None,
        }
    }

    fn expanded(text: &str, values: &[(&str, i64)]) -> String {
        expand(text, &import, values)
    }

    #[test]
    fn imports_come_once_and_parameters_take_values() {
        let text = "#import scale\n#import scale\n#import missing // if SCALE > 9\nconst RELU = false;\nx;\n";
        assert_eq!(
            expanded(text, &[("SCALE", 3), ("RELU", 1)]),
            "const SCALE = 3;\nconst TWICE = 6;\nfn scale() {}\nconst RELU = true;\nx;\n"
        );
        assert!(expanded(text, &[]).starts_with("const SCALE = 2;\nconst TWICE = 4;\n"));
    }

    #[test]
    fn loops_are_unrolled() {
        let text = "const N = 2;\nfor (var i = 0u; i < N; i++) { // unroll\n  a[i].i = in_i;\n  for (var j = i; j < 2; j++) { // unroll\n    b(j, i);\n  }\n}\nfor (var k = 0; k < n; k++) {\n}\n";
        assert_eq!(
            expanded(text, &[]),
            "const N = 2;\n{\n  a[0u].i = in_i;\n  {\n    b(0u, 0u);\n  }\n  {\n    b(1u, 0u);\n  }\n}\n{\n  a[1u].i = in_i;\n  {\n    b(1u, 1u);\n  }\n}\nfor (var k = 0; k < n; k++) {\n}\n"
        );
        assert_eq!(expanded(text, &[("N", 0)]), "const N = 0;\nfor (var k = 0; k < n; k++) {\n}\n");
    }

    #[test]
    fn branches_on_parameters_are_decided() {
        let text = "const N = 2;\nif (N > 1) {\n  if (x) {\n    a;\n  }\n} else {\n  b;\n}\nif (N == 3) {\n  c;\n}\nd; // if N != 2\n";
        assert_eq!(expanded(text, &[]), "const N = 2;\n{\n  if (x) {\n    a;\n  }\n}\n");
        assert_eq!(expanded(text, &[("N", 1)]), "const N = 1;\n{\n  b;\n}\nd;\n");
        assert_eq!(
            expanded(text, &[("N", 3)]),
            "const N = 3;\n{\n  if (x) {\n    a;\n  }\n}\n{\n  c;\n}\nd;\n"
        );
    }

    #[test]
    fn expressions_have_their_precedence() {
        let names = Names::from([("N".to_owned(), 7), ("ON".to_owned(), 1)]);
        let value = |text| evaluate(text, &names);
        assert_eq!(value("1 + 2 * (N - 3) / 3 % 4"), Some(3));
        assert_eq!(value("!ON || N >= 7 && N != 8"), Some(1));
        assert_eq!(value("-N + 8u"), Some(1));
        assert_eq!([value("x"), value("N /"), value("1 / (N - 7)"), value("N N")], [None; 4]);
    }

    #[test]
    #[should_panic(expected = "has no parameter M")]
    fn a_value_needs_a_parameter() {
        expanded("const N = 1;\n", &[("M", 2)]);
    }
}
