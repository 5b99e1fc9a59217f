//! The memory of 32 samples, and their way through the operations.

use super::batch_norm::{self, Channel, Moments};
use super::correlation::End;
use super::plan::{Op, Plan, Step};
use super::planes::{Pixel, SAMPLES};
use super::{pool, weights};
use crate::engine::cross_entropy::{NOBODY, Scores};
use crate::engine::pass::Pass;
use crate::floats::{Floats, LANES};
use fearless_simd::prelude::*;
use valleys_core::engine::StepParams;
use valleys_core::network::CropFlip;
use valleys_core::network::Samples;
use valleys_core::rng::{Purpose, Stream};

/// What all panels read.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    pub plan: &'a Plan,
    pub samples: &'a Samples<'a, f32>,
    /// What is done to the images of a step.
    pub augment: Option<(&'a CropFlip<Vec<f32>>, &'a StepParams)>,
    pub theta: &'a [f32],
    pub packed: &'a [f32],
    /// How the channels of all batch norms are normalised.
    pub channels: &'a [Channel],
    /// One divided by the number of samples.
    pub share: f32,
}

/// At most [`LANES`] samples: two halves of [`SAMPLES`] in the layers of images, together in the linear ones.
#[derive(Debug)]
pub struct Panel {
    pub halves: [Half; 2],
    head: Pass,
    /// The panel's part of the gradient.
    pub gradient: Floats,
    pub scores: Scores,
    chosen: Vec<u32>,
    /// One changed image.
    image: Vec<f32>,
    /// What filters work in.
    scratch: Floats,
}

/// At most [`SAMPLES`] samples.
#[derive(Debug)]
pub struct Half {
    buffers: Vec<Floats>,
    /// How many samples.
    count: usize,
    /// 1 in lanes with a sample, else 0.
    alive: Pixel,
    /// Sums over the inputs of all batch norms, and over the gradients.
    pub moments: Vec<Moments>,
    pub sums: Vec<[f64; 2]>,
}

impl Panel {
    /// Memory for a panel.
    pub fn new(plan: &Plan, dim: usize) -> Self {
        let half = || Half {
            buffers: plan.buffers.iter().map(|planes| Floats::new(planes.len() * SAMPLES)).collect(),
            count: 0,
            alive: [0.0; SAMPLES],
            moments: vec![Moments::default(); plan.channels],
            sums: vec![[0.0; 2]; plan.channels],
        };
        let input = plan.buffers[plan.input];
        Self {
            halves: [half(), half()],
            head: Pass::new(plan.head.clone()),
            gradient: Floats::new(dim),
            scores: Scores::default(),
            chosen: Vec::with_capacity(LANES),
            image: vec![0.0; input.channels * input.height * input.width],
            scratch: Floats::new(plan.scratch_len() * SAMPLES),
        }
    }

    /// Takes samples, at most [`LANES`].
    pub fn choose(&mut self, chosen: &[u32]) {
        self.chosen.clear();
        self.chosen.extend_from_slice(chosen);
        for (i, half) in self.halves.iter_mut().enumerate() {
            half.count = chosen.len().saturating_sub(i * SAMPLES).min(SAMPLES);
            half.alive = std::array::from_fn(|lane| if lane < half.count { 1.0 } else { 0.0 });
            half.moments.fill(Moments::default());
            half.sums.fill([0.0; 2]);
        }
        self.scores = Scores::default();
    }

    /// Goes through a sweep.
    #[inline(always)]
    pub fn run<S: Simd>(&mut self, simd: S, job: &Job, sweep: &[Step]) {
        let together = |step: &Step| matches!(step, Step::Head | Step::Scores);
        for part in sweep.split_inclusive(together) {
            for i in 0..2 {
                for &step in part.iter().filter(|step| !together(step)) {
                    match step {
                        Step::Read => self.read(job, i),
                        _ if self.halves[i].count == 0 => {}
                        _ => {
                            let scratch = pixels_mut(&mut self.scratch);
                            self.halves[i].step(simd, job, step, self.gradient.get_mut(), scratch);
                        }
                    }
                }
            }
            match part.last() {
                Some(Step::Head) => self.head(simd, job, true),
                Some(Step::Scores) => self.head(simd, job, false),
                _ => {}
            }
        }
    }

