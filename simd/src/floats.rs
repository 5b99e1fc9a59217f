//! Aligned memory of the kernels.

/// Columns that a kernel processes together: two AVX-512 vectors of f32.
pub const LINE_LEN: usize = 32;

/// One quantity (a feature, a coordinate) of [`LINE_LEN`] samples or points, or [`LINE_LEN`] features of one sample.
pub type Line = [f32; LINE_LEN];

/// Zeroed floats that start at a multiple of 64 bytes, so that no vector crosses a cache line.
#[derive(Debug)]
pub struct AlignedFloats {
    memory: Vec<f32>,
    skip: usize,
    len: usize,
}

impl AlignedFloats {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        let memory = vec![0.0; len + 15];
        let skip = memory.as_ptr().align_offset(64).min(15);
        Self { memory, skip, len }
    }

    /// `len` lines of zeros.
    pub fn of_lines(len: usize) -> Self {
        Self::new(len * LINE_LEN)
    }

    #[inline(always)]
    pub fn get(&self) -> &[f32] {
        &self.memory[self.skip..][..self.len]
    }

    #[inline(always)]
    pub fn get_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.skip..][..self.len]
    }

    #[inline(always)]
    pub fn lines(&self) -> &[Line] {
        self.get().as_chunks().0
    }

    #[inline(always)]
    pub fn lines_mut(&mut self) -> &mut [Line] {
        self.get_mut().as_chunks_mut().0
    }
}

/// `len` rounded up to whole lines.
pub const fn padded(len: usize) -> usize {
    len.next_multiple_of(LINE_LEN)
}
