//! Networks as lists of layers, other losses and optimisers, and checkpoints with a table of results, through the command
//! line.

use crate::binary::{json_in, refused, run, said};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// 60 rows: two features, a class that depends on them, a number that does.
fn table(dir: &Path) {
    let mut text = "a,b,kind,size\n".to_owned();
    for i in 0..60 {
        let (a, b) = (f64::from(i % 11) - 5.0, f64::from(i % 7) - 3.0);
        let kind = if a + b > 0.0 { "high" } else { "low" };
        let _ = writeln!(text, "{a},{b},{kind},{}", 10.0 * a - 3.0 * b + f64::from(i % 3));
    }
    fs::write(dir.join("t.csv"), text).unwrap();
}

const NET: &str = r#"layers = [
    { type = "linear", outputs = 8 },
    { type = "gelu" },
    { type = "dropout", probability = 0.1 },
    { type = "residual", layers = [{ type = "layer-norm" }, { type = "linear", outputs = 8 }, { type = "tanh" }] },
    { type = "linear" },
]
"#;

const SHORT: [&str; 12] = [
    "--set",
    "minima.count=3",
    "--set",
    "minima.epochs=4",
    "--set",
    "curves.epochs=2",
    "--set",
    "triangles.epochs=2",
    "--set",
    "lattice.n=6",
    "--set",
    "second_fit.depth=0",
];

/// A classification with class weights and label smoothing, and a regression by Huber's loss with AdamW: on the fast engine
/// and on the reference kernels, which agree.
#[test]
fn a_list_of_layers_is_trained_for_both_tasks() {
    let dir = TempDir::new().unwrap();
    table(dir.path());
    fs::write(dir.path().join("net.toml"), NET).unwrap();
    let classes: &[&str] = &[
        "data.label=kind",
        "data.ignore=[\"size\"]",
        "loss.class_weights=\"balanced\"",
        "loss.label_smoothing=0.05",
    ];
    let numbers: &[&str] = &[
        "data.label=size",
        "data.ignore=[\"kind\"]",
        "loss.kind=huber",
        "train.optimizer=adamw",
        "train.learning_rate=0.01",
    ];
    for (name, keys) in [("classes", classes), ("numbers", numbers)] {
        let summary = |backend: &str| {
            let out = format!("{name}-{backend}");
            let mut args = vec!["run", "--json", "--out", &out];
            args.extend(["--set", "network=net.toml", "--set", "dataset=t.csv"]);
            args.extend(keys.iter().flat_map(|key| ["--set", key]));
            let backend = format!("backend={backend}");
            args.extend(["--set", &backend].into_iter().chain(SHORT));
            json_in(dir.path(), &args)
        };
        let (fast, reference) = (summary("cpu"), summary("reference"));
        let number = |value: &serde_json::Value| value.as_f64().unwrap();
        for (a, b) in fast["minima"].as_array().unwrap().iter().zip(reference["minima"].as_array().unwrap()) {
            let (loss, other) = (number(&a["train_loss"]), number(&b["train_loss"]));
            assert!((loss - other).abs() < 1e-3 * (1.0 + other.abs()), "{name}: {loss} {other}");
            // What there is to measure depends on the task.
            let (has, has_not) = if name == "classes" { ("error", "rmse") } else { ("rmse", "error") };
            for split in ["train", "test"] {
                assert!(a[format!("{split}_{has}")].is_number(), "{name}: {a}");
                assert!(a[format!("{split}_{has_not}")].is_null(), "{name}: {a}");
            }
            let metric = if name == "classes" { "auc" } else { "r2" };
            assert!(a["test_metrics"][metric].is_number(), "{name}: {a}");
        }
        let folder = dir.path().join(format!("{name}-cpu"));
        let page = fs::read_to_string(folder.join("report.html")).unwrap();
        let (shown, hidden) =
            if name == "classes" { ("test error", "RMSE") } else { ("test RMSE", "test error") };
        assert!(page.contains(shown) && !page.contains(hidden), "{name}");
        let csv = fs::read_to_string(folder.join("minima/0.csv")).unwrap();
        let columns = if name == "classes" { "train_error,test_loss" } else { "train_rmse,test_loss" };
        assert!(csv.contains(columns), "{csv}");
        // The checkpoint of a minimum gives its numbers again.
        let mut args = vec!["evaluate", "--json", "--network", "net.toml", "--dataset", "t.csv"];
        let weights = format!("{name}-cpu/minima/0/0.safetensors");
        args.extend(["--weights", &weights]);
        args.extend(keys.iter().filter(|key| key.starts_with("data.")).flat_map(|key| ["--set", key]));
        let found = json_in(dir.path(), &args);
        let key = if name == "classes" { "error" } else { "rmse" };
        let test = number(&fast["minima"][0][format!("test_{key}")]);
        assert!((number(&found[key]) - test).abs() < 1e-6 * (1.0 + test), "{name}: {found}");
        for (metric, value) in fast["minima"][0]["test_metrics"].as_object().unwrap() {
            let found = number(&found["metrics"][metric]);
            assert!((found - number(value)).abs() < 1e-6 * (1.0 + found.abs()), "{name}, {metric}");
        }
    }
}

