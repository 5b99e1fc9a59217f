//! The command line as a user meets it: wrong input, resuming, threads, kills.

use crate::binary::{command, valleys};
use crate::directory::{files, same_files};
use std::path::Path;

/// Exit code, the words that the one sentence on stderr must hold, the arguments after `run`.
const WRONG: &[(i32, &[&str], &[&str])] = &[
    (3, &["missing.toml", "No such file"], &["missing.toml"]),
    (3, &["BAD", "line 2", "unclosed table"], &["BAD"]),
    (3, &["unknown preset \"digit\"", "did you mean \"digits\"?"], &["--preset", "digit"]),
    (3, &["unknown preset \"zzz\"", "there are digits"], &["--preset", "zzz"]),
    (2, &["a configuration file or --preset, not both"], &["BAD", "--preset", "digits"]),
    (3, &["unknown key \"minimal.count\"", "did you mean \"minima.count\"?"], &["--set", "minimal.count=3"]),
    (3, &["minima.epochs is 0", "1 to 1000000"], &["--set", "minima.epochs=0"]),
    (3, &["minima.count is 0", "1 to 64"], &["--set", "minima.count=0"]),
    (3, &["minima.count is 65", "1 to 64"], &["--set", "minima.count=65"]),
    (3, &["minima.count", "-1"], &["--set", "minima.count=-1"]),
    (3, &["train.learning_rate is NaN", "above 0"], &["--set", "train.learning_rate=nan"]),
    (3, &["train.learning_rate is inf"], &["--set", "train.learning_rate=inf"]),
    (3, &["train.learning_rate is 0"], &["--set", "train.learning_rate=0.0"]),
    (3, &["train.learning_rate", "\"quick\"", "a number"], &["--set", "train.learning_rate=quick"]),
    (3, &["train.momentum is 1"], &["--set", "train.momentum=1.0"]),
    (3, &["lattice.n is 0"], &["--set", "lattice.n=0"]),
    (3, &["triangles.centres", "`loose`", "`fixed` or `trainable`"], &["--set", "triangles.centres=loose"]),
    (3, &["fit.depth is 4", "1 to 3"], &["--set", "fit.depth=4"]),
    (2, &["--set minima.count: key=value expected"], &["--set", "minima.count"]),
    (3, &["unknown network \"resnet21x\""], &["--set", "network=resnet21x"]),
    (3, &["mlp:64-x", "widths such as"], &["--set", "network=mlp:64-x"]),
    (3, &["64 inputs and 9 outputs", "64 features and 10 classes"], &["--set", "network=mlp:64-9"]),
    (3, &["unknown dataset \"digit\"", "did you mean \"digits\"?"], &["--set", "dataset=digit"]),
    (3, &["takes no dataset"], &["--preset", "himmelblau", "--set", "dataset=digits"]),
    (
        3,
        &["curves.paths", "second_fit.depth"],
        &["--preset", "himmelblau-any", "--set", "second_fit.depth=1"],
    ),
    (
        3,
        &["train.max_gradient_norm", "gpu"],
        &["--preset", "digits", "--backend", "gpu", "--set", "train.max_gradient_norm=1"],
    ),
    (
        3,
        &["three-well-ring:1", "2 to 4096 variables"],
        &["--set", "network=three-well-ring:1", "--preset", "quadratic"],
    ),
    (3, &["network \"resnet21\"", "a depth of 6n + 2"], &["--set", "network=resnet21"]),
    (3, &["wrn56-65", "a width of 1 to 64"], &["--set", "network=wrn56-65"]),
    (3, &["network \"lenet5\": it needs a window", "but 6x4x4 arrives"], &["--set", "network=lenet5"]),
    (
        3,
        &["dataset cifar-10 needs its directory", "--data DIR"],
        &["--set", "network=resnet20", "--set", "dataset=cifar-10"],
    ),
    (
        4,
        &["nowhere does not exist", "--data DIR is the folder of the files of fashion-mnist"],
        &["--set", "network=lenet5", "--set", "dataset=fashion-mnist", "--data", "nowhere"],
    ),
    (3, &["data.std is 0", "above 0"], &["--set", "data.std=[0.0]"]),
    (3, &["data.mean is NaN"], &["--set", "data.mean=[nan]"]),
    (3, &["data.take", "`last`"], &["--set", "data.take=last"]),
    (3, &["train.augment", "`turn`"], &["--set", "train.augment=turn"]),
    (
        3,
        &["minima.files names 1 files, but minima.count is 3"],
        &["--set", "minima.files=['a']", "--set", "minima.count=3"],
    ),
    (4, &["cannot read missing.safetensors"], &["--set", "minima.files=['missing.safetensors']"]),
    (8, &["/dev/null/run", "cannot make the directory"], &["--out", "/dev/null/run"]),
    (2, &["--threads is 0"], &["--threads", "0"]),
    (2, &["unexpected argument '--bogus'"], &["--bogus"]),
];

