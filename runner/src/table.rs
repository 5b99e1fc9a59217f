//! What a run prints when it is done.

use crate::schema::{Fit, LAYER_STATISTICS, StudySummary, Summary};
use std::fmt::Write;

/// The summary as a short table.
pub fn summary(summary: &Summary) -> String {
    let mut out = String::new();
    if let Some(study) = &summary.study {
        write_study(&mut out, study);
        return out;
    }
    let _ = writeln!(out, "minimum   train loss   train error   test loss   test error");
    for m in &summary.minima {
        let _ = writeln!(
            out,
            "{:>7} {:>12} {:>13} {:>11} {:>12}",
            m.id,
            number(Some(m.train_loss)),
            percent(m.train_error),
            number(m.test_loss),
            percent(m.test_error)
        );
    }
    for fit in &summary.fits {
        write_fit(&mut out, fit);
    }
    out
}

/// The paper's two metrics against accuracy; the report has the others.
fn write_study(out: &mut String, study: &StudySummary) {
    let _ = writeln!(
        out,
        "{:<22} {:<12} {:<20} {:>22} {:>9} {:>9} {:>13}",
        "metric", "layer", "against", "Pearson [95 %]", "p (Holm)", "Spearman", "within sizes"
    );
    for c in study.correlations.iter().filter(|c| LAYER_STATISTICS[..2].iter().any(|m| m.name == c.metric)) {
        let digits = |x: Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.3}"));
        let interval = c.pearson.interval.map_or(String::new(), |[a, b]| format!(" [{a:.2}, {b:.2}]"));
        let _ = writeln!(
            out,
            "{:<22} {:<12} {:<20} {:>22} {:>9} {:>9} {:>13}",
            c.metric,
            c.layer,
            c.target.title(),
            format!("{}{interval}", digits(c.pearson.value)),
            c.pearson.p_holm.map_or("-".to_owned(), |p| rounded(p, 2)),
            digits(c.spearman.value),
            digits(c.within_sizes.value),
        );
    }
    let _ = writeln!(
        out,
        "\n{} networks at their ends; p after Holm's correction for {} comparisons; within sizes: Pearson's of what is left \
         after the mean of each training-set size is taken from both",
        study.networks.len(),
        study.comparisons
    );
}

fn write_fit(out: &mut String, fit: &Fit) {
    let _ = writeln!(
        out,
        "\nfit {} (sampling {}, depth {}, centres {})",
        fit.name, fit.sampling, fit.depth, fit.centres
    );
    if !fit.segments.is_empty() {
        let _ = writeln!(out, "triangle    birth h1    death h2      length   true birth within");
        for s in &fit.segments {
            let _ = writeln!(
                out,
                "{:<8} {:>11} {:>11} {:>11}   [{}, {}]{}",
                dashes(&s.triangle),
                number(Some(s.birth)),
                number(Some(s.death)),
                number(Some(s.death - s.birth)),
                number(Some(s.birth_lower)),
                number(Some(s.birth_upper)),
                if s.within_slack { "  length within this slack" } else { "" }
            );
        }
    }
    let _ = writeln!(out, "index       birth       death      length   simplices");
    for bar in &fit.bars {
        let death = bar.death_simplex.as_deref().map_or("never".to_owned(), dashes);
        let _ = writeln!(
            out,
            "{:<5} {:>11} {:>11} {:>11}   {} to {death}",
            bar.index,
            number(Some(bar.birth)),
            bar.death.map_or("inf".to_owned(), |d| number(Some(d))),
            bar.death.map_or("inf".to_owned(), |d| number(Some(d - bar.birth))),
            dashes(&bar.birth_simplex)
        );
    }
    let _ = writeln!(
        out,
        "W-infinity: {} of the index-1 barcode, {} of the segments ({} pairs of length zero)",
        number(fit.w_infinity),
        number(fit.w_infinity_segments),
        fit.zero_length
    );
}

fn dashes(vertices: &[u32]) -> String {
    vertices.iter().map(u32::to_string).collect::<Vec<_>>().join("-")
}

/// Five significant digits.
fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |x| rounded(x, 5))
}

/// So many significant digits, at least one.
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

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s))
}
