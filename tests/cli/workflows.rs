//! The same run by Snakemake and by make, killed on the way: the end has the same bytes.

use crate::binary::{VALLEYS, command, valleys};
use crate::directory::same_files;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use valleys_core::rng::{Key, Purpose, Stream};

const KILLS: usize = 5;

/// An analytic study of four minima, the digits, and two networks side by side; jobs to a task.
const RUNS: [(&str, &[&str], &str); 3] = [
    ("ring", &["--preset", "three-well-ring", "--set", "minima.count=4", "--set", "lattice.n=12"], "2"),
    (
        "digits",
        &[
            "--preset",
            "digits",
            "--set",
            "minima.epochs=10",
            "--set",
            "curves.epochs=5",
            "--set",
            "triangles.epochs=5",
            "--set",
            "lattice.n=12",
            "--set",
            "second_fit.depth=0",
        ],
        "3",
    ),
    (
        "networks",
        &[
            "--set",
            "network=[\"mlp:64-16-10\", \"mlp:64-12-12-10\"]",
            "--set",
            "minima.count=3",
            "--set",
            "minima.epochs=20",
            "--set",
            "lattice.n=12",
            "--set",
            "measure.samples=300",
            "--set",
            "second_fit.epoch_multiplier=1",
        ],
        "2",
    ),
];

/// Runs an engine to its end, but for `KILLS` kills of all its processes on the way.
fn killed(mut start: impl FnMut() -> Command, mut after: impl FnMut()) {
    let mut delays = Stream::new(Key::new(5, 0), Purpose::Point, 0, 0);
    let spawn = |command: &mut Command| -> Child {
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    for kill in 0..KILLS {
        let mut child = spawn(&mut start());
        std::thread::sleep(Duration::from_secs_f64(0.3 + delays.unit() * (0.5 + 0.5 * kill as f64)));
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        child.wait().unwrap();
        after();
    }
    let output = start().stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn workflow(folder: &Path, format: &str, what: &[&str], chunk: &str, out: &Path) -> PathBuf {
    let out = out.to_str().unwrap();
    let plan = valleys(&[&["plan", "--format", format, "--chunk", chunk, "--out", out], what].concat());
    assert!(plan.status.success(), "{}", crate::binary::said(&plan));
    let file = folder.join(format!("workflow-{format}"));
    std::fs::write(&file, plan.stdout).unwrap();
    file
}

fn whole(folder: &Path, what: &[&str]) -> PathBuf {
    let whole = folder.join("whole");
    assert!(
        command(&[&["run", "--out", whole.to_str().unwrap()], what].concat())
            .output()
            .unwrap()
            .status
            .success()
    );
    whole
}

#[test]
fn make_ends_in_the_same_bytes() {
    if Command::new("make").arg("--version").output().is_err() {
        println!("SKIPPED the workflow of make: apt-get install make");
        return;
    }
    for (name, what, chunk) in RUNS {
        let folder = tempfile::tempdir().unwrap();
        let (whole, out) = (whole(folder.path(), what), folder.path().join("it's of make $HOME"));
        let out = if name == "ring" { folder.path().join("made") } else { out.with_file_name("made") };
        let file = workflow(folder.path(), "make", what, chunk, &out);
        let make = || {
            let mut make = Command::new("make");
            make.args(["-j2", "-f", file.to_str().unwrap(), &format!("VALLEYS={VALLEYS}")]);
            make
        };
        killed(make, || ());
        same_files(&whole, &out);
        let again = make().output().unwrap();
        assert!(again.status.success() && !String::from_utf8_lossy(&again.stderr).contains("minima"));
    }
}

/// Snakemake in a virtual environment beside the build, made at the first use.
fn snakemake() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("snakemake");
    let binary = folder.join("bin/snakemake");
    let works = || Command::new(&binary).arg("--version").output().is_ok_and(|o| o.status.success());
    if works() {
        return Some(binary);
    }
    let install = format!(
        "python3 -m venv --clear '{0}' && timeout 300 '{0}/bin/pip' install --quiet --disable-pip-version-check 'snakemake>=9,<10'",
        folder.display()
    );
    let output = Command::new("bash").args(["-c", &install]).stdin(Stdio::null()).output().unwrap();
    if output.status.success() && works() {
        return Some(binary);
    }
    println!(
        "SKIPPED the workflow of Snakemake: python3-venv and PyPI are needed: {}",
        crate::binary::said(&output).trim()
    );
    None
}

#[test]
fn snakemake_ends_in_the_same_bytes() {
    let Some(snakemake) = snakemake() else { return };
    for (_, what, chunk) in RUNS {
        let folder = tempfile::tempdir().unwrap();
        let (whole, out) = (whole(folder.path(), what), folder.path().join("made"));
        let file = workflow(folder.path(), "snakemake", what, chunk, &out);
        let start = |more: &[&str]| {
            let mut command = Command::new(&snakemake);
            command
                .current_dir(folder.path())
                .env("HOME", folder.path())
                .args(["-s", file.to_str().unwrap()]);
            command.args(more).arg("--config").arg(format!("valleys={VALLEYS}"));
            command
        };
        killed(
            || start(&["-c2", "--rerun-incomplete", "--nolock"]),
            || _ = start(&["--unlock"]).output().unwrap(),
        );
        same_files(&whole, &out);
        let again = start(&["-c2", "--dry-run"]).output().unwrap();
        let said =
            String::from_utf8_lossy(&again.stdout).into_owned() + &String::from_utf8_lossy(&again.stderr);
        assert!(said.contains("Nothing to be done"), "{said}");
    }
}
