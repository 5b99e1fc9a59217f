//! `valleys barcode`: bars of points, distances, complexes, grids, triangles.

use super::grid_complex::{self, GridComplexArgs};
use super::{WithRead, json, print, tell};
use crate::barcode::{self, Bar, Barcode, BarcodeOptions, MetricSpace, RipsLimits};
use crate::error::{CliError, ErrorKind, Result, io_error};
use crate::formats::{
    self, Array, DistanceOptions, Distances, Input, Numbers, Points, ReadInfo, Segment, TableOptions,
    diagram_csv, topology_error,
};
use crate::memory;
use crate::report;
use crate::stderr;
use clap::{Args, Subcommand, ValueEnum};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use valleys_core::topology::{Cosine, Euclidean, Interval, Rips};

/// Of what.
#[derive(Subcommand, Clone, Debug)]
pub enum BarcodeCommand {
    /// Vietoris-Rips barcode of points: a table, one point a line, or an array (points, coordinates) in .npy or .npz; `-`
    /// is standard input.
    Points {
        /// The points.
        file: PathBuf,
        /// How far points are from each other.
        #[arg(long, value_enum, default_value_t = Distance::Euclidean)]
        metric: Distance,
        /// Which part of the complex.
        #[command(flatten)]
        limits: LimitArgs,
        /// How to read the file.
        #[command(flatten)]
        table: TableOptions,
        /// What to print.
        #[command(flatten)]
        output: Output,
    },
    /// Vietoris-Rips barcode of distances: a square, a triangle or a condensed vector, as a table or in .npy or .npz; +inf
    /// and empty fields are missing edges.
    Distances {
        /// The distances.
        file: PathBuf,
        /// Which part of the complex.
        #[command(flatten)]
        limits: LimitArgs,
        /// How to read the file.
        #[command(flatten)]
        table: TableOptions,
        /// How to read the matrix.
        #[command(flatten)]
        matrix: DistanceOptions,
        /// What to print.
        #[command(flatten)]
        output: Output,
    },
    /// Barcode of a filtered simplicial complex: JSON {"simplices": [{"vertices": [0, 1], "value": 0.5}, ...]}.
    Complex {
        /// The simplices.
        file: PathBuf,
        /// What to print.
        #[command(flatten)]
        output: Output,
    },
    /// Sublevel barcode of a function on a grid: a table, one grid row a line, or a 1-D to 3-D array in .npy or .npz; +inf
    /// never enters.
    Grid {
        /// The values.
        file: PathBuf,
        /// Which complex.
        #[command(flatten)]
        complex: GridComplexArgs,
        /// How to read the file.
        #[command(flatten)]
        table: TableOptions,
        /// What to print.
        #[command(flatten)]
        output: Output,
    },
    /// Segment of one triangle from losses on a lattice: a table t1,t2,t3,loss, or an array of these columns.
    Triangle {
        /// The losses.
        file: PathBuf,
        /// The column to read, if there is a header.
        #[arg(long, default_value = "loss")]
        column: String,
        /// How to read the file.
        #[command(flatten)]
        table: TableOptions,
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
        /// Draw barcode and diagram.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
}

/// A metric for points.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distance {
    /// The length of the difference.
    Euclidean,
    /// 1 − cos of the angle.
    Cosine,
}

/// Which part of a Vietoris–Rips complex.
#[derive(Args, Clone, Copy, Debug)]
pub struct LimitArgs {
    /// Largest index: 0 components, 1 loops, 2 voids. Index 0 alone needs no distance matrix.
    #[arg(
        long = "max-index",
        visible_alias = "max-dim",
        value_name = "K",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    pub max_dim: usize,
    /// Largest diameter of a simplex, inclusive; what lives longer is essential.
    #[arg(long, value_name = "T", default_value_t = f64::INFINITY, allow_negative_numbers = true)]
    pub threshold: f64,
}

/// What to compute and how to print it.
#[derive(Args, Clone, Debug)]
pub struct Output {
    /// Print one JSON document.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print the diagram as CSV, which `valleys distance` reads.
    #[arg(long)]
    pub csv: bool,
    /// Draw barcode and diagram.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// List the pairs of length zero too.
    #[arg(long)]
    pub zero_length: bool,
    /// Show a cycle for every bar (needs the explicit complex).
    #[arg(long)]
    pub representatives: bool,
    /// Compute everything a second time by another algorithm; a difference ends with exit code 101.
    #[arg(long)]
    pub verify: bool,
    /// Gigabytes of memory that may be used [default: what is available].
    #[arg(long, value_name = "GB", allow_negative_numbers = true)]
    pub memory: Option<f64>,
}

