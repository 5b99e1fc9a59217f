//! Data sets: what the files hold, subsets, normalisation, malformed and mutated files.

use std::io::Write;
use std::path::Path;
use valleys::data::{LoadOptions, Loaded, Subset, bounded, cifar10, idx, load};
use valleys::error::{CliError, ErrorKind};
use valleys_core::network::{CropFlip, Shape};
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_tests::official_data;

pub(super) fn wanted(dir: Option<&Path>) -> LoadOptions<'_> {
    LoadOptions { dir, ..LoadOptions::default() }
}

fn counts(labels: &[u8], classes: usize) -> Vec<usize> {
    (0..classes).map(|c| labels.iter().filter(|&&l| usize::from(l) == c).count()).collect()
}

pub(super) fn word(x: u32) -> [u8; 4] {
    x.to_be_bytes()
}

/// An IDX file of images with pixels of a stream, and its labels 0 to 9 in turn.
pub(super) fn idx(count: u32) -> (Vec<u8>, Vec<u8>) {
    let mut stream = Stream::new(Key::new(u64::from(count), 0), Purpose::Split, 0, 0);
    let mut images: Vec<u8> = [2051, count, 28, 28].into_iter().flat_map(word).collect();
    images.extend((0..784 * count).map(|_| stream.below(256) as u8));
    let mut labels: Vec<u8> = [2049, count].into_iter().flat_map(word).collect();
    labels.extend((0..count).map(|i| (i % 10) as u8));
    (images, labels)
}

/// Records with label i mod 10 and pixels of a stream.
pub(super) fn records(count: usize, seed: u64) -> Vec<u8> {
    let mut stream = Stream::new(Key::new(seed, 0), Purpose::Split, 0, 0);
    (0..count)
        .flat_map(|i| {
            let pixels: Vec<u8> = (0..3072).map(|_| stream.below(256) as u8).collect();
            std::iter::once((i % 10) as u8).chain(pixels)
        })
        .collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A directory with a small FashionMNIST, 40 and 20 images, one part of it compressed.
pub(super) fn small_fashion() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    let (images, labels) = idx(40);
    write("train-images-idx3-ubyte", &images);
    write("train-labels-idx1-ubyte.gz", &gzip(&labels));
    let (images, labels) = idx(20);
    write("t10k-images-idx3-ubyte.gz", &gzip(&images));
    write("t10k-labels-idx1-ubyte", &labels);
    dir
}

#[test]
fn files_compressed_or_not() {
    let dir = small_fashion();
    let Loaded { data, shape, outputs: classes, source } =
        load("fashion-mnist", &wanted(Some(dir.path()))).unwrap();
    assert_eq!((shape, classes), (Shape { channels: 1, height: 28, width: 28 }, 10));
    assert_eq!((data.train.len(), data.test.len(), source.files.len()), (40, 20, 4));
    let (images, labels) = idx(20);
    assert_eq!(data.test.targets.labels().unwrap(), &labels[8..]);
    for (x, &byte) in data.test.inputs.iter().zip(&images[16..]) {
        let expected = (f64::from(byte) / 255.0 - 0.2860) / 0.3530;
        assert!((f64::from(*x) - expected).abs() < 1e-6, "{x} {expected}");
    }
    // The same in a folder of the data set's name, with other constants.
    let above = tempfile::tempdir().unwrap();
    std::fs::rename(dir.path(), above.path().join("fashion-mnist")).unwrap();
    let other = LoadOptions { mean: Some(&[0.5]), std: Some(&[0.25]), ..wanted(Some(above.path())) };
    let loaded = load("fashion-mnist", &other).unwrap();
    assert_eq!((loaded.source.mean.clone(), loaded.source.std.clone()), (vec![0.5], vec![0.25]));
    assert_eq!(loaded.data.test.inputs[0], (f32::from(images[16]) / 255.0 - 0.5) / 0.25);
    assert_eq!(loaded.source.black(loaded.shape), [-2.0]);
}

#[test]
fn as_many_cifar_batches_as_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    write("data_batch_2.bin", &records(30, 2));
    write("data_batch_4.bin.gz", &gzip(&records(20, 4)));
    write("test_batch.bin", &records(10, 6));
    let loaded = load("cifar-10", &wanted(Some(dir.path()))).unwrap();
    assert_eq!((loaded.data.train.len(), loaded.data.test.len()), (50, 10));
    let names: Vec<&str> = loaded.source.files.iter().map(|f| f.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["data_batch_2.bin", "data_batch_4.bin.gz", "test_batch.bin"]);
    // The first image of the second file, green plane.
    let byte = records(20, 4)[1 + 1024];
    let expected = (f64::from(byte) - 123.0) / 62.1;
    assert!((f64::from(loaded.data.train.inputs[30 * 3072 + 1024]) - expected).abs() < 1e-5);
}

