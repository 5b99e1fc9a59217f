//! θ, batches, matrices.

use super::{Case, CheckContext, Outcome, images, random};
use crate::error::Result;
use crate::kernels::gemm::Gemm;
use crate::kernels::samples::Chunk;
use crate::kernels::{PassParams, channel_blocks, fma_throughput, parameters, samples, tangent_removal};
use crate::palette::Palette;
use valleys_core::engine::tangent;
use valleys_core::network::{CropFlip, CropFlipDraw, Shape};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::MAX_VERTICES;

pub fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for terms in [1, 3, 8] {
        all.push(Case::new("mix", terms, move |t| mixed(t, terms)));
    }
    all.push(Case::new("step", 37, |t| stepped(t, 37)));
    for terms in [2, 3, 5] {
        all.push(Case::new("tangent_dots tangent_solve tangent_remove", terms, move |t| projected(t, terms)));
    }
    for (padding, bytes) in [(0, false), (4, false), (0, true), (4, true)] {
        let what = format!("padding {padding}, {}", if bytes { "bytes" } else { "numbers" });
        all.push(Case::new("gather", what, move |t| gathered(t, padding, bytes)));
    }
    for transposed in [[false, false], [false, true], [true, false], [true, true]] {
        for [rows, columns, depth] in [[17, 13, 10], [64, 300, 32], [1, 1, 1], [9, 4, 7]] {
            let gemm = Gemm { rows, columns, depth, transposed, distances: false };
            all.push(Case::new("gemm", gemm, move |t| product(t, gemm)));
        }
    }
    all.push(Case::new("fma_throughput", 64, chained));
    let distances = Gemm { rows: 11, columns: 11, depth: 6, transposed: [false, true], distances: true };
    all.push(Case::new("gemm", distances, move |t| product(t, distances)));
    all
}

fn mixed(t: &CheckContext, terms: usize) -> Result<Outcome> {
    let len = 133;
    let weights = random(terms, 1);
    let centres: Vec<Vec<f64>> = (0..terms).map(|i| random(len, 2 + i as u64)).collect();
    let expected: Vec<f64> =
        (0..len).map(|i| weights.iter().zip(&centres).map(|(w, c)| w * c[i]).sum()).collect();
    let on_device = centres.iter().map(|centre| t.floats(centre)).collect::<Result<Vec<_>>>()?;
    let theta = t.floats(&vec![7.0; len])?;
    let mut params = images(1);
    params.mix.iter_mut().zip(&weights).for_each(|(to, &weight)| *to = weight as f32);
    t.run(params, &parameters::mix(&t.context, len, &theta, &on_device.iter().collect::<Vec<_>>())?)?;
    Ok(Outcome { error: t.difference(&theta, 0, &expected)?, terms })
}

fn stepped(t: &CheckContext, len: usize) -> Result<Outcome> {
    let [g, theta, c, v] = [1, 2, 3, 4].map(|seed| random(len, seed));
    let (rate, momentum, decay, weight) = (0.125, 0.875, 0.25, 0.5);
    let moved: Vec<f64> = (0..len).map(|i| momentum * v[i] + weight * (g[i] + decay * theta[i])).collect();
    let expected: Vec<f64> = c.iter().zip(&moved).map(|(c, v)| c - rate * v).collect();
    let buffers = [t.floats(&g)?, t.floats(&theta)?, t.floats(&c)?, t.floats(&v)?];
    let [on_g, on_theta, on_c, on_v] = &buffers;
    let params = PassParams {
        rate: rate as f32,
        momentum: momentum as f32,
        decay: decay as f32,
        weight: weight as f32,
        ..images(1)
    };
    t.run(params, &[parameters::step(&t.context, len, [on_g, on_theta, on_c, on_v])?])?;
    Ok(Outcome { error: t.difference(on_c, 0, &expected)?.max(t.difference(on_v, 0, &moved)?), terms: 4 })
}

fn projected(t: &CheckContext, terms: usize) -> Result<Outcome> {
    let len = 1037;
    let (g, theta) = (random(len, 1), random(len, 2));
    let centres: Vec<Vec<f64>> = (0..terms).map(|i| random(len, 3 + i as u64)).collect();
    let (decay, share) = (0.25, 0.75);
    let mut expected: Vec<f64> = g.iter().zip(&theta).map(|(g, theta)| g + decay * theta).collect();
    let direction =
        |i: usize| -> Vec<f64> { centres[i + 1].iter().zip(&centres[0]).map(|(c, b)| c - b).collect() };
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
    let on_device = centres.iter().map(|centre| t.floats(centre)).collect::<Result<Vec<_>>>()?;
    let buffers = [
        t.floats(&theta)?,
        t.floats(&g)?,
        t.floats(&vec![0.0; tangent_removal::PART_LEN])?,
        t.floats(&[0.0; 16])?,
    ];
    let [on_theta, on_g, part, found] = &buffers;
    let list = tangent_removal::project(
        &t.context,
        len,
        [on_theta, on_g, part, found],
        &on_device.iter().collect::<Vec<_>>(),
    )?;
    t.run(PassParams { decay: decay as f32, share: share as f32, ..images(1) }, &list)?;
    Ok(Outcome { error: t.difference(on_g, 0, &expected)?, terms: len })
}

