//! A table of results of models, such as accuracies, joined with their checkpoints by name.

use super::Weights;
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::table::{Cell, Columns, Table, TableOptions};
use crate::formats::{Input, ReadInfo, line_error, shown};
use crate::wording::nearest;
use std::collections::HashMap;
use std::path::Path;

/// Largest size of a result: its squares are summed.
const MOST: f64 = 1e100;

/// Columns of numbers, one number for each model.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Name of each column.
    pub names: Vec<String>,
    /// (columns, models); none where a field is empty.
    pub columns: Vec<Vec<Option<f64>>>,
    /// Rows that no model has.
    pub unused: Vec<String>,
    /// What was found out about the file.
    pub info: ReadInfo,
}

/// The rows of a table by the model that they name.
struct Rows {
    /// Name and numbers of each row.
    rows: Vec<(String, Vec<Option<f64>>)>,
    names: Vec<String>,
}

impl Results {
    /// Reads a table with names of columns. The first column whose fields are no numbers names the models: by path, file
    /// name, file name without its extension, or folder. Columns of numbers are results, others are left out.
    ///
    /// # Errors
    /// The file cannot be read; it has no column of names, or none of numbers; two rows are of one model; a model has no
    /// row, with the nearest name.
    pub fn read(path: &Path, models: &[Weights]) -> Result<Self> {
        let input = Input::read(path)?;
        let (bytes, mut info) = input.text("CSV")?;
        let name = path.display().to_string();
        let Rows { rows, names } = read_rows(&name, &bytes, &mut info)?;
        let wrong = |what: String| CliError::new(ErrorKind::Data, format!("{name}: {what}"));
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (number, (model, _)) in rows.iter().enumerate() {
            if by_name.insert(model, number).is_some() {
                return Err(wrong(format!("two rows are of {model}")));
            }
        }
        let mut used = vec![false; rows.len()];
        let mut columns = vec![Vec::new(); names.len()];
        for model in models {
            let spellings = spellings(&model.file);
            let found = spellings.iter().find_map(|spelling| by_name.get(spelling.as_str()));
            let Some(&row) = found else {
                let all = rows.iter().map(|(name, _)| name.as_str());
                let hint = nearest(spellings.get(2).map_or("", String::as_str), all);
                return Err(wrong(format!(
                    "no row is of {}: the first column of texts names the models by path, file name with or without \
                     extension, or folder{hint}",
                    model.file
                )));
            };
            if std::mem::replace(&mut used[row], true) {
                return Err(wrong(format!("two models are named {}", rows[row].0)));
            }
            columns.iter_mut().zip(&rows[row].1).for_each(|(column, &value)| column.push(value));
        }
        let unused =
            rows.iter().zip(used).filter(|(_, used)| !used).map(|((name, _), _)| name.clone()).collect();
        Ok(Self { names, columns, unused, info })
    }
}

/// What may stand for a model in a table: its path, its file name, that without extension, and the folder of it.
fn spellings(file: &str) -> Vec<String> {
    let path = Path::new(file);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let of = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let of_folder = [folder.map(Path::as_os_str), folder.and_then(Path::file_name)].map(of);
    let of_file = [Some(path.as_os_str()), path.file_name(), path.file_stem()].map(of);
    of_file.into_iter().chain(of_folder).flatten().collect()
}

fn read_rows(name: &str, bytes: &[u8], info: &mut ReadInfo) -> Result<Rows> {
    let wrong = |what: &str| CliError::new(ErrorKind::Data, format!("{name}: {what}"));
    let mut table = Table::open(name, bytes, Columns::Mixed, &TableOptions::default(), info)?;
    let Some(names) = table.names().map(<[String]>::to_vec) else {
        return Err(wrong("the first line must name the columns"));
    };
    let mut texts: Vec<Vec<String>> = Vec::new();
    let mut cells: Vec<Vec<Option<f64>>> = Vec::new();
    // Of each column the first field that is no number, with its line, and how many are.
    let mut first_text: Vec<Option<(u64, String)>> = vec![None; names.len()];
    let mut number_count = vec![0usize; names.len()];
    while table.advance()? {
        if table.len() != names.len() {
            return Err(table.fault(format_args!(
                "{} fields where {} columns are named",
                table.len(),
                names.len()
            )));
        }
        let mut row = Vec::new();
        for (column, first_text) in first_text.iter_mut().enumerate() {
            row.push(match table.cell(column) {
                Cell::Number(x) if x.abs() > MOST => {
                    return Err(table.fault(format_args!(
                        "column `{}` is {x:e}, but a result must be finite and at most {MOST:e}",
                        names[column]
                    )));
                }
                Cell::Number(x) if !x.is_nan() => {
                    number_count[column] += 1;
                    Some(x)
                }
                Cell::Number(_) | Cell::Missing => None,
                Cell::Text => {
                    first_text.get_or_insert_with(|| (table.line(), shown(table.text(column))));
                    None
                }
            });
        }
        texts.push((0..names.len()).map(|column| table.text(column).trim().to_owned()).collect());
        cells.push(row);
    }
    if texts.is_empty() {
        return Err(wrong("there is no row below the names of the columns"));
    }
    // A column of numbers with a text among them is a mistake, and no column of names.
    if let Some((column, (line, text))) =
        (0..names.len()).filter(|&i| number_count[i] > 0).find_map(|i| Some((i, first_text[i].clone()?)))
        && number_count[column] * 2 > texts.len()
    {
        let what = format!("column `{}` has the text `{text}` beside numbers", names[column]);
        return Err(line_error(name, line, what));
    }
    let Some(key) = first_text.iter().position(Option::is_some) else {
        return Err(wrong("no column names the models: all columns are numbers"));
    };
    // pandas writes the numbers of rows below an empty name.
    let numbers: Vec<usize> = (0..names.len())
        .filter(|&column| first_text[column].is_none() && !names[column].is_empty())
        .collect();
    if numbers.is_empty() {
        return Err(wrong("no column is of numbers"));
    }
    if let Some(twice) =
        (1..numbers.len()).find(|&i| numbers[..i].iter().any(|&j| names[j] == names[numbers[i]]))
    {
        return Err(wrong(&format!("two columns are named `{}`", names[numbers[twice]])));
    }
    let left_out: Vec<String> =
        (0..names.len()).filter(|i| *i != key && !numbers.contains(i)).map(|i| shown(&names[i])).collect();
    if !left_out.is_empty() {
        info.note(format!(
            "left out, as they are no numbers with a name: {}",
            left_out.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ));
    }
    let rows = texts.into_iter().zip(cells).map(|(mut texts, cells)| {
        (std::mem::take(&mut texts[key]), numbers.iter().map(|&column| cells[column]).collect())
    });
    Ok(Rows { rows: rows.collect(), names: numbers.iter().map(|&column| names[column].clone()).collect() })
}
