//! Files of data of one's own that are changed at random, formats that are told apart, and keys that act on each.

use std::path::Path;
use valleys::config::{Column, Columns, Config, Data};
use valleys::data::{LoadOptions, Loaded, Picture, Pixels, Subset, load_bytes};
use valleys::error::{ErrorKind, Result};
use valleys_core::rng::{Key, Purpose, Stream};

/// Loads bytes with overrides of keys.
fn loaded(name: &str, bytes: &[u8], keys: &[&str]) -> Result<Loaded> {
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let keys = Data::from_overrides(&keys)?;
    load_bytes(name, bytes.to_vec(), &LoadOptions::of_keys(&keys, Subset::All, Subset::All))
}

/// An `.npy` file of doubles.
fn npy(shape: &str, numbers: &[f64]) -> Vec<u8> {
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// A grey PNG image without compression, by hand: stored blocks of deflate.
fn png(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
    let rows: Vec<u8> = pixels.chunks(width as usize).flat_map(|row| [&[0], row].concat()).collect();
    let len = (rows.len() as u16).to_le_bytes();
    let adler = rows
        .iter()
        .fold((1u32, 0u32), |(a, b), &x| ((a + u32::from(x)) % 65521, (b + a + u32::from(x)) % 65521));
    let adler = (adler.1 << 16 | adler.0).to_be_bytes();
    let zlib = [&[0x78, 1, 1][..], &len, &len.map(|x| !x), &rows, &adler].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&height.to_be_bytes()[..], &[8, 0, 0, 0, 0]].concat();
    for (kind, body) in
        [(b"IHDR", [&width.to_be_bytes()[..], &header].concat()), (b"IDAT", zlib), (b"IEND", Vec::new())]
    {
        let named = [&kind[..], &body].concat();
        let crc = !named.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (crc & 1).wrapping_neg() & 0xedb8_8320)
        });
        file.extend([&(body.len() as u32).to_be_bytes()[..], &named, &crc.to_be_bytes()].concat());
    }
    file
}

#[test]
fn an_image_by_hand() {
    let pixels = [0, 50, 100, 150, 200, 250];
    let picture = Picture::decode(&png(2, 3, &pixels)).unwrap();
    assert_eq!((picture.height, picture.width, picture.channels, picture.alpha), (2, 3, 1, false));
    assert_eq!(picture.pixels, Pixels::Bytes(pixels.to_vec()));
    // One pixel: the mean of all, as the filter covers the whole image with equal weights in the middle.
    let one = picture.resized(1, 1);
    let Pixels::Floats(one) = one.pixels else { panic!("floats expected") };
    // Weights of the columns: 2/3 · (1 − 2/3 …) by symmetry 2 : 3 : 2 of 7, of the rows 1 : 1.
    let row = |x: [f64; 3]| (x[0] * 2.0 + x[1] * 6.0 / 2.0 + x[2] * 2.0) / 7.0;
    let expected = (row([0.0, 50.0, 100.0]) + row([150.0, 200.0, 250.0])) / 2.0;
    assert!((f64::from(one[0]) - expected).abs() < 1e-4, "{} {expected}", one[0]);
    // The same size again changes nothing.
    let same = picture.resized(2, 3).pixels;
    assert_eq!(same, Pixels::Floats(pixels.map(f32::from).to_vec()));
}

