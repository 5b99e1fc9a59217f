//! Losses on a lattice, and on its interior.

use crate::plain_engine::{Plain, frame};
use valleys_core::engine::{Mix, Split, Value};
use valleys_core::error::Error;
use valleys_core::evaluation::{LatticePart, evaluate_lattice, resume_lattice};
use valleys_core::simplex::Lattice;

#[test]
fn surveys_name_what_is_not_finite() {
    let mut memory = Vec::new();
    let frame = frame(2, 1, &mut memory);
    let mut plain = Plain::new(&[0.0, 1.0, 3.0], &[0.0; 3]);
    let mut values = vec![Value::default(); 5];
    for call in [1, 2, 5, 9] {
        evaluate_lattice(
            &mut plain,
            &frame,
            4,
            &[Split::Train],
            None,
            &mut vec![Mix::new(); call],
            &mut values,
        )
        .unwrap();
        assert_eq!(values.iter().map(|v| v.loss).collect::<Vec<_>>(), [0.0, 1.5, 3.0, 2.0, 1.0]);
    }
    plain.centres[2] = f64::INFINITY;
    let error =
        evaluate_lattice(&mut plain, &frame, 4, &[Split::Train], None, &mut [Mix::new()], &mut values)
            .unwrap_err();
    assert_eq!(error, Error::NotFinite { what: "the loss on the lattice", at: 1 });
}

/// The interior of a lattice has the values that the whole lattice has there, and a loss that is not finite has the number
/// of its point in the whole lattice.
#[test]
fn the_interior_is_a_part_of_the_lattice() {
    let mut memory = Vec::new();
    let frame = frame(3, 1, &mut memory);
    let heights: [f64; 7] = [0.0, 1.0, 2.0, 4.0, 3.0, 5.0, 9.0];
    let mut plain = Plain::new(&heights, &[0.0; 7]);
    for n in [2, 3, 6, 7] {
        let lattice = Lattice::new(3, n);
        let mut all = vec![Value::default(); lattice.len()];
        let mut points = vec![Mix::new(); 4];
        evaluate_lattice(&mut plain, &frame, n, &[Split::Train], None, &mut points, &mut all).unwrap();
        let is_inside: Vec<bool> = lattice.points().map(|t| t.iter().all(|&t| t > 0.0)).collect();
        let expected: Vec<Value> = all.iter().zip(&is_inside).filter(|x| *x.1).map(|x| *x.0).collect();
        let count = LatticePart::Interior.len(&lattice);
        assert_eq!(count, expected.len());
        let mut inside = vec![Value::default(); count];
        let part = LatticePart::Interior;
        let mut interior = |inside: &mut [Value], plain: &mut Plain| {
            let splits = &[Split::Train];
            resume_lattice(plain, &frame, n, part, splits, None, &mut points, inside, 0, |_| false)
        };
        assert_eq!(interior(&mut inside, &mut plain), Ok(count));
        assert_eq!(inside, expected);
        if let Some(first) = is_inside.iter().position(|&is_inside| is_inside) {
            let mut broken = Plain::new(&[f64::NAN; 7], &[0.0; 7]);
            let error = interior(&mut inside, &mut broken).unwrap_err();
            assert_eq!(error, Error::NotFinite { what: "the loss on the lattice", at: first as u64 });
        }
    }
}
