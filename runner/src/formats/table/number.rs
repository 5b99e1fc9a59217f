//! Numbers as people write them.

use super::options::Decimal;

/// A field.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Cell {
    /// A number, which may be infinite or NaN.
    Number(f64),
    /// No value.
    Missing,
    /// Something else.
    Text,
}

/// What stands for no value.
const MISSING: [&str; 10] = ["", "NA", "N/A", "null", "None", "<NA>", "NULL", "n/a", "#N/A", "#NA"];

/// Reads a field.
pub(crate) fn cell(text: &str, decimal: Decimal) -> Cell {
    match number(text, decimal) {
        Some(x) => Cell::Number(x),
        None if MISSING.contains(&text) => Cell::Missing,
        None => Cell::Text,
    }
}

/// The number that a text is, if it is one; with `,` as decimal mark there are digits on both sides of it.
fn number(text: &str, decimal: Decimal) -> Option<f64> {
    if decimal == Decimal::Comma {
        if text.contains('.') {
            return None;
        }
        if let Some((whole, fraction)) = text.split_once(',') {
            let digits = whole.ends_with(|c: char| c.is_ascii_digit())
                && fraction.starts_with(|c: char| c.is_ascii_digit());
            return if digits { plain(&format!("{whole}.{fraction}")) } else { None };
        }
    }
    plain(text)
}

/// A number with a decimal point; an exponent may follow `D`, as Fortran writes it.
fn plain(text: &str) -> Option<f64> {
    match text.parse() {
        Ok(x) => Some(x),
        Err(_) => match text {
            "∞" | "+∞" => Some(f64::INFINITY),
            "-∞" | "−∞" => Some(f64::NEG_INFINITY),
            _ if is_fortran(text) => text.replace(['D', 'd'], "e").parse().ok(),
            _ => None,
        },
    }
}

/// Whether a text may be a number with Fortran's exponent of double precision: `0.5D-3`.
pub(super) fn is_fortran(text: &str) -> bool {
    text.split_once(['D', 'd']).is_some_and(|(mantissa, exponent)| {
        mantissa.parse::<f64>().is_ok() && exponent.parse::<i32>().is_ok()
    })
}

/// Whether a text is a whole number, written as one.
pub(super) fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        for (text, x) in
            [("1", 1.0), ("-.5e3", -500.0), ("0.5D-3", 0.5e-3), ("1d2", 100.0), ("∞", f64::INFINITY)]
        {
            assert_eq!(cell(text, Decimal::Point), Cell::Number(x), "{text}");
        }
        for (text, x) in [("0,5", 0.5), ("-1,25e1", -12.5), ("7", 7.0), ("0,5D2", 50.0)] {
            assert_eq!(cell(text, Decimal::Comma), Cell::Number(x), "{text}");
        }
        for (text, decimal) in [
            ("0,5", Decimal::Point),
            ("1.5", Decimal::Comma),
            (",5", Decimal::Comma),
            ("5,", Decimal::Comma),
            ("D5", Decimal::Point),
            ("1.234,5", Decimal::Comma),
            ("1,2,3", Decimal::Comma),
            ("x", Decimal::Point),
        ] {
            assert_eq!(cell(text, decimal), Cell::Text, "{text}");
        }
        assert_eq!((cell("", Decimal::Point), cell("NA", Decimal::Comma)), (Cell::Missing, Cell::Missing));
        assert_eq!((whole("12"), whole("1.0"), whole("")), (Some(12), None, None));
    }
}
