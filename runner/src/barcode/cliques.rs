//! Simplices of Vietoris–Rips complexes: how many there are, and all of them.

use valleys_core::topology::Metric;

/// Which points are within a threshold of each other: bit b of row a, for b < a.
struct Neighbours {
    words: usize,
    bits: Vec<u64>,
}

impl Neighbours {
    fn new(space: &dyn Metric, threshold: f64) -> Self {
        let points = space.points();
        let words = points.div_ceil(64);
        let mut bits = vec![0; points * words];
        for (a, b) in (0..points).flat_map(|a| (0..a).map(move |b| (a, b))) {
            if space.distance(a, b) <= threshold {
                bits[a * words + b / 64] |= 1 << (b % 64);
            }
        }
        Self { words, bits }
    }

    fn below(&self, a: usize) -> &[u64] {
        &self.bits[a * self.words..(a + 1) * self.words]
    }
}

/// Numbers of simplices of the dimensions 0 to `max_dim` whose diameter is the threshold at most.
pub(super) fn counts(space: &dyn Metric, max_dim: usize, threshold: f64) -> Vec<u64> {
    let points = space.points() as u64;
    if threshold == f64::INFINITY {
        return (1..=max_dim as u64 + 1).map(|k| binomial(points, k)).collect();
    }
    let mut counts = vec![0; max_dim + 1];
    if max_dim > 0 && points > 0 {
        let neighbours = Neighbours::new(space, threshold);
        let mut stack = vec![0; (max_dim + 1) * neighbours.words];
        for a in 0..points as usize {
            stack[..neighbours.words].copy_from_slice(neighbours.below(a));
            extend(&neighbours, &mut stack, &mut counts[1..]);
        }
    }
    counts[0] = points;
    counts
}

/// Counts the cliques that go on into a set of candidates, which lies at the bottom of the stack.
fn extend(neighbours: &Neighbours, stack: &mut [u64], counts: &mut [u64]) {
    let (candidates, rest) = stack.split_at_mut(neighbours.words);
    counts[0] += candidates.iter().map(|w| u64::from(w.count_ones())).sum::<u64>();
    let [_, deeper @ ..] = counts else { return };
    if deeper.is_empty() {
        return;
    }
    for b in bits(candidates) {
        let both = candidates.iter().zip(neighbours.below(b)).map(|(x, y)| x & y);
        rest.iter_mut().zip(both).for_each(|(slot, word)| *slot = word);
        extend(neighbours, rest, deeper);
    }
}

fn bits(words: &[u64]) -> impl Iterator<Item = usize> {
    (0..words.len() * 64).filter(|b| words[b / 64] >> (b % 64) & 1 == 1)
}

/// C(n, k), or the largest number.
fn binomial(n: u64, k: u64) -> u64 {
    let product = (0..k)
        .try_fold(1u128, |c, i| Some(c.checked_mul(u128::from(n.saturating_sub(i)))? / u128::from(i + 1)));
    product.and_then(|c| u64::try_from(c).ok()).unwrap_or(u64::MAX)
}

/// All simplices of one dimension after the other, vertices descending, with their diameters.
pub(super) struct Cliques {
    /// The vertices of dimension d, d + 1 each, and the diameters.
    dimensions: Vec<(Vec<u32>, Vec<f64>)>,
}

impl Cliques {
    pub(super) fn new(space: &dyn Metric, max_dim: usize, threshold: f64) -> Self {
        let points = space.points() as u32;
        let mut dimensions = vec![((0..points).collect(), vec![0.0; points as usize])];
        for dimension in 0..max_dim {
            let (vertices, diameters): &(Vec<u32>, Vec<f64>) = &dimensions[dimension];
            let (mut next, mut next_diameters) = (Vec::new(), Vec::new());
            for (simplex, &diameter) in vertices.chunks_exact(dimension + 1).zip(diameters) {
                for b in 0..simplex[dimension] {
                    let far = |m: f64, &a: &u32| m.max(space.distance(a as usize, b as usize));
                    let diameter = simplex.iter().fold(diameter, far);
                    if diameter <= threshold {
                        next.extend_from_slice(simplex);
                        next.push(b);
                        next_diameters.push(diameter);
                    }
                }
            }
            dimensions.push((next, next_diameters));
        }
        Self { dimensions }
    }

    pub(super) fn cells(&self) -> impl Iterator<Item = (impl Iterator<Item = u32> + Clone, f64)> + Clone {
        self.dimensions.iter().enumerate().flat_map(|(dimension, (vertices, diameters))| {
            let simplices = vertices.chunks_exact(dimension + 1).map(|simplex| simplex.iter().copied());
            simplices.zip(diameters.iter().copied())
        })
    }
}
