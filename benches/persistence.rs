//! Spanning trees of clouds; grids; Vietoris–Rips complexes; complete 3-skeletons on many minima.

use valleys_benches::{Random, median};
use valleys_core::topology::{
    Edge, Error, Euclidean, Filtration, Grid, Matrix, Rips, reduce_sparse, spanning_tree,
};

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
            let value = lowest + 0.1 * random.exponential();
            values.insert(simplex.clone(), value);
            cells.push((simplex.clone(), value));
        }
    }
    cells
}

/// Spanning trees of clouds.
fn clouds() -> Result<(), Error> {
    for (points, dim) in [(512, 784), (2048, 512), (20_000, 64)] {
        let mut random = Random::new(points as u64);
        let cloud: Vec<f32> = (0..points * dim).map(|_| random.normal() as f32).collect();
        let space = Euclidean::new(&cloud, dim)?;
        let mut tree = vec![Edge::default(); points];
        let seconds = median(1, || spanning_tree(&space, &mut tree).unwrap().len());
        println!("cloud {points}x{dim}: {seconds:.4} s");
    }
    Ok(())
}

/// Sublevel bars of white noise on a square and in a cube.
fn grids() -> Result<(), Error> {
    for axes in [&[256, 256][..], &[1024, 1024], &[24, 24, 24]] {
        let mut random = Random::new(1);
        let values: Vec<f64> = (0..axes.iter().product()).map(|_| random.uniform()).collect();
        let grid = Grid::new(&values, axes)?;
        let mut bars = 0;
        let (mut order, mut parent) = (vec![0; values.len()], vec![0; values.len() + 1]);
        let seconds = median(5, || grid.extreme_bars(&mut order, &mut parent, |_| bars += 1));
        print!("grid {axes:?}: {seconds:.4} s");
        if axes.len() == 3 {
            print!(", with index 1 {:.4} s", median(1, || grid.bars().unwrap().len()));
        }
        println!();
    }
    Ok(())
}

/// Rips bars of a cube and of a sphere.
fn rips() -> Result<(), Error> {
    for (points, max_index) in [(500, 1), (2000, 1), (100, 2), (192, 2)] {
        let mut random = Random::new(points as u64);
        let cloud: Vec<f64> = match max_index {
            1 => (0..3 * points).map(|_| random.uniform()).collect(),
            _ => (0..points)
                .flat_map(|_| {
                    let point = [(); 3].map(|()| random.normal());
                    let norm = point.iter().map(|x| x * x).sum::<f64>().sqrt();
                    point.map(|x| x / norm)
                })
                .collect(),
        };
        let (space, threshold) = (Euclidean::new(&cloud, 3)?, f64::INFINITY);
        let seconds =
            median(3, || Rips { max_index, threshold, budget: 1 << 30 }.bars(&space).unwrap().len());
        println!("rips {points} points, index {max_index}: {seconds:.4} s");
    }
    Ok(())
}

/// All of them.
fn main() -> Result<(), Error> {
    clouds()?;
    grids()?;
    rips()?;
    for (vertices, homology) in [(12, true), (20, true), (40, false), (64, false)] {
        let cells = skeleton(vertices, &mut Random::new(u64::from(vertices)));
        let input = || cells.iter().map(|(s, v)| (s.iter().copied(), *v));
        let filtration = Filtration::new(input())?;
        let build = median(3, || drop(Filtration::new(input())));
        let mut partner = vec![0; filtration.len()];
        let mut pair = |matrix| reduce_sparse(&filtration, matrix, 3, &mut partner).unwrap().bars().count();
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
