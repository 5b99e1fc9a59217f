//! Kills, full disks, failing writes: every file that has a name is complete, and what goes on from there has the bytes of
//! a run that was left alone.

#![cfg(target_os = "linux")]

use crate::binary::{command, said, valleys};
use crate::directory::{files, same_files};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use valleys_core::rng::{Key, Purpose, Stream};

/// A run of half a second with checkpoints, a depth beside the main fit, thirty-five jobs.
const RING: &[&str] = &[
    "run",
    "--preset",
    "three-well-ring",
    "--set",
    "minima.count=5",
    "--set",
    "curves.epochs=90",
    "--set",
    "triangles.epochs=90",
    "--set",
    "lattice.n=12",
    "--set",
    "second_fit.depth=2",
    "--set",
    "second_fit.epoch_multiplier=1",
    "--checkpoint",
    "0.03",
];

/// Kills of a test: VALLEYS_KILLS, or 200.
fn kills() -> usize {
    std::env::var("VALLEYS_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200)
}

fn start(out: &Path, threads: usize) -> Child {
    let mut command = command(RING);
    command.args(["--out", out.to_str().unwrap(), "-j", &threads.to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The uninterrupted run, and its time.
fn whole(folder: &Path) -> (std::path::PathBuf, Duration) {
    let (whole, start_time) = (folder.join("whole"), Instant::now());
    assert!(start(&whole, 2).wait().unwrap().success());
    (whole, start_time.elapsed())
}

/// Nothing but what a finished run has.
fn nothing_left_over(out: &Path) {
    let names = files(out).into_keys().map(|path| path.to_string_lossy().into_owned());
    let left: Vec<String> =
        names.filter(|n| [".tmp-", ".lock", ".checkpoint"].iter().any(|e| n.contains(e))).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn killed_at_any_moment_it_ends_in_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, time) = whole(folder.path());
    let mut delays = Stream::new(Key::new(50, 0), Purpose::Point, 0, 0);
    let (mut kills, mut directories, all) = (0, 0, kills());
    while kills < all {
        directories += 1;
        let out = folder.path().join(format!("killed-{directories}"));
        loop {
            let mut child = start(&out, 2);
            if kills < all {
                std::thread::sleep(time.mul_f64(delays.unit() * 0.4));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            if output.status.success() {
                break;
            }
            assert_eq!(output.status.signal(), Some(9), "only the kill ends it: {}", said(&output));
            kills += 1;
        }
        same_files(&whole, &out);
        nothing_left_over(&out);
        std::fs::remove_dir_all(&out).unwrap();
    }
    println!("{kills} kills over {directories} runs of {time:?}");
}

/// The number of each record's file: one that was committed twice has two.
fn records(out: &Path, seen: &mut BTreeMap<String, BTreeSet<u64>>) {
    for folder in ["minima", "uniform-1", "peak-2"] {
        for entry in std::fs::read_dir(out.join(folder)).into_iter().flatten().flatten() {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if let (true, Ok(data)) = (name.ends_with(".json"), entry.metadata()) {
                seen.entry(name).or_default().insert(data.ino());
            }
        }
    }
}

#[test]
fn many_processes_commit_each_job_once() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, time) = whole(folder.path());
    let mut delays = Stream::new(Key::new(51, 0), Purpose::Point, 0, 0);
    for processes in [2, 4, 8] {
        let (mut kills, mut directories, mut commits) = (0, 0, 0);
        while kills < kills_each() {
            directories += 1;
            let out = folder.path().join(format!("shared-{processes}-{directories}"));
            let mut children: Vec<Child> = (0..processes).map(|_| start(&out, 1)).collect();
            let mut seen = BTreeMap::new();
            let mut ended = false;
            while !children.is_empty() {
                std::thread::sleep(time.mul_f64(delays.unit() * 0.3));
                records(&out, &mut seen);
                let mut child = children.swap_remove(delays.below(children.len() as u32) as usize);
                if !ended && kills < kills_each() {
                    child.kill().unwrap();
                }
                let output = child.wait_with_output().unwrap();
                if output.status.success() {
                    ended = true;
                    continue;
                }
                assert_eq!(output.status.signal(), Some(9), "only the kill ends it: {}", said(&output));
                kills += 1;
                children.push(start(&out, 1));
                // A look from outside never fails.
                assert!(
                    valleys(&["status", out.to_str().unwrap()])
                        .status
                        .code()
                        .is_some_and(|c| c == 0 || c == 4)
                );
            }
            records(&out, &mut seen);
            assert_eq!(seen.len(), 5 + 2 * (10 + 10));
            assert!(seen.values().all(|numbers| numbers.len() == 1), "committed twice: {seen:?}");
            commits += seen.len();
            // The last process was not alone when it began: the next one tidies up.
            assert!(start(&out, 1).wait().unwrap().success());
            same_files(&whole, &out);
            nothing_left_over(&out);
            std::fs::remove_dir_all(&out).unwrap();
        }
        println!(
            "{processes} processes: {kills} kills over {directories} runs, {commits} jobs committed once"
        );
    }
}

fn kills_each() -> usize {
    kills() / 3 + 1
}

/// What the example `commit` finds and writes.
const OLD: &[u8] = &[1; 5000];
const NEW: &[u8] = &[2; 9000];

/// The example `commit` under strace.
fn traced(root: &Path, plain: bool, arguments: &[&str]) -> Output {
    let here = std::env::current_exe().unwrap();
    let example = here.ancestors().nth(2).unwrap().join("examples/commit");
    // Where tests of one name are asked for, cargo makes no examples.
    assert!(example.exists(), "cargo build -p valleys --example commit");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y"]).args(arguments).arg(example).arg(root).args(plain.then_some("plain"));
    strace.stdin(Stdio::null()).output().unwrap()
}

fn has_strace() -> bool {
    let works = Command::new("strace").args(["-qq", "true"]).output().is_ok_and(|o| o.status.success());
    if !works {
        println!(
            "SKIPPED kill points and failing calls: strace that may trace is needed: apt-get install strace"
        );
    }
    works
}

/// A directory with an old checkpoint in it.
fn begun(root: &Path) {
    let _ = std::fs::remove_dir_all(root);
    std::fs::create_dir(root).unwrap();
    std::fs::write(root.join("config.toml"), "seed = 1\n").unwrap();
    std::fs::write(root.join("job.checkpoint"), OLD).unwrap();
}

/// Whether every name in the directory stands for something complete.
fn is_legal(root: &Path) -> bool {
    let read = |name: &str| std::fs::read(root.join(name)).ok();
    let (folder, record) = (root.join("job").exists(), read("job.json"));
    let whole = !folder || (read("job/a").as_deref() == Some(NEW) && read("job/b").as_deref() == Some(NEW));
    let checkpoint = match read("job.checkpoint") {
        Some(bytes) => bytes == OLD || bytes == NEW,
        // It goes last.
        None => record.is_some(),
    };
    let record = record.is_none_or(|bytes| bytes == NEW && folder);
    read("config.toml").as_deref() == Some(b"seed = 1\n") && whole && checkpoint && record
}

/// The calls that the child makes in the directory: name, and which of that name it is in its thread.
fn calls(root: &Path, plain: bool) -> Vec<(String, usize)> {
    begun(root);
    let log = root.with_extension("log");
    let trace = "trace=openat,write,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat,close,flock";
    let output = traced(root, plain, &["-o", log.to_str().unwrap(), "-e", trace]);
    assert!(output.status.success(), "{}", said(&output));
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut found = Vec::new();
    let text = std::fs::read_to_string(&log).unwrap();
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
        let count = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *count += 1;
        if rest.contains(root.to_str().unwrap()) {
            found.push((name.to_owned(), *count));
        }
    }
    found
}

#[test]
fn killed_at_every_call_of_a_commit_each_name_is_complete() {
    if !has_strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for plain in [false, true] {
        let calls = calls(&root, plain);
        let mut torn = 0;
        for (name, number) in &calls {
            begun(&root);
            let inject = format!("inject={name}:signal=SIGKILL:when={number}");
            let output = traced(&root, plain, &["-o", "/dev/null", "-e", &inject]);
            assert!(!output.status.success(), "{name} {number}: killed");
            torn += usize::from(!is_legal(&root));
            if !plain {
                assert_eq!(torn, 0, "{name} {number}: {:?}", files(&root).keys());
                let output = traced(&root, plain, &["-o", "/dev/null", "-e", "trace=none"]);
                assert!(
                    output.status.success() && is_legal(&root) && root.join("job.json").exists(),
                    "{}",
                    said(&output)
                );
            }
        }
        println!("{} kill points, plain {plain}: {torn} torn", calls.len());
        assert!(if plain { torn > 0 } else { calls.len() >= 40 }, "{calls:?}");
    }
}

#[test]
fn where_a_call_fails_the_path_is_named_and_nothing_is_torn() {
    if !has_strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let making =
        ["openat", "write", "fsync", "rename", "renameat", "renameat2", "linkat", "link", "mkdir", "mkdirat"];
    let mut tried = 0;
    for (name, number) in calls(&root, false).into_iter().filter(|(name, _)| making.contains(&name.as_str()))
    {
        for error in ["ENOSPC", "EIO"] {
            begun(&root);
            let inject = format!("inject={name}:error={error}:when={number}");
            let output = traced(&root, false, &["-o", "/dev/null", "-e", &inject]);
            let named = said(&output).contains(root.to_str().unwrap());
            // What cannot be read is another failure than what cannot be written.
            let refused = matches!(output.status.code(), Some(4 | 8));
            assert!(output.status.success() || (refused && named), "{name} {number} {error}: {output:?}");
            assert!(is_legal(&root), "{name} {number} {error}: {:?}", files(&root).keys());
            let output = traced(&root, false, &["-o", "/dev/null", "-e", "trace=none"]);
            assert!(
                output.status.success() && is_legal(&root) && root.join("job.json").exists(),
                "{}",
                said(&output)
            );
            tried += 1;
        }
    }
    println!("{tried} failing calls");
    assert!(tried >= 40);
}

fn mount(arguments: &[&str]) -> bool {
    Command::new("mount").args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A file system of its own, gone at the end.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn full_and_read_only_disks() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, _) = whole(folder.path());
    let mut full = 0;
    for size in ["64k", "128k", "256k", "512k"] {
        let place = folder.path().join(size);
        std::fs::create_dir(&place).unwrap();
        let path = place.to_str().unwrap().to_owned();
        if !mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &path]) {
            println!("SKIPPED full and read-only disks: to mount a tmpfs needs root");
            return;
        }
        let _mounted = Mounted(place.clone());
        let out = place.join("run");
        for options in [format!("remount,size={size}"), "remount,ro".to_owned()] {
            assert!(mount(&["-o", &options, &path]));
            let before = files(&place);
            let output = start(&out, 2).wait_with_output().unwrap();
            let words = said(&output);
            let fits = output.status.success() && !options.ends_with("ro");
            assert!(
                fits || (output.status.code() == Some(8) && words.contains(&path)),
                "{size} {options}: {words}"
            );
            full += usize::from(!fits);
            // What was there before is there still, but for what is only of use on the way.
            let kept = |name: &Path| {
                !name.to_string_lossy().contains(".tmp-")
                    && name.extension() != Some("checkpoint".as_ref())
                    && name.extension() != Some("lock".as_ref())
            };
            let after = files(&place);
            assert!(
                before
                    .iter()
                    .filter(|(name, _)| kept(name))
                    .all(|(name, bytes)| after.get(name) == Some(bytes))
            );
        }
        assert!(mount(&["-o", "remount,rw,size=64m", &path]));
        assert!(start(&out, 2).wait().unwrap().success());
        same_files(&whole, &out);
    }
    assert!(full >= 6, "{full}");
}

/// A run calls nobody: of the sockets there is only the pair that tells a thread of signals.
#[test]
fn no_network_access() {
    if !has_strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-qq", "-o", log.to_str().unwrap(), "-e", "trace=%network", crate::binary::VALLEYS])
        .args(RING);
    let output = strace.args(["--out", folder.path().join("run").to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("AF_UNIX") && !text.contains("AF_INET"), "{text}");
}