#[test]
fn subsets() {
    let dir = small_fashion();
    let of = |train: Subset| {
        let wanted = LoadOptions { train, test: Subset::Nothing, ..wanted(Some(dir.path())) };
        let data = load("fashion-mnist", &wanted).unwrap().data;
        assert!(data.test.is_empty());
        data.train
    };
    let all = of(Subset::All);
    let first = of(Subset::First(7));
    assert_eq!(
        (first.targets.labels().unwrap(), &first.inputs[..]),
        (&all.targets.labels().unwrap()[..7], &all.inputs[..7 * 784])
    );
    assert_eq!(of(Subset::First(100)), all);
    for count in [1, 10, 13, 20, 39, 40, 90] {
        let part = of(Subset::Stratified { count, seed: 5 });
        let per_class = counts(part.targets.labels().unwrap(), 10);
        assert_eq!(part.len(), count.min(40));
        assert!(per_class.iter().all(|&c| c >= count.min(40) / 10 && c <= count.min(40).div_ceil(10)));
        assert_eq!(part, of(Subset::Stratified { count, seed: 5 }), "the seed decides");
        // Every sample is one of the set, once, in the set's order.
        let mut places = part.inputs.chunks(784).map(|x| all.inputs.chunks(784).position(|y| x == y));
        assert!(places.by_ref().all(|place| place.is_some()));
    }
    assert_ne!(of(Subset::Stratified { count: 20, seed: 5 }), of(Subset::Stratified { count: 20, seed: 6 }));
}

#[test]
fn breast_cancer_is_embedded() {
    let Loaded { data, shape, outputs: classes, source } = load("breast-cancer", &wanted(None)).unwrap();
    assert_eq!((shape, classes, data.train.len(), data.test.len()), (Shape::flat(30), 2, 455, 114));
    let all =
        [counts(data.train.targets.labels().unwrap(), 2), counts(data.test.targets.labels().unwrap(), 2)];
    assert_eq!((all[0][0] + all[1][0], all[0][1] + all[1][1]), (212, 357));
    assert_eq!(all[1], [42, 72]);
    for feature in 0..30 {
        let x: Vec<f64> = data.train.inputs.iter().skip(feature).step_by(30).map(|&x| f64::from(x)).collect();
        let mean = x.iter().sum::<f64>() / 455.0;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 455.0;
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-5, "feature {feature}: {mean} {variance}");
    }
    // A subset keeps the constants of the whole training part.
    let few = LoadOptions { train: Subset::First(10), ..wanted(None) };
    let few = load("breast-cancer", &few).unwrap();
    assert_eq!((few.source, &few.data.train.inputs[..]), (source, &data.train.inputs[..300]));
}

#[test]
fn wrong_names_and_constants() {
    let fails = |name: &str, wanted: &LoadOptions| match load(name, wanted) {
        Err(CliError { kind, message }) => (kind, message),
        Ok(_) => panic!("{name}"),
    };
    let (kind, message) = fails("fashion-mist", &wanted(None));
    assert_eq!(kind, ErrorKind::Configuration);
    assert!(message.contains("did you mean \"fashion-mnist\"?"), "{message}");
    for (typo, meant) in [("minst", "mnist"), ("CIFAR10", "cifar-10"), ("FashionMNIST", "fashion-mnist")] {
        let (_, message) = fails(typo, &wanted(None));
        assert!(message.contains(&format!("did you mean {meant:?}?")), "{message}");
    }
    let (_, message) = fails("svhn", &wanted(None));
    assert!(message.contains("there are digits, breast-cancer, fashion-mnist, mnist, cifar-10"), "{message}");
    let (kind, message) = fails("cifar-10", &wanted(None));
    assert!(kind == ErrorKind::Configuration && message.contains("--data DIR"), "{message}");
    let empty = tempfile::tempdir().unwrap();
    let (kind, message) = fails("cifar-10", &wanted(Some(empty.path())));
    assert!(
        kind == ErrorKind::Data && message.contains("data_batch_1.bin or data_batch_1.bin.gz"),
        "{message}"
    );
    let two = LoadOptions { mean: Some(&[0.5, 0.5]), ..wanted(None) };
    let (kind, message) = fails("breast-cancer", &two);
    assert!(kind == ErrorKind::Configuration && message.contains("data.mean has 2 numbers"), "{message}");
    assert!(message.contains("must have 1 or, for each channel of breast-cancer, 30"), "{message}");
}

