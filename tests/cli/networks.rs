//! A run of several networks.

use crate::binary::{said, valleys};
use crate::directory::same_files;
use crate::jobs::{json, names, run, status};

/// A run of several networks: its jobs have the folder of their network in front.
#[test]
fn networks_of_a_run_are_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    let out = parts.to_str().unwrap();
    let what = [
        "--set",
        r#"network=["mlp:64-8-10", "mlp:64-6-10"]"#,
        "--set",
        "minima.count=2",
        "--set",
        "index=0",
        "--set",
        "minima.epochs=2",
        "--set",
        "curves.epochs=1",
        "--set",
        "second_fit.depth=0",
    ];
    let json_output = run(&what, &whole, &["--json"]);
    assert!(json_output.status.success(), "{}", said(&json_output));
    assert_eq!(json(&json_output)["runs"][1]["name"], "mlp:64-6-10");
    let plan = json(&valleys(&[&["plan", "--format", "json"], &what[..]].concat()));
    assert_eq!((&plan["mlp-64-8-10"]["jobs"], &plan["mlp-64-6-10"]["jobs"]), (&3.into(), &3.into()));

    let names = names(&what, &parts);
    let expected = ["minima/0", "minima/1", "uniform-1/0-1", "report"];
    let of = |network: &str| expected.map(|job| format!("{network}/{job}"));
    assert_eq!(names, [of("mlp-64-8-10"), of("mlp-64-6-10")].concat());
    std::fs::create_dir(&parts).unwrap();
    std::fs::copy(whole.join("config.toml"), parts.join("config.toml")).unwrap();
    assert_eq!(status(&parts)["left"], 6);
    for (job, code, words) in [
        ("mlp-64-7-10/minima/0", 2, "did you mean"),
        ("mlp-64-8-10/minima/7", 2, "has no job"),
        ("mlp-64-8-10/report", 4, "3 of"),
        ("report", 4, "needs mlp-64-8-10/report"),
    ] {
        let refused = valleys(&["exec", out, job]);
        assert!(refused.status.code() == Some(code) && said(&refused).contains(words), "{}", said(&refused));
    }
    for (done, name) in names.iter().enumerate() {
        let output = valleys(&["exec", out, name]);
        assert!(output.status.success(), "{name}: {}", said(&output));
        // A report is no job.
        assert_eq!(status(&parts)["done"], done + 1 - usize::from(done >= 3) - usize::from(done >= 7));
    }
    assert!(valleys(&["exec", out, "report"]).status.success());
    same_files(&whole, &parts);
    let compared = valleys(&["compare", out, "--csv"]);
    assert!(compared.status.success() && said(&compared).is_empty(), "{}", said(&compared));
    let twice = valleys(&["plan", "--set", r#"network=["mlp:64-10", "mlp:64-10"]"#]);
    assert!(twice.status.code() == Some(3) && said(&twice).contains("occurs twice"), "{}", said(&twice));
    let nothing = valleys(&["compare", folder.path().to_str().unwrap()]);
    assert!(nothing.status.code() == Some(4) && said(&nothing).contains("no config.toml"));
}
