//! Distances of diagrams against all matchings, and the pitfalls.

use proptest::prelude::*;
use valleys_core::topology::{
    Error, GroundMetric, Interval, Match, bottleneck, bottleneck_len, bottleneck_matching, wasserstein,
    wasserstein_matching,
};

const INFINITY: f64 = f64::INFINITY;

fn diagram(ends: &[(f64, f64)]) -> Vec<Interval> {
    ends.iter().map(|&(birth, death)| Interval::new(birth, death)).collect()
}

fn w_max(a: &[Interval], b: &[Interval], ground: GroundMetric) -> f64 {
    bottleneck(a, b, ground, &mut vec![0; bottleneck_len(a.len(), b.len())]).unwrap()
}

fn w(q: f64, a: &[Interval], b: &[Interval], ground: GroundMetric) -> f64 {
    wasserstein(a, b, q, ground).unwrap()
}

/// Every way to match `a` with points of `b` or the diagonal; `sum` adds up the costs.
fn all_matchings(
    a: &[Interval],
    b: &[Interval],
    cost: &dyn Fn(Option<Interval>, Option<Interval>) -> f64,
    sum: &dyn Fn(f64, f64) -> f64,
) -> f64 {
    fn go(
        a: &[Interval],
        b: &mut Vec<Interval>,
        cost: &dyn Fn(Option<Interval>, Option<Interval>) -> f64,
        sum: &dyn Fn(f64, f64) -> f64,
    ) -> f64 {
        let Some((&first, rest)) = a.split_first() else {
            return b.iter().map(|&y| cost(None, Some(y))).fold(0.0, sum);
        };
        let mut best = sum(cost(Some(first), None), go(rest, b, cost, sum));
        for i in 0..b.len() {
            let y = b.swap_remove(i);
            best = best.min(sum(cost(Some(first), Some(y)), go(rest, b, cost, sum)));
            b.push(y);
            let last = b.len() - 1;
            b.swap(i, last);
        }
        best
    }
    go(a, &mut b.to_vec(), cost, sum)
}

/// The definition, with norms written out; essential points go to essential points only.
fn norm(p: f64, x: f64, y: f64) -> f64 {
    if p == INFINITY { x.abs().max(y.abs()) } else { (x.abs().powf(p) + y.abs().powf(p)).powf(1.0 / p) }
}

/// Of two intervals of infinite length: the distance of their finite ends, where the same ends are infinite.
fn essential_cost(x: Interval, y: Interval) -> f64 {
    match (x.birth == -INFINITY, y.birth == -INFINITY, x.death == INFINITY, y.death == INFINITY) {
        (true, true, true, true) => 0.0,
        (true, true, false, false) => (x.death - y.death).abs(),
        (false, false, true, true) => (x.birth - y.birth).abs(),
        _ => INFINITY,
    }
}

fn ground_cost(p: f64) -> impl Fn(Option<Interval>, Option<Interval>) -> f64 {
    move |x, y| match (x, y) {
        (Some(x), Some(y)) if x.is_essential() || y.is_essential() => essential_cost(x, y),
        (Some(x), Some(y)) => norm(p, x.birth - y.birth, x.death - y.death),
        (Some(x), None) | (None, Some(x)) => norm(p, x.length() / 2.0, x.length() / 2.0),
        (None, None) => 0.0,
    }
}

