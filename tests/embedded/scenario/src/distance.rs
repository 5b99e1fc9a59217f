//! Bottleneck distances of diagrams.

use crate::{Error, Record};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::topology::{GroundMetric, Interval, bottleneck, bottleneck_len};

const BARS: usize = 40;

/// Two diagrams and scratch memory.
#[derive(Debug)]
pub struct Memory {
    diagrams: [[Interval; BARS]; 2],
    scratch: [u32; bottleneck_len(BARS, BARS)],
}

impl Memory {
    /// All zero.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self { diagrams: [[Interval::new(0.0, 0.0); BARS]; 2], scratch: [0; bottleneck_len(BARS, BARS)] }
    }
}

/// Tells the distance of two random diagrams, under the largest coordinate, and of one to itself and to none.
///
/// # Errors
/// None, if the core is right.
pub fn run(memory: &mut Memory, record: &mut Record<'_>) -> Result<(), Error> {
    let mut stream = Stream::new(Key::new(7, 1), Purpose::Init, 0, 0);
    for bar in memory.diagrams.as_flattened_mut() {
        let birth = stream.unit();
        *bar = Interval::new(birth, birth + stream.unit());
    }
    let [a, b] = &memory.diagrams;
    record.of("bottleneck");
    for (what, a, b) in [("two", &a[..], &b[..]), ("same", a, a), ("none", a, &[])] {
        record.put(what, bottleneck(a, b, GroundMetric::L_INFINITY, &mut memory.scratch)?);
    }
    Ok(())
}
