//! The report in a real browser, without network. That it has no script is seen in its text (`report.rs`).

use std::path::Path;
use std::process::Command;
use valleys::config::Config;
use valleys::run::{Options, run};

/// Arguments of a headless Chromium that reaches nobody.
fn chromium(profile: &Path) -> Command {
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.arg("--host-resolver-rules=MAP * ~NOTFOUND");
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

#[test]
fn report_is_drawn_without_network() {
    let folder = tempfile::tempdir().unwrap();
    if Command::new("chromium").arg("--version").output().is_err() {
        assert!(std::env::var("CI").is_err(), "Chromium is needed: apt-get install chromium");
        println!("SKIPPED the report in a browser; to have it: apt-get install chromium");
        return;
    }
    let config = Config::load(None, Some("three-well-ring"), &[]).unwrap();
    let root = folder.path().join("run");
    let options = Options { out: Some(root.clone()), threads: None, quiet: true, ..Options::default() };
    let (summary, _) = run(config, &options).unwrap();
    let page = format!("file://{}", root.join("report.html").display());

    let dump = chromium(&folder.path().join("a")).args(["--dump-dom", &page]).output().unwrap();
    let dom = String::from_utf8_lossy(&dump.stdout);
    assert!(dom.matches("<svg").count() >= 8, "figures are in the page");
    assert!(dom.contains("three-well-ring"), "the headline names the objective");
    let birth = format!("{:?}", summary.segments[0].birth);
    assert!(dom.contains(&birth), "the birth {birth} is there with all digits");

    let picture = folder.path().join("page.png");
    let shot = format!("--screenshot={}", picture.display());
    let size = "--window-size=1000,3000";
    chromium(&folder.path().join("b")).args([size, &shot, &page]).output().unwrap();
    let png = std::fs::read(picture).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
    // A blank page of this size is some 10 kB.
    assert!(png.len() > 60_000, "{} bytes: an empty picture", png.len());
}
