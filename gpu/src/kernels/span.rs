//! Groups of convolutions: which channels a channel block reads. And the arithmetic of strides with dilation.

use super::channel_blocks;

/// Which channel blocks of one side a block of the other side reads.
///
/// Without groups it reads all. With groups it reads those with the channels of its own groups; all blocks read the same
/// number of them, so that one kernel does for all. Where the channels of a group are no multiple of four, channels of other
/// groups are among them: their packed weights are 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Blocks that a block reads.
    pub blocks: usize,
    /// Consecutive blocks that read the same ones: a divisor of the number of blocks.
    pub alike: usize,
    /// All channels that are read.
    channels: usize,
    /// Channels of a group: of those that are read, of the other side.
    pub group: [usize; 2],
}

impl Span {
    /// Of `to` channels that read `from` channels, both in so many groups.
    pub fn of(from: usize, to: usize, groups: usize) -> Self {
        let group = [from / groups, to / groups];
        let read_by = |block: usize| {
            let last = to.min(4 * block + 4) - 1;
            let first_block = 4 * block / group[1] * group[0] / 4;
            ((last / group[1] + 1) * group[0]).div_ceil(4) - first_block
        };
        let blocks = (0..channel_blocks(to)).map(read_by).max().unwrap_or(1);
        let alike = match () {
            () if blocks == channel_blocks(from) => channel_blocks(to),
            () if group[1].is_multiple_of(4) => group[1] / 4,
            () => 1,
        };
        Self { blocks, alike, channels: from, group }
    }

    /// The first block that a block reads.
    pub fn first_block(&self, block: usize) -> usize {
        let first = 4 * block / self.group[1] * self.group[0] / 4;
        first.min(channel_blocks(self.channels) - self.blocks)
    }

    /// Rows of the packed weights of one tap: channels that are multiplied, with padding from four channels on.
    pub const fn depth(&self) -> usize {
        if self.channels < 4 { self.channels } else { self.blocks * 4 }
    }
}

/// The largest number that divides both.
pub(super) const fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// What a number is to be multiplied with for 1 modulo another one that has no divisor with it; 0 modulo 1.
pub(super) fn inverse(a: usize, modulus: usize) -> usize {
    (0..modulus).find(|x| a * x % modulus == 1 % modulus).unwrap_or(0)
}
