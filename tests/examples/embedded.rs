//! Judges the firmwares of `tests/embedded`: what they printed must be what this machine computes, bit for bit, and
//! no allocator may be linked. Prints how much flash and RAM each one takes.
//!
//!     embedded FIRMWARES OUTPUTS [README]
//!
//! FIRMWARES holds the ELF files, OUTPUTS what each printed, as NAME.txt. With README the table there, between the
//! two marks, is replaced.

use anyhow::{Context, Result, bail, ensure};
use object::elf::{SHF_ALLOC, SHT_NOBITS};
use object::read::elf::{ElfFile32, FileHeader, SectionHeader};
use object::{Object, ObjectSymbol};
use std::path::Path;
use valleys_tests::scenarios::{SCENARIOS, lines};

const RAM: u32 = 0x2000_0000;
const MARKS: [&str; 2] = ["<!-- sizes: bash tests/embedded/run.sh --write -->", "<!-- end of sizes -->"];

/// What a firmware takes, in bytes.
struct Sizes {
    flash: u32,
    statics: u32,
    stack: u32,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [firmwares, outputs, readme @ ..] = arguments.as_slice() else { bail!("two folders are needed") };
    let read = |name: &str| {
        let output = Path::new(outputs).join(name).with_extension("txt");
        let output = std::fs::read_to_string(&output).with_context(|| output.display().to_string())?;
        let elf = Path::new(firmwares).join(name);
        let elf = std::fs::read(&elf).with_context(|| elf.display().to_string())?;
        measure(&elf, &output).with_context(|| format!("firmware {name}")).map(|sizes| (sizes, output))
    };

    let (empty, _) = read("empty")?;
    let mut table = String::from("| capability | flash | static RAM | stack |\n|---|---:|---:|---:|\n");
    let mut row = |name: &str, flash: u32, sizes: &Sizes| {
        table += &format!("| {name} | {flash} | {} | {} |\n", sizes.statics, sizes.stack);
    };
    row("start-up, printing, panics", empty.flash, &empty);
    for name in SCENARIOS {
        let (sizes, output) = read(name)?;
        let count = compare(&output, &lines(name)).with_context(|| format!("firmware {name}"))?;
        eprintln!("{name}: {count} results, each with the bits of this machine");
        row(title(name), sizes.flash - empty.flash, &sizes);
    }
    println!("{table}");
    match readme {
        [] => Ok(()),
        [path, ..] => replace(Path::new(path), &table),
    }
}

fn title(name: &str) -> &str {
    match name {
        "map" => "the map of a simplex: φ, ψ, four vertices; depths 1 to 3",
        "cloud" => "index 0 of clouds: 40 points in 3 variables, Euclidean and cosine; entropy",
        "grid" => "sublevel bars of a grid of 24 x 24 values",
        "distance" => "bottleneck distance of two diagrams of 40 bars",
        "union_find" => "filtration of 42 cells, index 0 by union-find",
        "reduction" => "filtration of 42 cells, every index by both matrices",
        "training" => "a 4-8-3 network, 20 samples, trained and measured",
        "fitting" => "Algorithms 1 and 2: minima, curves, a triangle on the three-well ring, their barcode",
        "all" => "all of these in one firmware",
        _ => name,
    }
}

/// Reads the sizes off an ELF file and the output of its run, and looks for an allocator.
fn measure(elf: &[u8], output: &str) -> Result<Sizes> {
    let file = ElfFile32::<object::Endianness>::parse(elf)?;
    let names: Vec<&str> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    ensure!(
        names.contains(&"Reset"),
        "no symbol Reset: the firmware is stripped, so nothing can be said of it"
    );
    if let Some(name) = names.iter().find(|name| name.contains("__rust_alloc") || **name == "malloc") {
        bail!("an allocator is linked: {name}");
    }

    let (mut flash, mut statics) = (0, 0);
    let endian = file.endian();
    for section in file.elf_header().sections(endian, elf)?.iter() {
        if !section.sh_flags(endian).contains(SHF_ALLOC) {
            continue;
        }
        let size = section.sh_size(endian);
        flash += if section.sh_type(endian) == SHT_NOBITS { 0 } else { size };
        statics += if section.sh_addr(endian) >= RAM { size } else { 0 };
    }

    let last = output.lines().last().unwrap_or_default();
    let stack = last.strip_prefix("stack ").and_then(|rest| rest.split_once(" of "));
    let (used, all) = stack.with_context(|| format!("the last line is {last:?}, not the stack's"))?;
    let (stack, all): (u32, u32) = (used.parse()?, all.parse()?);
    ensure!(stack < all, "the stack of {all} bytes is full");
    Ok(Sizes { flash, statics, stack })
}

/// Compares line by line; returns their number.
fn compare(output: &str, host: &[String]) -> Result<usize> {
    let device: Vec<&str> = output.lines().filter(|line| !line.starts_with("stack ")).collect();
    for (number, (device, host)) in device.iter().zip(host).enumerate() {
        ensure!(device == host, "line {}: the device says {device:?}, the host {host:?}", number + 1);
    }
    ensure!(device.len() == host.len(), "{} lines of the device, {} of the host", device.len(), host.len());
    ensure!(!host.is_empty(), "no results");
    Ok(host.len())
}

/// Replaces what is between the marks of a file.
fn replace(path: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let parts = text.split_once(MARKS[0]).and_then(|(head, rest)| Some((head, rest.split_once(MARKS[1])?.1)));
    let (head, tail) = parts.with_context(|| format!("{} lacks the marks {MARKS:?}", path.display()))?;
    std::fs::write(path, format!("{head}{}\n{table}{}{tail}", MARKS[0], MARKS[1]))?;
    Ok(())
}
