//! θ, batches, matrices.

use super::{Case, CheckDispatcher, Outcome, images, random, to_f32};
use crate::error::Result;
use crate::kernels::gemm::Gemm;
use crate::kernels::samples::Chunk;
use crate::kernels::{PassParams, channel_blocks, fma_throughput, parameters, samples, tangent_removal};
use crate::key::augment_code;
use crate::palette::Palette;
use valleys_core::engine::tangent;
use valleys_core::network::{CropFlip, CropFlipDraw, Shape};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::MAX_VERTICES;

pub(super) fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for terms in [1, 3, 8] {
        all.push(Case::new("mix", terms, move |c| mix(c, terms)));
    }
    for nesterov in [false, true] {
        all.push(Case::new("step", nesterov, move |c| step(c, 37, nesterov)));
    }
    all.push(Case::new("adam", 37, |c| adam(c, 37)));
    for (len, limit) in [(1, 0.5), (4_133, 3.0), (133, 1e9)] {
        all.push(Case::new("clip_sums clip", (len, limit), move |c| clip(c, len, limit)));
    }
    for terms in [2, 3, 5] {
        let kernels = "tangent_dots tangent_solve tangent_remove";
        all.push(Case::new(kernels, terms, move |c| remove_tangent(c, terms)));
    }
    for (padding, has_palette) in [(0, false), (4, false), (0, true), (4, true)] {
        let shape = format!("padding {padding}, {}", if has_palette { "bytes" } else { "f32" });
        all.push(Case::new("gather", shape, move |c| gather(c, padding, has_palette, true)));
    }
    all.push(Case::new("gather", "without labels", |c| gather(c, 0, false, false)));
    for transposed in [[false, false], [false, true], [true, false], [true, true]] {
        for [rows, columns, depth] in [[17, 13, 10], [64, 300, 32], [1, 1, 1], [9, 4, 7]] {
            let gemm = Gemm { rows, columns, depth, transposed, distances: false };
            all.push(Case::new("gemm", gemm, move |c| multiply(c, gemm)));
        }
    }
    all.push(Case::new("fma_throughput", 64, chains));
    let distances = Gemm { rows: 11, columns: 11, depth: 6, transposed: [false, true], distances: true };
    all.push(Case::new("gemm", distances, move |c| multiply(c, distances)));
    all
}

fn mix(c: &CheckDispatcher, terms: usize) -> Result<Outcome> {
    let len = 133;
    let weights = random(terms, 1);
    let points: Vec<Vec<f64>> = (0..terms).map(|i| random(len, 2 + i as u64)).collect();
    let expected: Vec<f64> =
        (0..len).map(|i| weights.iter().zip(&points).map(|(w, p)| w * p[i]).sum()).collect();
    let gpu_points = points.iter().map(|point| c.floats(point)).collect::<Result<Vec<_>>>()?;
    let theta = c.floats(&vec![7.0; len])?;
    let mut params = images(1);
    params.mix.iter_mut().zip(&weights).for_each(|(to, &weight)| *to = weight as f32);
    c.run(params, &parameters::mix(&c.dispatcher, len, &theta, &gpu_points.iter().collect::<Vec<_>>())?)?;
    Ok(Outcome { error: c.error(&theta, 0, &expected)?, terms })
}

fn step(c: &CheckDispatcher, len: usize, nesterov: bool) -> Result<Outcome> {
    let [g, theta, point, v] = [1, 2, 3, 4].map(|seed| random(len, seed));
    let (rate, momentum, decay, weight) = (0.125, 0.875, 0.25, 0.5);
    let moved: Vec<f64> = (0..len).map(|i| momentum * v[i] + weight * (g[i] + decay * theta[i])).collect();
    let ahead =
        |i: usize| if nesterov { weight * (g[i] + decay * theta[i]) + momentum * moved[i] } else { moved[i] };
    let expected: Vec<f64> = (0..len).map(|i| point[i] - rate * ahead(i)).collect();
    let [gpu_g, gpu_theta, gpu_point, gpu_v] =
        &[c.floats(&g)?, c.floats(&theta)?, c.floats(&point)?, c.floats(&v)?];
    let params = PassParams {
        learning_rate: rate as f32,
        momentum: momentum as f32,
        weight_decay: decay as f32,
        slot_weight: weight as f32,
        nesterov: nesterov.into(),
        ..images(1)
    };
    c.run(params, &[parameters::step(&c.dispatcher, len, [gpu_g, gpu_theta, gpu_point, gpu_v])?])?;
    Ok(Outcome { error: c.error(gpu_point, 0, &expected)?.max(c.error(gpu_v, 0, &moved)?), terms: 4 })
}

