//! Samples of few different numbers, as images have them, as bytes: a quarter of the memory, and the same bits.

/// Different numbers of a plane, at most; a byte says which.
pub const SIZE: usize = 256;

/// Bytes in the place of numbers.
#[derive(Debug, PartialEq)]
pub struct Palette {
    /// What the bytes of each plane stand for: (planes, [`SIZE`]).
    pub numbers: Vec<f32>,
    /// One for each number, in their order.
    pub bytes: Vec<u8>,
}

impl Palette {
    /// Of samples of `len` numbers, each of which falls into planes of `plane` numbers; none where a plane has more than
    /// [`SIZE`] different ones, as its bits tell them apart.
    pub fn of(samples: &[f32], len: usize, plane: usize) -> Option<Self> {
        let mut planes = vec![Plane::new(); len.div_ceil(plane.max(1))];
        let mut bytes = Vec::with_capacity(samples.len());
        for sample in samples.chunks(len.max(1)) {
            for (part, to) in sample.chunks(plane.max(1)).zip(&mut planes) {
                for &x in part {
                    bytes.push(to.byte(x)?);
                }
            }
        }
        let numbers = planes.into_iter().flat_map(|plane| {
            let mut numbers = plane.numbers;
            numbers.resize(SIZE, 0.0);
            numbers
        });
        Some(Self { numbers: numbers.collect(), bytes })
    }
}

/// Places of a plane's table: four times as many as numbers, so that most are found at once.
const PLACES: usize = 4 * SIZE;

/// The numbers of a plane so far, and where to find them: a hash table of one plus their place, 0 where there is none.
#[derive(Clone)]
struct Plane {
    numbers: Vec<f32>,
    table: Vec<u16>,
}

impl Plane {
    fn new() -> Self {
        Self { numbers: Vec::new(), table: vec![0; PLACES] }
    }

    /// The byte of a number, a new one if need be.
    fn byte(&mut self, x: f32) -> Option<u8> {
        // Fibonacci hashing: the highest ten bits.
        let mut at = (x.to_bits().wrapping_mul(0x9E37_79B9) >> 22) as usize;
        loop {
            match self.table[at] {
                0 if self.numbers.len() == SIZE => return None,
                0 => {
                    self.numbers.push(x);
                    self.table[at] = self.numbers.len() as u16;
                    return Some((self.numbers.len() - 1) as u8);
                }
                entry => {
                    let byte = entry - 1;
                    if self.numbers[usize::from(byte)].to_bits() == x.to_bits() {
                        return Some(byte as u8);
                    }
                }
            }
            at = (at + 1) % PLACES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the bytes stand for.
    fn unpacked(palette: &Palette, len: usize, plane: usize) -> Vec<u32> {
        let of =
            |(i, &byte): (usize, &u8)| palette.numbers[i % len / plane * SIZE + usize::from(byte)].to_bits();
        palette.bytes.iter().enumerate().map(of).collect()
    }

    #[test]
    fn bytes_stand_for_the_same_bits() {
        // Two planes of three and a rest of one, with nought of both signs, and a NaN.
        let odd = [0.0, -0.0, f32::NAN, 1.5, f32::MIN_POSITIVE, -7.0, f32::INFINITY];
        let samples: Vec<f32> =
            (0..7 * 90).map(|i| if i < 7 { odd[i] } else { (i % 83) as f32 / 7.0 }).collect();
        let palette = Palette::of(&samples, 7, 3).unwrap();
        assert_eq!(palette.numbers.len(), 3 * SIZE);
        assert!(unpacked(&palette, 7, 3).into_iter().eq(samples.iter().map(|x| x.to_bits())));
    }

    #[test]
    fn a_plane_may_have_256_numbers_and_no_more() {
        let samples = |count: usize| (0..count).map(|i| i as f32).collect::<Vec<_>>();
        let palette = Palette::of(&samples(256), 1, 1).unwrap();
        assert!(unpacked(&palette, 1, 1).into_iter().eq(samples(256).iter().map(|x| x.to_bits())));
        assert_eq!(Palette::of(&samples(257), 1, 1), None);
        // In two planes there are fewer in each.
        assert!(Palette::of(&samples(512), 2, 1).is_some());
        assert_eq!(Palette::of(&samples(514), 2, 1), None);
        assert_eq!(Palette::of(&[], 0, 0), Some(Palette { numbers: vec![], bytes: vec![] }));
    }
}
