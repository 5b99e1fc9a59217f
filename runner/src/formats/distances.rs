//! Distance matrices: squares, triangles of either side, condensed vectors.

mod entries;

use super::dtype::Kind;
use super::read_info::ReadInfo;
use super::table::{Answer, Cell, Columns, Table, TableOptions, is_numbered};
use super::{Input, Npy, data_error};
use crate::error::Result;
use clap::ValueEnum;
use entries::Entries;

/// Distances of points: d(1,0), d(2,0), d(2,1), d(3,0), …
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Distances {
    /// n.
    pub points: usize,
    /// n (n − 1) / 2 distances, none of them negative; +∞ where no edge joins two points.
    pub lower: Vec<f64>,
    /// What the file calls the points, if it does.
    pub labels: Option<Vec<String>>,
}

/// Which part of a matrix holds the distances.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Triangle {
    /// What is below the diagonal.
    Lower,
    /// What is above the diagonal.
    Upper,
    /// Both, which must agree.
    Full,
}

/// What a distance matrix must be read as. What is not said is found out, and told.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct DistanceOptions {
    /// The part of the matrix that counts [default: detected].
    #[arg(long, value_enum, value_name = "PART", help_heading = "Reading")]
    pub triangle: Option<Triangle>,
    /// Whether a triangle has its diagonal [default: detected: yes if it is all 0].
    #[arg(long, value_enum, value_name = "yes|no", help_heading = "Reading")]
    pub diagonal: Option<Answer>,
    /// Rounding that is accepted, relative to the largest distance: below 0, between the two triangles, on the diagonal
    /// [default: 1e-12; 1e-6 for float32, 1e-3 for float16].
    #[arg(long, value_name = "X", help_heading = "Reading", value_parser = tolerance)]
    pub tolerance: Option<f64>,
}

fn tolerance(text: &str) -> std::result::Result<f64, String> {
    let x: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..1.0).contains(&x) { Ok(x) } else { Err("it must be from 0 to below 1".to_owned()) }
}

/// Rounding of double precision, and of texts.
const ROUNDING: f64 = 1e-12;

/// Lines or rows of numbers; NaN where a field is empty.
struct Rows {
    numbers: Vec<f64>,
    /// Where each row ends.
    ends: Vec<usize>,
    /// The lines of the file; none of an array.
    lines: Vec<u64>,
    /// What the file calls its lines.
    labels: Option<Vec<String>>,
    /// Whether an empty line comes first.
    begins_empty: bool,
    rounding: f64,
}

impl Rows {
    fn len(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.numbers[start..self.ends[i]]
    }

    /// What messages call a row.
    fn place(&self, i: usize) -> String {
        self.lines.get(i).map_or(format!("row {i}"), |line| format!("line {line}"))
    }

    /// Whether the row i has `len(i)` numbers, for all rows.
    fn have(&self, len: impl Fn(usize) -> usize) -> bool {
        (0..self.len()).all(|i| self.row(i).len() == len(i))
    }
}

impl Distances {
    /// Reads a table or an array of NumPy: a full square; a triangle below or above the diagonal, with it or without,
    /// alone or in a square whose other half is 0 or empty; a condensed vector as SciPy's `pdist` makes it.
    ///
    /// +∞ and empty fields are missing edges. What deviates by rounding is accepted, and told: a distance a little below
    /// 0 counts as 0, of two halves the lower counts.
    ///
    /// # Errors
    /// Names the line or the points; a shape that fits two readings, with both.
    pub fn read(input: &Input, options: &TableOptions, how: &DistanceOptions) -> Result<(Self, ReadInfo)> {
        let name = &input.name;
        let (mut rows, mut info) = match Npy::read(input, options)? {
            Some((array, info)) => (of_array(name, array)?, info),
            None => {
                let (bytes, mut info) = input.text("CSV")?;
                (of_table(name, &bytes, options, &mut info)?, info)
            }
        };
        let labels = rows.labels.take();
        let tolerance = how.tolerance.unwrap_or(rows.rounding);
        let mut distances = shape(name, &rows, how, tolerance, &mut info)?;
        drop(rows);
        distances.labels = labels.filter(|labels| labels.len() == distances.points && !is_numbered(labels));
        Ok((distances, info))
    }
}

