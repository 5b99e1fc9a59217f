//! Functions with known critical values: what the presets find, for several seeds, beside the true values.
//!
//!     cargo run --release -p valleys-examples --bin known_answers -- 8
//!
//! prints the table of docs/peaks.md (eight seeds, two to three minutes on two cores). Without an argument it is one seed.

use std::time::Instant;
use valleys::config::Config;
use valleys::error::Result;
use valleys::run::{Options, run};
use valleys::schema::Fit;

/// A preset, overrides of it, and the true finite bars of positive length: index, birth, death.
type Case = (&'static str, &'static [&'static str], &'static [(usize, f64, f64)]);

const CASES: &[Case] = &[
    (
        "himmelblau",
        &[],
        &[(0, 0.0, 13.311926), (0, 0.0, 67.71915), (0, 0.0, 104.015163), (1, 178.337239, 181.616522)],
    ),
    ("himmelblau-any", &[], &[(0, 0.0, 13.311926), (0, 0.0, 67.71915), (0, 0.0, 104.015163)]),
    ("muller-brown", &[], &[(0, -80.767818, -72.24894), (0, -108.166724, -40.664844)]),
    (
        "muller-brown",
        &["network=muller-brown:50"],
        &[(0, -80.767818, -72.24894), (0, -108.166724, -40.664844)],
    ),
    ("three-well-ring", &[], &[(0, 0.0, 0.19), (0, 0.0, 0.19), (1, 0.19, 1.0)]),
    ("unequal-ring", &[], &[(0, 0.0, 0.149535), (0, 0.0, 0.149535), (1, 0.2775, 1.0)]),
    (
        "sphere",
        &[],
        &[
            (0, 0.0, 0.0975),
            (0, 0.0, 0.0975),
            (0, 0.0, 0.0975),
            (1, 0.0975, 0.19),
            (1, 0.0975, 0.19),
            (1, 0.0975, 0.19),
            (2, 0.19, 1.0),
        ],
    ),
];

/// The bars of an index, the longest first, with their true births and deaths as far as there are true ones. All essential
/// bars are left out.
fn match_bars(fit: &Fit, index: usize, true_bars: &[(usize, f64, f64)]) -> (Vec<[f64; 4]>, f64) {
    let finite = fit.bars.iter().filter(|bar| bar.index == index);
    let mut found: Vec<(f64, f64)> = finite.filter_map(|bar| Some((bar.birth, bar.death?))).collect();
    found.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    let mut expected: Vec<(f64, f64)> =
        true_bars.iter().filter(|bar| bar.0 == index).map(|bar| (bar.1, bar.2)).collect();
    expected.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    let rest = found.get(expected.len()).map_or(0.0, |(birth, death)| death - birth);
    let pairs =
        found.iter().zip(&expected).map(|(found, expected)| [found.0, found.1, expected.0, expected.1]);
    (pairs.collect(), rest)
}

/// Numbers of several seeds as one cell: one number if they agree to four digits, else the smallest and the largest.
fn cell(numbers: &[f64]) -> String {
    let (least, most) =
        numbers.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &x| (a.min(x), b.max(x)));
    let [a, b] = [least, most].map(number);
    if a == b { a } else { format!("{a} to {b}") }
}

fn number(x: f64) -> String {
    valleys::table::rounded(x, 5)
}

fn main() -> Result<()> {
    let seeds: u32 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("| run | index | true bar | births found | deaths found | longest other bar | seconds |");
    println!("|---|---|---|---|---|---|---|");
    for &(preset, overrides, true_bars) in CASES {
        let mut fits = Vec::new();
        let mut seconds: f64 = 0.0;
        for seed in 1..=seeds {
            let mut keys: Vec<String> = overrides.iter().map(|&key| key.to_owned()).collect();
            keys.push(format!("seed={seed}"));
            let folder = std::env::temp_dir().join(format!("valleys-known-{}-{seed}", std::process::id()));
            let options = Options { out: Some(folder.clone()), quiet: true, ..Options::default() };
            let start = Instant::now();
            let (summary, _) = run(Config::load(None, Some(preset), &keys)?, &options)?;
            seconds = seconds.max(start.elapsed().as_secs_f64());
            // A folder that stays behind in the temporary directory does no harm.
            let _ = std::fs::remove_dir_all(folder);
            fits.extend(summary.fits.into_iter().next_back());
        }
        let name = overrides.first().map_or(preset, |text| text.trim_start_matches("network="));
        let indices = 1 + fits.iter().flat_map(|fit| &fit.bars).map(|bar| bar.index).max().unwrap_or(0);
        for index in 0..indices {
            let matched: Vec<_> = fits.iter().map(|fit| match_bars(fit, index, true_bars)).collect();
            let rest = matched.iter().fold(0.0_f64, |most, (_, rest)| most.max(*rest));
            // Within one part in a hundred, and no other bar longer than a hundredth of the range.
            let near = |found: f64, expected: f64| (found - expected).abs() <= 0.01 * expected.abs() + 1e-3;
            for [birth, death, true_birth, true_death] in matched.iter().flat_map(|(pairs, _)| pairs) {
                assert!(near(*birth, *true_birth) && near(*death, *true_death), "{name}: [{birth}, {death}]");
            }
            let ends = || true_bars.iter().flat_map(|bar| [bar.1, bar.2]);
            let range = ends().fold(f64::NEG_INFINITY, f64::max) - ends().fold(f64::INFINITY, f64::min);
            assert!(rest <= 0.01 * range, "{name}: a bar of length {rest}");
            let count = matched.iter().map(|(pairs, _)| pairs.len()).min().unwrap_or(0);
            let bars = (0..count).map(|i| {
                let of = |column: usize| -> Vec<f64> {
                    matched.iter().map(|(pairs, _)| pairs[i][column]).collect()
                };
                let [birth, death] = [of(2)[0], of(3)[0]].map(number);
                (format!("[{birth}, {death}]"), cell(&of(0)), cell(&of(1)))
            });
            let mut rows: Vec<_> = bars.collect();
            if rows.is_empty() {
                rows.push(("none".to_owned(), String::new(), String::new()));
            }
            let last = rows.len() - 1;
            for (i, (bar, births, deaths)) in rows.into_iter().enumerate() {
                let rest = if i == last { number(rest) } else { String::new() };
                println!("| `{name}` | {index} | {bar} | {births} | {deaths} | {rest} | {seconds:.1} |");
            }
        }
    }
    Ok(())
}
