//! Parameters that several stored tensors stand for: weight norm, pruning, 8-bit floats with scales.

use super::header::StoredTensor;
use super::numbers::{is_float, is_float8};
use super::{Part, Parts, Tensor};
use safetensors::Dtype;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Rows and columns of a block of DeepSeek's and vLLM's block-wise scales.
const BLOCK: usize = 128;

/// Names of a scale that a stored number is multiplied by, whatever the name says: `weight` has gone before.
const SCALES: [&str; 3] = ["weight_scale", "weight_scale_inv", "scale_weight"];

/// The tensors of a model, and the stored ones that are parts of others. A joined tensor stands in the place of its
/// numbers.
pub(super) fn join(stored: &[(usize, StoredTensor)]) -> (Vec<Tensor>, Vec<Part>) {
    let places: HashMap<&str, usize> =
        stored.iter().enumerate().map(|(place, (_, t))| (t.name.as_str(), place)).collect();
    let find = |name: String| places.get(name.as_str()).copied();
    let of = |place: usize| &stored[place].1;
    let (mut tensors, mut parts, mut used) = (Vec::new(), Vec::new(), HashSet::new());
    let mut found: HashMap<usize, (String, Parts)> = HashMap::new();
    for (place, (_, tensor)) in stored.iter().enumerate() {
        let mut take = |name: String, what: &str, all: Parts, of: &[usize]| {
            for &part in of {
                let reason = format!("a part of {name} ({what})");
                parts.push(Part { name: stored[part].1.name.clone(), reason });
                used.insert(part);
            }
            found.insert(place, (name, all));
        };
        if let Some((name, magnitude)) = magnitude_of(&tensor.name)
            && let Some(magnitude) = find(magnitude)
            && find(name.clone()).is_none()
            && is_float(tensor.kind)
            && is_float(of(magnitude).kind)
            && broadcasts(&of(magnitude).shape, &tensor.shape)
        {
            let all = Parts::WeightNorm { magnitude, direction: place };
            take(name, "weight norm: g v / |v|", all, &[magnitude, place]);
        } else if let Some(name) = tensor.name.strip_suffix("_orig")
            && let Some(mask) = find(format!("{name}_mask"))
            && find(name.to_owned()).is_none()
            && is_float(tensor.kind)
            && (is_float(of(mask).kind) || matches!(of(mask).kind, Dtype::BOOL | Dtype::U8))
            && of(mask).shape == tensor.shape
        {
            let all = Parts::Pruned { original: place, mask };
            take(name.to_owned(), "pruning: original times mask", all, &[place, mask]);
        } else if let Some(scale) = scale_name(tensor).find_map(find)
            && (is_float(of(scale).kind) || of(scale).kind == Dtype::F8_E8M0)
            && let Ok(fit) = Scale::new(&tensor.shape, &of(scale).shape)
        {
            let name = tensor.name.clone();
            take(name, &fit.description(), Parts::Scaled { values: place, scale }, &[scale]);
        }
    }
    for (place, (_, tensor)) in stored.iter().enumerate() {
        let (name, all) = match found.remove(&place) {
            Some(joined) => joined,
            None if used.contains(&place) => continue,
            None => (tensor.name.clone(), Parts::Stored(place)),
        };
        tensors.push(Tensor { name, kind: tensor.kind, shape: tensor.shape.clone(), parts: all });
    }
    (tensors, parts)
}

/// Of the direction of a weight norm: the name of the weight, and that of its magnitude.
fn magnitude_of(direction: &str) -> Option<(String, String)> {
    if let Some(parametrisation) = direction.strip_suffix(".original1") {
        let (module, weight) = parametrisation.rsplit_once("parametrizations.")?;
        return Some((format!("{module}{weight}"), format!("{parametrisation}.original0")));
    }
    let weight = direction.strip_suffix("_v")?;
    let last = weight.rsplit('.').next()?;
    last.starts_with("weight").then(|| (weight.to_owned(), format!("{weight}_g")))
}