fn of_array(name: &str, array: Npy) -> Result<Rows> {
    if array.dtype.kind == Kind::Bool {
        let what = "truth values are no distances; an adjacency matrix A becomes distances by np.where(A, 1, np.inf)";
        return Err(data_error(name, what));
    }
    array.check(name, true)?;
    let rounding = match (array.dtype.kind, array.dtype.size) {
        (Kind::Float, 4) => 1e-6,
        (Kind::Float, 2) => 1e-3,
        _ => ROUNDING,
    };
    let Npy { shape, numbers, .. } = array;
    let numbers = numbers.into_f64();
    let ends = match *shape {
        [n] => vec![n],
        [rows, columns] if rows > 0 || columns == 0 => (1..=rows).map(|i| i * columns).collect(),
        _ => {
            let what =
                format!("an array of shape {shape:?}, not a square of distances nor a condensed vector");
            return Err(data_error(name, what));
        }
    };
    Ok(Rows { numbers, ends, lines: Vec::new(), labels: None, begins_empty: false, rounding })
}

fn of_table(name: &str, bytes: &[u8], options: &TableOptions, info: &mut ReadInfo) -> Result<Rows> {
    let mut table = Table::open(name, bytes, Columns::Alike, options, info)?;
    let (mut numbers, mut ends, mut lines) = (Vec::new(), Vec::new(), Vec::new());
    let mut labels = table.has_labels().then(Vec::new);
    // An empty line is the row of the first point of a triangle without its diagonal.
    let mut begins_empty = bytes.iter().find(|b| ![b' ', b'\t', b'\r'].contains(b)) == Some(&b'\n');
    while table.advance()? {
        let fields = table.len();
        if ends.is_empty()
            && (0..fields).all(|i| table.cell(i) == Cell::Missing)
            && labels.is_none()
            && fields <= 1
        {
            begins_empty = true;
            continue;
        }
        for column in 0..fields {
            numbers.push(match table.cell(column) {
                Cell::Missing => f64::NAN,
                Cell::Number(x) if x > f64::NEG_INFINITY => x,
                _ => table.finite(column)?,
            });
        }
        ends.push(numbers.len());
        lines.push(table.line());
        if let (Some(labels), Some(label)) = (&mut labels, table.label()) {
            labels.push(label.to_owned());
        }
    }
    Ok(Rows { numbers, ends, lines, labels, begins_empty, rounding: ROUNDING })
}

/// Finds out which part of a matrix the rows are.
fn shape(
    name: &str,
    rows: &Rows,
    how: &DistanceOptions,
    tolerance: f64,
    info: &mut ReadInfo,
) -> Result<Distances> {
    let (n, first) = (rows.len(), if rows.len() > 0 { rows.row(0).len() } else { 0 });
    let mut entries = Entries::new(name, tolerance, &rows.numbers);
    let mut layout = |layout: &str, is_told: bool| {
        info.layout = Some(layout.to_owned());
        if is_told {
            info.note(layout);
        }
    };
    let lower = if n == 0 {
        // Nothing at all is no point; an empty line is the row of the first point.
        layout("no distances are in it", !rows.begins_empty);
        return Ok(Distances { points: usize::from(rows.begins_empty), ..Distances::default() });
    } else if rows.begins_empty && rows.have(|i| i + 1) {
        layout("a lower triangle without its diagonal", false);
        entries.lower(rows, 0)?
    } else if rows.have(|_| n) && !rows.begins_empty && (n > 1 || entries.is_zero(rows.row(0)[0])) {
        square(rows, how, &mut entries, &mut layout)?
    } else if n == 1 && first == 0 {
        layout("a condensed vector of one point", true);
        Vec::new()
    } else if (n > 1 && rows.have(|i| i + 1)) || (n == 1 && first == 1) {
        let diagonal = has_diagonal(name, rows, how, |i| i, &entries)?;
        let which = ["a lower triangle without its diagonal", "a lower triangle with its diagonal of zeros"];
        layout(which[usize::from(diagonal)], diagonal);
        entries.lower(rows, usize::from(diagonal))?
    } else if n > 1 && rows.have(|i| n - i) {
        let diagonal = has_diagonal(name, rows, how, |_| 0, &entries)?;
        let which =
            ["an upper triangle without its diagonal", "an upper triangle with its diagonal of zeros"];
        layout(which[usize::from(diagonal)], true);
        entries.upper(rows, usize::from(diagonal))?
    } else if (n == 1 || rows.have(|_| 1)) && triangular(rows.numbers.len()).is_some() {
        layout("a condensed vector, d(0,1), d(0,2), ..., as SciPy's pdist makes it", true);
        let points = triangular(rows.numbers.len()).unwrap_or(0);
        entries.condensed(&rows.numbers, points)?
    } else {
        return Err(data_error(name, wrong_shape(rows)));
    };
    entries.tell(info);
    let points = triangular(lower.len()).unwrap_or(1);
    Ok(Distances { points, lower, labels: None })
}

