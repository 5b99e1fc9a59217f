//! Results as named bit patterns.

use core::fmt;

/// A number that is told by its bits.
pub trait Bits {
    /// Its bits, the higher ones 0 where it has fewer than 64.
    fn bits(self) -> u64;
}

impl Bits for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl Bits for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Bits for u32 {
    fn bits(self) -> u64 {
        self.into()
    }
}

impl Bits for usize {
    fn bits(self) -> u64 {
        self as u64
    }
}

/// A result: `torus boundary birth 3ff0000000000000`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What it belongs to.
    pub of: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Its bits.
    pub bits: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:x}", self.of, self.what, self.bits)
    }
}

/// Where a scenario tells its results, in order.
pub struct Record<'a> {
    print: &'a mut dyn FnMut(&Line),
    of: &'static str,
}

impl<'a> Record<'a> {
    /// A record that hands each line to `print`.
    pub fn new(print: &'a mut dyn FnMut(&Line)) -> Self {
        Self { print, of: "" }
    }

    /// Names what the following results belong to.
    pub fn of(&mut self, name: &'static str) {
        self.of = name;
    }

    /// Tells a result.
    pub fn put(&mut self, what: &'static str, value: impl Bits) {
        (self.print)(&Line { of: self.of, what, bits: value.bits() });
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("of", &self.of).finish_non_exhaustive()
    }
}
