use super::*;
use crate::tests::levels;
use valleys_core::network::{Samples, Shape, initialise, zoo};
use valleys_core::rng::{Key, Purpose, Stream};

/// Random samples.
#[derive(Debug)]
struct Noise([(Vec<f32>, Vec<u8>); 2]);

impl LabelledData for Noise {
    fn train(&self) -> Samples<'_, f32> {
        Samples::labelled(&self.0[0].0, &self.0[0].1)
    }

    fn test(&self) -> Samples<'_, f32> {
        Samples::labelled(&self.0[1].0, &self.0[1].1)
    }
}

/// A control point and the losses of an epoch, and values measured there.
fn trace(level: Level) -> (Vec<f32>, Vec<f32>, Vec<Value>) {
    let layers = zoo::mlp::<8>(&[17, 40, 21, 6]).unwrap();
    let network = Network { input: Shape::flat(17), layers: &layers };
    let mut stream = Stream::new(Key::new(0, 0), Purpose::Split, 0, 0);
    let mut samples = |count: usize| {
        let inputs = (0..17 * count).map(|_| stream.symmetric(1.0) as f32).collect();
        (inputs, (0..count).map(|_| stream.below(6) as u8).collect())
    };
    let data = Arc::new(Noise([samples(130), samples(50)]));
    let mut engine = CpuEngine { level, ..CpuEngine::new(&network, data, 40, 2, None).unwrap() };
    let mut theta = vec![0.0; engine.dim()];
    for slot in 0..2 {
        initialise(&network, 1, slot, &mut theta);
        engine.put(slot, &theta).unwrap();
    }
    let point = Mix::from_iter([(0, 0.25), (1, 0.75)]);
    let steps: Vec<Step> = (0..4).map(|batch| Step { mix: point.clone(), rate: 0.1, batch }).collect();
    let params = StepParams {
        key: Key::new(0, 1),
        epoch: 0,
        first_trainable: 1,
        optimizer: Optimizer::Sgd { momentum: 0.9, nesterov: false },
        weight_decay: 1e-3,
        tangent_removal: 0.0,
        max_gradient_norm: f32::INFINITY,
    };
    let mut losses = vec![0.0; 4];
    engine.advance(&params, &steps, &mut losses).unwrap();
    engine.get(1, &mut theta).unwrap();
    let mut values = vec![Value::default(); 2];
    engine.values(&[Split::Train, Split::Test], None, &[point], &mut values).unwrap();
    (theta, losses, values)
}

/// Instruction sets with fused multiplication and addition have the same bits, others are close.
#[test]
fn instruction_sets_agree() {
    let (theta, losses, values) = trace(Level::new());
    for level in levels() {
        let (other_theta, other_losses, other_values) = trace(level);
        let fused = !matches!(format!("{level:?}").as_str(), l if l.starts_with("Sse"));
        if fused {
            assert_eq!((&theta, &losses, &values), (&other_theta, &other_losses, &other_values));
        }
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&theta, &other_theta) && near(&losses, &other_losses), "{level:?}");
        assert!(values.iter().zip(other_values).all(|(a, b)| (a.loss - b.loss).abs() < 1e-5));
    }
}
