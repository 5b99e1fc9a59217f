//! Index 0 of a point cloud: its minimum spanning tree, under two distances, and the entropy of the lifetimes.

use crate::{Error, Record};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::{Cosine, Edge, Euclidean, Interval, LifetimeStatistics, Metric, spanning_tree};

const POINTS: usize = 40;
const DIM: usize = 3;

/// Points, a tree, its bars.
#[derive(Debug)]
pub struct Memory {
    points: [f32; POINTS * DIM],
    norms: [f64; POINTS],
    tree: [Edge; POINTS],
    bars: [Interval; POINTS],
    scratch: [f64; POINTS],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self {
            points: [0.0; POINTS * DIM],
            norms: [0.0; POINTS],
            tree: [Edge { length: 0.0, a: 0, b: 0 }; POINTS],
            bars: [Interval::new(0.0, 0.0); POINTS],
            scratch: [0.0; POINTS],
        }
    }
}

/// Tells both trees and their statistics; the last point is a duplicate of the first.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    let Memory { points, norms, tree, bars, scratch } = memory;
    let mut stream = Stream::new(Key::new(7, 0), Purpose::Init, 0, 0);
    points.fill_with(|| stream.normal() as f32);
    points.copy_within(..DIM, (POINTS - 1) * DIM);

    record.of("euclidean");
    tell(&Euclidean::new(&points[..], DIM)?, tree, bars, scratch, record)?;
    record.of("cosine");
    tell(&Cosine::new(&points[..], DIM, norms)?, tree, bars, scratch, record)
}

fn tell(
    space: &impl Metric,
    tree: &mut [Edge],
    bars: &mut [Interval],
    scratch: &mut [f64],
    record: &mut Record<'_>,
) -> Result<(), Error> {
    let tree = spanning_tree(space, tree)?;
    for (edge, bar) in tree.iter().zip(&mut *bars) {
        record.put("a", edge.a);
        record.put("b", edge.b);
        record.put("length", edge.length);
        *bar = edge.interval();
    }
    let lifetimes = LifetimeStatistics::new(&bars[..tree.len()], scratch)?;
    record.put("bars", lifetimes.bars);
    record.put("duplicates", lifetimes.zero_length);
    for (what, value) in [
        ("mean", lifetimes.mean),
        ("std", lifetimes.std),
        ("entropy", lifetimes.entropy),
        ("entropy_norm_log_n", lifetimes.entropy_norm_log_n),
    ] {
        record.put(what, value.unwrap_or(f64::NAN));
    }
    Ok(())
}
