//! The map of a simplex against the literal equations, and its properties at every rank and depth.

use proptest::prelude::*;
use valleys_core::rng::{Key, Purpose, Stream};
use valleys_core::simplex::{
    ControlPointId, ControlPoints, Lattice, MAX_VERTICES, control_points_len, uniform, weights,
};
use valleys_tests::tolerance;

fn ids(vertices: usize, depth: usize) -> Vec<ControlPointId> {
    let mut memory = vec![ControlPointId::default(); control_points_len(vertices, depth)];
    ControlPoints::new(vertices, depth, &mut memory).unwrap();
    memory
}

/// A number for every control point, the same wherever the point occurs.
fn height(position: &ControlPointId) -> f64 {
    let mixed =
        position.coordinates().iter().enumerate().map(|(i, x)| (i as f64 + 1.7) * x * 40.0).sum::<f64>();
    mixed.sin()
}

/// ψ with [`height`] as control points, in one dimension.
fn psi(t: &[f64], depth: usize) -> f64 {
    weights(t, depth).iter().map(|(p, w)| w * height(p)).sum()
}

/// The barycentre of some vertices.
fn barycentre(vertices: usize, members: &[usize]) -> ControlPointId {
    let at = |t: &[f64]| weights(t, 1)[0].0;
    let mut t = vec![0.0; vertices];
    members.iter().for_each(|&i| t[i] = 1.0 / members.len() as f64);
    at(&t)
}

#[test]
fn curve_is_equation_5() {
    let theta = |members: &[usize]| height(&barycentre(2, members));
    let mut stream = Stream::new(Key::new(5, 0), Purpose::Point, 0, 0);
    for _ in 0..10_000 {
        let t = stream.unit();
        let literal = if t <= 0.5 {
            2.0 * (t * theta(&[0, 1]) + (0.5 - t) * theta(&[0]))
        } else {
            2.0 * ((t - 0.5) * theta(&[1]) + (1.0 - t) * theta(&[0, 1]))
        };
        assert!((literal - psi(&[1.0 - t, t], 1)).abs() < tolerance::WEIGHTS, "t = {t}");
    }
}

#[test]
fn triangle_is_equation_6() {
    let theta = |members: &[usize]| height(&barycentre(3, members));
    let mut stream = Stream::new(Key::new(6, 0), Purpose::Point, 0, 0);
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..10_000 {
        let t = uniform(&mut stream, 3);
        let (t1, t2, t3) = (t[0], t[1], t[2]);
        // The six pieces, each written out.
        let (case, literal) = if t1 >= t2 && t2 >= t3 {
            (1, (t1 - t2) * theta(&[0]) + 2.0 * (t2 - t3) * theta(&[0, 1]) + 3.0 * t3 * theta(&[0, 1, 2]))
        } else if t1 >= t3 && t3 >= t2 {
            (2, (t1 - t3) * theta(&[0]) + 2.0 * (t3 - t2) * theta(&[0, 2]) + 3.0 * t2 * theta(&[0, 1, 2]))
        } else if t2 >= t1 && t1 >= t3 {
            (3, (t2 - t1) * theta(&[1]) + 2.0 * (t1 - t3) * theta(&[0, 1]) + 3.0 * t3 * theta(&[0, 1, 2]))
        } else if t2 >= t3 && t3 >= t1 {
            (4, (t2 - t3) * theta(&[1]) + 2.0 * (t3 - t1) * theta(&[1, 2]) + 3.0 * t1 * theta(&[0, 1, 2]))
        } else if t3 >= t1 && t1 >= t2 {
            (5, (t3 - t1) * theta(&[2]) + 2.0 * (t1 - t2) * theta(&[0, 2]) + 3.0 * t2 * theta(&[0, 1, 2]))
        } else {
            (6, (t3 - t2) * theta(&[2]) + 2.0 * (t2 - t1) * theta(&[1, 2]) + 3.0 * t1 * theta(&[0, 1, 2]))
        };
        *seen.entry(case).or_insert(0) += 1;
        assert!((literal - psi(&t, 1)).abs() < 4.0 * tolerance::WEIGHTS, "t = {t:?}");
    }
    assert!(seen.len() == 6 && seen.values().all(|&n| n > 1_000), "pieces visited: {seen:?}");
}

#[test]
fn control_points_are_where_their_address_says() {
    for (vertices, depth) in [(1, 3), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (3, 3), (4, 1), (4, 2), (8, 1)]
    {
        for position in ids(vertices, depth) {
            let w = weights(&position.coordinates()[..vertices], depth);
            let own: f64 = w.iter().filter(|(p, _)| *p == position).map(|(_, w)| w).sum();
            assert!((own - 1.0).abs() < tolerance::WEIGHTS, "{position:?} at depth {depth}: {w:?}");
        }
    }
}

