//! Comparison with direct convolution in f64, for every instruction set of this machine.

use super::Winograd;
use crate::engine::cnn::convolution::Epilogue;
use crate::engine::cnn::planes::{GROUP_LEN, Pixel, Planes};
use crate::tests::levels;
use valleys_core::kernels::Window;
use valleys_core::rng::{Key, Purpose, Stream};

/// Rounding error of F(4 × 4, 3 × 3), relative to the largest element. Measured: at most 5e-6; see the results of the
/// benches.
const TOLERANCE: f64 = 3e-5;

/// Inputs, outputs, rows and columns: whole tiles, remainders of every length, less than a tile, strips of several tiles.
const CASES: [[usize; 4]; 7] = [
    [8, 8, 4, 4],
    [8, 11, 5, 9],
    [16, 9, 7, 10],
    [32, 16, 1, 3],
    [16, 16, 8, 8],
    [64, 64, 8, 8],
    [16, 16, 2, 33],
];

/// Random images, as (channels, rows, columns, samples) and as planes.
struct Images {
    planes: Planes,
    numbers: Vec<f64>,
    pixels: Vec<Pixel>,
}

impl Images {
    fn new(channels: usize, height: usize, width: usize, halo: usize, stream: &mut Stream) -> Self {
        let planes = Planes { channels, height, width, halo };
        let mut images = Self { planes, numbers: Vec::new(), pixels: vec![[0.0; GROUP_LEN]; planes.len()] };
        for channel in 0..channels {
            for place in planes.rows(channel).flatten() {
                for lane in 0..GROUP_LEN {
                    let x = stream.normal() as f32;
                    images.pixels[place][lane] = x;
                    images.numbers.push(x.into());
                }
            }
        }
        images
    }

    fn read(&self) -> Vec<f64> {
        let channels = 0..self.planes.channels;
        let places = channels.flat_map(|channel| self.planes.rows(channel)).flatten();
        places.flat_map(|place| self.pixels[place].map(f64::from)).collect()
    }

    /// The element at a position, 0 outside of the image.
    fn at(&self, channel: usize, row: isize, column: isize, lane: usize) -> f64 {
        let Planes { height, width, .. } = self.planes;
        let inside = |i: isize, len: usize| usize::try_from(i).ok().filter(|&i| i < len);
        match (inside(row, height), inside(column, width)) {
            (Some(row), Some(column)) => {
                self.numbers[((channel * height + row) * width + column) * GROUP_LEN + lane]
            }
            _ => 0.0,
        }
    }
}

fn assert_near(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let error = found.iter().zip(expected).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
    assert!(error <= TOLERANCE * largest, "{error} of {largest}");
}

/// All (row, column) around a position, each with its tap.
fn taps() -> impl Iterator<Item = (isize, isize, usize)> {
    (0..9).map(|tap| (tap as isize / 3 - 1, tap as isize % 3 - 1, tap))
}

#[test]
fn outputs_and_gradients_are_those_of_direct_convolution() {
    for (number, [inputs, outputs, height, width]) in CASES.into_iter().enumerate() {
        let mut stream = Stream::new(Key::new(4, number as u64), Purpose::Init, 0, 0);
        let window = Window { height, width, kernel: 3, stride: 1, padding: 1, dilation: 1 };
        let forward = Winograd::forward(&window, inputs, outputs, 0).unwrap();
        let backward = Winograd::backward(&window, inputs, outputs, forward.packed_len()).unwrap();
        let halo = forward.halo();
        let x = Images::new(inputs, height, width, halo, &mut stream);
        let dy = Images::new(outputs, height, width, halo, &mut stream);
        let before = Images::new(outputs, height, width, halo, &mut stream);
        let weight: Vec<f32> = (0..outputs * inputs * 9).map(|_| stream.normal() as f32).collect();
        let bias: Vec<f32> = (0..outputs).map(|_| stream.normal() as f32).collect();
        let places: Vec<(isize, isize)> =
            (0..height as isize).flat_map(|r| (0..width as isize).map(move |c| (r, c))).collect();
        let w = |o: usize, i: usize, tap: usize| f64::from(weight[(o * inputs + i) * 9 + tap]);

        let (mut y, mut dx, mut dw) = (Vec::new(), Vec::new(), vec![0.0; weight.len()]);
        for o in 0..outputs {
            for (&(r, c), lane) in places.iter().flat_map(|place| (0..GROUP_LEN).map(move |l| (place, l))) {
                let mut sum = f64::from(bias[o]) + before.at(o, r, c, lane);
                for (i, (a, b, tap)) in (0..inputs).flat_map(|i| taps().map(move |tap| (i, tap))) {
                    let x = x.at(i, r + a, c + b, lane);
                    sum += w(o, i, tap) * x;
                    dw[(o * inputs + i) * 9 + tap] += dy.at(o, r, c, lane) * x;
                }
                y.push(if sum > 0.0 { sum } else { 0.0 });
            }
        }
        for i in 0..inputs {
            for (&(r, c), lane) in places.iter().flat_map(|place| (0..GROUP_LEN).map(move |l| (place, l))) {
                let meets = (0..outputs).flat_map(|o| taps().map(move |tap| (o, tap)));
                dx.push(meets.map(|(o, (a, b, tap))| w(o, i, tap) * dy.at(o, r - a, c - b, lane)).sum());
            }
        }

        let mut packed = vec![0.0; forward.packed_len() + backward.packed_len()];
        for level in levels() {
            packed.fill(f32::NAN);
            let (first, second) = packed.split_at_mut(forward.packed_len());
            forward.pack(level, &weight, first);
            backward.pack(level, &weight, second);
            let mut scratch =
                vec![[f32::NAN; GROUP_LEN]; forward.gradient_scratch_len().max(backward.scratch_len())];
            let mut to = Images::new(outputs, height, width, halo, &mut stream);
            to.pixels.copy_from_slice(&before.pixels);
            let epilogue = Epilogue { bias: &bias, relu: true, add: true };
            let from = (&x.pixels[..], &x.planes);
            forward.run(level, &packed, from, (&mut to.pixels, &to.planes), epilogue, &mut scratch);
            assert_near(&to.read(), &y);

            let mut to = Images::new(inputs, height, width, 0, &mut stream);
            let epilogue = Epilogue { bias: &[], relu: false, add: false };
            let dy_pixels = (&dy.pixels[..], &dy.planes);
            backward.run(level, &packed, dy_pixels, (&mut to.pixels, &to.planes), epilogue, &mut scratch);
            assert_near(&to.read(), &dx);

            if forward.has_gradient() {
                let mut gradient = vec![0.5; weight.len()];
                forward.add_gradient(level, from, dy_pixels, &mut gradient, &mut scratch);
                let gradient: Vec<f64> = gradient.iter().map(|&x| f64::from(x) - 0.5).collect();
                assert_near(&gradient, &dw);
            }
        }
    }
}