#[test]
fn wrong_input_gets_one_sentence_and_an_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.toml");
    std::fs::write(&bad, "seed = 1\n[train\nbatch = 3\n").unwrap();
    for (code, words, arguments) in WRONG {
        let arguments = arguments.iter().map(|a| if *a == "BAD" { bad.to_str().unwrap() } else { a });
        let arguments: Vec<&str> = ["run"].into_iter().chain(arguments).collect();
        let mut command = command(&arguments);
        let output = command.current_dir(folder.path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {stderr}");
        for word in *words {
            let word = if *word == "BAD" { "bad.toml" } else { word };
            assert!(stderr.contains(word), "{arguments:?} should mention {word:?}: {stderr}");
        }
        assert!(output.stdout.is_empty());
        if *code != 2 {
            let sentences = stderr.lines().filter(|l| l.starts_with("valleys: ")).count();
            assert_eq!(sentences, 1, "{arguments:?}: {stderr}");
        }
    }
    assert!(!folder.path().join("runs").exists(), "nothing was made");
}

#[test]
fn directory_of_another_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    assert!(valleys(&["run", "--preset", "quadratic", "--out", out]).status.success());
    let before = files(Path::new(out));
    let other = valleys(&["run", "--preset", "quadratic", "--set", "seed=2", "--out", out]);
    let stderr = String::from_utf8(other.stderr).unwrap();
    assert_eq!(other.status.code(), Some(3));
    assert!(stderr.contains("a run of another configuration"), "{stderr}");
    assert_eq!(files(Path::new(out)), before);
}

#[test]
fn directory_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    std::fs::create_dir(&out).unwrap();
    let lock = std::fs::File::create(out.join("lock")).unwrap();
    lock.lock().unwrap();
    let output = valleys(&["run", "--preset", "quadratic", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(9));
    assert!(String::from_utf8(output.stderr).unwrap().contains("in use by another process"));
}

/// A diverging run says which job failed, and the rest is done.
#[test]
fn divergence_is_exit_code_5() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let set = ["--set", "train.learning_rate=1e6", "--set", "train.max_gradient_norm=0"];
    let output = valleys(&[&["run", "--preset", "himmelblau", "--out", out][..], &set].concat());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("fit of minima/0: the loss is not finite at"), "{stderr}");
    assert!(Path::new(out).join("summary.json").exists());
}

/// Without a search, what a lattice leaves out is said; with it, control points are searched from and nothing is said.
#[test]
fn lattices_that_miss_something_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, set: &[&str]| {
        let out = folder.path().join(name);
        let set: Vec<&str> = set.iter().flat_map(|key| ["--set", key]).collect();
        let run = ["run", "--preset", "three-well-ring", "--out", out.to_str().unwrap()];
        let output = valleys(&[&run[..], &set].concat());
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let quick = ["curves.epochs=2", "triangles.epochs=2", "minima.epochs=2"];
    let none = said("none", &[&quick[..], &["peaks.search=false", "lattice.n=1"]].concat());
    for rank in ["curves", "triangles"] {
        assert!(
            none.contains(&format!("warning: lattice.{rank}: 1 interval and peaks.search = false")),
            "{none}"
        );
    }
    // Multiples of 6 hold the control points of a triangle of depth 1, but not those of depth 3.
    let some = said("some", &[&quick[..], &["peaks.search=false", "lattice.n=60"]].concat());
    assert!(some.contains("lattice.triangles: 60 intervals miss control points"), "{some}");
    assert!(some.contains("3 vertices at depth 3; the next number that has all of them is 216"), "{some}");
    assert!(some.contains("lattice.curves: 60 intervals miss control points"), "{some}");
    let right = ["peaks.search=false", "lattice.curves=8", "lattice.triangles=216"];
    assert!(!said("right", &[&quick[..], &right].concat()).contains("warning"));
    assert!(!said("searched", &quick).contains("warning"));
}

