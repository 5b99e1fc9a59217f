//! The scenarios of `tests/embedded`, computed on this machine.

use valleys_scenario::{
    Error, Every, Record, cloud, distance, every, fitting, grid, map, reduction, training, union_find,
};

/// The scenarios, by the names of their firmwares.
pub const SCENARIOS: [&str; 9] =
    ["map", "cloud", "grid", "distance", "union_find", "reduction", "training", "fitting", "all"];

/// The lines that a scenario tells.
///
/// # Panics
/// If there is no scenario of this name, or if it fails.
pub fn lines(name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |line: &valleys_scenario::Line| lines.push(line.to_string());
    run(name, &mut Record::new(&mut push)).unwrap_or_else(|error| panic!("scenario {name}: {error:?}"));
    lines
}

fn run(name: &str, record: &mut Record<'_>) -> Result<(), Error> {
    match name {
        "map" => map::run(&mut map::Memory::new(), record),
        "cloud" => cloud::run(&mut cloud::Memory::new(), record),
        "grid" => grid::run(&mut grid::Memory::new(), record),
        "distance" => distance::run(&mut distance::Memory::new(), record),
        "union_find" => union_find::run(&mut union_find::Memory::new(), record),
        "reduction" => reduction::run(&mut reduction::Memory::new(), record),
        "training" => training::run(&mut training::Memory::new(), record),
        "fitting" => fitting::run(&mut fitting::Memory::new(), record),
        "all" => every(&mut Every::new(), record),
        _ => panic!("no scenario {name}"),
    }
}