/// Which file of a small FashionMNIST is replaced by what, and the words of the sentence.
#[test]
fn malformed_files_are_named() {
    let (images, labels) = idx(40);
    let with = |bytes: &[u8], at: usize, new: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    let images_name = "train-images-idx3-ubyte";
    let labels_name = "train-labels-idx1-ubyte";
    let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
        (images_name, vec![], &["offset 0", "4 bytes of magic number expected, found 0"]),
        (images_name, images[..6].to_vec(), &["offset 4", "4 bytes of the number of images", "found 2"]),
        (images_name, labels.clone(), &["offset 0", "magic number 2051 expected, found 2049"]),
        (images_name, with(&images, 8, &word(29)), &["offset 8", "rows 28 expected, found 29"]),
        (images_name, with(&images, 12, &word(0)), &["offset 12", "columns 28 expected, found 0"]),
        (images_name, images[..100].to_vec(), &["offset 16", "31360 bytes of pixels expected, found 84"]),
        (images_name, with(&images, 4, &[255; 4]), &["offset 16", "3367254359280 bytes", "found 31360"]),
        (images_name, [&images[..], &[0]].concat(), &["offset 16", "31360 bytes", "found 31361"]),
        (labels_name, with(&labels, 20, &[10]), &["offset 20", "label 0 to 9 expected, found 10"]),
        (labels_name, idx(39).1, &["offset 4", "40 labels expected", "found 39"]),
        (
            "train-images-idx3-ubyte.gz",
            gzip(&images)[..900].to_vec(),
            &["content offset", "gzip data expected"],
        ),
        ("train-images-idx3-ubyte.gz", images.clone(), &["content offset 0: gzip data expected"]),
    ];
    for (name, bytes, words) in cases {
        let dir = small_fashion();
        for known in ["train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"] {
            if name.starts_with(known.trim_end_matches(".gz")) {
                std::fs::remove_file(dir.path().join(known)).unwrap();
            }
        }
        std::fs::write(dir.path().join(name), bytes).unwrap();
        let failure = load("fashion-mnist", &wanted(Some(dir.path()))).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Data);
        assert!(failure.message.contains(name), "{failure}");
        words.iter().for_each(|word| assert!(failure.message.contains(word), "{word:?} in {failure}"));
    }
    let path = Path::new("data_batch_1.bin");
    let batch = records(3, 1);
    for (bytes, words) in [
        (&[][..], "data_batch_1.bin: offset 0: a record of 3073 bytes expected, found 0"),
        (&batch[..7000], "offset 6146: a record of 3073 bytes expected, found 854"),
        (&with(&batch, 3073, &[200])[..], "offset 3073: label 0 to 9 expected, found 200"),
    ] {
        let failure = cifar10::check(path, bytes).unwrap_err();
        assert!(failure.message.contains(words), "{failure}");
    }
}

/// A small file that would decompress to a gigabyte ends with a sentence, at 256 MiB.
#[test]
fn decompression_is_bounded() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 2 << 20);
    let failure = bounded(Path::new("bomb.gz"), bomb.as_slice()).unwrap_err();
    assert!(
        failure.message.contains("offset 268435456: the end of the file expected, found more"),
        "{failure}"
    );
}