fn gathered(t: &CheckContext, padding: usize, bytes: bool) -> Result<Outcome> {
    // An odd number of numbers: the bytes of a sample begin anywhere in a word.
    let shape = Shape { channels: 3, height: 5, width: 7 };
    let (count, total, split) = (7, 12, 5);
    let mut all = random(shape.len() * total, 1);
    if bytes {
        all.iter_mut().for_each(|x| *x = (*x * 100.0).round() / 7.0);
    }
    let border = [0.5_f32, -1.0, 0.25];
    let labels: Vec<u32> = (0..total as u32).map(|i| i % 4).collect();
    let (mut order, mut expected) = (Vec::new(), Vec::new());
    for i in 0..count {
        let sample = (i * 5 + 3) % total;
        let stream = || Stream::new(Key::new(7, 0), Purpose::Augment, 0, sample as u32);
        let image = &all[sample * shape.len()..][..shape.len()];
        let image: Vec<f32> = image.iter().map(|&x| x as f32).collect();
        let mut copy = image.clone();
        let mut code = 0;
        if padding > 0 {
            CropFlip { shape, padding, border: &border[..] }.apply(&mut stream(), &image, &mut copy);
            code = samples::code(CropFlipDraw::draw(&mut stream(), padding));
        }
        order.push([sample as u32, code]);
        expected.extend(copy.iter().map(|&x| f64::from(x)));
    }
    let device = t.context.device;
    let plane = shape.height * shape.width;
    let narrow: Vec<f32> = all.iter().map(|&x| x as f32).collect();
    let palette = Palette::of(&narrow, shape.len(), plane).filter(|_| bytes);
    let on_device =
        palette.as_ref().map(|palette| device.buffer_with("numbers", &palette.numbers)).transpose()?;
    let parts = [0..split * shape.len(), split * shape.len()..narrow.len()].map(|part| match &palette {
        Some(palette) => device.buffer_with("samples", &palette.bytes[part]),
        None => device.buffer_with("samples", &narrow[part]),
    });
    let [first, second] = parts;
    let parts = [first?, second?];
    let buffers = [
        device.buffer_with("labels", &labels)?,
        device.buffer_with("order", &order)?,
        t.room(shape, count)?,
        t.floats(&[0.0; 7])?,
    ];
    let border = device.buffer_with("border", &border)?;
    let border = (padding > 0).then_some((&border, padding));
    let palette = on_device.as_ref().map(|palette| (palette, plane));
    let chunk = |i: usize, first, count| Chunk { samples: &parts[i], palette, first, count };
    let list = [chunk(0, 0, split), chunk(1, split, total - split)]
        .map(|chunk| samples::gather(&t.context, shape, chunk, border, buffers.each_ref()));
    let list = list.into_iter().collect::<Result<Vec<_>>>()?;
    t.run(images(count), &list)?;
    // Labels are whole numbers in the bits of the device's.
    let found = t.read(&buffers[3], count)?;
    let right = found.iter().zip(&order).all(|(found, [sample, _])| found.to_bits() == sample % 4);
    let error = t.error_of_activations(shape, &buffers[2], &expected)?;
    Ok(Outcome { error: if right { error } else { f64::INFINITY }, terms: 1 })
}

fn product(t: &CheckContext, gemm: Gemm) -> Result<Outcome> {
    let Gemm { rows, columns, depth, transposed, distances } = gemm;
    let (a, b) = (random(rows * depth, 1), random(depth * columns, 2));
    let mut c = vec![0.0; rows * columns];
    for (i, c) in c.iter_mut().enumerate() {
        let (row, column) = (i / columns, i % columns);
        *c = (0..depth)
            .map(|k| {
                let a = a[if transposed[0] { k * rows + row } else { row * depth + k }];
                let b = b[if transposed[1] { column * depth + k } else { k * columns + column }];
                if distances { (a - b) * (a - b) } else { a * b }
            })
            .sum();
    }
    // A row of a matrix lies as the channels of an image of one place.
    let [of_a, of_b] = [(transposed[0], rows, depth), (transposed[1], depth, columns)]
        .map(|(transposed, rows, columns)| Shape::flat(if transposed { rows } else { columns }));
    let on_c = t.floats(&vec![7.0; rows * channel_blocks(columns) * 4])?;
    let [on_a, on_b] = [t.gradients(of_a, &a)?, t.gradients(of_b, &b)?];
    t.run(images(1), &[gemm.dispatch(&t.context, [&on_a, &on_b, &on_c])?])?;
    Ok(Outcome { error: t.error(Shape::flat(columns), &on_c, &c)?, terms: depth })
}

fn chained(t: &CheckContext) -> Result<Outcome> {
    let threads = 64;
    let y = t.floats(&vec![0.0; 4 * threads])?;
    t.run(images(1), &[fma_throughput::chains(&t.context, threads, &y)?])?;
    let sum =
        |factor: f64| -> f64 { (0..8).map(|i| (0..512).fold(f64::from(i), |s, _| s * factor + 0.5)).sum() };
    let expected: Vec<f64> = (0..threads)
        .flat_map(|thread| [sum(f64::from(0.999_f32 + (thread % 2) as f32 * 0.0001)); 4])
        .collect();
    Ok(Outcome { error: t.difference(&y, 0, &expected)?, terms: 512 * 512 })
}