/// Computes and prints.
///
/// # Errors
/// Exit code 4 for an input that is malformed, 2 for a flag that is out of range, 8 for what does not fit.
pub fn run(what: &BarcodeCommand) -> Result<()> {
    match what {
        BarcodeCommand::Points { file, metric, limits, table, output } => {
            let limits = limits.checked()?;
            let input = Input::read(file)?;
            let (mut points, read) = Points::read(&input, table)?;
            let name = input.into_name();
            let labels = points.labels.take();
            let barcode = of_points(&name, &points, *metric, limits, &output.options()?)?;
            output.show(&barcode, labels, read)
        }
        BarcodeCommand::Distances { file, limits, table, matrix, output } => {
            let limits = limits.checked()?;
            let input = Input::read(file)?;
            let (Distances { points, lower, labels }, read) = Distances::read(&input, table, matrix)?;
            let name = input.into_name();
            let space = valleys_core::topology::Distances::new(&lower, points)
                .map_err(|e| topology_error(&name, e))?;
            output.show(&barcode::rips(&name, "distances", &space, limits, &output.options()?)?, labels, read)
        }
        BarcodeCommand::Complex { file, output } => {
            let input = Input::read(file)?;
            let (filtration, read) = formats::complex(&input)?;
            let name = input.into_name();
            output.show(&barcode::complex(&name, &filtration, &output.options()?)?, None, read)
        }
        BarcodeCommand::Grid { file, complex, table, output } => {
            let input = Input::read(file)?;
            let (array, read) = Array::read(&input, table)?;
            let name = input.into_name();
            let complex = complex.of(array.shape.len())?;
            output.show(&barcode::grid(&name, &array, complex, &output.options()?)?, None, read)
        }
        BarcodeCommand::Triangle { file, column, table, json: as_json, svg } => {
            let (segment, read) = formats::lattice(&Input::read(file)?, column, table)?;
            tell(&read);
            let Segment { h12, h13, h23, birth, death } = segment;
            draw(svg.as_deref(), &[Bar { dim: 1, birth, death: Some(death), ..Bar::default() }])?;
            if *as_json {
                return print(&json(&WithRead { document: &segment, labels: None, read: &read }));
            }
            print(&format!(
                "h12    {h12:?}\nh13    {h13:?}\nh23    {h23:?}\nbirth  {birth:?}\ndeath  {death:?}\n"
            ))
        }
    }
}

/// The barcode of points under a metric.
///
/// # Errors
/// As [`barcode::rips`]; a point without direction under the cosine distance.
pub fn of_points(
    name: &str,
    points: &Points,
    metric: Distance,
    limits: RipsLimits,
    options: &BarcodeOptions,
) -> Result<Barcode> {
    let error = |e| topology_error(name, e);
    let cloud = |space: &dyn MetricSpace| barcode::rips(name, "points", space, limits, options);
    let mut norms = vec![0.0; if metric == Distance::Cosine { points.len() } else { 0 }];
    match (&points.coordinates, metric) {
        (Numbers::F32(x), Distance::Euclidean) => cloud(&Euclidean::new(x, points.dim).map_err(error)?),
        (Numbers::F64(x), Distance::Euclidean) => cloud(&Euclidean::new(x, points.dim).map_err(error)?),
        (Numbers::F32(x), Distance::Cosine) => cloud(&Cosine::new(x, points.dim, &mut norms).map_err(error)?),
        (Numbers::F64(x), Distance::Cosine) => cloud(&Cosine::new(x, points.dim, &mut norms).map_err(error)?),
    }
}

impl LimitArgs {
    fn checked(self) -> Result<RipsLimits> {
        let Self { max_dim, threshold } = self;
        let wrong = if max_dim > Rips::MAX_DIM {
            format!("--max-index is {max_dim}, but must be 0 to {}", Rips::MAX_DIM)
        } else if threshold.is_nan() || threshold < 0.0 {
            format!("--threshold is {threshold}, but must be 0 or more")
        } else {
            return Ok(RipsLimits { max_dim, threshold });
        };
        Err(CliError::new(ErrorKind::Usage, wrong))
    }
}

impl Output {
    fn options(&self) -> Result<BarcodeOptions> {
        let budget = match self.memory {
            None => memory::available(),
            Some(gigabytes) if gigabytes >= 0.0 => (gigabytes * 1e9) as usize,
            Some(x) => {
                return Err(CliError::new(
                    ErrorKind::Usage,
                    format!("--memory is {x}, but must be 0 or more"),
                ));
            }
        };
        Ok(BarcodeOptions {
            zero_length: self.zero_length,
            cycles: self.representatives,
            verify: self.verify,
            budget,
        })
    }