/// Files with random bytes changed, cut, doubled: a sentence or data, never a panic. VALLEYS_MUTATIONS=10000 for more.
#[test]
fn mutated_files_do_not_panic() {
    let rounds: u32 = std::env::var("VALLEYS_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(1000);
    let (images, labels) = idx(4);
    let sources = [images.clone(), labels.clone(), records(3, 1), gzip(&images), gzip(&labels)];
    let path = Path::new("mutated");
    let (mut refused, mut read) = (0, 0);
    for round in 0..rounds {
        let mut stream = Stream::new(Key::new(77, round.into()), Purpose::Split, 0, 0);
        let kind = round as usize % sources.len();
        let mut bytes = sources[kind].clone();
        for _ in 0..=stream.below(4) {
            let at = stream.below(bytes.len().max(1) as u32) as usize;
            match stream.below(4) {
                // Headers are short: most changes go there.
                0 => bytes.iter_mut().take(16).skip(at % 16).take(1).for_each(|b| *b = stream.bits() as u8),
                1 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << (at % 8)),
                2 => bytes.truncate(at),
                _ => bytes.extend_from_within(at..),
            }
        }
        let done = match kind {
            0 => idx::images(path, &bytes).map(|_| ()),
            1 => idx::labels(path, &bytes).map(|_| ()),
            2 => cifar10::check(path, &bytes),
            _ => bounded(Path::new("mutated.gz"), bytes.as_slice()).and_then(|bytes| match kind {
                3 => idx::images(path, &bytes).map(|_| ()),
                _ => idx::labels(path, &bytes).map(|_| ()),
            }),
        };
        match done {
            Ok(()) => read += 1,
            Err(failure) => {
                assert!(failure.kind == ErrorKind::Data && failure.message.contains("expected"), "{failure}");
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {read} read");
    assert!(refused > read);
}

#[test]
fn augmentation_shifts_and_mirrors() {
    let shape = Shape { channels: 2, height: 3, width: 4 };
    let image: Vec<f32> = (1..=24).map(|x| x as f32).collect();
    let augment = CropFlip { shape, padding: 1, border: vec![-1.0, -2.0] };
    let mut seen = std::collections::BTreeMap::new();
    for sample in 0..1800 {
        let mut copy = vec![0.0; 24];
        augment.apply(&mut Stream::new(Key::new(1, 1), Purpose::Augment, 0, sample), &image, &mut copy);
        let key: Vec<i32> = copy.iter().map(|&x| x as i32).collect();
        *seen.entry(key).or_insert(0) += 1;
    }
    // The nine shifts, mirrored or not, each about a hundred times: within five deviations.
    assert_eq!(seen.len(), 18);
    assert!(seen.values().all(|&count| (50..150).contains(&count)), "{:?}", seen.values());
    // By hand: the image itself, mirrored, and up and left by one.
    let plain: Vec<i32> = (1..=24).collect();
    assert!(seen.contains_key(&plain));
    let mirrored: Vec<i32> = plain.chunks(4).flat_map(|row| row.iter().rev().copied()).collect();
    assert!(seen.contains_key(&mirrored));
    let shifted = [6, 7, 8, -1, 10, 11, 12, -1, -1, -1, -1, -1];
    let second: Vec<i32> = shifted.iter().map(|&x| if x < 0 { -2 } else { x + 12 }).collect();
    assert!(seen.contains_key(&[&shifted[..], &second].concat()), "down and right");
}

/// Mean and deviation of x/255, channel by channel.
fn moments(loaded: &Loaded) -> Vec<(f64, f64)> {
    let (channels, area) = (loaded.shape.channels, loaded.shape.height * loaded.shape.width);
    (0..channels)
        .map(|channel| {
            let planes = loaded.data.train.inputs.chunks_exact(area).skip(channel).step_by(channels);
            let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
            for x in planes.flatten() {
                let x = f64::from(*x) * loaded.source.std[channel] + loaded.source.mean[channel];
                (sum, squares, count) = (sum + x, squares + x * x, count + 1.0);
            }
            (sum / count, (squares / count - (sum / count) * (sum / count)).sqrt())
        })
        .collect()
}

#[test]
fn official_files() {
    let Some(dir) = official_data() else { return };
    let loaded = load("fashion-mnist", &wanted(Some(&dir))).unwrap();
    assert_eq!(counts(loaded.data.train.targets.labels().unwrap(), 10), [6000; 10]);
    assert_eq!(counts(loaded.data.test.targets.labels().unwrap(), 10), [1000; 10]);
    assert_eq!(loaded.data.train.targets.labels().unwrap()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
    let (mean, deviation) = moments(&loaded)[0];
    assert!((mean - 0.28604).abs() < 1e-5 && (deviation - 0.35302).abs() < 1e-5);

    // The first batch alone.
    let first = LoadOptions { train: Subset::First(10_000), ..wanted(Some(&dir)) };
    let loaded = load("cifar-10", &first).unwrap();
    let batch_1 = [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981];
    assert_eq!(counts(loaded.data.train.targets.labels().unwrap(), 10), batch_1);
    assert_eq!(counts(loaded.data.test.targets.labels().unwrap(), 10), [1000; 10]);
    for ((mean, _), expected) in moments(&loaded).iter().zip([0.4914, 0.4822, 0.4465]) {
        assert!((mean - expected).abs() < 5e-3, "{mean}");
    }
}
