//! The method against functions whose critical values are known (method: section 6), end to end.

use valleys::config::Config;
use valleys::run::{Options, run};
use valleys::schema::Summary;
use valleys_core::engine::Function;
use valleys_tests::tolerance;

fn result(preset: &str, overrides: &[&str]) -> Summary {
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    let config = Config::load(None, Some(preset), &overrides).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options =
        Options { out: Some(folder.path().join("run")), threads: None, quiet: true, ..Options::default() };
    run(config, &options).unwrap().0
}

/// Newton's method with a Jacobian by differences, from near a critical point of the first two variables.
fn critical_value(function: Function, start: [f64; 2]) -> f64 {
    let slope = |x: [f64; 2]| {
        let mut g = [0.0; 2];
        let value = function.gradient(&x, &mut g);
        (value, g)
    };
    let mut x = start;
    for _ in 0..50 {
        let g = slope(x).1;
        let h = 1e-6;
        let column = |i: usize| {
            let (mut a, mut b) = (x, x);
            a[i] += h;
            b[i] -= h;
            let (a, b) = (slope(a).1, slope(b).1);
            [(a[0] - b[0]) / (2.0 * h), (a[1] - b[1]) / (2.0 * h)]
        };
        let (c0, c1) = (column(0), column(1));
        let det = c0[0] * c1[1] - c1[0] * c0[1];
        x[0] -= (g[0] * c1[1] - c1[0] * g[1]) / det;
        x[1] -= (c0[0] * g[1] - g[0] * c0[1]) / det;
    }
    slope(x).0
}

#[test]
fn critical_values() {
    let cases: &[(Function, [f64; 2], f64)] = &[
        (Function::Himmelblau, [3.39, 0.07], 13.311926),
        (Function::Himmelblau, [0.09, 2.88], 67.719150),
        (Function::Himmelblau, [-3.07, -0.08], 104.015163),
        (Function::Himmelblau, [-0.13, -1.95], 178.337239),
        (Function::Himmelblau, [-0.27, -0.92], 181.616522),
        (Function::MullerBrown, [-0.55, 1.44], -146.699517),
        (Function::MullerBrown, [0.62, 0.03], -108.166724),
        (Function::MullerBrown, [-0.05, 0.47], -80.767818),
        (Function::MullerBrown, [0.21, 0.29], -72.248940),
        (Function::MullerBrown, [-0.82, 0.62], -40.664844),
        (Function::ThreeWellRing, [0.47, 0.82], 0.19),
        (Function::ThreeWellRing, [-0.95, 0.0], 0.19),
        (Function::UnequalRing, [-0.92, 0.0], 0.2775),
        (Function::UnequalRing, [0.37, 0.88], 0.149535),
    ];
    for &(function, start, value) in cases {
        let found = critical_value(function, start);
        assert!(
            (found - value).abs() < tolerance::CRITICAL,
            "{function:?} near {start:?}: {found}, known {value}"
        );
    }
    for function in Function::ALL {
        for well in function.wells() {
            let mut x = vec![0.0; function.least_dim()];
            x.iter_mut().zip(well).for_each(|(x, &well)| *x = well);
            let mut g = vec![0.0; x.len()];
            function.gradient(&x, &mut g);
            assert!(
                g.iter().all(|g| g.abs() < 1e-5),
                "{function:?} has a slope of {g:?} at its well {well:?}"
            );
        }
    }
    // On the rays of the sphere's critical points; the hill is its centre.
    let sphere = |x: [f64; 3]| {
        let mut slope = [0.0; 3];
        (Function::Sphere.gradient(&x, &mut slope), slope)
    };
    let (edge, corner) = (0.95_f64.sqrt(), (0.9_f64 / 3.0).sqrt());
    for (x, value) in [
        ([edge, 0.0, 0.0], 0.0975),
        ([0.0, -edge, 0.0], 0.0975),
        ([-corner, corner, corner], 0.19),
        ([-corner; 3], 0.19),
        ([0.0; 3], 1.0),
    ] {
        let (found, slope) = sphere(x);
        assert!((found - value).abs() < tolerance::CRITICAL, "{x:?}: {found}, known {value}");
        assert!(slope.iter().all(|g| g.abs() < 1e-9), "{x:?}: {slope:?}");
    }
    // The hill of the ring is on the axis, whatever the other variables are worth.
    assert_eq!(Function::ThreeWellRing.gradient(&[0.0; 4], &mut [0.0; 4]), 1.0);
}

