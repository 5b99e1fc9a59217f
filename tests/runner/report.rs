//! The report of a run directory: its parts, safety of the page, agreement with `summary.json`.

use crate::made_run::{directory, fit, hill, minimum, results, segment, summary};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use valleys::report;
use valleys::schema::{Fit, Minimum, Segment, Summary, VERSION};
use valleys_core::topology::Interval;

/// The SVG elements of a page, each parsed as XML.
fn pictures(page: &str) -> Vec<roxmltree::Document<'_>> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find("<svg") {
        let end = start + rest[start..].find("</svg>").expect("an open svg element") + "</svg>".len();
        found.push(roxmltree::Document::parse(&rest[start..end]).expect("well-formed XML"));
        rest = &rest[end..];
    }
    found
}

/// What every page must satisfy, whatever the directory said.
fn check(page: &str) {
    for forbidden in ["<script", "src=", "url(", "@import", "<link", "<iframe", "javascript:", " onload"] {
        assert!(!page.contains(forbidden), "the page contains {forbidden}");
    }
    assert!(
        page.match_indices("href=").all(|(at, _)| page[at..].starts_with("href=\"#")),
        "a link leads out"
    );
    for picture in pictures(page) {
        for node in picture.descendants().filter(|node| node.is_element()) {
            for attribute in node.attributes().filter(|a| a.name() != "class") {
                let value = attribute.value();
                assert!(!value.contains("NaN") && !value.contains("inf"), "{} = {value}", attribute.name());
            }
        }
        let first = |name: &str| {
            picture.root_element().children().any(|c| {
                c.has_tag_name(("http://www.w3.org/2000/svg", name))
                    && c.text().is_some_and(|t| !t.is_empty())
            })
        };
        assert!(first("title") && first("desc"), "a figure without title or description");
    }
}

#[test]
fn page_has_every_part() {
    let run = directory(hill, &summary(), "network = \"mlp:64-32-32-10\"\n");
    let page = report::render(run.path()).unwrap();
    check(&page);
    for part in ["numbers", "triangles", "curves", "barcodes", "training", "convergence", "configuration"] {
        assert!(page.contains(&format!("<section id=\"{part}\">")), "{part}");
    }
    // Two fits with four maps each; every fit its diagram and barcode.
    let titles: Vec<String> = pictures(&page)
        .iter()
        .map(|p| p.descendants().find(|n| n.has_tag_name("title")).unwrap().text().unwrap().into())
        .collect();
    let count = |start: &str| titles.iter().filter(|t| t.starts_with(start)).count();
    assert_eq!(count("train loss on triangle 0-1-2"), 2);
    assert_eq!(count("train error on") + count("test loss on") + count("test error on"), 6);
    assert_eq!(count("Persistence diagram"), 2);
    assert_eq!(count("Barcode"), 2);
    assert_eq!(count("Loss and error along the curve"), 3);
    assert_eq!(count("Training of"), 5);
    assert!(page.contains("the finer ones of this fit are not drawn"), "depth 2 is not explained");
    assert!(!page.contains("not separated"), "every birth is separated");
}

#[test]
fn numbers_are_those_of_the_summary() {
    let run = directory(hill, &summary(), "");
    let page = report::render(run.path()).unwrap();
    for (full, short) in [
        ("0.0120123456789", "0.01201"),
        ("0.00139178844815588", "0.1392 %"),
        ("0.0272", "0.02720"),
        ("0.0578", "0.05780"),
        ("0.0312345678901", "0.03123"),
        ("0.01234567890123", "0.01235"),
        ("0.01345678901234", "0.01346"),
    ] {
        let cell = format!("<td class=\"n\"><span class=\"x\" title=\"{full}\">{short}</span></td>");
        assert!(page.contains(&cell), "{cell}");
    }
    // Mean of 0.015 alone, and the deviation that one seed has not.
    assert!(page.contains("<td class=\"n\">9000</td><td class=\"n\">1</td>"));
}