/// Names that the scales of a tensor of 8-bit floats may have.
fn scale_name(tensor: &StoredTensor) -> impl Iterator<Item = String> {
    let module = tensor.name.strip_suffix("weight").filter(|_| is_float8(tensor.kind));
    module.into_iter().flat_map(|module| SCALES.iter().map(move |scale| format!("{module}{scale}")))
}

/// Why the scales of a tensor of 8-bit floats were not joined to it, where it has some: what they are and what fits.
pub(crate) fn scale_fault(tensor: &Tensor, all: &[Tensor]) -> Option<String> {
    let module = tensor.name.strip_suffix("weight").filter(|_| is_float8(tensor.kind))?;
    let named = |t: &&Tensor| SCALES.iter().any(|scale| t.name.strip_prefix(module) == Some(scale));
    let scale = all.iter().find(named)?;
    let fault = match Scale::new(&tensor.shape, &scale.shape) {
        Err(fault) => fault,
        Ok(_) => format!("numbers of type {} are no scales", scale.kind),
    };
    tensor.is_stored().then(|| format!("its scales {} do not fit: {fault}", scale.name))
}

/// Whether each axis of g is 1 or that of v. A g without axes is one number.
fn broadcasts(g: &[usize], v: &[usize]) -> bool {
    !v.is_empty() && (g.is_empty() || g.len() == v.len() && g.iter().zip(v).all(|(&g, &v)| g == 1 || g == v))
}

/// Which element of a smaller tensor belongs to an element of a larger one.
pub(super) struct Broadcast {
    /// Of the axes that count, last first: elements after it, its length, elements after it in the smaller tensor.
    axes: Vec<(usize, usize, usize)>,
}

impl Broadcast {
    pub(super) fn new(large: &[usize], small: &[usize]) -> Self {
        let (mut after, mut small_after) = (1, 1);
        let mut axes = Vec::new();
        for (&len, &own) in large.iter().zip(small).rev() {
            if own > 1 {
                axes.push((after, len, small_after));
            }
            (after, small_after) = (after * len, small_after * own);
        }
        Self { axes }
    }

    pub(super) fn of(&self, i: usize) -> usize {
        self.axes.iter().map(|&(after, len, small)| i / after % len * small).sum()
    }
}

/// Which scale belongs to an element of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    rows: usize,
    columns: usize,
    block: [usize; 2],
    blocks: usize,
}

impl Scale {
    /// One scale for all; one for each of the outermost axis; one for each block of a matrix. Blocks have 128 rows and
    /// columns where that fits, else equal parts of the matrix.
    ///
    /// # Errors
    /// What was expected, and what the scales have; two readings that both fit.
    pub(super) fn new(shape: &[usize], scales: &[usize]) -> Result<Self, String> {
        let rows = shape.first().copied().unwrap_or(1);
        let columns = shape.iter().skip(1).product::<usize>();
        if rows * columns == 0 {
            return Err("the tensor has no elements".to_owned());
        }
        let count: usize = scales.iter().product();
        let all = [rows, columns];
        if count == 1 {
            return Ok(Self { rows, columns, block: all, blocks: 1 });
        }
        let of_rows = scales.first() == Some(&rows) && count == rows;
        if of_rows {
            return Ok(Self { rows, columns, block: [1, columns], blocks: 1 });
        }
        let (&[m, n], 2) = (scales, shape.len()) else {
            return Err(format!(
                "scales of shape {scales:?} for {shape:?}: one, one a row ({rows}), or one a block expected"
            ));
        };
        let by_128 = rows.div_ceil(BLOCK) == m && columns.div_ceil(BLOCK) == n;
        let even = m > 0 && n > 0 && rows.is_multiple_of(m) && columns.is_multiple_of(n);
        let equal = even.then(|| [rows / m, columns / n]);
        // An axis that is shorter than a block is one part either way.
        let same = |block: [usize; 2]| (0..2).all(|i| block[i] == BLOCK.min(all[i]));
        match (by_128, equal) {
            (true, Some(block)) if !same(block) => Err(format!(
                "scales of shape {scales:?} for {shape:?} are of blocks of {BLOCK} x {BLOCK} or of {} x {}",
                block[0], block[1]
            )),
            (true, _) => Ok(Self { rows, columns, block: [BLOCK, BLOCK], blocks: n }),
            (false, Some(block)) => Ok(Self { rows, columns, block, blocks: n }),
            (false, None) => Err(format!("scales of shape {scales:?} for {shape:?} are of no blocks")),
        }
    }