#[test]
fn three_well_ring() {
    for (variables, seed) in [(5, 1), (5, 2), (50, 1), (50, 2)] {
        let network = format!("network=three-well-ring:{variables}");
        let s = result("three-well-ring", &[&network, &format!("seed={seed}")]);
        let segment = &s.segments[0];
        // One bend cannot follow the circle: births stay above the saddle. The lattice may miss the axis narrowly.
        assert!((0.19..0.30).contains(&segment.birth), "birth {}", segment.birth);
        assert!((0.98..=1.0 + 1e-6).contains(&segment.death), "death {}", segment.death);
        assert_eq!(s.w_infinity, s.w_infinity_segments);
        assert_eq!(s.bars.iter().filter(|b| b.index == 1).count(), 1);
        assert_eq!(s.bars.iter().filter(|b| b.index == 0 && b.death.is_none()).count(), 1);
    }
}

/// Three unequal saddles: the loop is born at the largest.
#[test]
fn unequal_ring() {
    for seed in [1, 2] {
        let s = result("unequal-ring", &[&format!("seed={seed}")]);
        let bars: Vec<_> = s.fits[1].bars.iter().filter(|bar| bar.index == 1).collect();
        assert_eq!(bars.len(), 1);
        let (birth, death) = (bars[0].birth, bars[0].death.unwrap());
        assert!((birth - 0.2775).abs() < 0.01 * 0.2775 && (death - 1.0).abs() < 0.01, "[{birth}, {death}]");
    }
}

/// Index 2, end to end: the void in a sphere of four minima.
#[test]
fn sphere() {
    for seed in [1, 2] {
        let s = result("sphere", &[&format!("seed={seed}")]);
        let fit = &s.fits[1];
        let ends = |index: usize| -> Vec<(f64, f64)> {
            let of_index = fit.bars.iter().filter(|bar| bar.index == index);
            of_index.map(|bar| (bar.birth, bar.death.unwrap_or(f64::INFINITY))).collect()
        };
        // Fits stay above the critical values: by less than 1 % for curves, 3 % for triangles, 1 % for the ball.
        let near =
            |x: f64, value: f64, share: f64| (value * (1.0 - 1e-4)..value * (1.0 + share)).contains(&x);
        assert_eq!((ends(1).len(), ends(2).len()), (3, 1));
        for (birth, death) in ends(1) {
            assert!(near(birth, 0.0975, 0.01) && near(death, 0.19, 0.03), "[{birth}, {death}]");
        }
        let (birth, death) = ends(2)[0];
        assert!(near(birth, 0.19, 0.03) && near(death, 1.0, 0.01), "[{birth}, {death}]");
        let by_index: Vec<usize> = fit.w_infinity_by_index.iter().map(|of| of.index).collect();
        assert_eq!(by_index, [0, 1, 2]);
        assert_eq!(fit.w_infinity_by_index[2].value, (death - birth) / 2.0);
    }
}

/// The matrix of min-max values has the classes of the barcode of index 0: at each level, as many as bars that are open.
#[test]
fn minmax_values_are_those_of_the_barcode() {
    let s = result("himmelblau", &["index=0"]);
    let minmax: Vec<Vec<f64>> = s
        .minmax
        .iter()
        .map(|row| row.iter().map(|x| x.expect("all minima are connected")).collect())
        .collect();
    assert_eq!(minmax.len(), 4);
    for i in 0..4 {
        assert_eq!(minmax[i][i], s.minima[i].train_loss);
        for j in 0..4 {
            assert_eq!(minmax[i][j], minmax[j][i]);
            // No chain is better.
            assert!((0..4).all(|k| minmax[i][j] <= minmax[i][k].max(minmax[k][j])));
        }
    }
    for edge in &s.fits[0].curves {
        let [a, b] = edge.edge.map(|v| v as usize);
        assert!(minmax[a][b] <= edge.peak);
    }
    let levels = s.bars.iter().filter_map(|bar| bar.death).flat_map(|death| [death, 0.999 * death]);
    for level in levels {
        let is_first = |i: usize| (0..i).all(|j| minmax[j][i] > level);
        let classes = (0..4).filter(|&i| minmax[i][i] <= level && is_first(i)).count();
        let open = |death: Option<f64>| death.is_none_or(|death| death > level);
        let bars = s.bars.iter().filter(|bar| bar.birth <= level && open(bar.death)).count();
        assert_eq!(classes, bars, "at {level}");
    }
}

