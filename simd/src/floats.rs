//! Memory of the kernels: aligned floats, and lines of them.

/// Columns that kernels work on together: samples side by side, two AVX-512 vectors.
pub const LANES: usize = 32;

/// One quantity (a feature, a unit) of [`LANES`] samples, or [`LANES`] features of one sample.
pub type Line = [f32; LANES];

/// Zeroed floats that begin at a cache line, so that no vector straddles two.
#[derive(Debug)]
pub struct Floats {
    memory: Vec<f32>,
    skip: usize,
    len: usize,
}

impl Floats {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        let memory = vec![0.0; len + 15];
        let skip = memory.as_ptr().align_offset(64).min(15);
        Self { memory, skip, len }
    }

    /// `len` lines of zeros.
    pub fn of_lines(len: usize) -> Self {
        Self::new(len * LANES)
    }

    /// All of them.
    #[inline(always)]
    pub fn get(&self) -> &[f32] {
        &self.memory[self.skip..][..self.len]
    }

    /// All of them, to write.
    #[inline(always)]
    pub fn get_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.skip..][..self.len]
    }

    /// All of them, as lines.
    #[inline(always)]
    pub fn lines(&self) -> &[Line] {
        self.get().as_chunks().0
    }

    /// All of them, as lines, to write.
    #[inline(always)]
    pub fn lines_mut(&mut self) -> &mut [Line] {
        self.get_mut().as_chunks_mut().0
    }
}

/// The length, rounded up to whole lines.
pub const fn padded(len: usize) -> usize {
    len.next_multiple_of(LANES)
}