    pub(super) fn of(&self, i: usize) -> usize {
        let (row, column) = (i / self.columns, i % self.columns);
        row / self.block[0] * self.blocks + column / self.block[1]
    }

    fn description(&self) -> String {
        let [rows, columns] = self.block;
        if rows >= self.rows && columns >= self.columns {
            "its scale".to_owned()
        } else if rows == 1 && columns == self.columns {
            "one scale a row".to_owned()
        } else {
            format!("one scale for each block of {rows} x {columns}")
        }
    }
}

/// Where an element goes when some axes move to the front.
pub(super) struct Axes {
    /// Elements of the axes before those that move, of those, and of those behind them; none where nothing moves.
    lengths: Option<[usize; 3]>,
}

impl Axes {
    pub(super) fn new(shape: &[usize], front: Range<usize>) -> Self {
        let lengths = [&shape[..front.start], &shape[front.clone()], &shape[front.end..]];
        let moves = front.start > 0 && !front.is_empty();
        Self { lengths: moves.then(|| lengths.map(|axes| axes.iter().product())) }
    }

    pub(super) fn place(&self, i: usize) -> usize {
        let Some([before, own, behind]) = self.lengths else { return i };
        let (first, rest) = (i / (own * behind), i % (own * behind));
        let (middle, last) = (rest / behind, rest % behind);
        (middle * before + first) * behind + last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_belong_to_elements() {
        let of = |shape: &[usize], scales: &[usize]| Scale::new(shape, scales);
        let at = |scale: Scale, row: usize, column: usize| scale.of(row * scale.columns + column);
        assert_eq!(at(of(&[4, 6], &[]).unwrap(), 3, 5), 0);
        assert_eq!(at(of(&[4, 6], &[4, 1]).unwrap(), 3, 5), 3);
        assert_eq!(at(of(&[4, 6], &[4]).unwrap(), 2, 0), 2);
        // Blocks of 2 x 3; of 128 x 128, the last ones not full.
        assert_eq!(at(of(&[4, 6], &[2, 2]).unwrap(), 2, 3), 3);
        assert_eq!(at(of(&[257, 130], &[3, 2]).unwrap(), 256, 129), 5);
        assert_eq!(at(of(&[256, 64], &[2, 1]).unwrap(), 128, 63), 1);
        assert!(of(&[200, 64], &[2, 1]).unwrap_err().contains("128 x 128 or of 100 x 64"));
        assert!(of(&[200, 64], &[3, 1]).unwrap_err().contains("of no blocks"));
        assert!(of(&[4, 6], &[6]).unwrap_err().contains("one a row (4)"));
    }

    #[test]
    fn axes_move_to_the_front() {
        let axes = Axes::new(&[2, 3, 4], 1..2);
        // Element (1, 2, 3) of (2, 3, 4) is (2, 1, 3) of (3, 2, 4).
        assert_eq!(axes.place(12 + 2 * 4 + 3), (2 * 2 + 1) * 4 + 3);
        assert_eq!(Axes::new(&[2, 3], 0..1).place(5), 5);
        let all: HashSet<usize> = (0..24).map(|i| axes.place(i)).collect();
        assert_eq!(all.len(), 24);
    }
}
