//! Persistence beside its peers, and how its cost grows.
//!
//! Prints CPU seconds, on one thread, of rounds that alternate with the peers', the least of each; peak memory of the
//! call, in a process of its own that has done nothing else (Linux); and the ratio to the fastest peer. `VALLEYS_PYTHON` names a Python with ripser, giotto-ph, gudhi, oineus, POT
//! and scipy; `VALLEYS_RIPSER`, `VALLEYS_HOLOS` name the executables, whose times include starting and reading text.
//! Arguments are parts of the names of the tasks wanted; `--quick` is one round; `growth` is the second table.

mod inputs;
mod peers;
mod tasks;

use peers::{CliError, Measured, Peers};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::process::Command;
use tasks::{Between, Task, cloud, distance, grid, rips, skeleton};
use valleys_core::topology::Error;

const H0: &[&str] = &["ripser.py", "giotto-ph", "GUDHI", "BLAS + linkage"];
const RIPS: &[&str] = &["ripser.py", "giotto-ph", "GUDHI", "Ripser", "holos-tda"];
const ROUNDS: usize = 3;

fn compared() -> Result<Vec<Task>, CliError> {
    let all = f64::INFINITY;
    Ok(vec![
        cloud(512, 784, true, H0),
        cloud(2048, 512, true, H0),
        cloud(8192, 256, true, H0),
        cloud(4096, 4096, true, &["giotto-ph", "BLAS + linkage"]),
        cloud(20_000, 64, true, &["BLAS + linkage"]),
        cloud(512, 784, false, &[]),
        cloud(2048, 512, false, &[]),
        cloud(8192, 256, false, &[]),
        cloud(20_000, 64, false, &[]),
        rips("orthogonal 1024", (inputs::orthogonal(1024), 9), 1, all, RIPS),
        rips("torus 1000", (inputs::torus(1000), 3), 1, all, RIPS),
        rips("cube 2000", (inputs::cube(2000), 3), 1, all, RIPS),
        rips("torus 2000", (inputs::torus(2000), 3), 1, 1.0, RIPS),
        rips("sphere 192", (inputs::sphere(192, 3), 3), 2, all, RIPS),
        rips("3-sphere 192", (inputs::sphere(192, 4), 4), 2, all, RIPS),
        rips("torus 500", (inputs::torus(500), 3), 2, 2.0, RIPS),
        rips("orthogonal 1024", (inputs::orthogonal(1024), 9), 3, 1.4, RIPS),
        grid(256, &["GUDHI tree, grid", "Oineus, grid"]),
        grid(1024, &["GUDHI tree, grid", "Oineus, grid"]),
        skeleton(40, &["GUDHI tree"])?,
        skeleton(64, &["GUDHI tree"])?,
        distance(1000, Between::Bottleneck, &["hera"])?,
        distance(5000, Between::Bottleneck, &["hera"])?,
        distance(1000, Between::W1, &["POT W1"])?,
        distance(5000, Between::W1, &["POT W1"])?,
        distance(1000, Between::W2, &["POT W2"])?,
        distance(5000, Between::W2, &["POT W2"])?,
        distance(5000, Between::Lifetimes, &["POT W2"])?,
    ])
}

fn main() -> Result<(), CliError> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [only, name] = &arguments[..]
        && only == "--only"
    {
        let mut task = compared()?.into_iter().find(|task| task.name == *name).ok_or("no such task")?;
        println!("{}", growth_of_peak(&mut task)?);
        return Ok(());
    }
    let rounds = if arguments.iter().any(|a| a == "--quick") { 1 } else { ROUNDS };
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let is = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    println!("| task | ours, s | MB | fastest peer / ours | peers: s (MB) |\n|---|---|---|---|---|");
    let mut peers = Peers::start()?;
    for mut task in compared()?.into_iter().filter(|task| is(&task.name)) {
        compare(&mut task, peers.as_mut(), rounds)?;
    }
    if is("growth") {
        growth()?;
    }
    Ok(())
}

