//! Persistence from ranks alone: an oracle that reduces nothing.

use std::collections::HashMap;

use crate::complexes::Simplices;

/// Pairs of positions and essential positions, in the order (value, dimension, vertices).
#[derive(PartialEq, Eq, Debug, Default)]
pub struct Pairs {
    /// (birth, death), ascending.
    pub pairs: Vec<(usize, usize)>,
    /// Essential births, ascending.
    pub essential: Vec<usize>,
}

/// The simplices in the order (value, dimension, vertices), vertices sorted.
pub fn ordered(cells: &Simplices) -> Simplices {
    let mut cells = cells.clone();
    cells.iter_mut().for_each(|(s, _)| s.sort_unstable());
    cells.sort_by(|(s, v), (t, w)| v.total_cmp(w).then(s.len().cmp(&t.len())).then(s.cmp(t)));
    cells
}

/// The pairing of at most 128 cells by the pairing uniqueness lemma (Cohen-Steiner, Edelsbrunner, Morozov,
/// *Vines and vineyards*, 2006): with r(i, j) the rank of the boundary matrix's rows from i on and columns up to
/// j, cells i and j are paired if and only if r(i, j) − r(i+1, j) + r(i+1, j−1) − r(i, j−1) = 1.
pub fn pairs(cells: &Simplices) -> Pairs {
    let cells = ordered(cells);
    let n = cells.len();
    assert!(n <= 128, "the oracle's columns are 128 bits");
    let place: HashMap<&[u32], usize> =
        cells.iter().enumerate().map(|(i, (s, _))| (s.as_slice(), i)).collect();
    let columns: Vec<u128> = cells
        .iter()
        .map(|(s, _)| {
            let facets = (0..s.len()).map(|i| [&s[..i], &s[i + 1..]].concat()).filter(|f| !f.is_empty());
            facets.fold(0, |bits, f| bits ^ (1 << place[f.as_slice()]))
        })
        .collect();
    // rank[i][j]: rows i.., columns ..j.
    let ranks: Vec<Vec<usize>> = (0..=n)
        .map(|i| {
            let keep = if i == 128 { 0 } else { u128::MAX << i };
            let mut basis: Vec<u128> = Vec::new();
            let mut ranks = vec![0];
            for column in &columns {
                let rest = basis.iter().fold(column & keep, |c, b| c.min(c ^ b));
                if rest != 0 {
                    basis.push(rest);
                    basis.sort_unstable_by(|a, b| b.cmp(a));
                }
                ranks.push(basis.len());
            }
            ranks
        })
        .collect();
    let mut result = Pairs::default();
    let mut alone = vec![true; n];
    for i in 0..n {
        for j in i + 1..n {
            if ranks[i][j + 1] + ranks[i + 1][j] > ranks[i + 1][j + 1] + ranks[i][j] {
                result.pairs.push((i, j));
                (alone[i], alone[j]) = (false, false);
            }
        }
    }
    result.essential = (0..n).filter(|&i| alone[i]).collect();
    result
}
