//! The summary of a run as text for a terminal.

use crate::schema::{
    Coefficient, ErrorMeasure, Fit, IndexDistance, LAYER_STATISTICS, StudySummary, Summary, simplex_name,
};
use std::fmt::Write;

/// The summary as tables: minima, and the segments and bars of each fit; or the correlations of a study.
pub fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    if let Some(study) = &summary.study {
        let options = &summary.config.study;
        let controls =
            [(options.shuffle_labels, "training labels shuffled"), (options.equal_steps, "equal steps")];
        let controls: Vec<&str> =
            controls.into_iter().filter_map(|(is_on, name)| is_on.then_some(name)).collect();
        if !controls.is_empty() {
            let _ = writeln!(out, "control: {}\n", controls.join(", "));
        }
        write_study(&mut out, study);
        return out;
    }
    let measure = summary.error_measure();
    let [train, test] = ["train", "test"].map(|split| format!("{split} {}", measure.title()));
    // Every minimum has the same measures.
    let metrics: Vec<&String> =
        summary.minima.first().map_or(Vec::new(), |m| m.test_metrics.keys().collect());
    let headings: String = metrics.iter().map(|name| format!(" {:>14}", name.replace('_', " "))).collect();
    let _ = writeln!(out, "minimum   train loss {train:>13}   test loss {test:>12}{headings}");
    for m in &summary.minima {
        let _ = writeln!(
            out,
            "{:>7} {:>12} {:>13} {:>11} {:>12}{}",
            m.id,
            number(Some(m.train_loss)),
            error(measure, m.errors()[0]),
            number(m.test_loss),
            error(measure, m.errors()[1]),
            metrics
                .iter()
                .map(|name| format!(" {:>14}", number(m.test_metrics.get(*name).copied().flatten())))
                .collect::<String>()
        );
    }
    for fit in &summary.fits {
        write_fit(&mut out, fit);
    }
    out
}

/// The correlations of the paper's two statistics. The report has all.
fn write_study(out: &mut String, study: &StudySummary) {
    let _ = writeln!(
        out,
        "{:<22} {:<12} {:<20} {:>22} {:>9} {:>9} {:>13}",
        "statistic", "layer", "target", "Pearson [95 %]", "p (Holm)", "Spearman", "within sizes"
    );
    let is_of_paper = |name: &str| LAYER_STATISTICS[..2].iter().any(|statistic| statistic.name == name);
    for c in study.correlations.iter().filter(|c| is_of_paper(&c.metric)) {
        let (pearson, p_holm) = coefficient(&c.pearson);
        let _ = writeln!(
            out,
            "{:<22} {:<12} {:<20} {:>22} {:>9} {:>9} {:>13}",
            c.metric,
            c.layer,
            c.target.title(),
            pearson,
            p_holm,
            three_decimals(c.spearman.value),
            three_decimals(c.within_sizes.value),
        );
    }
    let _ = writeln!(
        out,
        "\n{} trained networks; p-values are corrected for {} comparisons (Holm); within sizes: Pearson's coefficient \
         after the mean of each training-set size is subtracted from both columns",
        study.networks.len(),
        study.comparisons
    );
}

/// A coefficient with its interval, and its corrected p-value.
pub fn coefficient(coefficient: &Coefficient) -> (String, String) {
    let interval = coefficient.interval.map_or(String::new(), |[a, b]| format!(" [{a:.2}, {b:.2}]"));
    let p = coefficient.p_holm.map_or("-".to_owned(), |p| rounded(p, 2));
    (three_decimals(coefficient.value) + &interval, p)
}

fn three_decimals(x: Option<f64>) -> String {
    x.map_or("-".to_owned(), |x| format!("{x:.3}"))
}

fn write_fit(out: &mut String, fit: &Fit) {
    let _ = writeln!(
        out,
        "\nfit {} (sampling {}, depth {}, centres {})",
        fit.name, fit.sampling, fit.depth, fit.centres
    );
    if !fit.segments.is_empty() {
        let _ = writeln!(
            out,
            "triangle    birth h1    death h2      length   minima below   against the main fit"
        );
        for s in &fit.segments {
            let _ = writeln!(
                out,
                "{:<8} {:>11} {:>11} {:>11} {:>14} {:>22}{}",
                simplex_name(&s.triangle),
                number(Some(s.birth)),
                number(Some(s.death)),
                number(Some(s.death - s.birth)),
                number(Some(s.birth_lower)),
                s.length_change.map_or("-".to_owned(), |change| format!("{:+.0} %", 100.0 * change)),
                if s.birth_not_separated { "  birth not separated from the minima" } else { "" }
            );
        }
    }
    let _ = writeln!(out, "index       birth       death      length   simplices");
    for bar in &fit.bars {
        let death = bar.death_simplex.as_deref().map_or("never".to_owned(), simplex_name);
        let _ = writeln!(
            out,
            "{:<5} {:>11} {:>11} {:>11}   {} to {death}",
            bar.index,
            number(Some(bar.birth)),
            bar.death.map_or("inf".to_owned(), |d| number(Some(d))),
            bar.death.map_or("inf".to_owned(), |d| number(Some(d - bar.birth))),
            simplex_name(&bar.birth_simplex)
        );
    }
    let _ = writeln!(
        out,
        "W-infinity: {} of the index-1 barcode, {} of the segments ({} pairs of length zero)",
        number(fit.w_infinity),
        number(fit.w_infinity_segments),
        fit.zero_length
    );
    for IndexDistance { index, value } in fit.w_infinity_by_index.iter().filter(|of| of.index > 1) {
        let _ = writeln!(out, "W-infinity: {} of the index-{index} barcode", number(Some(*value)));
    }
}

/// Five significant digits; a dash for no value.
fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |x| rounded(x, 5))
}

/// `digits` significant digits, at least one, in ASCII.
pub fn rounded(x: f64, digits: usize) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let (magnitude, digits) = (x.abs().log10().floor() as i32, digits as i32);
    if (-4..6).contains(&magnitude) {
        format!("{x:.*}", (digits - 1 - magnitude).max(0) as usize)
    } else {
        format!("{x:.*e}", (digits - 1).max(0) as usize)
    }
}

fn error(measure: ErrorMeasure, error: Option<f64>) -> String {
    match measure {
        ErrorMeasure::Share => error.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s)),
        ErrorMeasure::Rmse => number(error),
    }
}