/// With `peaks.search = false` the ends are those of the lattice; with the search they are not lower, and on the ring
/// the hill in the middle is found.
#[test]
fn the_search_finds_what_the_lattice_misses() {
    let [lattice, found] = ["false", "true"]
        .map(|search| result("three-well-ring", &[&format!("peaks.search={search}")]).segments[0].clone());
    assert!(found.birth >= lattice.birth && found.death >= lattice.death);
    assert!(lattice.death < 1.0 - 1e-4 && found.death > 1.0 - 1e-4, "{} {}", lattice.death, found.death);
}

/// Triangles with private edges form no complex: they have segments, and the barcode ends with index 0.
#[test]
fn trainable_centres_have_no_bars_of_index_1() {
    let s = result("three-well-ring", &["triangles.centres=trainable", "second_fit.depth=0"]);
    assert_eq!((s.segments.len(), s.w_infinity), (1, None));
    assert!(s.bars.iter().all(|bar| bar.index == 0));
}

/// Births and deaths of eight replicates with peak sampling at a depth.
fn tight(s: &Summary, depth: usize) -> (Vec<f64>, Vec<f64>) {
    let trials = s.convergence.iter().filter(|t| t.sampling == "peak" && t.depth == depth);
    let (births, deaths): (Vec<f64>, Vec<f64>) = trials.map(|t| (t.birth, t.death)).unzip();
    assert_eq!(births.len(), 8);
    (births, deaths)
}

/// Peak sampling and depth reach the true segment [0.19, 1], and never go below its ends.
#[test]
fn three_well_ring_converges() {
    for variables in [5, 50] {
        let network = format!("network=three-well-ring:{variables}");
        let s = result("converge-ring", &[&network, "convergence.epoch_multipliers=[1]"]);
        let (births, deaths) = tight(&s, 3);
        assert!(births.iter().all(|b| (0.19 * (1.0 - 1e-6)..0.19 * 1.04).contains(b)), "{births:?}");
        assert!(deaths.iter().all(|d| (d - 1.0).abs() < 1e-3), "{deaths:?}");
    }
}

/// The deeper the map, the further the disc is lifted over the hill.
#[test]
fn liftable_ring_converges() {
    let s = result(
        "converge-ring",
        &["network=liftable-ring:5", "fit.perturbation=0.1", "convergence.epoch_multipliers=[1]"],
    );
    let mean = |depth| tight(&s, depth).1.iter().sum::<f64>() / 8.0;
    let [first, second, third] = [1, 2, 3].map(mean);
    assert!(0.56 > first && first > second && second > third, "{first} {second} {third}");
}

#[test]
fn liftable_ring() {
    for seed in 1..=3 {
        let s = result("liftable-ring", &[&format!("seed={seed}")]);
        let flat = result(
            "liftable-ring",
            &[&format!("seed={seed}"), "curves.epochs=0", "triangles.epochs=0", "fit.perturbation=0"],
        );
        assert!(s.segments[0].death < 0.65, "death {}", s.segments[0].death);
        assert!(
            flat.segments[0].death > 0.95,
            "before fitting the hill is in the way: {}",
            flat.segments[0].death
        );
    }
}

/// Far apart points of a convex function: the largest loss of every simplex is at a minimum of the run.
#[test]
fn convex() {
    for seed in 1..=3 {
        let s =
            result("quadratic", &[&format!("seed={seed}"), "minima.epochs=1", "train.learning_rate=1e-6"]);
        assert!(s.minima.iter().any(|m| m.train_loss > 1e-3), "the minima are apart");
        for segment in &s.segments {
            assert_eq!(segment.birth, segment.birth_lower);
            assert_eq!(segment.death, segment.birth);
        }
        assert!(s.bars.iter().all(|b| b.death.is_none()), "{:?}", s.bars);
        assert_eq!((s.w_infinity, s.w_infinity_segments), (Some(0.0), Some(0.0)));
    }
}

