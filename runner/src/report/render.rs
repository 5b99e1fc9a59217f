//! Renders the templates of all pages.

use super::{number, svg};
use crate::error::{CliError, ErrorKind, Result};
use crate::schema::simplex_name;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as TemplateValue;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;
use serde_json::Value;

/// The template that all pages extend: the head with the styles, and an empty body.
const BASE: &str = include_str!("base.html");

/// Styles of the pages. Those of the figures are in [`svg::STYLE`].
const LAYOUT: &str = include_str!("page.css");

/// Renders a template that extends [`BASE`].
///
/// # Errors
/// The template and its values do not fit, which is a bug.
pub fn render_template(template: &str, values: TemplateValue) -> Result<String> {
    let failed = |e| CliError::new(ErrorKind::Data, format!("the template of the report failed: {e:#}"));
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    let mut environment = Environment::new();
    environment.set_syntax(syntax);
    // A name that a template misspells is an error, not an empty text.
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.add_filter("num", num);
    environment.add_filter("six_digits", six_digits);
    environment.add_filter("two_digits", two_digits);
    environment.add_filter("percent", percent);
    environment.add_filter("simplex", simplex);
    environment.add_global("style", svg::STYLE);
    environment.add_global("layout", LAYOUT);
    // Texts are escaped because the names of the templates end in html.
    environment.add_template("base.html", BASE).map_err(failed)?;
    environment.add_template("page.html", template).map_err(failed)?;
    environment.get_template("page.html").and_then(|template| template.render(values)).map_err(failed)
}

/// Markup that the template does not escape.
pub fn safe_markup(markup: String) -> TemplateValue {
    TemplateValue::from_safe_string(markup)
}

/// Mean and deviation for a template.
pub fn mean_std(s: &crate::schema::MeanStd) -> TemplateValue {
    context! { mean => s.mean, deviation => s.deviation }
}

/// A nested table as rows of keys and values, such as `train.batch` and `32`.
pub fn flattened(table: &impl Serialize) -> Vec<(String, String)> {
    fn walk(prefix: &str, value: &Value, rows: &mut Vec<(String, String)>) {
        match value {
            Value::Object(table) => {
                for (key, value) in table {
                    let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                    walk(&name, value, rows);
                }
            }
            Value::Null => {}
            Value::String(text) => rows.push((prefix.into(), text.clone())),
            _ => rows.push((prefix.into(), value.to_string())),
        }
    }
    let mut rows = Vec::new();
    walk("", &serde_json::to_value(table).unwrap_or_default(), &mut rows);
    rows
}

/// Four significant digits, with all digits as a tooltip; a dash for no value.
fn num(x: Option<f64>) -> TemplateValue {
    with_tooltip(x, number::short, "")
}

/// Six significant digits: the entropies of layers differ in the last of them.
fn six_digits(x: Option<f64>) -> TemplateValue {
    with_tooltip(x, |x| number::rounded(x, 6), "")
}

/// Two significant digits: more are noise for deviations, intervals and p-values.
fn two_digits(x: Option<f64>) -> TemplateValue {
    with_tooltip(x, |x| number::rounded(x, 2), "")
}

/// A share in percent, with the share as a tooltip.
fn percent(x: Option<f64>) -> TemplateValue {
    with_tooltip(x, |x| number::short(100.0 * x), " %")
}

fn with_tooltip(x: Option<f64>, short: impl Fn(f64) -> String, unit: &str) -> TemplateValue {
    let text = match x {
        Some(x) => format!(r#"<span class="x" title="{}">{}{unit}</span>"#, number::full(x), short(x)),
        None => r#"<span class="x" title="no value">–</span>"#.into(),
    };
    safe_markup(text)
}

/// The name of a simplex without line breaks; a dash for none.
fn simplex(vertices: Option<Vec<u32>>) -> TemplateValue {
    let name = vertices.map_or("–".into(), |v| simplex_name(&v));
    safe_markup(format!(r#"<span class="x">{name}</span>"#))
}
