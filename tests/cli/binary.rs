//! The binary, for the tests that call it.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The binary.
pub const VALLEYS: &str = env!("CARGO_BIN_EXE_valleys");

/// `valleys` with arguments.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(VALLEYS);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What it says.
pub fn valleys(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The words of stderr.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What it says in a folder, to some input.
pub fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(VALLEYS);
    command.args(arguments).current_dir(folder).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments reads nothing.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// The JSON document of a command that succeeds, its last argument the name of a file with these bytes.
pub fn json(arguments: &[&str], name: &str, bytes: &[u8]) -> Value {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    json_in(folder.path(), &[arguments, &[name, "--json"]].concat())
}

/// The JSON document of a command that succeeds, in a folder.
pub fn json_in(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, arguments, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A command is refused: nothing on stdout, on stderr one sentence with these words, or the usage.
pub fn refused(folder: &Path, code: i32, words: &[&str], arguments: &[&str]) {
    let output = run(folder, arguments, b"");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{arguments:?} should mention {word:?}: {stderr}");
    }
    assert!(output.stdout.is_empty(), "{arguments:?}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    if code != 2 {
        assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    }
}