/// The fitted complexes reach the known critical values, whatever the seed: direct paths see the loop around the maximum,
/// and paths through other minima see none. `cargo run --release -p valleys-examples --bin known_answers` makes the table
/// for more seeds.
#[test]
fn himmelblau() {
    let saddles = [13.311926, 67.719150, 104.015163];
    for (preset, seed) in [("himmelblau", 1), ("himmelblau", 2), ("himmelblau-any", 1), ("himmelblau-any", 5)]
    {
        let h = result(preset, &[&format!("seed={seed}")]);
        assert!(h.minima.iter().all(|m| m.train_loss < 1e-6));
        let fit = &h.fits[1];
        let of_index = |index| fit.bars.iter().filter(move |bar| bar.index == index);
        let mut deaths: Vec<f64> = of_index(0).filter_map(|bar| bar.death).collect();
        deaths.sort_by(f64::total_cmp);
        assert_eq!(deaths.len(), 3);
        for (death, saddle) in deaths.iter().zip(saddles) {
            // The search may miss the last 10⁻³ of a fitted maximum.
            let near = (saddle * (1.0 - 1e-3)..saddle * 1.01).contains(death);
            assert!(near, "{preset}, seed {seed}: {death} at a saddle of {saddle}");
        }
        let near = |x: f64, y: f64| (x - y).abs() < 0.01 * y;
        let is_hill = |birth: f64, death: f64| near(birth, 178.337239) && near(death, 181.616522);
        if preset == "himmelblau" {
            let mut hills = 0;
            for bar in of_index(1) {
                let death = bar.death.unwrap_or(f64::INFINITY);
                hills += usize::from(is_hill(bar.birth, death));
                assert!(is_hill(bar.birth, death) || death - bar.birth < 0.5, "seed {seed}: {bar:?}");
            }
            assert_eq!(hills, 1);
            assert!((fit.w_infinity.unwrap() - 1.639642).abs() < 0.0164, "{:?}", fit.w_infinity);
        } else {
            assert!(fit.segments.iter().all(|s| s.length() < 0.5), "seed {seed}: {:?}", fit.segments);
            // Every pair of minima that the largest saddle separates is joined by a chain.
            let around = fit.curves.iter().find(|curve| curve.edge == [2, 3]).unwrap();
            assert!(around.start.as_ref().is_some_and(|start| start.starts_with("chain")), "{around:?}");
            let minmax = |a: usize, b: usize| fit.minmax[a][b].unwrap();
            for (pair, saddle) in
                [((0, 3), 0), ((0, 1), 1), ((1, 3), 1), ((1, 2), 2), ((2, 3), 2), ((0, 2), 2)]
            {
                assert!(near(minmax(pair.0, pair.1), saddles[saddle]), "{pair:?}: {:?}", fit.minmax);
            }
        }
    }
}

/// Three minima, two saddles and no maximum: no loop needs to be filled above its birth.
#[test]
fn muller_brown() {
    for (network, seed) in [("muller-brown", 1), ("muller-brown", 2), ("muller-brown:50", 1)] {
        let m = result("muller-brown", &[&format!("seed={seed}"), &format!("network={network}")]);
        let low: Vec<f64> = m.minima.iter().map(|m| m.train_loss).collect();
        for (loss, known) in low.iter().zip([-146.699517, -108.166724, -80.767818]) {
            assert!((loss - known).abs() < 1e-3, "{loss} {known}");
        }
        let fit = &m.fits[1];
        let of_index_0 = fit.bars.iter().filter(|bar| bar.index == 0);
        let mut deaths: Vec<f64> = of_index_0.filter_map(|bar| bar.death).collect();
        deaths.sort_by(f64::total_cmp);
        for (death, saddle) in deaths.iter().zip([-72.248940, -40.664844]) {
            // The range of the losses is 106.
            assert!((-1e-2..1.06).contains(&(death - saddle)), "{network}, seed {seed}: {deaths:?}");
        }
        assert!(fit.segments[0].length() < 1.0, "{network}, seed {seed}: {:?}", fit.segments);
    }
}