fn adam(c: &CheckDispatcher, len: usize) -> Result<Outcome> {
    let [g, theta, point, first] = [1, 2, 3, 4].map(|seed| random(len, seed));
    let second: Vec<f64> = random(len, 5).iter().map(|x| x * x).collect();
    let params = PassParams {
        learning_rate: 0.125,
        momentum: 0.875,
        beta2: 0.75,
        epsilon: 0.0625,
        root: 1.5,
        decoupled_decay: 0.03125,
        weight_decay: 0.25,
        slot_weight: 0.5,
        ..images(1)
    };
    let h: Vec<f64> = g.iter().zip(&theta).map(|(g, theta)| 0.5 * (g + 0.25 * theta)).collect();
    let m: Vec<f64> = first.iter().zip(&h).map(|(m, h)| 0.875 * m + 0.125 * h).collect();
    let v: Vec<f64> = second.iter().zip(&h).map(|(v, h)| 0.75 * v + 0.25 * h * h).collect();
    let moved = |i: usize| 0.03125 * theta[i] + 0.125 * m[i] / (v[i].sqrt() * 1.5 + 0.0625);
    let expected: Vec<f64> = (0..len).map(|i| point[i] - moved(i)).collect();
    let all = [&g, &theta, &point, &first, &second].map(|elements| c.floats(elements));
    let [g, theta, point, first, second] = all;
    let (g, theta, point, first, second) = (g?, theta?, point?, first?, second?);
    c.run(params, &[parameters::adam(&c.dispatcher, len, [&g, &theta, &point, &first, &second])?])?;
    let error = c.error(&point, 0, &expected)?.max(c.error(&first, 0, &m)?).max(c.error(&second, 0, &v)?);
    Ok(Outcome { error, terms: 4 })
}

fn clip(c: &CheckDispatcher, len: usize, limit: f32) -> Result<Outcome> {
    let (g, theta) = (random(len, 1), random(len, 2));
    let decayed: Vec<f64> = g.iter().zip(&theta).map(|(g, theta)| g + 0.25 * theta).collect();
    let norm = decayed.iter().map(|g| g * g).sum::<f64>().sqrt();
    let expected: Vec<f64> = decayed.iter().map(|g| g * (f64::from(limit) / norm).min(1.0)).collect();
    let [gpu_theta, gpu_g] = [c.floats(&theta)?, c.floats(&g)?];
    let partial = c.floats(&vec![f64::NAN; parameters::CLIP_PARTIAL_LEN])?;
    let list = parameters::clip(&c.dispatcher, len, [&gpu_theta, &gpu_g, &partial])?;
    c.run(PassParams { weight_decay: 0.25, max_gradient_norm: limit, ..images(1) }, &list)?;
    Ok(Outcome { error: c.error(&gpu_g, 0, &expected)?, terms: len })
}