#[test]
fn slack_is_said() {
    let mut slack = results();
    slack.fits[0].segments[0].birth_not_separated = true;
    slack.fits[1].segments[0].length_change = Some(-0.47);
    let page = report::render(directory(hill, &slack.to_json(), "").path()).unwrap();
    assert!(page.contains("1 segment is not longer than the gap"));
    assert!(page.contains("<td class=\"n\">-47 %</td>"));
    assert!(page.contains("<td>birth not separated</td>"));
}

#[test]
fn hostile_text_stays_text() {
    let evil = "</pre><script>alert(1)</script>\u{1}<img src=x onerror='y'>\"&";
    let mut hostile = results();
    hostile.config.network = "</title><script>1</script>".into();
    hostile.config.dataset = Some("<b>&\"' onload=x\u{1}".to_owned());
    let page = report::render(directory(hill, &hostile.to_json(), evil).path()).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"));
    assert!(page.contains("&lt;script&gt;1"));
}

#[test]
fn points_without_a_value_are_counted_and_hatched() {
    let holed = |t: [f64; 3]| match t {
        [a, b, c] if a == b && b == c => f64::NAN,
        [1.0, ..] => f64::INFINITY,
        _ => hill(t),
    };
    let page = report::render(directory(holed, &summary(), "").path()).unwrap();
    check(&page);
    assert!(page.contains("2 points without a finite value, hatched."));
    // Six cells around the barycentre, one at the vertex.
    let maps: Vec<_> = pictures(&page)
        .into_iter()
        .filter(|p| p.descendants().any(|n| n.attribute("class") == Some("hatch")))
        .collect();
    assert_eq!(maps.len(), 8);
    for map in maps {
        assert_eq!(map.descendants().filter(|n| n.attribute("class") == Some("hatch")).count(), 7);
    }
    // Nothing finite at all.
    check(&report::render(directory(|_| f64::NAN, &summary(), "").path()).unwrap());
    check(&report::render(directory(|_| -3.5, &summary(), "").path()).unwrap());
    check(
        &report::render(directory(|t| if t[0] > 0.5 { 1e308 } else { -1e308 }, &summary(), "").path())
            .unwrap(),
    );
}

#[test]
fn least_summary_suffices() {
    let run = TempDir::new().unwrap();
    fs::write(run.path().join("config.toml"), "").unwrap();
    let page = |summary: &Summary| {
        fs::write(run.path().join("summary.json"), summary.to_json()).unwrap();
        let page = report::render(run.path()).unwrap();
        check(&page);
        page
    };
    let nothing = Summary {
        minima: Vec::new(),
        segments: Vec::new(),
        bars: Vec::new(),
        zero_length: 0,
        w_infinity: None,
        w_infinity_segments: None,
        fits: Vec::new(),
        convergence: Vec::new(),
        ..results()
    };
    page(&nothing);
    let (curves, segments, bars) = (Vec::new(), Vec::new(), Vec::new());
    let bare =
        Fit { curves, segments, bars, w_infinity: None, w_infinity_segments: None, ..fit("f", 1, 0.0, 0.0) };
    let minimum = Minimum { train_error: None, test_loss: None, ..minimum(0, -146.7, 0.0, 0.0, None) };
    let least = Summary { minima: vec![minimum], fits: vec![bare], ..nothing };
    assert!(page(&least).contains("nothing was fitted"));
    // Triangles without common edges have segments, and no barcode of index 1.
    let apart = |segment: Segment| {
        let mut all = results();
        all.fits.truncate(1);
        let fit = &mut all.fits[0];
        (fit.centres, fit.w_infinity, fit.segments) = ("trainable".into(), None, vec![segment]);
        report::render(directory(hill, &all.to_json(), "").path()).unwrap()
    };
    assert!(apart(segment(1.0, 2.0)).contains("without common edges there is none"));
    assert!(apart(segment(2.0, 2.0)).contains("every segment has length 0"));
    // Of another version: one sentence.
    let old = Summary { version: VERSION - 1, ..least };
    fs::write(run.path().join("summary.json"), old.to_json()).unwrap();
    let error = report::render(run.path()).unwrap_err().to_string();
    assert!(error.contains("has version 1, but this program reads version 2"), "{error}");
}

