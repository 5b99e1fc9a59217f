//! What peak sampling costs: a step of a fit of the preset `digits`, uniform and peak in turn, on one thread.
//!
//! Least time of some rounds, over all steps of a fit depth by depth; measurements of the cells are included.

use std::sync::Arc;
use std::time::Instant;
use valleys::data::{self, Dataset, LoadOptions};
use valleys_core::engine::{Engine, Mix, Optimizer, Step, Value};
use valleys_core::error::Error;
use valleys_core::fit::{Faces, Fit, Memory, OptimizerOptions, PeakSampling, Sampling, Schedule};
use valleys_core::network::{Network, Shape, initialise, zoo};
use valleys_core::rng::Key;
use valleys_core::simplex::{ControlPointId, ControlPoints, control_points_len};
use valleys_simd::engine::CpuEngine;

const WIDTHS: &[usize] = &[64, 32, 32, 10];
const BATCH: usize = 32;
const CALL: usize = 64;
const ROUNDS: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = Arc::new(data::load("digits", &LoadOptions::default())?.data);
    println!("{:<28} {:>10} {:>10} {:>7}", "us a step", "uniform", "peak", "ratio");
    for (name, vertices) in [("curve", 2), ("triangle", 3)] {
        for epochs in [50, 200] {
            for depth in 1..=3 {
                let mut least = [f64::INFINITY; 2];
                for _ in 0..ROUNDS {
                    for (i, sampling) in
                        [Sampling::Uniform, Sampling::Peak(PeakSampling::default())].into_iter().enumerate()
                    {
                        // As a run does it: the epochs shared out over the depths.
                        let mut total = 0.0;
                        for phase in 1..=depth {
                            let epochs = epochs / depth as u32;
                            total += fit(&data, [vertices, phase], sampling, epochs)?;
                        }
                        least[i] = least[i].min(total / depth as f64);
                    }
                }
                let [uniform, peak] = least;
                let name = format!("{name}, {epochs} epochs, depth {depth}");
                println!("{name:<28} {uniform:>10.2} {peak:>10.2} {:>7.3}", peak / uniform);
            }
        }
    }
    Ok(())
}

/// Microseconds of a step of a fit.
fn fit(
    data: &Arc<Dataset>,
    [vertices, depth]: [usize; 2],
    sampling: Sampling,
    epochs: u32,
) -> Result<f64, Error> {
    let layers = zoo::mlp::<8>(WIDTHS)?;
    let network = Network { input: Shape::flat(WIDTHS[0]), layers: &layers };
    let mut ids = vec![ControlPointId::default(); control_points_len(vertices, depth)];
    let frame = ControlPoints::new(vertices, depth, &mut ids)?;
    let slots = frame.ids().len();
    let mut cpu = CpuEngine::new(&network, data.clone(), BATCH, slots, None)?;
    let mut theta = vec![0.0; cpu.dim()];
    for slot in 0..slots as u32 {
        initialise(&network, 3, slot, &mut theta);
        cpu.put(slot, &theta)?;
    }
    let fit = Fit {
        key: Key::new(1, (1 << vertices) - 1),
        faces: Faces::Fixed,
        sampling,
        optimizer: OptimizerOptions {
            learning_rate: 1e-4,
            optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
            weight_decay: 1e-3,
            max_gradient_norm: f32::INFINITY,
        },
        schedule: Schedule::Linear,
        epochs: 0..epochs,
    };
    let cells = fit.cells_len(&frame);
    let memory = Memory {
        steps: &mut vec![Step { mix: Mix::new(), rate: 0.0, batch: 0 }; CALL],
        losses: &mut [0.0; CALL],
        drawn_cells: &mut [0; CALL],
        cell_points: &mut vec![Mix::new(); cells],
        cell_losses: &mut vec![Value::default(); cells],
        cumulative: &mut vec![0.0; cells],
        lowest: &mut vec![0.0; fit.lowest_len(&frame, cpu.dim())],
        points: &mut [],
        pieces: &mut [],
    };
    let steps = f64::from(epochs * cpu.batches());
    let start = Instant::now();
    fit.run(&mut cpu, &frame, memory, |_| ())?;
    Ok(start.elapsed().as_secs_f64() * 1e6 / steps)
}
