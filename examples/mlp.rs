//! A multilayer perceptron trained on the caller's memory: no allocation by the library, as on a microcontroller.
//!
//!     cargo run --release -p valleys-examples --bin mlp
//!
//! Two classes of points in the plane, inside and outside of a circle; 2-16-2, full-batch gradient descent. Every
//! length is a constant of the network, so all memory could be `static`.

use valleys_core::network::{Criterion, Layer, Network, Samples, Shape, gradient, initialise, scratch_len};

const LAYERS: &[Layer] = &[Layer::Linear { outputs: 16 }, Layer::RELU, Layer::Linear { outputs: 2 }];
const NETWORK: Network = Network { input: Shape::flat(2), layers: LAYERS };
const SAMPLES: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An 8 × 8 grid on [−1, 1]², labelled 1 inside of the circle of radius 0.8.
    let coordinate = |i: usize| i as f32 / 3.5 - 1.0;
    let inputs: [f32; 2 * SAMPLES] =
        std::array::from_fn(|i| if i % 2 == 0 { coordinate(i / 2 % 8) } else { coordinate(i / 16) });
    let labels: [u8; SAMPLES] =
        std::array::from_fn(|i| u8::from(inputs[2 * i].hypot(inputs[2 * i + 1]) < 0.8));
    let samples = Samples::labelled(&inputs, &labels);

    let mut theta = [0.0; NETWORK.parameter_len()];
    let mut slope = [0.0; NETWORK.parameter_len()];
    let mut scratch = [0.0; scratch_len(&NETWORK, SAMPLES)];
    println!("{} parameters, {} bytes of scratch", theta.len(), size_of_val(&scratch));

    initialise(&NETWORK, 1, 0, &mut theta);
    let mut loss = f32::INFINITY;
    for step in 0..=3000 {
        loss = gradient(&NETWORK, &theta, samples, &Criterion::PLAIN, [0; 2], &mut scratch, &mut slope)?;
        theta.iter_mut().zip(&slope).for_each(|(theta, slope)| *theta -= 0.5 * slope);
        if step % 500 == 0 {
            println!("step {step:4}: cross-entropy {loss:.4}");
        }
    }
    assert!(loss < 0.1, "the circle is learned, the loss is {loss}");
    Ok(())
}