/// Keys that do not fit the data, each with the sentence of its refusal.
#[test]
fn losses_that_do_not_fit_are_refused() {
    let dir = TempDir::new().unwrap();
    table(dir.path());
    let cases: &[(&[&str], &str)] = &[
        (
            &["data.label=kind", "loss.kind=mse"],
            "loss.kind is a loss of numbers, but the targets are classes",
        ),
        (&["data.label=kind", "loss.kind=huber"], "loss.kind is a loss of numbers"),
        (&["data.label=size", "loss.kind=cross-entropy"], "but the targets are numbers"),
        (
            &["data.label=size", "loss.class_weights=\"balanced\""],
            "loss.class_weights and loss.label_smoothing are for classes",
        ),
        (&["data.label=size", "loss.label_smoothing=0.1"], "are for classes"),
        (
            &["data.label=kind", "loss.class_weights=[1, 2, 3]"],
            "has 3 numbers, but the data set has 2 classes",
        ),
        (&["data.label=kind", "loss.class_weights=[0, 0]"], "loss.class_weights are all 0"),
        (&["data.label=kind", "loss.class_weights=[1, -1]"], "loss.class_weights is -1"),
        (&["data.label=kind", "loss.class_weights=\"even\""], "loss.class_weights"),
        (&["data.label=kind", "loss.label_smoothing=1.0"], "loss.label_smoothing is 1"),
        (&["data.label=kind", "loss.delta=0.0"], "loss.delta is 0"),
        (&["data.label=kind", "loss.kind=hinge"], "loss.kind"),
        (&["data.label=kind", "loss.type=mse"], "unknown key \"loss.type\""),
        (&["data.label=kind", "train.optimizer=rmsprop"], "train.optimizer"),
        (&["data.label=kind", "train.optimizer=adam", "train.beta1=1.0"], "train.beta1 is 1"),
        (&["data.label=kind", "train.epsilon=0.0"], "train.epsilon is 0"),
        (
            &["data.label=kind", "network=mlp:*-4-3"],
            "3 outputs, but dataset \"t.csv\" has 3 features and 2 classes",
        ),
        (&["data.label=kind", "network=lenet5"], "network \"lenet5\": it needs a window"),
        (&["data.label=kind", "network=other.toml"], "cannot read other.toml"),
    ];
    for (keys, expected) in cases {
        let mut args = vec!["run", "--out", "run", "--set", "dataset=t.csv", "--set", "network=mlp:*-4-*"];
        args.extend(keys.iter().flat_map(|key| ["--set", key]));
        let message = refusal(dir.path(), &args, 3);
        assert!(message.contains(expected), "{keys:?}: {message}");
    }
}

/// The last line of a refusal with this exit code.
fn refusal(folder: &Path, args: &[&str], code: i32) -> String {
    let output = run(folder, args, b"");
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
    assert!(output.stdout.is_empty() && !text.contains("panicked"), "{args:?}: {text}");
    text.lines().last().unwrap_or_default().to_owned()
}

