//! Samples as bytes: images have few different elements, so a byte and a table give the same bits in a quarter of the
//! memory.

/// Different elements of a plane, at most.
pub(crate) const SIZE: usize = 256;

/// Samples as indices into palettes.
#[derive(Debug, PartialEq)]
pub(crate) struct Palette {
    /// What the bytes of each plane stand for: (planes, [`SIZE`]).
    pub values: Vec<f32>,
    /// One for each element, in the order of the samples.
    pub bytes: Vec<u8>,
}

impl Palette {
    /// The palettes of samples of `len` elements that consist of planes of `plane` elements; `None` if a plane has more
    /// than [`SIZE`] elements of different bits.
    pub fn of(samples: &[f32], len: usize, plane: usize) -> Option<Self> {
        let mut planes = vec![Plane::new(); len.div_ceil(plane.max(1))];
        let mut bytes = Vec::with_capacity(samples.len());
        for sample in samples.chunks(len.max(1)) {
            for (elements, to) in sample.chunks(plane.max(1)).zip(&mut planes) {
                for &x in elements {
                    bytes.push(to.index(x)?);
                }
            }
        }
        let values = planes.into_iter().flat_map(|plane| {
            let mut values = plane.values;
            values.resize(SIZE, 0.0);
            values
        });
        Some(Self { values: values.collect(), bytes })
    }
}

/// Entries of a plane's hash table: four times the number of elements, so that there are few collisions.
const TABLE_LEN: usize = 4 * SIZE;

/// The palette of a plane so far, and a hash table of indices plus 1; 0 marks a free entry.
#[derive(Clone)]
struct Plane {
    values: Vec<f32>,
    table: Vec<u16>,
}

impl Plane {
    fn new() -> Self {
        Self { values: Vec::new(), table: vec![0; TABLE_LEN] }
    }

    /// The index of an element, a new one if needed; `None` if the palette is full.
    fn index(&mut self, x: f32) -> Option<u8> {
        // Fibonacci hashing: the highest ten bits.
        let mut at = (x.to_bits().wrapping_mul(0x9E37_79B9) >> 22) as usize;
        loop {
            match self.table[at] {
                0 if self.values.len() == SIZE => return None,
                0 => {
                    self.values.push(x);
                    self.table[at] = self.values.len() as u16;
                    return Some((self.values.len() - 1) as u8);
                }
                entry => {
                    let index = entry - 1;
                    if self.values[usize::from(index)].to_bits() == x.to_bits() {
                        return Some(index as u8);
                    }
                }
            }
            at = (at + 1) % TABLE_LEN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits that the bytes stand for.
    fn unpacked(palette: &Palette, len: usize, plane: usize) -> Vec<u32> {
        let of =
            |(i, &byte): (usize, &u8)| palette.values[i % len / plane * SIZE + usize::from(byte)].to_bits();
        palette.bytes.iter().enumerate().map(of).collect()
    }

    #[test]
    fn bytes_stand_for_the_same_bits() {
        // Two planes of three elements and one of one, with zeros of both signs and a NaN.
        let special = [0.0, -0.0, f32::NAN, 1.5, f32::MIN_POSITIVE, -7.0, f32::INFINITY];
        let element = |i: usize| if i < 7 { special[i] } else { (i % 83) as f32 / 7.0 };
        let samples: Vec<f32> = (0..7 * 90).map(element).collect();
        let palette = Palette::of(&samples, 7, 3).unwrap();
        assert_eq!(palette.values.len(), 3 * SIZE);
        assert!(unpacked(&palette, 7, 3).into_iter().eq(samples.iter().map(|x| x.to_bits())));
    }

    #[test]
    fn a_plane_has_at_most_256_different_elements() {
        let samples = |count: usize| (0..count).map(|i| i as f32).collect::<Vec<_>>();
        let palette = Palette::of(&samples(256), 1, 1).unwrap();
        assert!(unpacked(&palette, 1, 1).into_iter().eq(samples(256).iter().map(|x| x.to_bits())));
        assert_eq!(Palette::of(&samples(257), 1, 1), None);
        // Two planes have half of them each.
        assert!(Palette::of(&samples(512), 2, 1).is_some());
        assert_eq!(Palette::of(&samples(514), 2, 1), None);
        assert_eq!(Palette::of(&[], 0, 0), Some(Palette { values: vec![], bytes: vec![] }));
    }
}