#[test]
fn thousands_of_changed_files_and_no_panic() {
    const PIECES: [&[u8]; 14] = [
        b"nan", b"inf", b"-", b",", b";", b"\n", b"1e999", b"\"", b"NA", b"\xff", b"a", b"0", b"\t", b"'<U1'",
    ];
    let classes = (0..12).map(|i| {
        format!(
            "{}.5,{},{}\n",
            i / 2 * 3,
            ["u", "v", "w, x"][i % 3].replace("w, x", "\"w, x\""),
            ["a", "b"][i / 2 % 2]
        )
    });
    let classes = classes.fold("x,c,y\n".to_owned(), |text, row| text + &row);
    let numbers: Vec<f64> = (0..24).map(|i| f64::from([i * i % 7, i, i / 3 % 2][i as usize % 3])).collect();
    let seeds: [(Vec<u8>, &[&str]); 6] = [
        (classes.clone().into_bytes(), &["data.label=y"]),
        (classes.clone().into_bytes(), &["data.label=-1", "data.missing=mean", "data.categories=0"]),
        (
            classes.into_bytes(),
            &["data.label=x", "data.missing=drop", "data.task=regression", "data.split=0.5"],
        ),
        ("a;b\n1,5;0\n2,5;1\n3,5;0\n4,5;1\n".into(), &["data.label=b"]),
        (npy("(8, 3)", &numbers), &["data.label=2"]),
        (npy("(12, 2)", &numbers), &["data.label=-1", "data.task=regression"]),
    ];
    let mut stream = Stream::new(Key::new(31, 0), Purpose::Split, 0, 0);
    let (mut good, mut bad) = (0, 0);
    for (seed, keys) in &seeds {
        assert!(loaded("x", seed, keys).is_ok(), "{keys:?}");
        for _ in 0..500 {
            let mut file = seed.clone();
            for _ in 0..=stream.below(3) {
                let place = stream.below(file.len().max(1) as u32) as usize;
                match stream.below(5) {
                    0 if !file.is_empty() => file[place] = stream.below(256) as u8,
                    1 if !file.is_empty() => drop(file.remove(place)),
                    2 => file.truncate(place),
                    3 => file.extend_from_within(place..),
                    _ => {
                        let piece = PIECES[stream.below(PIECES.len() as u32) as usize];
                        drop(file.splice(place..place, piece.iter().copied()));
                    }
                }
            }
            match loaded("x", &file, keys) {
                Ok(Loaded { data, shape, .. }) => {
                    good += 1;
                    for samples in [&data.train, &data.test] {
                        assert_eq!(samples.inputs.len(), samples.len() * shape.len());
                        assert!(samples.inputs.iter().all(|x| x.is_finite()));
                    }
                }
                Err(error) => {
                    bad += 1;
                    assert!(!error.message.contains('\n'), "{error}");
                    assert!([ErrorKind::Data, ErrorKind::Configuration].contains(&error.kind), "{error}");
                }
            }
        }
    }
    // Both happen, or the mutations test nothing.
    assert!(good > 300 && bad > 300, "{good} read, {bad} refused");
    let image = png(4, 5, &[7; 20]);
    for _ in 0..2000 {
        let mut file = image.clone();
        let place = stream.below(file.len() as u32) as usize;
        file[place] = stream.below(256) as u8;
        let _ = Picture::decode(&file);
    }
}

/// The section that a run writes has every key, and is read back the same.
#[test]
fn keys_are_written_and_read_the_same() {
    let keys = [
        "data.label=[\"a\", -1]",
        "data.labels=y.npy",
        "data.task=regression",
        "data.missing=drop",
        "data.ignore=id",
        "data.categories=[3]",
        "data.size=[4, 5]",
        "data.normalise=min-max",
        "data.normalise_target=none",
        "data.split=0.25",
        "data.split_seed=7",
        "data.header=true",
        "data.delimiter=tab",
        "data.decimal=,",
        "data.mean=[0.5]",
    ];
    let overrides: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    let config = Config::load(None, None, &overrides).unwrap();
    assert_eq!(Config::parse(Path::new("x"), &config.to_toml()).unwrap(), config);
    assert_eq!(config.data, Data { limit: config.data.limit, ..Data::from_overrides(&overrides).unwrap() });
    // A name that looks like a number is a name in quotes.
    let name = Data::from_overrides(&["data.label=\"7\"".to_owned()]).unwrap().label;
    assert_eq!(name, Some(Columns::One(Column::Name("7".to_owned()))));
}

/// What a line of names is, and what it is not.
#[test]
fn names_of_columns() {
    let names = |text: &str, keys: &[&str]| {
        loaded("x", text.as_bytes(), keys).map(|loaded| loaded.source.feature_names)
    };
    let of = |text: &str| names(text, &["data.label=-1"]).unwrap();
    // Pokémon tables begin with `#`.
    assert_eq!(of("#,a,y\n7,1,u\n9,2,v\n4,2,u\n5,1,v\n"), ["a"]);
    assert_eq!(of("# a b y\n1 2 u\n2 3 v\n3 3 u\n4 2 v\n"), ["a", "b"]);
    // R writes names of rows without a name above them.
    assert_eq!(of("\"a\",\"y\"\n\"1\",5,\"u\"\n\"2\",6,\"v\"\n\"3\",7,\"u\"\n\"4\",8,\"v\"\n"), ["a"]);
    // All texts: a line whose fields are below it too is no line of names.
    assert_eq!(of("p,x,u\np,y,v\nq,x,u\nq,x,v\np,y,u\np,x,v\nq,y,u\nq,y,v\n"), ["0_p", "0_q", "1_x", "1_y"]);
    assert_eq!(of("cap,odour,y\np,x,u\nq,x,v\np,y,u\nq,y,v\n"), ["cap_p", "cap_q", "odour_x", "odour_y"]);
    // Years as names.
    let years = "place,1990,y\n3,2,u\n4,5,v\n3,7,u\n6,5,v\n";
    assert!(names(years, &["data.label=y"]).unwrap_err().message.contains("data.header = true"));
    assert_eq!(names(years, &["data.label=y", "data.header=true"]).unwrap(), ["place", "1990"]);
    // Delimiters in quotes and in texts.
    assert_eq!(of("a|b|y\n1,5|k l|u\n2,5|m|v\n1,5|m|u\n0,5|k l|v\n"), ["a", "b_k l", "b_m"]);
    assert_eq!(
        names("a;y\n1,5;u\n2,5;v\n3,5;u\n4,5;v\n", &["data.label=y", "data.decimal=."]).unwrap_err().kind,
        ErrorKind::Data
    );
}
