//! A run as jobs: by name, in any order, stopped and gone on with, diverging, planned.

use crate::binary::{command, said, valleys};
use crate::directory::{files, same_files};
use std::path::Path;
use std::time::{Duration, Instant};

/// Twelve jobs and a half of a function with known answers.
const RING: &[&str] = &[
    "--preset",
    "three-well-ring",
    "--set",
    "minima.count=4",
    "--set",
    "lattice.n=12",
    "--set",
    "curves.epochs=12",
    "--set",
    "triangles.epochs=12",
    "--set",
    "second_fit.depth=2",
];

/// Digits that take a few seconds.
const DIGITS: &[&str] = &[
    "--preset",
    "digits",
    "--set",
    "minima.count=3",
    "--set",
    "minima.epochs=120",
    "--set",
    "lattice.n=12",
    "--set",
    "curves.epochs=60",
    "--set",
    "triangles.epochs=30",
    "--set",
    "second_fit.epoch_multiplier=1",
];

/// A study of weights.
const STUDY: &[&str] = &[
    "--preset",
    "weights-digits",
    "--set",
    "study.sizes=[60,400]",
    "--set",
    "study.seeds=2",
    "--set",
    "minima.epochs=800",
    "--set",
    "network=mlp:64-48-32-10",
];

pub fn run(what: &[&str], out: &Path, more: &[&str]) -> std::process::Output {
    valleys(&[&["run"], what, &["--out", out.to_str().unwrap()], more].concat())
}

pub fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(output)))
}

pub fn status(out: &Path) -> serde_json::Value {
    json(&valleys(&["status", out.to_str().unwrap(), "--json"]))
}

/// The names of all jobs, in an order in which they can be done, from the workflow for make.
pub fn names(what: &[&str], out: &Path) -> Vec<String> {
    let arguments = ["plan", "--format", "make", "--chunk", "1", "--out", out.to_str().unwrap()];
    let text = String::from_utf8(valleys(&[&arguments, what].concat()).stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once("$(OUT) ")?.1.split_once(" ||"));
    lines.map(|(job, _)| job.to_owned()).collect()
}

#[test]
fn jobs_one_by_one_are_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let out = parts.to_str().unwrap();
    assert!(run(RING, &whole, &[]).status.success());
    let names = names(RING, &parts);
    assert_eq!(names.len(), 4 + 2 * (6 + 4));
    assert!(names.iter().any(|name| name == "peak-2/0-1-3"), "{names:?}");

    let none = valleys(&["exec", out, &names[0]]);
    assert!(none.status.code() == Some(4) && said(&none).contains("no config.toml"), "{}", said(&none));
    std::fs::create_dir(&parts).unwrap();
    std::fs::copy(whole.join("config.toml"), parts.join("config.toml")).unwrap();
    let unknown = valleys(&["exec", out, "uniform-1/0-7"]);
    assert!(
        unknown.status.code() == Some(2) && said(&unknown).contains("did you mean"),
        "{}",
        said(&unknown)
    );
    let early = valleys(&["exec", out, "uniform-1/0-1"]);
    assert!(
        early.status.code() == Some(4) && said(&early).contains("needs minima/1, minima/0"),
        "{}",
        said(&early)
    );
    let early = valleys(&["exec", out, "report"]);
    assert!(early.status.code() == Some(4) && said(&early).contains("24 of"), "{}", said(&early));

    for (done, name) in names.iter().enumerate() {
        assert_eq!(status(&parts)["done"], done);
        // Twice at the same time, and once more.
        let twice = [1, 2].map(|_| command(&["exec", out, name]).spawn().unwrap());
        assert!(twice.into_iter().all(|mut child| child.wait().unwrap().success()), "{name}");
        let before = files(&parts);
        assert!(valleys(&["exec", out, name]).status.success());
        assert!(files(&parts) == before);
    }
    assert!(valleys(&["exec", out, "report", &names[0]]).status.success());
    same_files(&whole, &parts);
}

/// Files that are not as their record says are made anew, and so is what was made from other ones.
#[test]
fn a_job_is_done_iff_its_hashes_fit() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    assert!(run(RING, &out, &[]).status.success());
    let (whole, jobs) = (files(&out), 24);
    assert_eq!(status(&out)["done"], jobs);
    for (file, lost) in [
        ("uniform-1/0-1.csv", 3),
        ("uniform-1/0-1/0-1.safetensors", 3),
        ("peak-2/0-1-2.peak.csv", 1),
        ("minima/3.json", 13),
        ("origin.json", jobs),
    ] {
        let path = out.join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(status(&out)["left"], lost, "{file}");
        if file == "origin.json" {
            let refused = run(RING, &out, &[]);
            assert!(
                refused.status.code() == Some(3) && said(&refused).contains("other data"),
                "{}",
                said(&refused)
            );
            std::fs::write(&path, &whole[Path::new(file)]).unwrap();
        }
        assert!(run(RING, &out, &[]).status.success());
        assert!(files(&out) == whole, "{file}");
    }
}