    fn show(&self, barcode: &Barcode, labels: Option<Vec<String>>, read: ReadInfo) -> Result<()> {
        tell(&read);
        draw(self.svg.as_deref(), &barcode.bars)?;
        if self.json {
            print(&json(&WithRead { document: barcode, labels, read: &read }))
        } else if self.csv {
            let extra = barcode.zero_length_bars.iter().flatten();
            print(&diagram_csv(barcode.bars.iter().chain(extra).map(|bar| (bar.dim, bar.interval()))))
        } else {
            print(&table(barcode, labels.as_deref()))
        }
    }
}

/// Bars of an index that a person reads, the longest; `--json` and `--csv` give all.
const ROWS: usize = 12;

fn table(barcode: &Barcode, labels: Option<&[String]>) -> String {
    let mut out = "index        birth        death       length   opened by, closed by\n".to_owned();
    for same in barcode.bars.chunk_by(|a, b| a.dim == b.dim) {
        let mut longest: Vec<&Bar> = same.iter().collect();
        longest.sort_by(|a, b| b.interval().length().total_cmp(&a.interval().length()));
        longest.iter().take(ROWS).for_each(|bar| row(&mut out, bar, labels));
        if same.len() > ROWS {
            let (more, index) = (same.len() - ROWS, same[0].dim);
            let _ = writeln!(out, "{index:<5} ... {more} shorter ones: --json, --csv and --svg have all");
        }
    }
    barcode.zero_length_bars.iter().flatten().for_each(|bar| row(&mut out, bar, labels));
    let (count, essential) =
        (barcode.bars.len(), barcode.bars.iter().filter(|bar| bar.death.is_none()).count());
    let _ = writeln!(
        out,
        "{count} bars, {essential} of them essential; {} pairs of length zero",
        barcode.zero_length
    );
    if let Some(complex) = barcode.complex {
        let _ = writeln!(out, "{}", grid_complex::line(complex));
    }
    if barcode.verified {
        let _ = writeln!(out, "verified by a second algorithm");
    }
    out
}

fn row(out: &mut String, bar: &Bar, labels: Option<&[String]>) {
    let Interval { birth, death } = bar.interval();
    let (birth, death, length) = (short(birth), short(death), short(death - birth));
    let _ = writeln!(out, "{:<5} {birth:>12} {death:>12} {length:>12}   {}", bar.dim, place(bar, labels));
    if let Some(cycle) = &bar.cycle {
        let cells: Vec<String> = cycle.iter().map(|vertices| dashes(vertices, labels)).collect();
        let _ = writeln!(out, "      cycle: {}", cells.join(" + "));
    }
}

/// Six significant digits.
fn short(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-4..1e6).contains(&size) {
        let decimals = if x == 0.0 { 0 } else { (5 - size.log10().floor() as i32).max(0) as usize };
        format!("{x:.decimals$}")
    } else {
        format!("{x:.5e}").replace("infe", "inf")
    }
}

/// A simplex: the numbers of its vertices, or what the file calls them.
fn dashes(vertices: &[u32], labels: Option<&[String]>) -> String {
    let name =
        |&v: &u32| labels.and_then(|labels| labels.get(v as usize)).map_or(v.to_string(), Clone::clone);
    vertices.iter().map(name).collect::<Vec<_>>().join("-")
}

fn place(bar: &Bar, labels: Option<&[String]>) -> String {
    let name = |simplex: &Option<Vec<u32>>, point: &Option<Vec<usize>>| match (simplex, point) {
        (Some(simplex), _) => dashes(simplex, labels),
        (_, Some(point)) => format!("{point:?}"),
        _ => "never".to_owned(),
    };
    format!("{}, {}", name(&bar.birth_simplex, &bar.birth_point), name(&bar.death_simplex, &bar.death_point))
}

/// Most bars in a picture.
const DRAWN: usize = 720;

fn draw(path: Option<&Path>, bars: &[Bar]) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut longest: Vec<&Bar> = bars.iter().collect();
    if bars.len() > DRAWN {
        longest.sort_by(|a, b| b.interval().length().total_cmp(&a.interval().length()));
        longest.truncate(DRAWN);
        stderr::print_line(format_args!(
            "valleys: {} bars, of which the {DRAWN} longest are drawn",
            bars.len()
        ));
    }
    let bars: Vec<_> = longest.into_iter().map(|bar| (bar.dim, bar.interval())).collect();
    std::fs::write(path, report::bars_svg(&bars)).map_err(|e| io_error("write", path, &e))
}
