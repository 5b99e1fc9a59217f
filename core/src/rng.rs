//! Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as
//! easy as 1, 2, 3*, SC 2011).
//!
//! A number is a function of where it is used (key, purpose, epoch, step) and of nothing else. Neither the number of
//! threads nor the point at which a run was interrupted changes it, and there is no generator state to save.

use crate::math;

/// Selects a family of independent streams. Opaque to whoever draws from them: a run makes one key for each thing that
/// it trains, and hands it on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    seed: u64,
    id: u64,
}

impl Key {
    /// The key of the thing numbered `id` in a run with this seed.
    pub const fn new(seed: u64, id: u64) -> Self {
        Self { seed, id }
    }

    /// The seed of the run.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The number of the thing in its run.
    pub const fn id(self) -> u64 {
        self.id
    }
}

/// What a stream is used for; streams of different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Initial parameters.
    Init = 0,
    /// Order of the samples in an epoch.
    Shuffle = 1,
    /// The point t of a step.
    Point = 2,
    /// Train/test split and subsets of a data set.
    Split = 3,
    /// The rotation of an analytic function.
    Rotation = 4,
    /// Displacement of initial control points.
    Perturbation = 5,
    /// The samples of a [`Subset`](crate::engine::Subset).
    Subset = 6,
    /// Augmentation of the images of an epoch, sample by sample.
    Augment = 7,
    /// The key of the masks of dropout in a step.
    Dropout = 8,
}

/// An endless stream of random numbers.
///
/// ```
/// use valleys_core::rng::{Key, Purpose, Stream};
/// let mut a = Stream::new(Key::new(1, 0b11), Purpose::Point, 4, 2);
/// let mut b = Stream::new(Key::new(1, 0b11), Purpose::Point, 4, 2);
/// assert_eq!(a.unit().to_bits(), b.unit().to_bits());
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    left: usize,
}

impl Stream {
    /// The stream of a key for a purpose, in an epoch, at a step of it.
    pub const fn new(key: Key, purpose: Purpose, epoch: u32, step: u32) -> Self {
        let Key { seed, id } = key;
        Self {
            // An id has more bits than the counter has room for.
            key: [seed as u32, (seed >> 32) as u32 ^ (id >> 32) as u32],
            // The purpose shares a word with the block number, which may reach 2^24.
            counter: [(purpose as u32) << 24, step, epoch, id as u32],
            block: [0; 4],
            left: 0,
        }
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        if self.left == 0 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.left = 4;
        }
        self.left -= 1;
        self.block[3 - self.left]
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        let high = u64::from(self.bits()) << 32;
        let all = high | u64::from(self.bits());
        (all >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [−bound, bound).
    pub fn symmetric(&mut self, bound: f64) -> f64 {
        (2.0 * self.unit() - 1.0) * bound
    }

    /// Uniform in {0, …, n − 1}, without bias (Lemire's rejection). `n` > 0.
    pub fn below(&mut self, n: u32) -> u32 {
        loop {
            let product = u64::from(self.bits()) * u64::from(n);
            if product as u32 >= n.wrapping_neg() % n {
                return (product >> 32) as u32;
            }
        }
    }

    /// Standard normal (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = math::sqrt(-2.0 * math::ln(1.0 - self.unit()));
        radius * math::cos(core::f64::consts::TAU * self.unit())
    }

    /// Puts the elements in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

/// Ten rounds of Philox4x32.
fn philox(mut x: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(x[0]) * 0xD251_1F53;
        let b = u64::from(x[2]) * 0xCD9E_8D57;
        x = [(b >> 32) as u32 ^ x[1] ^ key[0], b as u32, (a >> 32) as u32 ^ x[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// Known answers published with Random123 (kat_vectors, philox4x32 10).
    #[test]
    fn philox_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