#[test]
fn finer_frames_hold_the_coarser_ones() {
    for vertices in 1..=4 {
        for depth in 1..=2 {
            let fine = ids(vertices, depth + 1);
            assert!(ids(vertices, depth).iter().all(|p| fine.binary_search(p).is_ok()));
        }
    }
}

#[test]
fn refinement_leaves_the_map_unchanged() {
    for vertices in 2..=4 {
        for depth in 1..=2 {
            let (mut coarse, mut fine) = (ids(vertices, depth), ids(vertices, depth + 1));
            let heights: Vec<f64> = coarse.iter().map(height).collect();
            let coarse = ControlPoints::new(vertices, depth, &mut coarse).unwrap();
            let fine = ControlPoints::new(vertices, depth + 1, &mut fine).unwrap();
            let value = |mix: &[(u32, f32)], of: &[f64]| {
                mix.iter().map(|&(s, w)| f64::from(w) * of[s as usize]).sum::<f64>()
            };
            let refined: Vec<f64> = fine.ids().iter().map(|p| value(&coarse.refine(p), &heights)).collect();
            let mut stream = Stream::new(Key::new(7, vertices as u64), Purpose::Point, depth as u32, 0);
            for _ in 0..10_000 {
                let t = uniform(&mut stream, vertices);
                let (old, new) = (value(&coarse.mix(&t), &heights), value(&fine.mix(&t), &refined));
                assert!((old - new).abs() < tolerance::MIXED, "t = {t:?}: {old} {new}");
            }
        }
    }
}

