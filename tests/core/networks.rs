//! Networks as data: plans, parameter counts, what does not fit, initial parameters.

use valleys_core::error::Error;
use valleys_core::network::{Layer, Network, Shape, initialise, zoo};

fn layers(blocks: usize, width: usize, shortcuts: bool) -> Vec<Layer> {
    zoo::resnet(blocks, width, shortcuts).map(|(_, layer)| layer).collect()
}

fn lenet5() -> Vec<Layer> {
    zoo::LENET5.map(|(_, layer)| layer).to_vec()
}

/// The counts of the papers' networks.
#[test]
fn parameter_counts() {
    let lenet5 = lenet5();
    let network = Network { input: zoo::LENET5_INPUT, layers: &lenet5 };
    assert_eq!((network.parameter_len(), network.statistics_len(), network.outputs()), (61_706, 0, 10));
    for (blocks, width, with, without) in [
        (3, 1, 272_474, 269_722),
        (9, 1, 855_770, 853_018),
        (18, 1, 1_730_714, 1_727_962),
        (9, 2, 3_412_394, 3_401_770),
    ] {
        for (shortcuts, expected) in [(true, with), (false, without)] {
            let layers = layers(blocks, width, shortcuts);
            let network = Network { input: zoo::RESNET_INPUT, layers: &layers };
            network.check().unwrap();
            assert_eq!(network.parameter_len(), expected, "{blocks} {width} {shortcuts}");
            assert_eq!(network.outputs(), 10);
            // 3 × 2 of 16, 32, 64 channels in each block, the first of the stem, and two projections.
            let channels = 16 * (2 * blocks + 1) + 96 * 2 * blocks + if shortcuts { 96 } else { 0 };
            assert_eq!(network.statistics_len(), 2 * width * channels);
        }
    }
    assert_eq!(layers(18, 1, true).len(), 3 + 54 * 7 + 2 * 3 + 2);
}

/// Every row's parameters, statistics and activations follow those of the row before; a branch has those of its source.
#[test]
fn plans_have_no_gaps() {
    let (lenet5, resnet) = (lenet5(), layers(18, 1, true));
    for (input, layers) in [(zoo::LENET5_INPUT, &lenet5), (zoo::RESNET_INPUT, &resnet)] {
        let network = Network { input, layers };
        let (mut parameters, mut statistics, mut activations) = (0, 0, 0);
        let rows: Vec<_> = network.rows().collect();
        for (i, row) in rows.iter().enumerate() {
            assert_eq!((row.number, row.layer), (i, layers[i]));
            assert_eq!((row.parameters().start, row.statistics().start), (parameters, statistics));
            (parameters, statistics) = (row.parameters().end, row.statistics().end);
            match row.source {
                Some(source) => {
                    assert!(!matches!(rows[source].layer, Layer::Branch { .. }));
                    assert_eq!(
                        (row.input, row.inputs(3)),
                        (rows[source].output, rows[source].activations(3))
                    );
                }
                None => assert_eq!((i, row.input), (0, input)),
            }
            if let Layer::Branch { .. } = row.layer {
                assert_eq!(row.activations(3), row.inputs(3));
            } else {
                assert_eq!(row.activations(1).start, activations);
                activations = row.activations(1).end;
            }
        }
        assert_eq!(network.parameter_len(), parameters);
        assert_eq!(network.statistics_len(), statistics);
        assert_eq!(network.activation_len(), activations);
    }
    // The multiplications that He et al. 2016 give as 41 million, with the two projections.
    let network = Network { input: zoo::RESNET_INPUT, layers: &layers(3, 1, true) };
    let convolutions = network.rows().filter(|row| matches!(row.layer, Layer::Convolution { .. }));
    assert_eq!(convolutions.map(|row| row.layer.flops(row.input)).sum::<usize>(), 2 * 40_812_544);
}

#[test]
fn a_plan_is_printed() {
    let layers = lenet5();
    let text = Network { input: zoo::LENET5_INPUT, layers: &layers }.to_string();
    assert_eq!(
        text.lines().take(4).collect::<Vec<_>>(),
        [
            "row layer                 reads         in        out        parameters       activations      flops",
            "  0 convolution         samples    1x28x28    6x28x28        0..156            0..4704        235200",
            "  1 relu                      0    6x28x28    6x28x28      156..156         4704..9408          4704",
            "  2 max pool                  1    6x28x28    6x14x14      156..156         9408..10584         4704",
        ]
    );
    let layers = self::layers(1, 1, true);
    let text = Network { input: zoo::RESNET_INPUT, layers: &layers }.to_string();
    assert!(text.contains("  8 add                     7+2"), "{text}");
}

