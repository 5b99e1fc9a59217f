//! Filtrations: the order, the checks, what the errors name.

use valleys_core::simplex::Simplex;
use valleys_core::topology::{Error, Filtration, SimplexName, filtration_len};
use valleys_tests::complexes::{self, Simplices};

fn name(vertices: &[u32]) -> SimplexName {
    SimplexName::new(vertices.iter().copied())
}

fn error(cells: &[(&[u32], f64)]) -> Error {
    Filtration::new(cells.iter().map(|(s, v)| (s.iter().copied(), *v))).unwrap_err()
}

#[test]
fn order_is_value_dimension_vertices() -> Result<(), Error> {
    let cells: Simplices =
        vec![(vec![10, 2], 1.0), (vec![10], 1.0), (vec![2], 0.0), (vec![9, 2], 1.0), (vec![9], -0.0)];
    let f = Filtration::new(cells.clone())?;
    let found: Vec<&[u32]> = (0..f.len()).map(|c| f.vertices(c)).collect();
    assert_eq!(found, [&[2][..], &[9], &[10], &[2, 9], &[2, 10]]);
    assert!(f.value(1).is_sign_positive());
    for (entry, (simplex, _)) in cells.iter().enumerate() {
        let mut simplex = simplex.clone();
        simplex.sort_unstable();
        assert_eq!(f.vertices(f.position(entry)), simplex);
        assert_eq!(f.source(f.position(entry)), entry);
        assert_eq!(f.find(&simplex), Some(f.position(entry)));
    }
    assert_eq!((f.find(&[9, 10]), f.find(&[]), f.dim()), (None, None, Some(1)));
    Ok(())
}

#[test]
fn facets_are_the_faces_that_omit_one_vertex() -> Result<(), Error> {
    for mut cells in [complexes::ball(6), complexes::torus(), complexes::klein_bottle(5)] {
        cells.reverse();
        let f = Filtration::new(cells)?;
        for cell in 0..f.len() {
            let simplex = f.vertices(cell).to_vec();
            let expected: Vec<Vec<u32>> = match simplex.len() {
                1 => vec![],
                n => (0..n).map(|i| [&simplex[..i], &simplex[i + 1..]].concat()).collect(),
            };
            let found: Vec<&[u32]> = f.facets(cell).iter().map(|&c| f.vertices(c as usize)).collect();
            assert_eq!(found, expected);
        }
    }
    Ok(())
}

#[test]
fn errors_name_the_simplex() {
    assert_eq!(error(&[(&[0], 0.0), (&[], 0.0)]), Error::NoVertices { entry: 1 });
    assert_eq!(
        error(&[(&[0], 0.0), (&[3], f64::INFINITY)]),
        Error::NotFinite { simplex: name(&[3]), value: f64::INFINITY }
    );
    assert!(matches!(error(&[(&[3], f64::NAN)]), Error::NotFinite { simplex, .. } if simplex == name(&[3])));
    assert_eq!(error(&[(&[4, 1, 4], 0.0)]), Error::RepeatedVertex { simplex: name(&[1, 4, 4]) });
    assert_eq!(
        error(&[(&[0], 0.0), (&[1], 0.0), (&[0, 1], 0.0), (&[1, 0], 2.0)]),
        Error::Duplicate { simplex: name(&[0, 1]) }
    );
    let triangle: [(&[u32], f64); 6] =
        [(&[0], 0.0), (&[1], 0.0), (&[2], 0.0), (&[0, 1], 1.0), (&[1, 2], 1.0), (&[0, 1, 2], 2.0)];
    assert_eq!(error(&triangle), Error::MissingFace { simplex: name(&[0, 1, 2]), face: name(&[0, 2]) });
    assert_eq!(
        error(&[(&[0, 1, 2], 2.0)]),
        Error::MissingFace { simplex: name(&[0, 1, 2]), face: name(&[1, 2]) }
    );
    let late = error(&[(&[0], 0.0), (&[1], 0.5), (&[0, 1], 0.25)]);
    assert_eq!(
        late,
        Error::FaceLater { simplex: name(&[0, 1]), value: 0.25, face: name(&[1]), face_value: 0.5 }
    );
    assert_eq!(late.to_string(), "simplex 0-1 at 0.25 comes before its face 1 at 0.5");
    assert_eq!(name(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).to_string(), "1-2-3-4-5-6-7-8-… (9 vertices)");
}

#[test]
fn memory_of_the_caller() -> Result<(), Error> {
    let cells = [0b001, 0b010, 0b100, 0b011].map(|mask| (Simplex::new(mask).unwrap(), 0.0));
    let input = || cells.iter().map(|(s, v)| (s.vertices(), *v));
    let (mut values, mut words) = ([0.0; 5], [7; filtration_len(4, 5) + 3]);
    let f = Filtration::build(input(), &mut values, &mut words)?;
    assert_eq!((f.len(), f.vertices(3)), (4, &[0, 1][..]));
    let (mut values, mut words) = ([0.0; 4], [0; filtration_len(4, 5) - 1]);
    assert_eq!(
        Filtration::build(input(), &mut values, &mut words).unwrap_err(),
        Error::Short { what: "words of the filtration", needed: 30, given: 29 }
    );
    assert_eq!(
        Filtration::build(input(), &mut values[..3], &mut words).unwrap_err(),
        Error::Short { what: "values of the filtration", needed: 4, given: 3 }
    );
    Ok(())
}
