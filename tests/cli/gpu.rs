//! `valleys devices` and `valleys bench`, as a user types them.

use crate::binary::{command, said, valleys};
use std::process::Output;

fn document(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether this machine has an adapter; without one the commands say so with their exit code.
fn has_adapter() -> bool {
    let output = valleys(&["devices", "--no-check", "--json"]);
    let found = document(&output);
    let none = found.as_array().unwrap().is_empty();
    assert_eq!(output.status.code(), Some(if none { 7 } else { 0 }));
    if none {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true: what is missing is a failure");
        println!("SKIPPED the GPU; to have it: apt-get install mesa-vulkan-drivers");
        assert_eq!(valleys(&["bench"]).status.code(), Some(7));
    }
    !none
}

#[test]
fn an_unknown_path_is_named() {
    let wrong = [
        (2, vec!["bench", "--paths", "winograd4,winograd3"]),
        (3, vec!["plan", "--set", "gpu.paths=[\"f16\", \"winograd3\"]"]),
    ];
    for (code, words) in wrong {
        let output = valleys(&words);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = said(&output);
        assert!(said.contains("\"winograd3\"") && said.contains("winograd2, winograd4"), "{said}");
    }
}

/// A machine without any driver: what all commands say then.
#[test]
#[cfg(target_os = "linux")]
fn without_a_driver_the_next_step_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let bare = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.current_dir(folder.path());
        for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            command.env(variable, "/nothing.json");
        }
        command.env_remove("VK_ADD_DRIVER_FILES").env_remove("VALLEYS_DEVICE").output().unwrap()
    };
    let run = ["run", "--backend", "gpu"];
    for arguments in [&["devices"][..], &["bench"], &run, &["devices", "--device", "0"]] {
        let output = bare(arguments);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        for words in ["no adapter of Vulkan", "mesa-vulkan-drivers", "run --backend cpu"] {
            assert!(said(&output).contains(words), "{words:?} in {}", said(&output));
        }
    }
    let auto = bare(&["plan", "--backend", "auto"]);
    assert!(auto.status.success(), "{auto:?}");
    assert!(said(&auto).contains("--backend auto: the processor, because there is no GPU"), "{auto:?}");
}

/// Without a session of a desktop, nothing but our own words is on stderr.
#[test]
#[cfg(target_os = "linux")]
fn stderr_is_quiet_without_a_runtime_directory() {
    let mut devices = command(&["devices", "--no-check"]);
    for variable in ["XDG_RUNTIME_DIR", "NODEVICE_SELECT", "MESA_VK_DEVICE_SELECT", "DRI_PRIME"] {
        devices.env_remove(variable);
    }
    let output = devices.output().unwrap();
    let text = said(&output);
    assert!(text.is_empty() || !output.status.success(), "{text}");
    assert!(!text.contains("XDG_RUNTIME_DIR"), "{text}");
}

#[test]
fn the_old_name_of_f16_is_accepted_with_a_warning() {
    let output = valleys(&["plan", "--set", "gpu.paths=[\"halves\"]"]);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("the path halves is now f16"), "{output:?}");
}

#[test]
fn devices_and_bench_answer() {
    if !has_adapter() {
        return;
    }
    for command in [&["devices"][..], &["bench"], &["run", "--backend", "gpu"]] {
        let none = valleys(&[command, &["--device", "no such adapter"]].concat());
        assert_eq!(none.status.code(), Some(7));
        let text = said(&none);
        for words in [
            "no usable GPU \"no such adapter\": the adapters are 0 ",
            "ware)",
            "--device",
            "run --backend cpu",
        ] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
    }
    // A name that the environment gives.
    let mut bench = command(&["bench"]);
    let text = said(&bench.env("VALLEYS_DEVICE", "no such adapter").output().unwrap());
    assert!(text.contains("VALLEYS_DEVICE: no usable GPU \"no such adapter\""), "{text}");

    let folder = tempfile::tempdir().unwrap();
    let files = ["a.json", "b.json"].map(|name| folder.path().join(name).display().to_string());
    for file in &files {
        let output = valleys(&["bench", "gemm 256", "--json"]);
        assert!(output.status.success(), "{output:?}");
        let rows = document(&output);
        assert_eq!(rows.as_array().unwrap().len(), 1);
        for key in ["median_seconds", "gflops", "gbytes_per_second"] {
            assert!(rows[0][key].as_f64().unwrap() > 0.0, "{key}");
        }
        assert_eq!([&rows[0]["kernel"], &rows[0]["shape"]], ["gemm", "256"]);
        std::fs::write(file, &output.stdout).unwrap();
    }
    let output = valleys(&["bench", "--compare", &files[0], &files[1]]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.lines().count() == 3, "{text}");
    assert_eq!(valleys(&["bench", "--compare", &files[0], "missing.json"]).status.code(), Some(4));
}