/// The pieces cover the simplex once, and ψ at the barycentre of each mixes exactly its control points.
#[test]
fn pieces_are_the_cells_of_the_map() {
    for (vertices, depth, count) in
        [(1, 2, 1), (2, 1, 2), (2, 3, 8), (3, 1, 6), (3, 2, 36), (4, 1, 24), (4, 2, 576)]
    {
        let mut ids = ids(vertices, depth);
        let points = ControlPoints::new(vertices, depth, &mut ids).unwrap();
        assert_eq!(points.pieces_len(), count);
        let mut all: Vec<Vec<u32>> = (0..count)
            .map(|number| {
                let piece = points.piece(number);
                let t: Vec<f64> = (0..vertices)
                    .map(|k| {
                        let of_corner = |&slot: &u32| points.ids()[slot as usize].coordinates()[k];
                        piece.iter().map(of_corner).sum::<f64>() / vertices as f64
                    })
                    .collect();
                let mut mixed: Vec<u32> = points.mix(&t).iter().map(|(slot, _)| *slot).collect();
                let mut piece = piece.to_vec();
                mixed.sort_unstable();
                piece.sort_unstable();
                assert_eq!(mixed, piece, "{vertices} vertices, depth {depth}, piece {number}");
                piece
            })
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

#[test]
fn lattice_points_know_their_number() {
    for (vertices, n) in [(1, 3), (2, 7), (3, 5), (4, 4), (5, 3)] {
        let lattice = Lattice::new(vertices, n);
        assert!(lattice.numerators().enumerate().all(|(number, k)| lattice.index(&k) == number));
    }
}

#[test]
fn lattices_hold_every_point_once() {
    for vertices in 1..=5 {
        for n in [1, 2, 3, 5, 6, 7] {
            let lattice = Lattice::new(vertices, n);
            let all: std::collections::BTreeSet<Vec<u32>> =
                lattice.numerators().map(|k| k.to_vec()).collect();
            assert_eq!((all.len(), lattice.numerators().count()), (lattice.len(), lattice.len()));
            assert!(all.iter().all(|k| k.len() == vertices && k.iter().sum::<u32>() == n));
        }
    }
}

#[test]
fn uniform_points_fill_a_simplex_evenly() {
    // Of r + 1 spacings each has mean 1/(r + 1), and exceeds x with probability (1 − x)^r.
    for vertices in 1..=MAX_VERTICES {
        let mut stream = Stream::new(Key::new(9, vertices as u64), Purpose::Point, 0, 0);
        let draws = 40_000;
        let mut mean = vec![0.0; vertices];
        let mut above = vec![0.0; vertices];
        for _ in 0..draws {
            let t = uniform(&mut stream, vertices);
            assert!(
                t.iter().all(|&t| (0.0..=1.0).contains(&t))
                    && (t.iter().sum::<f64>() - 1.0).abs() < 1e-15 * 8.0
            );
            for i in 0..vertices {
                mean[i] += t[i] / f64::from(draws);
                above[i] += f64::from(u8::from(t[i] > 0.3)) / f64::from(draws);
            }
        }
        // Five standard deviations of a share.
        let slack = 5.0 * (0.25 / f64::from(draws)).sqrt();
        for i in 0..vertices {
            assert!((mean[i] - 1.0 / vertices as f64).abs() < slack);
            assert!((above[i] - 0.7_f64.powi(vertices as i32 - 1)).abs() < slack);
        }
    }
}

/// A point of a simplex with ties and zeros more often than chance has them.
fn point(vertices: usize) -> impl Strategy<Value = Vec<f64>> {
    let coarse =
        prop::collection::vec(0u32..4, vertices).prop_filter("not all 0", |k| k.iter().sum::<u32>() > 0);
    let coarse = coarse.prop_map(|k| {
        let sum = f64::from(k.iter().sum::<u32>());
        k.iter().map(|&k| f64::from(k) / sum).collect()
    });
    let fine = any::<u64>().prop_map(move |seed| {
        uniform(&mut Stream::new(Key::new(seed, 0), Purpose::Point, 0, 0), vertices).to_vec()
    });
    prop_oneof![coarse, fine]
}

fn case() -> impl Strategy<Value = (Vec<f64>, usize)> {
    (1usize..=6, 1usize..=3).prop_flat_map(|(vertices, depth)| (point(vertices), Just(depth)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn weights_are_barycentric((t, depth) in case()) {
        let w = weights(&t, depth);
        prop_assert!(w.len() <= t.len());
        prop_assert!(w.iter().all(|(_, w)| *w > 0.0));
        prop_assert!((w.iter().map(|(_, w)| w).sum::<f64>() - 1.0).abs() < tolerance::WEIGHTS * 8.0);
        // The control points at their positions give the identity.
        for (i, t_i) in t.iter().enumerate() {
            let back: f64 = w.iter().map(|(p, w)| w * p.coordinates()[i]).sum();
            prop_assert!((back - t_i).abs() < tolerance::WEIGHTS * 8.0);
        }
    }

    #[test]
    fn the_map_is_continuous((t, depth) in case(), seed in any::<u64>()) {
        // A step of size 1e-9 across any piece: heights are within ±1 and each depth multiplies slopes by at most
        // twice the number of vertices.
        let step = 1e-9;
        let other = uniform(&mut Stream::new(Key::new(seed, 1), Purpose::Point, 0, 0), t.len());
        let near: Vec<f64> = t.iter().zip(&other).map(|(a, b)| a + step * (b - a)).collect();
        let slope = (2.0 * t.len() as f64).powi(depth as i32);
        prop_assert!((psi(&t, depth) - psi(&near, depth)).abs() <= step * slope * t.len() as f64 + tolerance::WEIGHTS * 8.0);
    }

    #[test]
    fn restriction_to_a_face_is_the_map_of_the_face((t, depth) in case(), mask in 1u32..64) {
        let vertices = t.len();
        let members: Vec<usize> = (0..vertices).filter(|i| mask >> i & 1 == 1).collect();
        prop_assume!(!members.is_empty());
        let sum: f64 = members.iter().map(|&i| t[i]).sum();
        prop_assume!(sum > 0.0);
        let on_face: Vec<f64> = members.iter().map(|&i| t[i] / sum).collect();
        let mut in_simplex = vec![0.0; vertices];
        members.iter().zip(&on_face).for_each(|(&i, &t)| in_simplex[i] = t);
        let own = weights(&on_face, depth);
        let whole = weights(&in_simplex, depth);
        // The same control points with the same weights, to the bit, under their addresses in the face.
        let mut own: Vec<_> = own.iter().map(|(p, w)| (*p, w.to_bits())).collect();
        let mut restricted: Vec<_> = whole.iter().map(|(p, w)| {
            let coordinates = p.coordinates();
            assert!((0..vertices).all(|i| coordinates[i] == 0.0 || members.contains(&i)));
            let moved = |q: &ControlPointId| members.iter().enumerate().all(|(k, &i)| q.coordinates()[k] == coordinates[i]);
            (*own.iter().map(|(q, _)| q).find(|q| moved(q)).expect("a control point of the face"), w.to_bits())
        }).collect();
        own.sort();
        restricted.sort();
        prop_assert_eq!(own, restricted);
    }

    #[test]
    fn order_of_the_vertices_does_not_matter((t, depth) in case()) {
        let mut reversed = t.clone();
        reversed.reverse();
        let mut ours: Vec<u64> = weights(&t, depth).iter().map(|(_, w)| w.to_bits()).collect();
        let mut theirs: Vec<u64> = weights(&reversed, depth).iter().map(|(_, w)| w.to_bits()).collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        prop_assert_eq!(ours, theirs);
    }
}
