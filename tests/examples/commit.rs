//! One commit of each sort on the main thread, for the tests of `tests/cli/crashes.rs`, which run it under strace.
//!
//!     commit DIR          as jobs do it
//!     commit DIR plain    a plain overwrite: what they do not do

use std::path::PathBuf;
use std::process::ExitCode;
use valleys::error::Result;
use valleys::store::{IdentityFile, Store};

const NEW: &[u8] = &[2; 9000];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let root = arguments.next().map(PathBuf::from).unwrap_or_default();
    if arguments.next().is_some() {
        let written = std::fs::write(root.join("job.checkpoint"), NEW);
        return if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match commit(&root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn commit(root: &std::path::Path) -> Result<()> {
    let config = IdentityFile { name: "config.toml", text: "seed = 1\n", conflict: "", next: "" };
    let store = Store::open(root, &[config])?;
    let Some(_lock) = store.lock_job("job")? else { return Ok(()) };
    store.write("job.checkpoint", NEW)?;
    if !store.has("job") {
        let files = ["a", "b"].map(|name| (name.to_owned(), NEW.to_vec()));
        store.write_folder("job", &files)?;
    }
    if !store.has("job.json") {
        store.write_once("job.json", NEW)?;
    }
    store.remove("job.checkpoint")
}
