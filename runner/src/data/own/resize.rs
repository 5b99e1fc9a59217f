//! Images of another size: the bilinear filter with antialiasing of Pillow and torchvision.

use super::picture::{Picture, Pixels};

/// What a line of output is made of: from which number on, and the weights of that and those behind it.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// The weights of a triangle around each centre, at least as wide as a pixel of the output.
fn taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    let one = |i: usize| {
        let centre = (i as f64 + 0.5) * scale;
        let first = (centre - support + 0.5).max(0.0) as usize;
        let end = ((centre + support + 0.5) as usize).min(from);
        let weight = |x: usize| (1.0 - ((x as f64 - centre + 0.5) / support).abs()).max(0.0);
        let weights: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        Taps { first, weights: weights.iter().map(|w| (w / sum) as f32).collect() }
    };
    (0..to).map(one).collect()
}

impl Picture {
    /// The image in another size, first along rows, then along columns.
    pub fn resized(&self, height: usize, width: usize) -> Self {
        let channels = self.channels;
        let mut rows = Vec::with_capacity(self.height * width * channels);
        let taps_of_columns = taps(self.width, width);
        for y in 0..self.height {
            for Taps { first, weights } in &taps_of_columns {
                for channel in 0..channels {
                    let at = |x: usize| self.pixels.get((y * self.width + x) * channels + channel);
                    rows.push((*first..).zip(weights).map(|(x, w)| w * at(x)).sum::<f32>());
                }
            }
        }
        let stride = width * channels;
        let mut pixels = Vec::with_capacity(height * stride);
        for Taps { first, weights } in taps(self.height, height) {
            pixels.extend(
                (0..stride)
                    .map(|i| (first..).zip(&weights).map(|(y, w)| w * rows[y * stride + i]).sum::<f32>()),
            );
        }
        Self { height, width, channels, pixels: Pixels::Floats(pixels), alpha: self.alpha }
    }
}