/// Prints a line of the first table.
fn compare(task: &mut Task, peers: Option<&mut Peers>, rounds: usize) -> Result<(), CliError> {
    let mut ours = None;
    let mut theirs = vec![None; task.peers.len()];
    let file = std::env::temp_dir().join(format!("valleys-bench-{}", std::process::id()));
    let (values, columns) = &task.input;
    std::fs::write(&file, values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>())?;
    let mut arguments = format!("{}\t{}\t{columns}", file.display(), values.len() / columns);
    task.numbers.iter().for_each(|number| arguments += &format!("\t{number}"));
    let mut peers = peers;
    for _ in 0..rounds {
        ours = least(ours, Some(measure(task)?));
        if let Some(peers) = &mut peers {
            for (library, best) in task.peers.iter().zip(&mut theirs) {
                *best = least(*best, peers.run(library, &arguments)?);
            }
        }
    }
    for extension in ["", "csv"] {
        let _ = std::fs::remove_file(file.with_extension(extension));
    }
    let ours = Measured { megabytes: alone(&task.name)?, ..ours.ok_or("no round")? };
    let mut named = String::new();
    for (library, their) in task.peers.iter().zip(&theirs) {
        match their {
            Some(their) => {
                // Some work in single precision, and write six digits.
                if (their.value - ours.value).abs() > 1e-3 * ours.value.abs() {
                    return Err(format!(
                        "{}: {} of {library}, {} of ours",
                        task.name, their.value, ours.value
                    )
                    .into());
                }
                named += &format!("{library} {:.4} ({:.0}); ", their.seconds, their.megabytes);
            }
            None => named += &format!("{library} none; "),
        }
    }
    let fastest = theirs.iter().flatten().map(|their| their.seconds).fold(f64::INFINITY, f64::min);
    let ratio = if fastest.is_finite() { format!("{:.1}", fastest / ours.seconds) } else { String::new() };
    println!("| {} | {:.5} | {:.1} | {ratio} | {named}|", task.name, ours.seconds, ours.megabytes);
    Ok(())
}

/// The least time, and the most memory: later rounds find it at hand.
fn least(a: Option<Measured>, b: Option<Measured>) -> Option<Measured> {
    let both = [a, b].into_iter().flatten();
    let megabytes = both.clone().map(|m| m.megabytes).fold(0.0, f64::max);
    both.min_by(|a, b| a.seconds.total_cmp(&b.seconds)).map(|best| Measured { megabytes, ..best })
}

/// CPU seconds of a run, of as many as 0.2 s take.
fn measure(task: &mut Task) -> Result<Measured, CliError> {
    let start = cpu();
    let (mut value, mut runs) = (0.0, 0);
    while runs == 0 || cpu() - start < 0.2 {
        value = black_box((task.run)()?);
        runs += 1;
    }
    Ok(Measured { seconds: (cpu() - start) / f64::from(runs), value, megabytes: f64::NAN })
}

/// MB by which the peak grows in a new process.
fn alone(name: &str) -> Result<f64, CliError> {
    let mut child = Command::new(std::env::current_exe()?);
    // What is freed before the run goes back, so that the run has to ask for it.
    child.env("MALLOC_MMAP_THRESHOLD_", "65536").env("MALLOC_TRIM_THRESHOLD_", "0");
    let output = child.args(["--only", name]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// MB of the peak of a run beyond what was there before.
fn growth_of_peak(task: &mut Task) -> Result<f64, CliError> {
    // Forgets the peak so far.
    std::fs::write("/proc/self/clear_refs", "5")?;
    let before = memory("VmRSS:");
    black_box((task.run)()?);
    Ok(memory("VmHWM:") - before)
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// A line of the process's status, in MB.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

/// Prints seconds over sizes, with the exponent of the line through their logarithms.
fn growth() -> Result<(), CliError> {
    println!("\n| task | size: CPU s | exponent |\n|---|---|---|");
    let row =
        |name: &str, sizes: &[usize], make: &dyn Fn(usize) -> Result<Task, Error>| -> Result<(), CliError> {
            let mut line = String::new();
            let mut points = Vec::new();
            for &size in sizes {
                let mut task = make(size)?;
                let seconds = (0..2).map(|_| measure(&mut task)).collect::<Result<Vec<_>, _>>()?;
                let seconds = seconds.iter().map(|m| m.seconds).fold(f64::INFINITY, f64::min);
                line += &format!("{size}: {seconds:.5}; ");
                points.push(((size as f64).ln(), seconds.ln()));
            }
            println!("| {name} | {line}| {:.2} |", slope(&points));
            Ok(())
        };
    row("H0 of n points in 64 dimensions", &[1250, 2500, 5000, 10_000, 20_000], &|n| {
        Ok(cloud(n, 64, true, &[]))
    })?;
    row("Rips, index 1, n points in a cube", &[250, 500, 1000, 2000], &|n| {
        Ok(rips("cube", (inputs::cube(n), 3), 1, f64::INFINITY, &[]))
    })?;
    row("grid, n x n", &[128, 256, 512, 1024], &|n| Ok(grid(n, &[])))?;
    row("3-skeleton on n minima", &[16, 24, 36, 54], &|n| skeleton(n as u32, &[]))?;
    row("bottleneck, n points each", &[500, 1000, 2000, 4000], &|n| distance(n, Between::Bottleneck, &[]))?;
    row("W1, n points each", &[500, 1000, 2000, 4000], &|n| distance(n, Between::W1, &[]))?;
    row("W2, n points each", &[500, 1000, 2000, 4000], &|n| distance(n, Between::W2, &[]))
}

/// The slope of the regression line.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = points.iter().fold([0.0; 2], |[x, y], p| [x + p.0 / count, y + p.1 / count]);
    let over =
        |f: &dyn Fn(f64, f64) -> f64| -> f64 { points.iter().map(|p| f(p.0 - mean[0], p.1 - mean[1])).sum() };
    over(&|x, y| x * y) / over(&|x, _| x * x)
}
