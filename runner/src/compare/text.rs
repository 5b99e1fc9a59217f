//! A comparison as JSON, CSV and as a table for a terminal.

use super::{ComparedFit, ComparedRun, Comparison};
use crate::config::Scale;
use crate::schema::{ErrorMeasure, MeanStd};
use crate::table::rounded;
use std::fmt::Write;

/// Quantities of a fit, with their columns in the CSV file.
const OF_FIT: [&str; 6] = ["curve", "birth_lower", "birth", "death", "length", "w_infinity_of_triangles"];

impl ComparedRun {
    fn quantities(&self) -> [MeanStd; 4] {
        [self.train_loss, self.errors.train, self.test_loss, self.errors.test]
    }
}

impl ComparedFit {
    fn quantities(&self) -> [MeanStd; 6] {
        [self.curve, self.birth_lower, self.birth, self.death, self.length, self.w_infinity_of_triangles]
    }
}

impl Comparison {
    /// One JSON document.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a comparison is JSON") + "\n"
    }

    /// A row for each run and fit. A field without a value is empty.
    ///
    /// # Layout
    /// run, the differing keys, parameters, minima; mean and standard deviation of each quantity; number of triangles, W∞
    /// of all segments and of the complex, number of births that are not separated from the minima.
    pub fn to_csv(&self) -> String {
        let quoted = |text: &str| {
            if text.contains([',', '"', '\n']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        let pair = |name: &&str| [format!("{name}_mean"), format!("{name}_std")];
        let mut header = vec!["run".to_owned()];
        header.extend(self.keys.iter().cloned());
        header.extend(["parameters", "minima"].map(str::to_owned));
        let [train, test] = self.error_measure().columns();
        header.extend(["train_loss", train, "test_loss", test].iter().flat_map(pair));
        header.extend(["fit", "triangles"].map(str::to_owned));
        header.extend(OF_FIT.iter().flat_map(pair));
        header.extend(["w_infinity_segments", "w_infinity", "not_separated"].map(str::to_owned));
        let mut csv = header.join(",") + "\n";
        let number = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let numbers = |q: MeanStd| [number(q.mean), number(q.deviation)];
        for run in &self.runs {
            for fit in &run.fits {
                let mut row = vec![quoted(&run.directory.to_string_lossy())];
                row.extend(self.keys.iter().map(|key| quoted(run.settings.get(key).map_or("", |v| v))));
                row.extend([run.parameters.to_string(), run.minima.to_string()]);
                row.extend(run.quantities().into_iter().flat_map(numbers));
                row.extend([fit.fit.clone(), fit.triangles.to_string()]);
                row.extend(fit.quantities().into_iter().flat_map(numbers));
                row.extend([number(fit.w_infinity_segments), number(fit.w_infinity)]);
                row.push(fit.not_separated.to_string());
                csv += &(row.join(",") + "\n");
            }
        }
        csv
    }

    /// The table of a terminal.
    pub fn to_table(&self) -> String {
        let width = self.runs.iter().map(|run| run.name.chars().count()).max().unwrap_or(0).max(3);
        let dataset = self.dataset.as_ref().map_or(String::new(), |dataset| format!(" on {dataset}"));
        let scale = self.scale.map_or(String::new(), Scale::suffix);
        let measure = self.error_measure();
        let mut text = format!("{} runs{dataset}{scale}: mean ± standard deviation\n\n", self.runs.len());
        let _ = writeln!(
            text,
            "{:<width$} {:>10} {:>7} {:>18} {:>18}",
            "run",
            "parameters",
            "minima",
            "train loss",
            format!("test {}{}", measure.title(), measure.unit())
        );
        for run in &self.runs {
            let _ = writeln!(
                text,
                "{:<width$} {:>10} {:>7} {:>18} {:>18}",
                run.name,
                run.parameters,
                run.minima,
                with_deviation(run.train_loss, 1.0),
                with_deviation(run.errors.test, measure.factor())
            );
        }
        for name in self.fits() {
            let _ = writeln!(
                text,
                "\nfit {name}\n{:<width$} {:>9} {:>18} {:>18} {:>18} {:>18} {:>10}",
                "run", "triangles", "birth", "death", "W-inf of triangles", "largest curve", "separated"
            );
            for run in &self.runs {
                let Some(fit) = run.fits.iter().find(|fit| fit.fit == name) else { continue };
                let _ = writeln!(
                    text,
                    "{:<width$} {:>9} {:>18} {:>18} {:>18} {:>18} {:>10}",
                    run.name,
                    fit.triangles,
                    with_deviation(fit.birth, 1.0),
                    with_deviation(fit.death, 1.0),
                    with_deviation(fit.w_infinity_of_triangles, 1.0),
                    with_deviation(fit.curve, 1.0),
                    fit.triangles - fit.not_separated
                );
            }
        }
        if self.runs.iter().any(|run| !run.independent) {
            text += "\nTriangles with common minima are no independent replicates: their deviation is no error.\n";
        }
        for matrix in &self.distances {
            let _ = writeln!(text, "\nbottleneck distances, fit {}, {}", matrix.fit, matrix.diagram);
            for (run, row) in self.runs.iter().zip(&matrix.distances) {
                let cells = row.iter().map(|x| x.map_or("inf".to_owned(), |x| rounded(x, 4)));
                let cells: String = cells.map(|cell| format!(" {cell:>9}")).collect();
                let _ = writeln!(text, "{:<width$}{cells}", run.name);
            }
        }
        text
    }

    /// What the errors of its runs are.
    pub fn error_measure(&self) -> ErrorMeasure {
        self.runs.first().map_or(ErrorMeasure::Share, |run| run.summary.error_measure())
    }

    /// Names of all fits, those of the first run first.
    pub fn fits(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for fit in self.runs.iter().flat_map(|run| &run.fits) {
            if !names.contains(&fit.fit.as_str()) {
                names.push(&fit.fit);
            }
        }
        names
    }
}

/// `0.1234 ± 0.0056`, in a unit of 1 / `factor`; a dash for no value.
fn with_deviation(value: MeanStd, factor: f64) -> String {
    let Some(mean) = value.mean else { return "-".to_owned() };
    let mean = rounded(factor * mean, 4);
    value.deviation.map_or(mean.clone(), |deviation| format!("{mean} ± {}", rounded(factor * deviation, 2)))
}
