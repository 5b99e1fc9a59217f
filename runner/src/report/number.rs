//! Numbers as text for readers.

/// Four significant digits.
pub fn short(x: f64) -> String {
    rounded(x, 4)
}

/// `digits` significant digits, with a power of ten for very small and very large numbers. `∞`, `−∞` or `NaN` for
/// numbers that are not finite.
pub fn rounded(x: f64, digits: usize) -> String {
    let decimals = digits.saturating_sub(1);
    if x == 0.0 {
        return "0".into();
    }
    if !x.is_finite() {
        return full(x);
    }
    // The exponent is that of the rounded number: 9.9996 is 10.00.
    let text = format!("{x:.decimals$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        let decimals = (decimals as i32 - exponent).max(0) as usize;
        minus(&format!("{x:.decimals$}"))
    } else {
        minus(&format!("{mantissa}·10{}", superscript(exponent)))
    }
}

/// The shortest text that reads back to the same bits. `∞`, `−∞` or `NaN` for numbers that are not finite.
pub fn full(x: f64) -> String {
    match x {
        f64::INFINITY => "∞".into(),
        f64::NEG_INFINITY => "−∞".into(),
        _ => format!("{x:?}"),
    }
}

/// A multiple of `step` with as many decimals as such multiples need.
pub fn tick(x: f64, step: f64) -> String {
    let exponent = step.abs().log10().floor();
    let size = x.abs().max(step.abs()).log10().floor();
    if !(-4.0..6.0).contains(&exponent) || size >= 6.0 {
        return if x.abs() < step.abs() / 2.0 { "0".into() } else { trim_mantissa(x) };
    }
    // Steps are 1, 2, 2.5 or 5 times a power of ten. 2.5 needs one more decimal.
    let two_and_a_half = (step / 10f64.powf(exponent) - 2.5).abs() < 1e-6;
    let decimals = (-exponent).max(0.0) as usize + usize::from(two_and_a_half && exponent <= 0.0);
    let text = format!("{x:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { "0".into() } else { minus(&text) }
}

/// A number as `2.5·10⁻⁷`, without trailing zeros.
fn trim_mantissa(x: f64) -> String {
    let text = format!("{x:.3e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let exponent = superscript(exponent.parse().unwrap_or(0));
    if mantissa == "1" { format!("10{exponent}") } else { minus(&format!("{mantissa}·10{exponent}")) }
}

fn minus(text: &str) -> String {
    text.replace('-', "−")
}

fn superscript(exponent: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => char::from_u32('⁰' as u32 + c.to_digit(10).unwrap_or(0)).unwrap_or('⁰'),
    };
    exponent.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_significant_digits() {
        let table = [
            (0.0, "0"),
            (0.029_714_9, "0.02971"),
            (9.999_96, "10.00"),
            (-146.699_517, "−146.7"),
            (181_616.522, "181617"),
            (1.234_56e-7, "1.235·10⁻⁷"),
            (-4.2e12, "−4.200·10¹²"),
            (f64::INFINITY, "∞"),
        ];
        for (x, text) in table {
            assert_eq!(short(x), text, "{x}");
        }
    }

    #[test]
    fn ticks_have_the_decimals_of_their_step() {
        assert_eq!(tick(0.0125, 0.0025), "0.0125");
        assert_eq!(tick(0.03, 0.005), "0.030");
        assert_eq!(tick(-1e-18, 0.005), "0");
        assert_eq!(tick(-150.0, 50.0), "−150");
        assert_eq!(tick(2e-7, 1e-7), "2·10⁻⁷");
        assert_eq!(tick(1e-4, 1e-4), "0.0001");
        assert_eq!(tick(1e-5, 1e-5), "10⁻⁵");
        assert_eq!(tick(1e8, 5e7), "10⁸");
    }
}