/// Curves that start on chains of other curves need those: with one thread or two, the files are the same.
#[test]
fn chains_do_not_depend_on_threads() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    for (out, threads) in [(&a, "1"), (&b, "2")] {
        let set = ["--set", "curves.epochs=10", "--set", "triangles.epochs=4", "--threads", threads];
        let run = ["run", "--preset", "himmelblau-any", "--out", out.to_str().unwrap()];
        assert!(valleys(&[&run[..], &set].concat()).status.success());
    }
    same_files(&a, &b);
    let starts = std::fs::read_to_string(a.join("peak-3-x4/2-3/start.csv")).unwrap();
    assert!(starts.starts_with("depth,start,cells_loss,chosen\n3,refined,"), "{starts}");
    assert!(starts.contains("\n3,chain through 0,") && starts.contains("\n3,chain through 1,"), "{starts}");
}

#[test]
fn a_printed_configuration_runs_as_its_preset() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, file] = ["a", "b", "ring.toml"].map(|name| folder.path().join(name));
    std::fs::write(&file, valleys(&["init", "--preset", "three-well-ring"]).stdout).unwrap();
    let run = |arguments: &[&str]| assert!(valleys(arguments).status.success(), "{arguments:?}");
    run(&["run", file.to_str().unwrap(), "--out", a.to_str().unwrap()]);
    run(&["run", "--preset", "three-well-ring", "--out", b.to_str().unwrap()]);
    same_files(&a, &b);
}

#[test]
fn json_alone_on_stdout() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = valleys(&["run", "--preset", "three-well-ring", "--json", "--out", out.to_str().unwrap()]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.stdout, std::fs::read(out.join("summary.json")).unwrap());
    for key in ["minima", "segments", "bars", "w_infinity", "w_infinity_segments", "config"] {
        assert!(!summary[key].is_null(), "{key} is missing");
    }
    for key in ["id", "train_loss", "train_error", "test_loss", "test_error"] {
        assert!(summary["minima"][0].get(key).is_some(), "{key} is missing");
    }
    assert_eq!(summary["segments"][0]["triangle"], serde_json::json!([0, 1, 2]));
}

const SMALL_DIGITS: &[&str] = &[
    "--preset",
    "digits",
    "--set",
    "minima.count=3",
    "--set",
    "minima.epochs=4",
    "--set",
    "curves.epochs=3",
    "--set",
    "triangles.epochs=3",
    "--set",
    "lattice.n=6",
];

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for centres in ["fixed", "trainable"] {
        let outs = ["1", "2", "3"].map(|threads| {
            let out = folder.path().join(format!("{centres}-{threads}"));
            let set = format!("triangles.centres={centres}");
            let more = ["--threads", threads, "--set", &set, "--out", out.to_str().unwrap()];
            assert!(valleys(&[&["run"], SMALL_DIGITS, &more].concat()).status.success());
            out
        });
        same_files(&outs[0], &outs[1]);
        same_files(&outs[0], &outs[2]);
    }
}

#[test]
fn a_finished_run_is_not_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let arguments = [&["run"], SMALL_DIGITS, &["--out", out.to_str().unwrap()]].concat();
    assert!(valleys(&arguments).status.success());
    let before = files(&out);
    let again = valleys(&arguments);
    assert!(!String::from_utf8(again.stderr).unwrap().contains("fit "), "no job is left");
    assert_eq!(files(&out), before);
    // What is lost is made again.
    std::fs::remove_dir_all(out.join("uniform-1/0-1-2")).unwrap();
    std::fs::remove_file(out.join("uniform-1/1-2.csv")).unwrap();
    assert!(valleys(&arguments).status.success());
    assert_eq!(files(&out), before);
}