fn remove_tangent(c: &CheckDispatcher, terms: usize) -> Result<Outcome> {
    let len = 1037;
    let (g, theta) = (random(len, 1), random(len, 2));
    let points: Vec<Vec<f64>> = (0..terms).map(|i| random(len, 3 + i as u64)).collect();
    let (decay, share) = (0.25, 0.75);
    let mut expected: Vec<f64> = g.iter().zip(&theta).map(|(g, theta)| g + decay * theta).collect();
    let direction =
        |i: usize| -> Vec<f64> { points[i + 1].iter().zip(&points[0]).map(|(p, b)| p - b).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut gram = [[0.0; MAX_VERTICES]; MAX_VERTICES];
    let mut products = [0.0; MAX_VERTICES];
    for i in 0..terms - 1 {
        products[i] = dot(&direction(i), &expected);
        (0..terms - 1).for_each(|j| gram[i][j] = dot(&direction(i), &direction(j)));
    }
    let coefficients = tangent::coefficients(gram, products, terms - 1);
    for (i, coefficient) in coefficients.iter().enumerate().take(terms - 1) {
        expected.iter_mut().zip(direction(i)).for_each(|(g, d)| *g -= share * coefficient * d);
    }
    let gpu_points = points.iter().map(|point| c.floats(point)).collect::<Result<Vec<_>>>()?;
    let [gpu_theta, gpu_g] = [c.floats(&theta)?, c.floats(&g)?];
    let partial = c.floats(&vec![0.0; tangent_removal::PARTIAL_LEN])?;
    let coefficients = c.floats(&[0.0; tangent_removal::COEFFICIENTS_LEN])?;
    let list = tangent_removal::remove_tangent(
        &c.dispatcher,
        len,
        [&gpu_theta, &gpu_g, &partial, &coefficients],
        &gpu_points.iter().collect::<Vec<_>>(),
    )?;
    let params = PassParams { weight_decay: decay as f32, tangent_removal: share as f32, ..images(1) };
    c.run(params, &list)?;
    Ok(Outcome { error: c.error(&gpu_g, 0, &expected)?, terms: len })
}

fn gather(c: &CheckDispatcher, padding: usize, has_palette: bool, has_labels: bool) -> Result<Outcome> {
    // An odd number of elements, so that the bytes of a sample start anywhere in a word.
    let shape = Shape { channels: 3, height: 5, width: 7 };
    let (count, total, split) = (7, 12, 5);
    let mut all = random(shape.len() * total, 1);
    if has_palette {
        all.iter_mut().for_each(|x| *x = (*x * 100.0).round() / 7.0);
    }
    let border = [0.5_f32, -1.0, 0.25];
    let labels: Vec<u32> = (0..total as u32).map(|i| i % 4).collect();
    let (mut order, mut expected) = (Vec::new(), Vec::new());
    for i in 0..count {
        let sample = (i * 5 + 3) % total;
        let stream = || Stream::new(Key::new(7, 0), Purpose::Augment, 0, sample as u32);
        let image = to_f32(&all[sample * shape.len()..][..shape.len()]);
        let mut copy = image.clone();
        let mut code = 0;
        if padding > 0 {
            CropFlip { shape, padding, border: &border[..] }.apply(&mut stream(), &image, &mut copy);
            code = augment_code(CropFlipDraw::draw(&mut stream(), padding));
        }
        order.push([sample as u32, code]);
        expected.extend(copy.iter().map(|&x| f64::from(x)));
    }
    let device = c.dispatcher.device;
    let plane = shape.height * shape.width;
    let elements = to_f32(&all);
    let palette = Palette::of(&elements, shape.len(), plane).filter(|_| has_palette);
    let gpu_palette =
        palette.as_ref().map(|palette| device.buffer_with("palette", &palette.values)).transpose()?;
    let at = split * shape.len();
    let [first, second] = [0..at, at..elements.len()].map(|range| match &palette {
        Some(palette) => device.buffer_with("samples", &palette.bytes[range]),
        None => device.buffer_with("samples", &elements[range]),
    });
    let chunks = [first?, second?];
    let buffers = [
        device.buffer_with("labels", &labels)?,
        device.buffer_with("order", &order)?,
        c.output(shape, count)?,
        c.floats(&[0.0; 7])?,
    ];
    let border = device.buffer_with("border", &border)?;
    let border = (padding > 0).then_some((&border, padding));
    let palette = gpu_palette.as_ref().map(|palette| (palette, plane));
    let labels = has_labels.then_some([&buffers[0], &buffers[3]]);
    let chunk = |i: usize, first, count| Chunk { samples: &chunks[i], palette, first, count };
    let list = [chunk(0, 0, split), chunk(1, split, total - split)].map(|chunk| {
        samples::gather(&c.dispatcher, shape, chunk, border, labels, [&buffers[1], &buffers[2]])
    });
    let list = list.into_iter().collect::<Result<Vec<_>>>()?;
    c.run(images(count), &list)?;
    // Labels are integers; they are read as the bits of floats.
    let found = c.read(&buffers[3], count)?;
    let expected_label = |sample: u32| if has_labels { sample % 4 } else { 0 };
    let are_equal =
        found.iter().zip(&order).all(|(found, [sample, _])| found.to_bits() == expected_label(*sample));
    let error = c.error_of_activations(shape, &buffers[2], &expected)?;
    Ok(Outcome { error: if are_equal { error } else { f64::INFINITY }, terms: 1 })
}

fn multiply(c: &CheckDispatcher, gemm: Gemm) -> Result<Outcome> {
    let Gemm { rows, columns, depth, transposed, distances } = gemm;
    let (a, b) = (random(rows * depth, 1), random(depth * columns, 2));
    let mut product = vec![0.0; rows * columns];
    for (i, to) in product.iter_mut().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let term = |k| {
            let a = a[if transposed[0] { k * rows + row } else { row * depth + k }];
            let b = b[if transposed[1] { column * depth + k } else { k * columns + column }];
            if distances { (a - b) * (a - b) } else { a * b }
        };
        *to = (0..depth).map(term).sum();
    }
    // The rows of a matrix have the layout of images of one position.
    let [row_of_a, row_of_b] = [(transposed[0], rows, depth), (transposed[1], depth, columns)]
        .map(|(transposed, rows, columns)| Shape::flat(if transposed { rows } else { columns }));
    let gpu_c = c.floats(&vec![7.0; rows * channel_blocks(columns) * 4])?;
    let [gpu_a, gpu_b] = [c.gradients(row_of_a, &a)?, c.gradients(row_of_b, &b)?];
    c.run(images(1), &[gemm.dispatch(&c.dispatcher, [&gpu_a, &gpu_b, &gpu_c])?])?;
    Ok(Outcome { error: c.error_of_gradients(Shape::flat(columns), &gpu_c, &product)?, terms: depth })
}

fn chains(c: &CheckDispatcher) -> Result<Outcome> {
    let threads = 64;
    let y = c.floats(&vec![0.0; 4 * threads])?;
    c.run(images(1), &[fma_throughput::fma_throughput(&c.dispatcher, threads, &y)?])?;
    let sum =
        |factor: f64| -> f64 { (0..8).map(|i| (0..512).fold(f64::from(i), |s, _| s * factor + 0.5)).sum() };
    let expected: Vec<f64> = (0..threads)
        .flat_map(|thread| [sum(f64::from(0.999_f32 + (thread % 2) as f32 * 0.0001)); 4])
        .collect();
    Ok(Outcome { error: c.error(&y, 0, &expected)?, terms: 512 * 512 })
}