/// Of four minima of Himmelblau's function one diverges at this rate: its well is the steepest.
#[test]
fn what_diverges_is_recorded_and_the_rest_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let what = [
        "--preset",
        "himmelblau",
        "--set",
        "train.learning_rate=0.03",
        "--set",
        "train.max_gradient_norm=0",
        "--set",
        "second_fit.depth=0",
        "--set",
        "curves.epochs=0",
        "--set",
        "triangles.epochs=0",
        "--set",
        "minima.epochs=8",
    ];
    for _ in 0..2 {
        let output = run(&what, &out, &["--json"]);
        assert_eq!(output.status.code(), Some(5), "{}", said(&output));
        assert!(said(&output).contains("fit of minima/2: the loss is not finite at"), "{}", said(&output));
        assert!(output.stdout.is_empty());
    }
    let status = status(&out);
    let counts =
        ["jobs", "done", "failed", "skipped", "running", "left"].map(|key| status[key].as_u64().unwrap());
    assert_eq!(counts, [14, 7, 1, 6, 0, 0]);
    assert_eq!(status["failures"][0]["job"], "minima/2");
    let text = std::fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["segments"].as_array().unwrap().len(), 1);
    assert_eq!(summary["segments"][0]["triangle"], serde_json::json!([0, 1, 3]));
    assert!(summary["segments"][0]["death"].as_f64().unwrap().is_finite());
    let record = std::fs::read_to_string(out.join("minima/2.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert!(record["diverged"]["at"].as_u64().unwrap() < 800, "{record}");
    // The same of a job by name: what depends on it is never done.
    let skipped = valleys(&["exec", out.to_str().unwrap(), "uniform-1/0-2"]);
    assert!(skipped.status.code() == Some(5) && said(&skipped).contains("is skipped: minima/2 diverged"));
    assert!(!out.join("uniform-1/0-2.json").exists());
    let failed = valleys(&["exec", out.to_str().unwrap(), "minima/2"]);
    assert_eq!(failed.status.code(), Some(5));
}

/// A network says which layer was the first.
#[test]
fn a_diverging_network_names_its_layer() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = run(DIGITS, &out, &["--set", "train.learning_rate=1e20"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("nor the output of fc"), "{}", said(&output));
    assert_eq!(status(&out)["failed"], 3);
    let out = folder.path().join("study");
    let output = run(STUDY, &out, &["--set", "train.learning_rate=1e20"]);
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(said(&output).contains("nor the output of fc"), "{}", said(&output));
}

/// Starts a run again and again, each time stopped after `span` by a signal or by a limit of time, until it ends. Returns the
/// number of stops, and of the checkpoints that they left.
#[cfg(unix)]
fn run_in_parts(arguments: &[&str], out: &Path, span: Duration) -> (usize, usize) {
    let limit = span.as_secs_f64().to_string();
    let (mut stops, mut checkpoints) = (0, 0);
    for signal in ["TERM", "INT", "USR1", ""].into_iter().cycle() {
        let mut command = command(arguments);
        if signal.is_empty() || stops > 40 {
            command.args(["--max-time", if stops > 40 { "5m" } else { &limit }]);
        }
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        if !signal.is_empty() && stops <= 40 {
            std::thread::sleep(span);
            let kill = ["-s", signal, &child.id().to_string()];
            assert!(std::process::Command::new("kill").args(kill).status().unwrap().success());
        }
        let start = Instant::now();
        let status = child.wait().unwrap();
        if status.success() {
            break;
        }
        // A signal that comes before it is caught has its usual effect.
        assert!(status.code() == Some(75) || status.code().is_none(), "{signal} {status}");
        assert!(stops > 40 || start.elapsed() < Duration::from_secs(5), "{signal}: {:?}", start.elapsed());
        stops += 1;
        checkpoints += files(out).keys().filter(|f| f.extension().is_some_and(|e| e == "checkpoint")).count();
    }
    (stops, checkpoints)
}

/// Signals and limits of time stop at a checkpoint within five seconds, and what goes on from there has the same bytes.
#[test]
#[cfg(unix)]
fn stopped_and_gone_on_with_it_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let equal_steps = [STUDY, &["--set", "study.equal_steps=true", "--set", "minima.epochs=600"]].concat();
    for (name, what) in [("digits", DIGITS), ("study", STUDY), ("equal-steps", &equal_steps)] {
        let [whole, parts] = ["whole", "parts"].map(|part| folder.path().join(format!("{name}-{part}")));
        let start = Instant::now();
        assert!(run(what, &whole, &["-j", "2"]).status.success());
        // So that every machine stops a few times, and gets somewhere in between.
        let mut span = (start.elapsed() / 4).clamp(Duration::from_millis(60), Duration::from_millis(250));
        let arguments =
            [&["run"], what, &["--out", parts.to_str().unwrap(), "-j", "1", "--checkpoint", "0.05"]].concat();
        let (mut stops, mut checkpoints) = run_in_parts(&arguments, &parts, span);
        // Beside other work a signal may come so late that the run is over: once more, with an earlier one.
        while (stops < 2 || checkpoints < 1) && span > Duration::from_millis(10) {
            same_files(&whole, &parts);
            std::fs::remove_dir_all(&parts).unwrap();
            span /= 2;
            (stops, checkpoints) = run_in_parts(&arguments, &parts, span);
        }
        println!("{name}: {stops} stops, {checkpoints} checkpoints");
        assert!(stops >= 2 && checkpoints >= 1);
        same_files(&whole, &parts);
    }
}