#[test]
fn classic_pitfalls() {
    let a = diagram(&[(0.0, 4.0), (0.0, 4.0), (1.0, 3.0), (2.0, 2.0), (0.0, INFINITY)]);
    assert_eq!(w_max(&a, &a, GroundMetric::L_INFINITY), 0.0, "a diagram and itself");
    let point = diagram(&[(1.0, 4.0)]);
    assert_eq!(w_max(&point, &[], GroundMetric::L_INFINITY), 1.5, "a point and nothing");
    assert_eq!(w_max(&[], &[], GroundMetric::L_INFINITY), 0.0);
    let twice = diagram(&[(0.0, 4.0), (0.0, 4.0)]);
    assert_eq!(
        w_max(&twice, &twice[..1], GroundMetric::L_INFINITY),
        2.0,
        "repeated bars are matched once each"
    );
    let diagonal = diagram(&[(1.0, 1.0), (100.0, 100.0), (-7.0, -7.0)]);
    assert_eq!(w_max(&diagonal, &[], GroundMetric::L_INFINITY), 0.0, "points on the diagonal cost nothing");
    assert_eq!(w_max(&diagonal, &point, GroundMetric::L_INFINITY), 1.5);
    let essential = diagram(&[(0.0, INFINITY)]);
    for q in [1.0, 2.0, 2.5] {
        assert_eq!(w(q, &a, &a, GroundMetric::L_INFINITY), 0.0);
        assert_eq!(w(q, &point, &[], GroundMetric::L_INFINITY), 1.5);
        assert_eq!(w(q, &[], &[], GroundMetric::L_INFINITY), 0.0);
        assert_eq!(w(q, &twice, &twice[..1], GroundMetric::L_INFINITY), 2.0);
        assert_eq!(w(q, &diagonal, &[], GroundMetric::L_INFINITY), 0.0);
        assert_eq!(w(q, &diagonal, &point, GroundMetric::L_INFINITY), 1.5);
        assert_eq!(w(q, &essential, &[], GroundMetric::L_INFINITY), INFINITY);
        assert_eq!(w(q, &essential, &point, GroundMetric::L_INFINITY), INFINITY);
    }
    assert_eq!(w_max(&essential, &[], GroundMetric::L_INFINITY), INFINITY, "essential against none");
    assert_eq!(w_max(&essential, &point, GroundMetric::L_INFINITY), INFINITY);
}

#[test]
fn essential_classes_go_in_order_of_birth() {
    let a = diagram(&[(5.0, INFINITY), (0.0, INFINITY), (0.0, 1.0)]);
    let b = diagram(&[(1.0, INFINITY), (7.0, INFINITY)]);
    assert_eq!(w_max(&a, &b, GroundMetric::L_INFINITY), 2.0);
    assert_eq!(w_max(&b, &a, GroundMetric::L_INFINITY), 2.0);
}

#[test]
fn extreme_values() {
    for scale in [1e-300, 1e-200, 1e16, 1e200, 1e300] {
        let a = diagram(&[(0.0, 4.0 * scale), (scale, 2.0 * scale)]);
        let b = diagram(&[(0.5 * scale, 4.25 * scale)]);
        assert_eq!(w_max(&a, &b, GroundMetric::L_INFINITY), 0.5 * scale);
        assert!((w(1.0, &a, &b, GroundMetric::L_INFINITY) / scale - 1.0).abs() < 1e-15);
        assert!((w(2.0, &a, &b, GroundMetric::L_INFINITY) / scale - 0.5f64.sqrt()).abs() < 1e-15);
        assert!((w(200.0, &a, &b, GroundMetric::L_INFINITY) / scale - 0.5 * 2f64.powf(0.005)).abs() < 1e-15);
    }
    // Thousands of halvings between a subnormal number and a large one would not end in time.
    let a = diagram(&[(0.0, 1e300), (0.0, 1e-300)]);
    let b = diagram(&[(0.0, 1e300)]);
    assert_eq!(w_max(&a, &b, GroundMetric::L_INFINITY), 5e-301);
}

#[test]
fn errors_name_the_interval() {
    for bad in [
        (0.0, f64::NAN),
        (f64::NAN, 1.0),
        (1.0, 0.0),
        (INFINITY, INFINITY),
        (-INFINITY, -INFINITY),
        (-1e308, 1e308),
    ] {
        let b = diagram(&[(0.0, 1.0), bad]);
        let error =
            bottleneck(&[], &b, GroundMetric::L_INFINITY, &mut [0; bottleneck_len(0, 2)]).unwrap_err();
        assert!(matches!(error, Error::Interval { diagram: 1, number: 1, .. }), "{bad:?}: {error}");
    }
    let error = bottleneck(&[], &diagram(&[(0.0, 1.0)]), GroundMetric::L_INFINITY, &mut [0; 3]).unwrap_err();
    assert_eq!(error, Error::Short { what: "scratch of the distance", needed: 4, given: 3 });
    assert_eq!(GroundMetric::new(0.5).unwrap_err(), Error::Exponent { what: "ground norm", value: 0.5 });
    assert!(GroundMetric::new(f64::NAN).is_err());
    for q in [0.5, INFINITY, f64::NAN] {
        assert!(matches!(wasserstein(&[], &[], q, GroundMetric::L_INFINITY), Err(Error::Exponent { .. })));
    }
    assert!(matches!(
        wasserstein(&diagram(&[(1.0, 0.0)]), &[], 1.0, GroundMetric::L_INFINITY),
        Err(Error::Interval { .. })
    ));
}

