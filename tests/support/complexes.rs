//! Complexes whose homology is known, and random ones.

use std::collections::BTreeMap;

/// Simplices with values, as a filtration takes them.
pub type Simplices = Vec<(Vec<u32>, f64)>;

/// All faces of the given simplices, each at 0.
pub fn closure(simplices: &[&[u32]]) -> Simplices {
    let weighted: Vec<(Vec<u32>, f64)> = simplices.iter().map(|s| (s.to_vec(), 0.0)).collect();
    lower_closure(&weighted)
}

/// All faces of the given simplices, each at the least value of those it is a face of: a filtration.
pub fn lower_closure(simplices: &[(Vec<u32>, f64)]) -> Simplices {
    let mut values: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
    for (simplex, value) in simplices {
        for mask in 1u32..1 << simplex.len() {
            let mut face: Vec<u32> =
                (0..simplex.len()).filter(|i| mask >> i & 1 == 1).map(|i| simplex[i]).collect();
            face.sort_unstable();
            let least = values.entry(face).or_insert(*value);
            *least = least.min(*value);
        }
    }
    values.into_iter().collect()
}

/// Three edges around.
pub fn circle() -> Simplices {
    closure(&[&[0, 1], &[1, 2], &[0, 2]])
}

/// The boundary of a simplex on `n` vertices: a sphere of dimension n − 2.
pub fn sphere(n: u32) -> Simplices {
    let facets: Vec<Vec<u32>> = (0..n).map(|i| (0..n).filter(|&v| v != i).collect()).collect();
    closure(&facets.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// A simplex on `n` vertices with all its faces.
pub fn ball(n: u32) -> Simplices {
    closure(&[&(0..n).collect::<Vec<_>>()])
}

/// The torus of Möbius and Császár: 7 vertices, 21 edges, 14 triangles.
pub fn torus() -> Simplices {
    let triangles: Vec<[u32; 3]> =
        (0..7).flat_map(|i| [[i, (i + 1) % 7, (i + 3) % 7], [i, (i + 2) % 7, (i + 3) % 7]]).collect();
    closure(&triangles.iter().map(|t| t.as_slice()).collect::<Vec<_>>())
}

/// The real projective plane on 6 vertices: half an icosahedron.
pub fn projective_plane() -> Simplices {
    closure(&[
        &[1, 2, 3],
        &[1, 3, 4],
        &[1, 4, 5],
        &[1, 5, 6],
        &[1, 2, 6],
        &[2, 3, 5],
        &[3, 4, 6],
        &[2, 4, 5],
        &[3, 5, 6],
        &[2, 4, 6],
    ])
}

/// The Klein bottle: a square of n x n cells, left glued to right, bottom to top reversed.
pub fn klein_bottle(n: u32) -> Simplices {
    let vertex = |i: u32, j: u32| {
        let (turns, i) = (i / n, i % n);
        let j = if turns % 2 == 1 { (2 * n - j) % n } else { j % n };
        i * n + j
    };
    let mut triangles: Vec<[u32; 3]> = Vec::new();
    for i in 0..n {
        for j in 0..n {
            let (a, b) = (vertex(i, j), vertex(i + 1, j + 1));
            triangles.push([a, vertex(i + 1, j), b]);
            triangles.push([a, vertex(i, j + 1), b]);
        }
    }
    closure(&triangles.iter().map(|t| t.as_slice()).collect::<Vec<_>>())
}