#[test]
fn a_report_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let missing = valleys(&["report", out.to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("config.toml"));
    assert!(valleys(&["run", "--preset", "quadratic", "--out", out.to_str().unwrap()]).status.success());
    let page = std::fs::read(out.join("report.html")).unwrap();
    std::fs::remove_file(out.join("report.html")).unwrap();
    assert!(valleys(&["report", out.to_str().unwrap()]).status.success());
    assert_eq!(std::fs::read(out.join("report.html")).unwrap(), page);
}

/// A run's own networks: evaluated they have the losses of its summary; as files they are the minima of another run.
#[test]
fn networks_are_evaluated_and_reused() {
    let folder = tempfile::tempdir().unwrap();
    let (out, again) = (folder.path().join("run"), folder.path().join("again"));
    let run = |out: &Path, more: &[&str]| {
        let arguments = [&["run"], SMALL_DIGITS, more, &["--json", "--out", out.to_str().unwrap()]].concat();
        let output = valleys(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let summary = run(&out, &[]);
    let file = |i: usize| out.join(format!("minima/{i}/{i}.safetensors")).to_str().unwrap().to_owned();
    let evaluate = |more: &[&str]| {
        let weights = file(1);
        let fixed =
            ["evaluate", "--network", "mlp:64-32-32-10", "--dataset", "digits", "--weights", &weights];
        valleys(&[&fixed, more].concat())
    };
    for (split, samples) in [("train", 1437), ("test", 360)] {
        let output = evaluate(&["--split", split, "--json"]);
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["samples"], samples);
        let [loss, of_run] =
            [&answer["loss"], &summary["minima"][1][format!("{split}_loss")]].map(|x| x.as_f64().unwrap());
        assert!((loss - of_run).abs() < 1e-5 * of_run, "{split}: {loss} {of_run}");
        assert_eq!(answer["error"], summary["minima"][1][format!("{split}_error")]);
    }
    let few = evaluate(&["--limit", "7", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&few.stdout).unwrap();
    assert_eq!((&answer["samples"], &answer["statistics"]), (&7.into(), &serde_json::Value::Null));

    let files = format!("minima.files=['{}', '{}', '{}']", file(2), file(1), file(0));
    let other = run(&again, &["--set", &files]);
    for (i, minimum) in other["minima"].as_array().unwrap().iter().enumerate() {
        assert_eq!(minimum["train_loss"], summary["minima"][2 - i]["train_loss"]);
    }
    assert_eq!(std::fs::read(file(0)).unwrap(), std::fs::read(again.join("minima/2/2.safetensors")).unwrap());
}

/// Exit code, words, arguments of `evaluate` in the place of the right ones.
#[test]
fn what_cannot_be_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = file("empty", b"");
    let torch = file("checkpoint.pt", b"PK\x03\x04 a zip file of PyTorch");
    let cases: &[(i32, &[&str], [&str; 3])] = &[
        (3, &["unknown network \"lenet\"", "did you mean \"lenet5\"?"], ["lenet", "digits", &empty]),
        (3, &["unknown dataset \"svhn\"", "there are digits"], ["lenet5", "svhn", &empty]),
        (3, &["64 features"], ["mlp:30-2", "digits", &empty]),
        (4, &["cannot read", "nowhere"], ["mlp:64-10", "digits", "nowhere"]),
        (4, &["not a safetensors file"], ["mlp:64-10", "digits", &empty]),
        (4, &["not a safetensors file"], ["mlp:64-10", "digits", &torch]),
    ];
    for (code, words, [network, dataset, weights]) in cases {
        let output = valleys(&[
            "evaluate",
            "--network",
            network,
            "--dataset",
            dataset,
            "--weights",
            weights,
            "--json",
        ]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{network}: {stderr}");
        words.iter().for_each(|word| assert!(stderr.contains(word), "{word:?} in {stderr}"));
        assert!(output.stdout.is_empty());
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}
