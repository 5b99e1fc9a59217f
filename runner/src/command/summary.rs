//! `valleys summary`: lifetimes and entropies of a diagram.

use super::{WithRead, json, print, tell};
use crate::error::Result;
use crate::formats::{Input, TableOptions, ask_index, diagram, topology_error};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use valleys_core::topology::{Interval, LifetimeStatistics};

/// Flags.
#[derive(Args, Clone, Debug)]
pub struct Summary {
    /// The diagram, as valleys, GUDHI, Ripser, ripser.py, persim or giotto-tda write it; `-` is standard input.
    pub diagram: PathBuf,
    /// Bars of this index (0 components, 1 loops, 2 voids) only; else of all.
    #[arg(long, visible_alias = "dim", value_name = "R", allow_negative_numbers = true)]
    pub index: Option<usize>,
    /// How to read the file.
    #[command(flatten)]
    pub table: TableOptions,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
}

/// What is printed. Statistics are over the finite bars of positive length; `None` where undefined.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Document {
    /// Finite bars of positive length.
    pub bars: usize,
    /// Bars of length zero.
    pub zero_length: usize,
    /// Bars of infinite length.
    pub essential: usize,
    /// Σ l.
    pub sum_life: f64,
    /// Σ l / m.
    pub mean_life: Option<f64>,
    /// The longest.
    pub max_life: Option<f64>,
    /// The middle one.
    pub median_life: Option<f64>,
    /// √(Σ (l − mean)² / m).
    pub std_life: Option<f64>,
    /// H = −Σ p ln p, p = l / Σ l.
    pub entropy: Option<f64>,
    /// H / ln m.
    pub entropy_norm_log_n: Option<f64>,
    /// H / ln Σ l.
    pub entropy_norm_log_sum: Option<f64>,
}

impl Document {
    /// The statistics of some intervals.
    ///
    /// # Errors
    /// Names an interval that is none.
    pub fn new(intervals: &[Interval]) -> std::result::Result<Self, valleys_core::topology::Error> {
        let l = LifetimeStatistics::new(intervals, &mut vec![0.0; intervals.len()])?;
        Ok(Self {
            bars: l.bars,
            zero_length: l.zero_length,
            essential: l.essential,
            sum_life: l.sum,
            mean_life: l.mean,
            max_life: l.max,
            median_life: l.median,
            std_life: l.std,
            entropy: l.entropy,
            entropy_norm_log_n: l.entropy_norm_log_n,
            entropy_norm_log_sum: l.entropy_norm_log_sum,
        })
    }
}

/// Reads and prints.
///
/// # Errors
/// Exit code 4 for a diagram that is malformed.
pub fn run(args: &Summary) -> Result<()> {
    let input = Input::read(&args.diagram)?;
    let (bars, read) = ask_index(diagram(&input, &args.table)?, args.index);
    let name = input.into_name();
    tell(&read);
    let wanted = |index: usize| args.index.is_none_or(|wanted| wanted == index);
    let intervals: Vec<Interval> =
        bars.into_iter().filter(|(index, _)| wanted(*index)).map(|(_, i)| i).collect();
    let document = Document::new(&intervals).map_err(|e| topology_error(&name, e))?;
    if args.json {
        return print(&json(&WithRead { document: &document, labels: None, read: &read }));
    }
    let shown = |x: Option<f64>| x.map_or("undefined".to_owned(), |x| format!("{x:?}"));
    let d = document;
    print(&format!(
        "finite bars of positive length   {}\nbars of length zero              {}\nessential bars                   {}\n\
         sum of lifetimes                 {:?}\nmean                             {}\nlongest                          {}\n\
         median                           {}\nstandard deviation               {}\nentropy H                        {}\n\
         H / ln(number of bars)           {}\nH / ln(sum of lifetimes)         {}\n",
        d.bars,
        d.zero_length,
        d.essential,
        d.sum_life,
        shown(d.mean_life),
        shown(d.max_life),
        shown(d.median_life),
        shown(d.std_life),
        shown(d.entropy),
        shown(d.entropy_norm_log_n),
        shown(d.entropy_norm_log_sum),
    ))
}