#[test]
fn what_does_not_fit_is_named() {
    let input = Shape { channels: 2, height: 4, width: 3 };
    let convolution = |kernel, stride, padding| Layer::Convolution {
        outputs: 2,
        kernel,
        stride,
        padding,
        bias: false,
        groups: 1,
        dilation: 1,
    };
    let cases: &[(&[Layer], usize, &str)] = &[
        (&[Layer::Linear { outputs: 0 }], 0, "linear needs outputs"),
        (&[Layer::RELU, convolution(4, 1, 0)], 1, "convolution needs a window"),
        (&[convolution(0, 1, 0)], 0, "convolution needs a window"),
        (&[convolution(1, 0, 0)], 0, "convolution needs a window"),
        (
            &[Layer::GlobalAveragePool, Layer::MaxPool { kernel: 2, stride: 2, padding: 0 }],
            1,
            "max pool needs a window",
        ),
        (&[Layer::Branch { back: 1 }], 0, "branch needs an earlier row"),
        (&[Layer::RELU, Layer::Add { back: 0 }], 1, "add needs an earlier row"),
        (&[Layer::RELU, Layer::Add { back: 2 }], 1, "add needs an earlier row"),
        (
            &[Layer::RELU, Layer::GlobalAveragePool, Layer::Add { back: 2 }],
            2,
            "add needs two terms of the same shape",
        ),
    ];
    for (layers, expected, words) in cases {
        match (Network { input, layers }).check() {
            Err(error @ Error::Layer { row, .. }) => {
                assert_eq!(row, *expected);
                assert!(error.to_string().contains(words), "{error}");
            }
            other => panic!("{layers:?}: {other:?}"),
        }
    }
    assert!(Network { input, layers: &[] }.check().is_err());
    let layers = [convolution(4, 1, 1), convolution(2, 5, 0), Layer::Add { back: 1 }];
    assert_eq!(Network { input, layers: &layers[..2] }.check().map_err(|e| e.to_string()), Ok(()));
}

/// Mean and deviation of some parameters.
fn moments(theta: &[f32]) -> (f64, f64) {
    let count = theta.len() as f64;
    let mean = theta.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares: f64 = theta.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    (mean, (squares / count).sqrt())
}

#[test]
fn initial_parameters() {
    let small = layers(1, 1, true);
    let network = Network { input: zoo::RESNET_INPUT, layers: &small };
    let mut theta = vec![f32::NAN; network.parameter_len()];
    initialise(&network, 3, 1, &mut theta);
    for row in network.rows() {
        let p = &theta[row.parameters()];
        match row.layer {
            Layer::Convolution { kernel, .. } => {
                let expected = (2.0 / (row.input.channels * kernel * kernel) as f64).sqrt();
                let (mean, deviation) = moments(p);
                // Five standard errors.
                let error = 5.0 / (p.len() as f64).sqrt();
                assert!(
                    mean.abs() < error * expected && (deviation / expected - 1.0).abs() < error,
                    "{row:?}"
                );
            }
            Layer::BatchNorm => {
                let (gamma, beta) = p.split_at(p.len() / 2);
                assert!(gamma.iter().all(|&x| x == 1.0) && beta.iter().all(|&x| x == 0.0));
            }
            Layer::Linear { .. } => {
                assert!(p[640..].iter().all(|&x| x == 0.0));
                assert!((moments(&p[..640]).1 - 1e-3).abs() < 1.5e-4);
            }
            _ => assert!(p.is_empty()),
        }
    }
    let layers = lenet5();
    let network = Network { input: zoo::LENET5_INPUT, layers: &layers };
    let mut theta = vec![f32::NAN; network.parameter_len()];
    initialise(&network, 3, 1, &mut theta);
    for row in network.rows().filter(|row| !row.parameters().is_empty()) {
        let fan_in = match row.layer {
            Layer::Convolution { kernel, .. } => row.input.channels * kernel * kernel,
            _ => row.input.len(),
        };
        let bound = 1.0 / (fan_in as f64).sqrt();
        let p = &theta[row.parameters()];
        let largest = p.iter().fold(0.0, |m: f64, &x| m.max(f64::from(x).abs()));
        assert!(largest <= bound && largest > 0.9 * bound, "{row:?}");
    }
}
