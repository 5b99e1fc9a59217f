//! A loss of one's own, from `impl Loss` to a run directory with report, barcode and resume.
//!
//!     cargo run --release -p valleys-examples --bin own_loss
//!
//! The quartic double well L(x, y) = (x² − 1)² + y² has minima at (±1, 0) and a saddle of height 1 between them, at the
//! origin: the barcode of index 0 is [0, ∞) and [0, 1].

use std::path::PathBuf;
use valleys::config::Config;
use valleys::problem::{FunctionProblem, LossProblem};
use valleys::run::{Options, run_problem};
use valleys::table;
use valleys_core::engine::{Batch, Loss, Split, Subset, Value};
use valleys_core::error::Error;

struct DoubleWell;

impl DoubleWell {
    fn loss(theta: &[f32]) -> f64 {
        let (x, y) = (f64::from(theta[0]), f64::from(theta[1]));
        (x * x - 1.0).powi(2) + y * y
    }
}

impl Loss for DoubleWell {
    type Error = Error;

    fn dim(&self) -> usize {
        2
    }

    fn batches(&self) -> u32 {
        50
    }

    fn value_and_gradient(&mut self, theta: &[f32], _: Batch, gradient: &mut [f32]) -> Result<f32, Error> {
        gradient[0] = 4.0 * (theta[0] * theta[0] - 1.0) * theta[0];
        gradient[1] = 2.0 * theta[1];
        Ok(Self::loss(theta) as f32)
    }

    fn values(
        &mut self,
        _: Split,
        _: Option<Subset>,
        thetas: &[&[f32]],
        values: &mut [Value],
    ) -> Result<(), Error> {
        for (theta, value) in thetas.iter().zip(values) {
            *value = Value { loss: Self::loss(theta), error: None };
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Minima are trained from either side of the saddle, in turn.
    let initial =
        |seed, vertex| if vertex % 2 == 0 { vec![1.2, 0.3] } else { vec![-0.9, seed as f32 / 10.0] };
    let problem = LossProblem::new("double-well", || DoubleWell, initial)
        .with_peak_sampling(FunctionProblem::PEAK_SAMPLING);
    let overrides = [
        "minima.count=2",
        "index=0",
        "train.learning_rate=0.01",
        "train.weight_decay=0.0",
        "fit.sampling=peak",
        "fit.tangent_removal=1.0",
    ];
    let config = Config::for_problem("double-well", &overrides)?;
    let out = std::env::args().nth(1).map(PathBuf::from);
    let (summary, directory) =
        run_problem(Box::new(problem), config, &Options { out, ..Options::default() })?;
    print!("{}", table::summary(&summary));
    println!("\n{}", directory.display());
    let death = summary.bars.iter().find_map(|bar| bar.death).ok_or("two minima have a finite bar")?;
    assert!((death - 1.0).abs() < 1e-2, "the saddle has height 1, the bar ends at {death}");
    Ok(())
}