    /// Reads the samples of a half; lanes without one become 0.
    fn read(&mut self, job: &Job, i: usize) {
        if i == 0 {
            self.gradient.get_mut().fill(0.0);
        }
        let half = &mut self.halves[i];
        let chosen = self.chosen.chunks(SAMPLES).nth(i).unwrap_or(&[]);
        let planes = job.plan.buffers[job.plan.input];
        let to: &mut [Pixel] = half.buffers[job.plan.input].get_mut().as_chunks_mut().0;
        let len = planes.channels * planes.height * planes.width;
        for lane in 0..SAMPLES {
            let mut image: &[f32] = &[];
            if let Some(&sample) = chosen.get(lane) {
                image = &job.samples.inputs[sample as usize * len..][..len];
                if let Some((augment, course)) = &job.augment {
                    let &StepParams { key, epoch, .. } = *course;
                    let mut stream = Stream::new(key, Purpose::Augment, epoch, sample);
                    augment.apply(&mut stream, image, &mut self.image);
                    image = &self.image;
                }
            }
            for (i, row) in planes.all_rows().enumerate() {
                match image.get(i * planes.width..(i + 1) * planes.width) {
                    Some(image) => to[row].iter_mut().zip(image).for_each(|(to, &x)| to[lane] = x),
                    None => to[row].iter_mut().for_each(|to| to[lane] = 0.0),
                }
            }
        }
    }

    /// The linear layers: there, and back where asked for.
    #[inline(always)]
    fn head<S: Simd>(&mut self, simd: S, job: &Job, back: bool) {
        let (x, labels) = self.head.inputs_mut();
        for (lane, label) in labels.iter_mut().enumerate() {
            *label = self.chosen.get(lane).map_or(NOBODY, |&i| job.samples.labels[i as usize].into());
        }
        let Plan { output, slope, head_offset, .. } = *job.plan;
        for (half, first) in self.halves.iter().zip([0, SAMPLES]) {
            let from: &[Pixel] = half.buffers[output].get().as_chunks().0;
            let from = job.plan.buffers[output].all_rows().flat_map(|row| &from[row]);
            x.iter_mut().zip(from).for_each(|(x, from)| x[first..][..SAMPLES].copy_from_slice(from));
        }
        let theta = &job.theta[head_offset..];
        if !back {
            self.scores = self.head.evaluate(simd, theta);
            return;
        }
        self.scores = self.head.slope(simd, job.share, theta, &mut self.gradient.get_mut()[head_offset..]);
        let dx = self.head.input_gradient(simd, theta);
        for (half, first) in self.halves.iter_mut().zip([0, SAMPLES]) {
            let to: &mut [Pixel] = half.buffers[slope].get_mut().as_chunks_mut().0;
            let mut dx = dx.iter();
            for row in job.plan.buffers[slope].all_rows() {
                to[row]
                    .iter_mut()
                    .zip(&mut dx)
                    .for_each(|(to, dx)| to.copy_from_slice(&dx[first..][..SAMPLES]));
            }
        }
    }
}