/// Small integers: ties everywhere; some points on the diagonal, some essential: without death, without birth, without
/// both.
fn random_diagram(points: usize) -> impl Strategy<Value = Vec<Interval>> {
    let ends = (
        -4..8i32,
        0..6i32,
        prop_oneof![9 => Just(false), 1 => Just(true)],
        prop_oneof![8 => Just(false), 1 => Just(true)],
    );
    let interval = ends.prop_map(|(birth, life, unborn, endless)| {
        let death = f64::from(birth + life);
        Interval::new(if unborn { -INFINITY } else { birth.into() }, if endless { INFINITY } else { death })
    });
    prop::collection::vec(interval, 0..=points)
}

/// Every point off the diagonal once, costs as they are.
fn check_matching(
    a: &[Interval],
    b: &[Interval],
    ground: GroundMetric,
    matches: &[Match],
) -> Result<(), TestCaseError> {
    for (side, intervals) in [(0, a), (1, b)] {
        let of = |m: &Match| if side == 0 { m.a } else { m.b };
        let mut seen: Vec<usize> = matches.iter().filter_map(of).collect();
        seen.sort_unstable();
        let expected: Vec<usize> = (0..intervals.len()).filter(|&i| intervals[i].length() > 0.0).collect();
        prop_assert_eq!(seen, expected);
    }
    for m in matches {
        let cost = match (m.a.map(|i| a[i]), m.b.map(|i| b[i])) {
            (Some(x), Some(y)) if x.is_essential() => {
                prop_assert!(essential_cost(x, y).is_finite());
                essential_cost(x, y)
            }
            (Some(x), Some(y)) => ground.distance(x, y),
            (Some(x), None) | (None, Some(x)) => ground.to_diagonal(x),
            (None, None) => return Err(TestCaseError::fail("a match of nothing")),
        };
        prop_assert_eq!(m.cost, cost);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Diagrams of index 0 of clouds have an algorithm of their own.
    #[test]
    fn equal_births_are_matched_at_least_cost(
        a in prop::collection::vec(0..9i32, 0..7), b in prop::collection::vec(0..9i32, 0..7), birth in -1..2i32,
        p in prop::sample::select(vec![INFINITY, 1.0, 2.0, 3.5]), q in prop::sample::select(vec![1.0, 1.5, 2.0, 3.0])
    ) {
        let at = |lives: &[i32]| -> Vec<Interval> {
            lives.iter().map(|&life| Interval::new(birth.into(), (birth + life).into())).collect()
        };
        let (a, b, ground) = (at(&a), at(&b), GroundMetric::new(p).unwrap());
        let least = all_matchings(&a, &b, &ground_cost(p), &|x, y| (x.powf(q) + y.powf(q)).powf(1.0 / q));
        let (distance, matches) = wasserstein_matching(&a, &b, q, ground).unwrap();
        prop_assert!((distance - least).abs() <= 1e-13 * least, "{distance} for {least}");
        prop_assert_eq!(distance.to_bits(), w(q, &b, &a, ground).to_bits());
        check_matching(&a, &b, ground, &matches)?;
    }

    #[test]
    fn bottleneck_is_the_least_of_all_matchings(
        a in random_diagram(6), b in random_diagram(6), p in prop::sample::select(vec![INFINITY, 1.0, 2.0, 3.5])
    ) {
        let ground = GroundMetric::new(p).unwrap();
        let expected = all_matchings(&a, &b, &ground_cost(p), &f64::max);
        let found = w_max(&a, &b, ground);
        prop_assert!(found == expected || (found - expected).abs() < 1e-13 * expected, "{found} for {expected}");
        prop_assert_eq!(found.to_bits(), w_max(&b, &a, ground).to_bits());
        prop_assert_eq!(w_max(&a, &a, ground), 0.0);

        let (radius, matches) = bottleneck_matching(&a, &b, ground).unwrap();
        prop_assert_eq!(radius, found);
        if radius.is_finite() {
            check_matching(&a, &b, ground, &matches)?;
            prop_assert_eq!(matches.iter().map(|m| m.cost).fold(0.0, f64::max), found);
        }
    }

    #[test]
    fn bottleneck_is_a_metric(a in random_diagram(40), b in random_diagram(40), c in random_diagram(40)) {
        let finite = |d: &[Interval]| -> Vec<Interval> { d.iter().copied().filter(|x| !x.is_essential()).collect() };
        let (a, b, c) = (finite(&a), finite(&b), finite(&c));
        let [ab, bc, ac] = [(&a, &b), (&b, &c), (&a, &c)].map(|(x, y)| w_max(x, y, GroundMetric::L_INFINITY));
        prop_assert!(ac <= ab + bc);
        prop_assert_eq!(ab.to_bits(), w_max(&b, &a, GroundMetric::L_INFINITY).to_bits());
        let mut reversed = a.clone();
        reversed.reverse();
        prop_assert_eq!(w_max(&reversed, &b, GroundMetric::L_INFINITY).to_bits(), ab.to_bits());
        prop_assert_eq!(w_max(&a, &reversed, GroundMetric::L_INFINITY), 0.0);
    }

    #[test]
    fn wasserstein_is_the_least_of_all_matchings(
        a in random_diagram(6), b in random_diagram(6),
        p in prop::sample::select(vec![INFINITY, 1.0, 2.0, 3.5]), q in prop::sample::select(vec![1.0, 2.0, 3.0, 1.7])
    ) {
        let ground = GroundMetric::new(p).unwrap();
        let cost = ground_cost(p);
        let expected = all_matchings(&a, &b, &|x, y| cost(x, y).powf(q), &|x, y| x + y).powf(1.0 / q);
        let found = w(q, &a, &b, ground);
        prop_assert!(found == expected || (found - expected).abs() < 1e-13 * expected, "{found} for {expected}");
        prop_assert_eq!(found.to_bits(), w(q, &b, &a, ground).to_bits());

        let (distance, matches) = wasserstein_matching(&a, &b, q, ground).unwrap();
        prop_assert_eq!(distance, found);
        if distance.is_finite() {
            check_matching(&a, &b, ground, &matches)?;
            let sum = matches.iter().map(|m| m.cost.powf(q)).sum::<f64>().powf(1.0 / q);
            prop_assert!((sum - found).abs() <= 1e-13 * found);
        }
    }

    #[test]
    fn wasserstein_is_a_metric(
        a in random_diagram(40), b in random_diagram(40), c in random_diagram(40), q in 1.0..4.0f64
    ) {
        let finite = |d: &[Interval]| -> Vec<Interval> { d.iter().copied().filter(|x| !x.is_essential()).collect() };
        let (a, b, c) = (finite(&a), finite(&b), finite(&c));
        let [ab, bc, ac] = [(&a, &b), (&b, &c), (&a, &c)].map(|(x, y)| w(q, x, y, GroundMetric::L_INFINITY));
        prop_assert!(ac <= (ab + bc) * (1.0 + 1e-13));
        prop_assert!(w_max(&a, &b, GroundMetric::L_INFINITY) <= ab * (1.0 + 1e-13), "W_q falls to the bottleneck distance");
        let mut reversed = a.clone();
        reversed.reverse();
        prop_assert_eq!(w(q, &b, &reversed, GroundMetric::L_INFINITY).to_bits(), ab.to_bits());
        prop_assert_eq!(w(q, &a, &reversed, GroundMetric::L_INFINITY), 0.0);
    }
}
