//! Reduction of complete 3-skeletons on many minima; spanning trees of neuron clouds.

use std::hint::black_box;
use std::time::Instant;

use valleys_core::topology::{Edge, Error, Euclidean, Filtration, Matrix, reduce_sparse, spanning_tree};

/// Uniform numbers in (0, 1], by splitmix64.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// All simplices of at most four of the vertices, each above its facets by an exponential step.
fn skeleton(vertices: u32, random: &mut Random) -> Vec<(Vec<u32>, f64)> {
    let mut cells: Vec<(Vec<u32>, f64)> = Vec::new();
    let mut values = std::collections::HashMap::new();
    let mut layer: Vec<Vec<u32>> = vec![vec![]];
    for _ in 0..4 {
        layer = layer
            .iter()
            .flat_map(|s| {
                let next = s.last().map_or(0, |&v| v + 1);
                (next..vertices).map(|v| s.iter().copied().chain([v]).collect())
            })
            .collect();
        for simplex in &layer {
            let facets = (0..simplex.len()).map(|i| [&simplex[..i], &simplex[i + 1..]].concat());
            let lowest = facets.filter_map(|f| values.get(&f).copied()).fold(0.0, f64::max);
            let value = lowest - 0.1 * random.uniform().ln();
            values.insert(simplex.clone(), value);
            cells.push((simplex.clone(), value));
        }
    }
    cells
}

fn median(runs: usize, mut run: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[runs / 2]
}

fn clouds() -> Result<(), Error> {
    for (points, dim) in [(512, 784), (2048, 512), (20_000, 64)] {
        let mut random = Random(points as u64);
        let cloud: Vec<f32> =
            (0..points * dim).map(|_| (random.uniform() + random.uniform() - 1.0) as f32).collect();
        let space = Euclidean::new(&cloud, dim)?;
        let mut tree = vec![Edge::default(); points];
        let seconds = median(1, || {
            black_box(spanning_tree(&space, &mut tree)).unwrap();
        });
        println!("cloud {points}x{dim}: {seconds:.4} s");
    }
    Ok(())
}

/// Reductions, then spanning trees.
fn main() -> Result<(), Error> {
    clouds()?;
    for (vertices, homology) in [(12, true), (20, true), (40, false), (64, false)] {
        let cells = skeleton(vertices, &mut Random(u64::from(vertices)));
        let input = || cells.iter().map(|(s, v)| (s.iter().copied(), *v));
        let filtration = Filtration::new(input())?;
        let build = median(3, || drop(Filtration::new(input())));
        let mut partner = vec![0; filtration.len()];
        let mut pair = |matrix| {
            black_box(reduce_sparse(&filtration, matrix, 3, &mut partner).map(|p| p.bars().count())).unwrap();
        };
        let coboundary = median(5, || pair(Matrix::Coboundary));
        print!(
            "skeleton {vertices}: {} cells, build {build:.4} s, coboundary {coboundary:.4} s",
            cells.len()
        );
        if homology {
            let boundary = median(1, || pair(Matrix::Boundary));
            print!(", boundary {boundary:.4} s");
        }
        println!();
    }
    Ok(())
}
