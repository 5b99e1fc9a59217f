//! `valleys distance`: bottleneck and Wasserstein distances of two diagrams.

use super::{json, print, tell};
use crate::error::{CliError, ErrorKind, Result};
use crate::formats::{Diagram, Input, ReadInfo, TableOptions, ask_index, diagram, topology_error};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use valleys_core::topology::{
    GroundMetric, Interval, Match, bottleneck, bottleneck_len, bottleneck_matching, wasserstein_matching,
};

/// Flags.
#[derive(Args, Clone, Debug)]
pub struct Distance {
    /// A diagram, as valleys, GUDHI, Ripser, ripser.py, persim or giotto-tda write it; `-` is standard input.
    pub a: PathBuf,
    /// The other diagram.
    pub b: PathBuf,
    /// inf: the bottleneck distance; 1 or more: the q-Wasserstein distance.
    #[arg(long, value_name = "Q", default_value_t = f64::INFINITY, allow_negative_numbers = true)]
    pub q: f64,
    /// The norm of the plane: inf, or 1 or more for L_p.
    #[arg(long, value_name = "P", default_value_t = f64::INFINITY, allow_negative_numbers = true)]
    pub ground: f64,
    /// Bars of this index (0 components, 1 loops, 2 voids) only; else each index is compared with its like, and q joins the distances.
    #[arg(long, visible_alias = "dim", value_name = "R", allow_negative_numbers = true)]
    pub index: Option<usize>,
    /// Show an optimal matching.
    #[arg(long)]
    pub matching: bool,
    /// How to read the files.
    #[command(flatten)]
    pub table: TableOptions,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// What is printed.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Document {
    /// `None` if infinite.
    pub distance: Option<f64>,
    /// Whether it is: the numbers of essential classes differ.
    pub infinite: bool,
    /// The distance of each index that occurs.
    pub by_index: Vec<OfIndex>,
    /// Who is matched to whom, on request; nothing if the distance is infinite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Vec<Pair>>,
}

/// The distance of the bars of one index.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct OfIndex {
    /// The index.
    pub index: usize,
    /// `None` if infinite.
    pub distance: Option<f64>,
}

/// Two bars, or one and the diagonal (`None`), by their numbers in the files, from 0.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Pair {
    /// Their index.
    pub index: usize,
    /// Number in the first file.
    pub a: Option<usize>,
    /// Number in the second file.
    pub b: Option<usize>,
    /// Their distance.
    pub cost: f64,
}

impl Document {
    /// The distance of two diagrams, or of their bars of one index only.
    ///
    /// # Errors
    /// An exponent below 1.
    pub fn new(
        a: &Diagram,
        b: &Diagram,
        only: Option<usize>,
        (q, ground): (f64, GroundMetric),
        matching: bool,
    ) -> std::result::Result<Self, valleys_core::topology::Error> {
        let indices = a.iter().chain(b).map(|(index, _)| *index);
        let indices: BTreeSet<usize> = indices.filter(|&i| only.is_none_or(|only| only == i)).collect();
        let (mut by_index, mut pairs) = (Vec::new(), Vec::new());
        for index in indices {
            let ((numbers_a, a), (numbers_b, b)) = (of_index(a, index), of_index(b, index));
            let (distance, matches) = one(&a, &b, q, ground, matching)?;
            by_index.push(OfIndex { index, distance: distance.is_finite().then_some(distance) });
            pairs.extend(matches.into_iter().map(|Match { a, b, cost }| Pair {
                index,
                a: a.map(|i| numbers_a[i]),
                b: b.map(|i| numbers_b[i]),
                cost,
            }));
        }
        let distance = joined(q, by_index.iter().map(|of| of.distance.unwrap_or(f64::INFINITY)));
        let infinite = distance == f64::INFINITY;
        let pairs = if infinite { Vec::new() } else { pairs };
        Ok(Self {
            distance: (!infinite).then_some(distance),
            infinite,
            by_index,
            matching: matching.then_some(pairs),
        })
    }
}

fn of_index(diagram: &Diagram, index: usize) -> (Vec<usize>, Vec<Interval>) {
    let of = diagram.iter().enumerate().filter(|(_, (i, _))| *i == index);
    of.map(|(number, (_, interval))| (number, *interval)).unzip()
}

fn one(
    a: &[Interval],
    b: &[Interval],
    q: f64,
    ground: GroundMetric,
    matching: bool,
) -> std::result::Result<(f64, Vec<Match>), valleys_core::topology::Error> {
    if q < f64::INFINITY {
        wasserstein_matching(a, b, q, ground)
    } else if matching {
        bottleneck_matching(a, b, ground)
    } else {
        let mut scratch = vec![0; bottleneck_len(a.len(), b.len())];
        Ok((bottleneck(a, b, ground, &mut scratch)?, Vec::new()))
    }
}

/// (Σ x^q)^(1/q), the largest for q = ∞; the number itself if there is but one.
fn joined(q: f64, distances: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = distances.clone().fold(0.0, f64::max);
    let others = distances.clone().filter(|&x| x > 0.0).count();
    if others < 2 || q == f64::INFINITY || largest == f64::INFINITY {
        return largest;
    }
    largest * distances.map(|x| (x / largest).powf(q)).sum::<f64>().powf(1.0 / q)
}

/// Reads and prints.
///
/// # Errors
/// Exit code 4 for a diagram that is malformed, 2 for an exponent below 1.
pub fn run(args: &Distance) -> Result<()> {
    let usage = |what| Err(CliError::new(ErrorKind::Usage, what));
    if args.q.is_nan() || args.q < 1.0 {
        return usage(format!("--q is {}, but must be inf, or 1 or more", args.q));
    }
    if args.a == Path::new("-") && args.b == Path::new("-") {
        return usage("standard input is one diagram, not two".to_owned());
    }
    let Ok(ground) = GroundMetric::new(args.ground) else {
        return usage(format!("--ground is {}, but must be inf, or 1 or more", args.ground));
    };
    let read = |path: &Path| -> Result<(Diagram, ReadInfo)> {
        let read = ask_index(diagram(&Input::read(path)?, &args.table)?, args.index);
        tell(&read.1);
        Ok(read)
    };
    let ((a, read_a), (b, read_b)) = (read(&args.a)?, read(&args.b)?);
    let document = Document::new(&a, &b, args.index, (args.q, ground), args.matching);
    let document = document.map_err(|e| topology_error("distance", e))?;
    if args.json {
        #[derive(Serialize)]
        struct WithReads<'a> {
            #[serde(flatten)]
            document: &'a Document,
            read: [&'a ReadInfo; 2],
        }
        return print(&json(&WithReads { document: &document, read: [&read_a, &read_b] }));
    }
    let mut out = String::new();
    let shown = |x: Option<f64>| x.map_or("inf".to_owned(), |x| format!("{x:?}"));
    if document.by_index.len() > 1 {
        for of in &document.by_index {
            let _ = writeln!(out, "index {}: {}", of.index, shown(of.distance));
        }
    }
    let _ = writeln!(out, "{}", shown(document.distance));
    let bar = |diagram: &Diagram, number: Option<usize>| {
        number.map_or("the diagonal".to_owned(), |i| {
            format!("[{:?}, {:?}]", diagram[i].1.birth, diagram[i].1.death)
        })
    };
    for pair in document.matching.iter().flatten() {
        let (from, to) = (bar(&a, pair.a), bar(&b, pair.b));
        let _ = writeln!(out, "index {}: {from} to {to}: {:?}", pair.index, pair.cost);
    }
    print(&out)
}
