//! What is measured: one input, one computation, the peers that can do the same.

use crate::inputs;
use valleys_core::topology::{
    Bar, Edge, Error, Euclidean, Filtration, Grid, GroundMetric, ReductionMatrix, Rips, bottleneck,
    bottleneck_len, reduce_sparse, spanning_tree, wasserstein,
};
use valleys_simd::spanning_tree::{Distance, spanning_tree as host_tree};

pub struct Task {
    pub name: String,
    /// Rows of f64 for the peers, and how many columns they have.
    pub input: (Vec<f64>, usize),
    /// Further numbers for the peers: largest index, threshold.
    pub numbers: Vec<f64>,
    pub peers: &'static [&'static str],
    /// Gives the sum of the finite lifetimes, or a distance.
    pub run: Box<dyn FnMut() -> Result<f64, Error>>,
}

fn lengths(bars: impl IntoIterator<Item = Bar>) -> f64 {
    bars.into_iter().filter(|bar| !bar.is_essential()).map(|bar| bar.length()).sum()
}

/// Index 0 of a cloud, by the host or by the core.
pub fn cloud(points: usize, dim: usize, host: bool, peers: &'static [&'static str]) -> Task {
    let cloud = inputs::neurons(points, dim);
    let wide = cloud.iter().map(|&x| x.into()).collect();
    let name = format!("H0 {points}x{dim}{}", if host { "" } else { ", core" });
    let run = move || {
        let sum = |tree: &[Edge]| tree.iter().map(|edge| edge.length).sum();
        if host {
            return Ok(sum(&host_tree(&cloud, dim, Distance::Euclidean, 1)?));
        }
        let mut tree = vec![Edge::default(); points];
        Ok(sum(spanning_tree(&Euclidean::new(&cloud, dim)?, &mut tree)?))
    };
    Task { name, input: (wide, dim), numbers: vec![0.0], peers, run: Box::new(run) }
}

/// Vietoris–Rips bars of a cloud.
pub fn rips(
    name: &str,
    (cloud, dim): (Vec<f64>, usize),
    max_dim: usize,
    threshold: f64,
    peers: &'static [&'static str],
) -> Task {
    let input = (cloud.clone(), dim);
    let run = move || {
        let rips = Rips { max_dim, threshold, budget: 4 << 30 };
        Ok(lengths(rips.bars(&Euclidean::new(&cloud, dim)?)?))
    };
    let limit = if threshold.is_finite() { format!(", up to {threshold}") } else { String::new() };
    let numbers = vec![max_dim as f64, threshold];
    Task { name: format!("Rips {name}, H{max_dim}{limit}"), input, numbers, peers, run: Box::new(run) }
}

/// Sublevel bars of noise on a square.
pub fn grid(side: usize, peers: &'static [&'static str]) -> Task {
    let values = inputs::noise(side);
    let input = (values.clone(), side);
    let run = move || {
        let (mut order, mut parent) = (vec![0; values.len()], vec![0; 2 * values.len() + 2]);
        let mut sum = 0.0;
        Grid::new(&values, &[side, side])?.merge_tree_bars(&mut order, &mut parent, |bar| {
            if !bar.is_essential() {
                sum += bar.length();
            }
        })?;
        Ok(sum)
    };
    Task { name: format!("grid {side}x{side}"), input, numbers: vec![], peers, run: Box::new(run) }
}

/// Pairs of a complete 3-skeleton, the order of its simplices given.
pub fn skeleton(vertices: u32, peers: &'static [&'static str]) -> Result<Task, Error> {
    let cells = inputs::skeleton(vertices);
    let row = |(simplex, value): &(Vec<u32>, f64)| {
        let mut row = [*value, -1.0, -1.0, -1.0, -1.0];
        row[1..].iter_mut().zip(simplex).for_each(|(x, &v)| *x = v.into());
        row
    };
    let rows = cells.iter().flat_map(row).collect();
    let filtration = Filtration::new(cells)?;
    let mut partner = vec![0; filtration.len()];
    let run = move || {
        let pairing = reduce_sparse(&filtration, ReductionMatrix::Coboundary, 3, &mut partner)?;
        Ok(lengths(pairing.bars()))
    };
    Ok(Task {
        name: format!("skeleton {vertices}"),
        input: (rows, 5),
        numbers: vec![],
        peers,
        run: Box::new(run),
    })
}

/// Which distance of diagrams.
#[derive(Clone, Copy)]
pub enum Between {
    Bottleneck,
    /// W1 under L-infinity.
    W1,
    /// W2 under L2.
    W2,
    /// W2 under L2 of diagrams of index 0.
    Lifetimes,
}

/// The distance of two random diagrams.
pub fn distance(points: usize, between: Between, peers: &'static [&'static str]) -> Result<Task, Error> {
    let of_lifetimes = matches!(between, Between::Lifetimes);
    let [a, b] = if of_lifetimes { inputs::lifetimes(points) } else { inputs::diagrams(points) };
    let rows = a.iter().chain(&b).flat_map(|i| [i.birth, i.death]).collect();
    let euclidean = GroundMetric::new(2.0)?;
    let run = move || match between {
        Between::Bottleneck => {
            bottleneck(&a, &b, GroundMetric::L_INFINITY, &mut vec![0; bottleneck_len(a.len(), b.len())])
        }
        Between::W1 => wasserstein(&a, &b, 1.0, GroundMetric::L_INFINITY),
        Between::W2 | Between::Lifetimes => wasserstein(&a, &b, 2.0, euclidean),
    };
    let name = match between {
        Between::Bottleneck => "bottleneck",
        Between::W1 => "W1",
        Between::W2 => "W2",
        Between::Lifetimes => "W2, H0 against H0",
    };
    Ok(Task {
        name: format!("{name} {points}"),
        input: (rows, 2),
        numbers: vec![],
        peers,
        run: Box::new(run),
    })
}
