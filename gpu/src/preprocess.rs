//! WGSL with what its language lacks: numbers known when the pipeline is made, and loops unrolled in the text.
//!
//! A kernel's file is WGSL with lines of `#for i in A..B`, `#if A`, `#else`, `#end`, and with `$NAME` or `$(expression)`
//! within other lines. Expressions are of whole numbers, names, `+ - * / %` and parentheses; division rounds down.

/// Names and their values; a later one hides an earlier one.
type Names<'a> = Vec<(&'a str, i64)>;

/// The WGSL that a template stands for.
///
/// # Panics
/// If the template is malformed, or names what has no value: a defect of the kernel, which its tests find.
pub fn expand(template: &str, values: &[(&str, i64)]) -> String {
    let lines: Vec<&str> = template.lines().collect();
    let mut text = String::new();
    block(&lines, &mut values.to_vec(), &mut text);
    text
}

fn block<'a>(lines: &[&'a str], names: &mut Names<'a>, text: &mut String) {
    let mut at = 0;
    while at < lines.len() {
        if let Some(header) = lines[at].trim().strip_prefix("#for ") {
            let (name, range) = header.split_once(" in ").expect("#for NAME in A..B");
            let (from, to) = range.split_once("..").expect("#for NAME in A..B");
            let (_, end) = matching(lines, at);
            for i in value(from, names)..value(to, names) {
                names.push((name, i));
                block(&lines[at + 1..end], names, text);
                names.pop();
            }
            at = end;
        } else if let Some(condition) = lines[at].trim().strip_prefix("#if ") {
            let (otherwise, end) = matching(lines, at);
            let holds = value(condition, names) != 0;
            let branch = if holds { at + 1..otherwise } else { (otherwise + 1).min(end)..end };
            block(&lines[branch], names, text);
            at = end;
        } else {
            substitute(lines[at], names, text);
            text.push('\n');
        }
        at += 1;
    }
}

/// The `#else` (the `#end`, where there is none) and the `#end` of the `#for` or `#if` in line `at`.
fn matching(lines: &[&str], at: usize) -> (usize, usize) {
    let (mut depth, mut otherwise) = (0, None);
    for (i, line) in lines.iter().enumerate().skip(at) {
        match line.trim().split(' ').next() {
            Some("#for" | "#if") => depth += 1,
            Some("#else") if depth == 1 => otherwise = Some(i),
            Some("#end") => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (otherwise.unwrap_or(i), i);
        }
    }
    panic!("{:?} needs an #end", lines[at]);
}

/// Writes a line with its names and expressions replaced by their values.
fn substitute(line: &str, names: &Names, text: &mut String) {
    let mut pieces = line.split('$');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = match piece.strip_prefix('(') {
            Some(_) => {
                let mut depth = 0;
                let closing = |c: char| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                };
                piece.find(closing).expect("$( needs a )") + 1
            }
            None => piece.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(piece.len()),
        };
        text.push_str(&value(&piece[..end], names).to_string());
        text.push_str(&piece[end..]);
    }
}

/// The value of an expression.
fn value(expression: &str, names: &Names) -> i64 {
    let mut rest = expression.trim();
    let value = sum(&mut rest, names);
    assert!(rest.is_empty(), "{expression:?}: {rest:?} is left over");
    value
}

fn sum(rest: &mut &str, names: &Names) -> i64 {
    let mut left = product(rest, names);
    while let Some(operator) = next(rest, "+-") {
        let right = product(rest, names);
        left = if operator == '+' { left + right } else { left - right };
    }
    left
}

fn product(rest: &mut &str, names: &Names) -> i64 {
    let mut left = atom(rest, names);
    while let Some(operator) = next(rest, "*/%") {
        let right = atom(rest, names);
        left = match operator {
            '*' => left * right,
            '/' => left.div_euclid(right),
            _ => left.rem_euclid(right),
        };
    }
    left
}

fn atom(rest: &mut &str, names: &Names) -> i64 {
    if next(rest, "(").is_some() {
        let value = sum(rest, names);
        next(rest, ")").expect("( needs a )");
        return value;
    }
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after.trim_start();
    let named = names.iter().rev().find(|(name, _)| *name == word);
    named
        .map_or_else(|| word.parse().unwrap_or_else(|_| panic!("{word:?} has no value")), |(_, value)| *value)
}

/// Takes one of some operators off the front.
fn next(rest: &mut &str, operators: &str) -> Option<char> {
    let first = rest.chars().next().filter(|&c| operators.contains(c))?;
    *rest = rest[1..].trim_start();
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn loops_conditions_and_expressions() {
        let template = "a\n#for i in 0..N\n#if i%2\nodd $i\n#else\n#for j in i..(i+2)\nb$(i)_$(j*2-1)c$j\n#end\n#end\n#end\nz";
        assert_eq!(expand(template, &[("N", 2)]), "a\nb0_-1c0\nb0_1c1\nodd 1\nz\n");
        assert_eq!(expand(template, &[("N", 0)]), "a\nz\n");
        assert_eq!(expand("$(2*(3+N)/4)x", &[("N", 4)]), "3x\n");
    }

    #[test]
    #[should_panic(expected = "has no value")]
    fn a_name_needs_a_value() {
        expand("$N", &[]);
    }
}