#[test]
fn a_plan_counts_measures_and_refuses() {
    let set = ["--set", "minima.count=40", "--set", "second_fit.depth=0"];
    let plan = json(&valleys(&[&["plan", "--preset", "himmelblau", "--format", "json"], &set[..]].concat()));
    assert_eq!(plan["jobs"], 10_700);
    let jobs: Vec<u64> =
        plan["kinds"].as_array().unwrap().iter().map(|part| part["jobs"].as_u64().unwrap()).collect();
    assert_eq!(jobs, [40, 780, 9880]);
    assert_eq!(plan["kinds"][0]["steps"], 40 * 50 * 100);
    for key in ["seconds", "memory_bytes", "memory_available", "disk_bytes", "disk_free"] {
        assert!(plan[key].as_f64().unwrap() > 0.0, "{key}");
    }
    let table = valleys(&["plan"]);
    let text = String::from_utf8(table.stdout.clone()).unwrap();
    assert!(table.status.success() && text.contains("24 jobs") && text.contains("measured here"), "{text}");
    for (words, set) in [
        ("memory: ", "network=mlp:64-60000-60000-10"),
        ("memory: ", "lattice.n=9000"),
        ("GB available", "lattice.n=9000"),
    ] {
        let refused = valleys(&["plan", "--set", set, "--set", "minima.count=20"]);
        assert!(refused.status.code() == Some(8) && said(&refused).contains(words), "{}", said(&refused));
    }
}

/// The estimate of disk and memory is not below what a run takes, and not far above.
#[test]
#[cfg(target_os = "linux")]
fn a_plan_is_honest() {
    let folder = tempfile::tempdir().unwrap();
    for (name, what) in [("ring", RING), ("digits", DIGITS)] {
        let out = folder.path().join(name);
        let plan = json(&valleys(&[&["plan", "--format", "json", "-j", "2"], what].concat()));
        let shell = r#""$@" -j 2 > /dev/null 2>&1 & while kill -0 $! 2> /dev/null; do
            awk '/VmHWM/ { print $2 }' /proc/$!/status 2> /dev/null; sleep 0.02; done | sort -n | tail -1"#;
        let run = [&["run"], what, &["--out", out.to_str().unwrap()]].concat();
        let output = std::process::Command::new("bash")
            .args(["-c", shell, "-", crate::binary::VALLEYS])
            .args(run)
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let peak = 1024.0 * text.trim().parse::<f64>().unwrap();
        let disk: usize = files(&out).values().map(|bytes| bytes.len().next_multiple_of(4096)).sum();
        let [memory, space] = ["memory_bytes", "disk_bytes"].map(|key| plan[key].as_f64().unwrap());
        println!("{name}: memory {memory:e} planned, {peak:e} taken; disk {space:e} planned, {disk:e} taken");
        assert!((peak..5.0 * peak).contains(&memory), "{name}: memory {memory:e} planned, {peak:e} taken");
        assert!(
            (disk as f64..20.0 * disk as f64).contains(&space),
            "{name}: {space:e} planned, {disk:e} taken"
        );
    }
}

/// The graph of fused operations: what it counts is what the network has.
#[test]
fn a_plan_shows_the_graph() {
    let digits = ["plan", "--preset", "digits", "--graph"];
    let operations = json(&valleys(&[&digits[..], &["--format", "json"]].concat()));
    let operations = operations.as_array().unwrap();
    // 64-32-32-10.
    assert_eq!(operations.len(), 3);
    let sum = |key: &str| operations.iter().map(|op| op[key].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("parameters"), 64 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10);
    assert_eq!(sum("flops"), 2 * (64 * 32 + 32 * 32 + 32 * 10) + 2 * 32);
    assert_eq!(operations[1]["kind"], "linear + relu");
    assert_eq!((&operations[1]["input"], &operations[1]["needed_until"]), (&1.into(), &2.into()));
    let table = valleys(&digits);
    assert!(
        String::from_utf8_lossy(&table.stdout).contains("one sample: 6848 flops forward; 138 floats kept")
    );
    for (arguments, sentence) in [
        (&["plan", "--preset", "himmelblau", "--graph"][..], "a function has no network"),
        (&["plan", "--graph", "--format", "make"], "--format is table or json"),
    ] {
        let output = valleys(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(sentence), "{}", said(&output));
    }
}