/// Why rows are no distance matrix.
fn wrong_shape(rows: &Rows) -> String {
    let (n, first) = (rows.len(), rows.row(0).len());
    if rows.have(|_| first) {
        let whole = |x: f64| x >= 0.0 && x.fract() == 0.0;
        let edges = first == 3 && (0..n).all(|i| whole(rows.row(i)[0]) && whole(rows.row(i)[1]));
        let advice = if edges {
            "; edges i, j, distance become a square by D = np.full((n, n), np.inf); D[i, j] = D[j, i] = distance".to_owned()
        } else if first > 1 && n > 1 {
            format!("; {n} points with {first} coordinates are for `barcode points`")
        } else {
            "; a condensed vector has n (n - 1) / 2 numbers".to_owned()
        };
        return format!("{n} rows of {first} numbers are not a square of distances{advice}");
    }
    // The first row that breaks the shape which the first rows begin.
    let (expected, kind): (fn(usize, usize) -> usize, _) = if first <= 1 {
        (|i, _| i + 1, "a lower triangle")
    } else if rows.row(1).len() == first {
        (|_, first| first, "a square")
    } else {
        (|i, first| first - i.min(first), "an upper triangle")
    };
    let bad = (0..n).find(|&i| rows.row(i).len() != expected(i, first)).unwrap_or(0);
    let (has, wants, row) = (rows.row(bad).len(), expected(bad, first), rows.place(bad));
    format!("{row} has {has} distances, but {kind} that begins like this has {wants} there")
}

/// n, if a count is n (n − 1) / 2 for an n from 2 on.
fn triangular(count: usize) -> Option<usize> {
    let n = ((2 * count) as f64).sqrt() as usize + 1;
    (n.saturating_sub(1)..=n + 1).find(|n| *n >= 2 && n * (n - 1) / 2 == count)
}

/// Whether a triangle has its diagonal, whose place in row i is `at(i)`: if all of it is 0.
fn has_diagonal(
    name: &str,
    rows: &Rows,
    how: &DistanceOptions,
    at: impl Fn(usize) -> usize,
    entries: &Entries<'_>,
) -> Result<bool> {
    if let Some(answer) = how.diagonal {
        return Ok(answer == Answer::Yes);
    }
    let zero = (0..rows.len()).all(|i| entries.is_zero(rows.row(i)[at(i)]));
    if zero && rows.numbers.iter().all(|x| *x == 0.0) && rows.len() > 1 {
        let n = rows.len();
        let what = format!(
            "all numbers are 0: a triangle of {n} points with its diagonal (--diagonal yes), or of {} without (--diagonal no)?",
            n + 1
        );
        return Err(data_error(name, what));
    }
    Ok(zero)
}

/// A square: symmetric, or one half with the other 0 or empty.
fn square(
    rows: &Rows,
    how: &DistanceOptions,
    entries: &mut Entries<'_>,
    layout: &mut impl FnMut(&str, bool),
) -> Result<Vec<f64>> {
    let n = rows.len();
    let at = |i: usize, j: usize| rows.row(i)[j];
    let half = |is: &dyn Fn(f64) -> bool, upper: bool| {
        (1..n).all(|i| (0..i).all(|j| is(if upper { at(j, i) } else { at(i, j) })))
    };
    let (zero, empty) = (|x: f64| x == 0.0, |x: f64| x.is_nan());
    let blank = |upper| (half(&zero, upper), half(&empty, upper));
    let ((lower_zero, lower_empty), (upper_zero, upper_empty)) = (blank(false), blank(true));
    let part = how.triangle.unwrap_or_else(|| {
        let all = |text: &str, is_told| (text.to_owned(), is_told);
        let (part, (text, is_told)) = if n > 1 && lower_zero && !upper_zero {
            (Triangle::Upper, all("an upper triangle in a square with zeros below", true))
        } else if n > 1 && upper_zero && !lower_zero {
            (Triangle::Lower, all("a lower triangle in a square with zeros above", true))
        } else if n > 1 && lower_empty && !upper_empty {
            (Triangle::Upper, all("an upper triangle in a square, empty below", true))
        } else if n > 1 && upper_empty && !lower_empty {
            (Triangle::Lower, all("a lower triangle in a square, empty above", true))
        } else {
            (Triangle::Full, all("a full square", false))
        };
        layout(&text, is_told);
        part
    });
    if how.triangle.is_some() {
        let text = match part {
            Triangle::Lower => "the lower triangle of a square",
            Triangle::Upper => "the upper triangle of a square",
            Triangle::Full => "a full square",
        };
        layout(text, false);
    }
    let mut lower = Vec::with_capacity(n * n.saturating_sub(1) / 2);
    for i in 0..n {
        entries.diagonal(i, at(i, i))?;
        for j in 0..i {
            let distance = match part {
                Triangle::Upper => at(j, i),
                Triangle::Lower => at(i, j),
                Triangle::Full => entries.both((i, j), at(i, j), at(j, i))?,
            };
            lower.push(entries.distance((i, j), distance)?);
        }
    }
    Ok(lower)
}