#[test]
fn analytic_objectives_have_no_errors_to_show() {
    let run = directory(hill, &summary(), "");
    for entry in walk(run.path()) {
        let text = fs::read_to_string(&entry).unwrap();
        if text.starts_with("t1") {
            let cut = |(i, line): (usize, &str)| {
                let fields: Vec<_> = line.split(',').collect();
                let keep = fields.len() - 3;
                if i == 0 { line.into() } else { format!("{},,,", fields[..keep].join(",")) }
            };
            fs::write(&entry, text.lines().enumerate().map(cut).collect::<Vec<String>>().join("\n")).unwrap();
        }
    }
    let page = report::render(run.path()).unwrap();
    check(&page);
    assert!(page.contains("<title>loss on triangle 0-1-2") && !page.contains("error on triangle"));
}

fn walk(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { walk(&p) } else { vec![p] }).collect()
}

#[test]
fn wrong_files_are_named_with_their_line() {
    /// A file, what to make of its text (`None` removes it), and what the sentence contains.
    type Case = (&'static str, fn(String) -> Option<String>, &'static str);
    let cases: [Case; 9] = [
        ("summary.json", |_| None, "cannot read"),
        (
            "summary.json",
            |t| Some(t.replacen("\"death\": 0.0578", "\"death\": \"x\"", 1)),
            "segments[0].death: invalid type: string \"x\", expected f64 at line",
        ),
        ("config.toml", |_| None, "config.toml: No such file"),
        ("uniform-1/0-1-2.csv", |_| None, "0-1-2.csv: No such file"),
        (
            "peak-2/0-1.csv",
            |t| Some(t.replace("train_loss", "loss")),
            "0-1.csv, line 1: the header has no column `train_loss`",
        ),
        ("peak-2/0-1-2.csv", |t| Some(format!("{t}0,0,1,x,0,0,0\n")), "326 rows are not the lattice"),
        (
            "uniform-1/0-2.csv",
            |t| Some(t.replacen("0.5,0.5,", "0.5,0.5,y", 1)),
            "0-2.csv, line 14: train_loss is `y",
        ),
        (
            "uniform-1/0-2.csv",
            |t| Some(t.replacen("\n1.0,0.0", "\n0.0,1.0", 1)),
            "0-2.csv, line 2: t1 is 0, but the lattice point has 1",
        ),
        (
            "minima/1/training.csv",
            |t| Some(t + "4,0.1\n"),
            "training.csv, line 5: 2 fields where the header has 3",
        ),
    ];
    for (name, change, sentence) in cases {
        let run = directory(hill, &summary(), "");
        let file = run.path().join(name);
        match change(fs::read_to_string(&file).unwrap()) {
            Some(text) => fs::write(&file, text).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let error = format!("{:#}", report::render(run.path()).unwrap_err());
        assert!(error.contains(sentence) && !error.contains('\n'), "{name}: {error}");
    }
    let outside = summary().replace("peak-2", "../peak-2");
    let error = report::render(directory(hill, &outside, "").path()).unwrap_err().to_string();
    assert!(error.contains("`../peak-2` is not the name of a fit"), "{error}");
}

#[test]
fn page_is_reproducible_and_small() {
    let run = directory(hill, &summary(), "");
    let page = report::render(run.path()).unwrap();
    assert_eq!(page, report::render(run.path()).unwrap());
    // Eight maps here; a run of the digits has 32 and must stay below 4 MB.
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn bars_alone_make_files() {
    let bar = |dim, birth, death| (dim, Interval { birth, death });
    let bars = [bar(0, 0.0, f64::INFINITY), bar(0, 0.0, 13.3), bar(1, 178.3, 181.6), bar(7, f64::NAN, 1.0)];
    for text in [
        report::barcode_svg(&bars),
        report::diagram_svg(&bars),
        report::barcode_svg(&[]),
        report::diagram_svg(&[]),
    ] {
        check(&text);
        let root = roxmltree::Document::parse(&text).unwrap();
        assert!(root.root_element().attribute("width").is_some());
    }
    let many: Vec<_> = (0..3000).map(|i| bar(0, 0.0, f64::from(i))).collect();
    let text = report::barcode_svg(&many);
    check(&text);
    assert!(text.len() < 1_000_000);
}