impl Half {
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S, job: &Job, step: Step, gradient: &mut [f32], scratch: &mut [Pixel]) {
        match step {
            Step::Forward(i) => self.forward(simd, job, &job.plan.ops[i], scratch),
            Step::Backward(i) => self.backward(simd, job, &job.plan.ops[i], gradient, scratch),
            Step::Moments(i) => {
                let Op::Normalise(op) = &job.plan.ops[i] else { return };
                let z = (pixels(&self.buffers[op.z]), &job.plan.buffers[op.z]);
                batch_norm::moments(simd, z, self.count, &mut self.moments[op.channels.clone()]);
            }
            Step::Sums(i) => {
                let Op::Normalise(op) = &job.plan.ops[i] else { return };
                let planes = &job.plan.buffers;
                let [z, y, dy] = several(&mut self.buffers, [op.z, op.y, op.dy]);
                let y = op.relu.then_some((pixels(y), &planes[op.y]));
                let (z, dy) = ((pixels(z), &planes[op.z]), (pixels_mut(dy), &planes[op.dy]));
                let channels = &job.channels[op.channels.clone()];
                batch_norm::sums(simd, channels, z, y, dy, &mut self.sums[op.channels.clone()]);
            }
            Step::Read | Step::Head | Step::Scores => {}
        }
    }

    #[inline(always)]
    fn forward<S: Simd>(&mut self, simd: S, job: &Job, op: &Op, scratch: &mut [Pixel]) {
        let planes = &job.plan.buffers;
        match op {
            Op::Convolve(op) => {
                let [x, y] = several(&mut self.buffers, [op.x, op.y]);
                let end = End { bias: &job.theta[op.bias.clone()], relu: op.relu, add: false };
                let (x, y) = ((pixels(x), &planes[op.x]), (pixels_mut(y), &planes[op.y]));
                op.forward.run(simd, job.packed, x, y, end, scratch);
            }
            Op::Normalise(op) => {
                let channels = &job.channels[op.channels.clone()];
                let (z, shortcut, y) = match op.shortcut {
                    Some(x) => {
                        let [z, shortcut, y] = several(&mut self.buffers, [op.z, x, op.y]);
                        (z, Some((pixels(shortcut), &planes[x])), y)
                    }
                    None => {
                        let [z, y] = several(&mut self.buffers, [op.z, op.y]);
                        (z, None, y)
                    }
                };
                let (z, y) = ((pixels(z), &planes[op.z]), (pixels_mut(y), &planes[op.y]));
                batch_norm::forward(simd, channels, z, shortcut, y, op.relu);
            }
            &Op::MaxPool { edge, x, y, .. } => {
                let [from, to] = several(&mut self.buffers, [x, y]);
                pool::max(simd, edge, (pixels(from), &planes[x]), (pixels_mut(to), &planes[y]));
            }
            &Op::AveragePool { x, y, .. } => {
                let [from, to] = several(&mut self.buffers, [x, y]);
                pool::average(simd, (pixels(from), &planes[x]), (pixels_mut(to), &planes[y]));
            }
        }
    }

    #[inline(always)]
    fn backward<S: Simd>(
        &mut self,
        simd: S,
        job: &Job,
        op: &Op,
        gradient: &mut [f32],
        scratch: &mut [Pixel],
    ) {
        let planes = &job.plan.buffers;
        match op {
            Op::Convolve(op) => {
                if op.relu {
                    let [y, dy] = several(&mut self.buffers, [op.y, op.dy]);
                    batch_norm::rectify(simd, (pixels(y), &planes[op.y]), (pixels_mut(dy), &planes[op.dy]));
                }
                let x = (pixels(&self.buffers[op.x]), &planes[op.x]);
                let dy = (pixels(&self.buffers[op.dy]), &planes[op.dy]);
                let weights = &mut gradient[op.weight.clone()];
                op.forward.gradient(simd, &op.window, x, dy, weights, scratch);
                weights::bias_gradient(simd, dy, &mut gradient[op.bias.clone()]);
                if let Some(at) = op.dx {
                    let [dy, dx] = several(&mut self.buffers, [op.dy, at]);
                    let (dy, dx) = ((pixels(dy), &planes[op.dy]), pixels_mut(dx));
                    for part in &op.backward {
                        let end = End { bias: &[], relu: false, add: op.add };
                        part.run(simd, job.packed, dy, (&mut *dx, &planes[at]), end, scratch);
                    }
                }
            }
            Op::Normalise(op) => {
                let [z, g, dz] = several(&mut self.buffers, [op.z, op.dy, op.dz]);
                let (z, g) = ((pixels(z), &planes[op.z]), (pixels(g), &planes[op.dy]));
                let dz = (pixels_mut(dz), &planes[op.dz]);
                let channels = &job.channels[op.channels.clone()];
                batch_norm::backward(simd, channels, &self.alive, z, g, dz);
            }
            &Op::MaxPool { edge, x, y, dx, dy } => {
                let [at_x, at_y, at_dx, at_dy] = several(&mut self.buffers, [x, y, dx, dy]);
                let (at_x, at_dy) = ((pixels(at_x), &planes[x]), (pixels(at_dy), &planes[dy]));
                let to = (pixels_mut(at_dx), &planes[dx]);
                pool::max_backward(simd, edge, at_x, pixels(at_y), at_dy, to, &planes[y]);
            }
            &Op::AveragePool { dx, dy, .. } => {
                let [from, to] = several(&mut self.buffers, [dy, dx]);
                let from = (pixels(from), &planes[dy]);
                pool::average_backward(simd, from, (pixels_mut(to), &planes[dx]));
            }
        }
    }
}

/// Different buffers.
#[inline(always)]
fn several<const N: usize>(buffers: &mut [Floats], numbers: [usize; N]) -> [&mut Floats; N] {
    buffers.get_disjoint_mut(numbers).expect("an operation has different buffers")
}

#[inline(always)]
fn pixels(floats: &Floats) -> &[Pixel] {
    floats.get().as_chunks().0
}

#[inline(always)]
fn pixels_mut(floats: &mut Floats) -> &mut [Pixel] {
    floats.get_mut().as_chunks_mut().0
}
