//! Files that a run reads of itself and of its user, broken by hand: each with its verdict. The readers of foreign data have
//! their own tables in `wrong_input.rs`, `data.rs`, `weights.rs`, `checkpoint.rs`.

use std::path::Path;
use valleys::config::Config;
use valleys::error::ErrorKind;
use valleys::run::{JobCheckpoint, Options, run, status};

/// The text of a configuration, and words of the sentence that refuses it.
fn configurations() -> Vec<(String, &'static str)> {
    let deep = "[".repeat(100_000);
    let long = "9".repeat(1 << 20);
    [
        ("seed = ", "line 1"),
        ("seed = 1\nseed = 2", "duplicate key"),
        ("seed = 1e999", "line 1"),
        ("seed = -1", "seed"),
        ("seed = 18446744073709551616", "line 1"),
        ("seed = nan", "seed"),
        ("seed = '1'", "seed"),
        ("[seed]\nx = 1", "unknown key \"seed.x\""),
        ("train = 3", "unknown key \"train\""),
        ("[train]\nlearning_rate = inf", "train.learning_rate is inf"),
        ("[train]\nmomentum = -0.1", "train.momentum is -0.1"),
        ("[lattice]\nn = 4294967296", "lattice.n"),
        ("[minima]\nfiles = 'a'", "minima.files"),
        ("[minima]\nfiles = [1]", "minima.files"),
        ("[study]\nsizes = [0]", "study.sizes is 0"),
        ("[study]\nsizes = [[1]]", "study.sizes"),
        ("\u{feff}\u{feff}seed = 1", "line 1"),
        ("seed = 1\0", "line 1"),
        ("network = '''\n", "line 2"),
        ("[[minima]]\ncount = 3", "unknown key"),
        ("<html>", "line 1"),
    ]
    .map(|(text, words)| (text.to_owned(), words))
    .into_iter()
    .chain([(format!("seed = {deep}"), "line 1"), (format!("seed = {long}"), "line 1")])
    .collect()
}

#[test]
fn configurations_are_refused_in_one_sentence() {
    let mut wrong = Vec::new();
    for (text, words) in configurations() {
        let shown: String = text.chars().take(40).collect();
        let failure = Config::parse(Path::new("x.toml"), &text).expect_err(&shown);
        let sentence = failure.message.len() < 400 && !failure.message.contains('\n');
        if failure.kind != ErrorKind::Configuration || !failure.message.contains(words) || !sentence {
            wrong.push((shown, failure));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a directory keeps of a configuration is all of it, also where a value has no effect.
#[test]
fn accepted_configurations_are_written_and_read_the_same() {
    for (name, _) in valleys::config::preset::list() {
        for sets in [&[][..], &["study.seeds=7"], &["convergence.epoch_multipliers=[2]", "data.limit=3"]] {
            let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
            let configs = Config::load_all(None, Some(name), &sets).unwrap();
            for config in &configs {
                let again = Config::parse(Path::new("x"), &config.to_toml()).unwrap();
                assert_eq!(again, *config, "{name} {sets:?}");
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            std::fs::write(&path, Config::all_to_toml(&configs)).unwrap();
            assert_eq!(Config::load_all(Some(&path), None, &[]).unwrap(), configs, "{name} {sets:?}");
        }
    }
}

/// What a record may be replaced by: never is the job taken for done, always is it done again.
fn records(good: &str) -> Vec<(&'static str, Vec<u8>)> {
    let hash = "0".repeat(64);
    vec![
        ("empty", vec![]),
        ("half", good.as_bytes()[..good.len() / 2].to_vec()),
        ("zeros", vec![0; 4096]),
        ("not UTF-8", vec![0xff; 100]),
        ("another type", b"[]".to_vec()),
        ("no outputs", good.replace("outputs", "output").into_bytes()),
        (
            "numbers for hashes",
            good.replace("\"minima/0.csv\": \"", "\"minima/0.csv\": 3, \"x\": \"").into_bytes(),
        ),
        (
            "another hash",
            good.replacen(&good[good.find(".csv\": \"").unwrap() + 8..][..64], &hash, 1).into_bytes(),
        ),
        ("another input", good.replace("origin.json", "origin").into_bytes()),
        ("an output of elsewhere", good.replace("minima/0.csv", "../../../../etc/passwd").into_bytes()),
        ("an output that is a device", good.replace("minima/0.csv", "/dev/null").into_bytes()),
        ("deep", "[".repeat(100_000).into_bytes()),
        ("twice", [good, good].concat().into_bytes()),
        ("a key twice", good.replacen('{', "{\"inputs\": {},", 1).into_bytes()),
    ]
}

#[test]
fn a_record_that_is_not_right_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let sets = ["minima.count=1", "index=0", "minima.epochs=2"].map(str::to_owned);
    let config = || Config::load(None, Some("quadratic"), &sets).unwrap();
    let options = Options { out: Some(out.clone()), threads: Some(1), quiet: true, ..Options::default() };
    run(config(), &options).unwrap();
    let file = out.join("minima/0.json");
    let good = std::fs::read_to_string(&file).unwrap();
    for (what, bytes) in records(&good) {
        assert_ne!(bytes, good.as_bytes(), "{what}");
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(status(&out).unwrap().all.left, 1, "{what}");
        run(config(), &options).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), good, "{what}");
    }
}

/// A job's checkpoint with a right hash but wrong content is as good as none.
#[test]
fn a_checkpoint_that_is_not_right_is_none() {
    let saved = JobCheckpoint {
        inputs: "{}".to_owned(),
        text: "fit".to_owned(),
        integers: vec![1, 2, 3],
        doubles: vec![vec![1.0, f64::NAN], vec![]],
        floats: vec![vec![1.0; 3]],
    };
    let good = saved.encode();
    assert_eq!(JobCheckpoint::decode(&good).map(|s| s.floats), Some(saved.floats));
    for len in 0..good.len() {
        assert_eq!(JobCheckpoint::decode(&good[..len]), None, "truncated to {len}");
    }
    for bit in 0..8 * good.len() {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(JobCheckpoint::decode(&bytes), None, "bit {bit}");
    }
    let head = |head: &str, data: usize| {
        let mut bytes = format!("valleys checkpoint 1\n{head}\n").into_bytes();
        bytes.extend(vec![0; data]);
        bytes.extend(blake3_of(&bytes));
        bytes
    };
    let lengths = |doubles: &str, floats: &str| {
        format!(r#"{{"inputs":"","text":"","place":[],"doubles":{doubles},"floats":{floats}}}"#)
    };
    assert!(JobCheckpoint::decode(&head(&lengths("[1]", "[2]"), 16)).is_some());
    for (head_text, data) in [
        (lengths("[1]", "[2]"), 15),
        (lengths("[1]", "[2]"), 17),
        (lengths("[18446744073709551615]", "[]"), 0),
        (lengths("[2305843009213693952]", "[]"), 0),
        (lengths("[]", "[4611686018427387904]"), 16),
        (lengths("[-1]", "[]"), 0),
        (lengths("[1.5]", "[]"), 12),
        (lengths("null", "[]"), 0),
        ("{}".to_owned(), 0),
        ("".to_owned(), 0),
        ("[".repeat(100_000), 0),
    ] {
        let shown: String = head_text.chars().take(90).collect();
        assert_eq!(JobCheckpoint::decode(&head(&head_text, data)), None, "{shown} {data}");
    }
}

fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
