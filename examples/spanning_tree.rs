//! The minimum spanning tree of 5,000 points in 64 dimensions, and the connected components at a scale.
//!
//!     cargo run --release -p valleys-examples --bin spanning_tree
//!
//! The lengths of the tree's edges are the deaths of the Vietoris–Rips barcode of index 0. Two clusters, far apart:
//! the longest edge joins them, and at every scale below it there are two components or more.

use valleys_core::rng::{Key, Purpose, Stream};
use valleys_simd::spanning_tree::{Distance, spanning_tree};

const POINTS: usize = 5_000;
const DIM: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = Stream::new(Key::new(1, 0), Purpose::Split, 0, 0);
    let mut points: Vec<f32> = (0..POINTS * DIM).map(|_| stream.symmetric(1.0) as f32).collect();
    // The second half of the points is moved by 100 along the first axis.
    points.chunks_exact_mut(DIM).skip(POINTS / 2).for_each(|point| point[0] += 100.0);

    let threads = std::thread::available_parallelism()?.get();
    let tree = spanning_tree(&points, DIM, Distance::Euclidean, threads)?;
    let longest = tree.last().ok_or("a tree of 5,000 points has edges")?;
    let components = |scale: f64| 1 + tree.iter().filter(|edge| edge.length > scale).count();
    println!(
        "{} edges, the longest {:.3} between points {} and {}",
        tree.len(),
        longest.length,
        longest.a,
        longest.b
    );
    println!("{} components at scale 10, {} at scale 100", components(10.0), components(100.0));

    assert_eq!(tree.len(), POINTS - 1);
    assert!(longest.length > 90.0 && components(90.0) == 2 && components(110.0) == 1);
    Ok(())
}
