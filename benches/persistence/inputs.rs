//! Inputs of the bench, the same in every run.

use valleys_benches::Random;
use valleys_core::topology::Interval;

/// Normally distributed points, scaled to norms near 1: rows of a layer at initialisation.
pub fn neurons(points: usize, dim: usize) -> Vec<f32> {
    let mut random = Random::new(points as u64);
    (0..points * dim).map(|_| (random.normal() / (dim as f64).sqrt()) as f32).collect()
}

/// Points in a cube of three dimensions.
pub fn cube(points: usize) -> Vec<f64> {
    let mut random = Random::new(points as u64);
    (0..3 * points).map(|_| random.uniform()).collect()
}

/// Points on a sphere of so many coordinates.
pub fn sphere(points: usize, dim: usize) -> Vec<f64> {
    let mut random = Random::new(points as u64);
    let mut point = || {
        let point: Vec<f64> = (0..dim).map(|_| random.normal()).collect();
        let norm = point.iter().map(|x| x * x).sum::<f64>().sqrt();
        point.into_iter().map(move |x| x / norm)
    };
    (0..points).flat_map(|_| point()).collect()
}

/// Points on a torus with radii 2 and 0.7.
pub fn torus(points: usize) -> Vec<f64> {
    let mut random = Random::new(points as u64);
    let mut cloud = Vec::new();
    while cloud.len() < 3 * points {
        let [u, v] = [(); 2].map(|()| std::f64::consts::TAU * random.uniform());
        let radius = 2.0 + 0.7 * v.cos();
        // Uniform on the surface: the outside is larger.
        if 2.7 * random.uniform() <= radius {
            cloud.extend([radius * u.cos(), radius * u.sin(), 0.7 * v.sin()]);
        }
    }
    cloud
}

/// Orthogonal 3 × 3 matrices.
pub fn orthogonal(points: usize) -> Vec<f64> {
    let mut random = Random::new(points as u64);
    let mut cloud = Vec::new();
    for _ in 0..points {
        let mut rows: Vec<[f64; 3]> = Vec::new();
        while rows.len() < 3 {
            let mut row = [(); 3].map(|()| random.normal());
            for other in &rows {
                let product: f64 = row.iter().zip(other).map(|(x, y)| x * y).sum();
                row.iter_mut().zip(other).for_each(|(x, y)| *x -= product * y);
            }
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            rows.push(row.map(|x| x / norm));
        }
        cloud.extend(rows.concat());
    }
    cloud
}

/// White noise on a square.
pub fn noise(side: usize) -> Vec<f64> {
    let mut random = Random::new(side as u64);
    (0..side * side).map(|_| random.uniform()).collect()
}

/// All simplices of at most four of the vertices, each above its facets by an exponential step.
pub fn skeleton(vertices: u32) -> Vec<(Vec<u32>, f64)> {
    let mut random = Random::new(u64::from(vertices));
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

/// Two diagrams: births uniform, lifetimes exponential, so that most points are near the diagonal.
pub fn diagrams(points: usize) -> [Vec<Interval>; 2] {
    let mut random = Random::new(points as u64);
    [(); 2].map(|()| {
        let births: Vec<f64> = (0..points).map(|_| random.uniform()).collect();
        births.into_iter().map(|b| Interval::new(b, b + 0.1 * random.exponential())).collect()
    })
}

/// Two diagrams of index 0: all born at 0.
pub fn lifetimes(points: usize) -> [Vec<Interval>; 2] {
    let mut random = Random::new(points as u64);
    [(); 2].map(|()| (0..points).map(|_| Interval::new(0.0, random.exponential())).collect())
}