/// Pearson's r by its formula.
fn pearson(x: &[f64], y: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| f(x - mx, y - my)).sum::<f64>();
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn checkpoints_are_correlated_with_a_table() {
    let dir = TempDir::new().unwrap();
    let study = ["run", "--preset", "weights-digits", "--out", "study", "--set", "study.sizes=[20, 60, 200]"];
    let small = ["--set", "minima.epochs=2", "--set", "study.seeds=2", "--set", "network=mlp:*-8-6-*"];
    let args: Vec<&str> = study.into_iter().chain(small).collect();
    assert!(run(dir.path(), &args, b"").status.success());
    let names = ["20-0", "20-1", "60-0", "60-1", "200-0", "200-1"];
    let accuracies = [0.3, 0.25, 0.5, 0.55, 0.8, 0.7];
    let mut text = "model,accuracy\n".to_owned();
    for (name, accuracy) in names.iter().zip(accuracies).rev() {
        let _ = writeln!(text, "{name},{accuracy}");
    }
    text += "other,0.1\n";
    fs::write(dir.path().join("results.csv"), &text).unwrap();
    let folders: Vec<String> = names.iter().map(|name| format!("study/networks/{name}")).collect();
    let mut args = vec!["weights", "--keep-order", "--json", "--metrics", "results.csv"];
    args.extend(folders.iter().map(String::as_str));
    let found = json_in(dir.path(), &args);
    let of_layer = |layer: usize, statistic: &str| -> Vec<f64> {
        let of = |model: &serde_json::Value| model["layers"][layer][statistic].as_f64().unwrap();
        found["files"].as_array().unwrap().iter().map(of).collect()
    };
    let correlations = found["correlations"].as_array().unwrap();
    let mut compared = 0;
    for c in correlations.iter().filter(|c| c["metric"] == "mean_lifetime" || c["metric"] == "frobenius_norm")
    {
        assert_eq!((c["result"].as_str(), c["models"].as_u64()), (Some("accuracy"), Some(6)));
        let statistic = c["metric"].as_str().unwrap();
        let layers = ["fc1.weight", "fc2.weight", "fc3.weight"];
        let x: Vec<f64> = match layers.iter().position(|name| c["layer"] == *name) {
            Some(layer) => of_layer(layer, statistic),
            None => {
                assert_eq!(c["layer"], "all layers");
                let all = [0, 1, 2].map(|layer| of_layer(layer, statistic));
                (0..6).map(|i| all.iter().map(|x| x[i]).sum::<f64>() / 3.0).collect()
            }
        };
        let (r, p) = (c["pearson"]["value"].as_f64().unwrap(), c["pearson"]["p"].as_f64().unwrap());
        assert!((r - pearson(&x, &accuracies)).abs() < 1e-12, "{c}");
        // All 720 orders of six models: a p-value is a multiple of 1/720, and the identity counts.
        assert!(p >= 1.0 / 720.0 && ((720.0 * p).round() - 720.0 * p).abs() < 1e-9, "{c}");
        compared += 1;
    }
    assert_eq!(compared, 8);
    // Joined as columns.
    let csv = args.iter().map(|&arg| if arg == "--json" { "--csv" } else { arg }).collect::<Vec<_>>();
    let output = run(dir.path(), &csv, b"");
    let rows: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert!(rows[0].ends_with(",kurtosis,accuracy") && rows[1].ends_with(",0.3"), "{rows:#?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no model is named other"));

    let with = |text: &str, folders: &[String]| {
        fs::write(dir.path().join("bad.csv"), text).unwrap();
        let mut args = vec!["weights", "--metrics", "bad.csv"];
        args.extend(folders.iter().map(String::as_str));
        refusal(dir.path(), &args, 4)
    };
    assert!(with(&text, &folders[..2]).contains("--metrics needs three models or more, found 2"));
    let without = text.replace("60-1,0.55\n", "");
    assert!(with(&without, &folders).contains("no row is of study/networks/60-1/theta.safetensors"));
    let twice = text.clone() + "60-1,0.5\n";
    assert!(with(&twice, &folders).contains("two rows are of 60-1"));
    assert!(
        with("a,b\n1,2\n3,4\n", &folders).contains("no column names the models: all columns are numbers")
    );
    assert!(with("a,b\nx,y\nz,w\n", &folders).contains("no column is of numbers"));
    let typo = text.replace("60-1,0.55", "60-1,O.55");
    assert!(with(&typo, &folders).contains("has the text `O.55` beside numbers"));
    let infinite = text.replace("60-1,0.55", "60-1,inf");
    assert!(with(&infinite, &folders).contains("is inf, but a result must be finite"));
    assert!(with("a,b,b\nx,1,2\ny,3,4\n", &folders).contains("two columns are named `b`"));
    assert!(with("a,b\n", &folders).contains("no row below the names"));
    assert!(with("a,b\nx,1\ny\n", &folders).contains("line 3"));
}

/// A network whose names begin as those of wrappers do, and names that cannot be folders of a run.
#[test]
fn names_of_networks_and_layers() {
    let dir = TempDir::new().unwrap();
    let layers = r#"[{ type = "linear", outputs = 4, name = "model.a" }, { type = "relu" }, { type = "linear", name = "model.b" }]"#;
    fs::write(dir.path().join("m.toml"), format!("layers = {layers}")).unwrap();
    let set = ["--set", "network=m.toml", "--set", "dataset=digits", "--out", "r"];
    let output = run(dir.path(), &[&["run"][..], &SHORT, &set].concat(), b"");
    assert!(output.status.success(), "{}", said(&output));
    let evaluate =
        ["evaluate", "--network", "m.toml", "--dataset", "digits", "--weights", "r/minima/0", "--json"];
    assert!(json_in(dir.path(), &evaluate)["loss"].as_f64().unwrap() > 0.0);

    fs::create_dir(dir.path().join("other")).unwrap();
    fs::write(dir.path().join("other/m.toml"), "layers = [{ type = \"linear\" }]").unwrap();
    for (name, why) in [
        ("m", "whose folder in the run directory is that of network \"m\""),
        ("M", "whose folder in the run directory is that of network \"m\""),
        ("..", "which cannot name its folder in the run directory"),
        ("report.html", "which cannot name its folder in the run directory"),
        ("lock", "which cannot name its folder in the run directory"),
        (&"n".repeat(129), "which is longer than 128 characters"),
    ] {
        let text = format!("name = \"{name}\"\nlayers = [{{ type = \"linear\" }}]");
        fs::write(dir.path().join("other/m.toml"), text).unwrap();
        let arguments = [
            "run",
            "--set",
            "network=[\"m.toml\", \"other/m.toml\"]",
            "--set",
            "dataset=digits",
            "--out",
            "list",
        ];
        refused(dir.path(), 3, &[&format!("called {name:?}"), why], &arguments);
        assert!(!dir.path().join("list").exists());
    }
}
