//! Samples as numbers for a network: categories one-hot, everything normalised by the training part.

use super::constants::{constants, range, replace};
use super::frame::{Inputs, MISSING, Places, check_memory, data_error};
use super::plan::{Plan, plans};
use super::roles::list;
use super::split::Split;
use crate::config::{Data, Normalise};
use crate::data::Source;
use crate::error::Result;
use crate::memory;
use valleys_core::network::Shape;

/// From so many categories of a column on it is told.
const MANY: usize = 100;

/// Features of all samples.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) train: Vec<f32>,
    pub(super) test: Vec<f32>,
    pub(super) shape: Shape,
    /// Names of features; none of images.
    pub(super) names: Vec<String>,
    /// Number x of a file became (x / scale − mean) / std.
    pub(super) scale: f64,
    pub(super) mean: Vec<f64>,
    pub(super) std: Vec<f64>,
}

/// Encodes the samples of both parts.
///
/// # Errors
/// Texts that differ in almost every row; nothing but constant columns; numbers that f32 cannot hold; more than fits into
/// the memory.
pub(super) fn encode(
    inputs: Inputs,
    split: &Split,
    places: &Places,
    keys: &Data,
    told: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Result<Encoded> {
    match inputs {
        Inputs::Images { shape, pixels, scale } => images(shape, pixels, scale, split, keys, told),
        Inputs::Columns { columns, is_array } => {
            let plans = plans(columns, is_array, (split, places), keys, told)?;
            let count: usize = plans.iter().map(Plan::len).sum();
            let rows = split.train.len() + split.test.len();
            let what = format_args!("{}: {rows} samples of {count} features", places.file());
            check_memory(what, rows.saturating_mul(count).saturating_mul(4), memory::available())?;
            let mut features = Features::new(&plans);
            replace("data.mean", keys.mean.as_deref(), &mut features.mean, &features.is_number)?;
            replace("data.std", keys.std.as_deref(), &mut features.std, &features.is_number)?;
            tell(&plans, told, notes);
            let train = features.encode(&plans, &split.train, places, &mut Vec::new())?;
            let test = features.encode(&plans, &split.test, places, notes)?;
            let Features { names, mean, std, .. } = features;
            Ok(Encoded { train, test, shape: Shape::flat(names.len()), names, scale: 1.0, mean, std })
        }
    }
}

/// Says which columns are categories.
fn tell(plans: &[Plan], told: &mut Vec<String>, notes: &mut Vec<String>) {
    let mut titles = Vec::new();
    for plan in plans {
        let Plan::OneHot { name, categories, .. } = plan else { continue };
        titles.push(name.as_str());
        if categories.len() >= MANY {
            notes.push(format!("column `{name}` has {} categories, each a feature", categories.len()));
        }
    }
    if !titles.is_empty() {
        told.push(format!("one-hot columns: {}", list(titles.into_iter())));
    }
}

/// What is known of each feature.
struct Features {
    names: Vec<String>,
    mean: Vec<f64>,
    std: Vec<f64>,
    /// Whether it is a number, and not a category.
    is_number: Vec<bool>,
}

impl Features {
    fn new(plans: &[Plan]) -> Self {
        let mut all = Self { names: Vec::new(), mean: Vec::new(), std: Vec::new(), is_number: Vec::new() };
        for plan in plans {
            let (mean, std) = match plan {
                Plan::Number { name, mean, std, .. } => {
                    all.names.push(name.clone());
                    (*mean, *std)
                }
                Plan::OneHot { name, categories, .. } => {
                    all.names.extend(categories.iter().map(|category| format!("{name}_{category}")));
                    (0.0, 1.0)
                }
            };
            let count = all.names.len();
            all.mean.resize(count, mean);
            all.std.resize(count, std);
            all.is_number.resize(count, matches!(plan, Plan::Number { .. }));
        }
        all
    }

    /// The samples of some rows, one after the other.
    fn encode(
        &self,
        plans: &[Plan],
        rows: &[usize],
        places: &Places,
        notes: &mut Vec<String>,
    ) -> Result<Vec<f32>> {
        let features = self.names.len();
        let mut out = vec![0.0; rows.len() * features];
        let mut first = 0;
        for plan in plans {
            let own = first..first + plan.len();
            let normalised = |i: usize, x: f64| ((x - self.mean[i]) / self.std[i]) as f32;
            let samples = rows.iter().zip(out.chunks_exact_mut(features));
            match plan {
                Plan::Number { name, numbers, fill, .. } => {
                    for (&row, sample) in samples {
                        let x = if numbers[row].is_nan() { *fill } else { numbers[row] };
                        sample[first] = normalised(first, x);
                        if !sample[first].is_finite() {
                            let what = format!("{}: column `{name}`: {x:e} is too large", places.of(row));
                            return Err(data_error(what));
                        }
                    }
                }
                Plan::OneHot { name, codes, texts, places: to, fill, .. } => {
                    let (mut unknown, mut count) = (Vec::new(), 0);
                    for (&row, sample) in samples {
                        let code = codes[row];
                        let place = if code == MISSING { *fill } else { to[code as usize] };
                        for (i, x) in own.clone().zip(&mut sample[own.clone()]) {
                            // A given mean or deviation of a category acts as that of a number.
                            let is_it = place != MISSING && i == first + place as usize;
                            *x = normalised(i, f64::from(u8::from(is_it)));
                        }
                        if place == MISSING {
                            count += 1;
                            let text = texts[code as usize].as_str();
                            if unknown.len() <= 20 && !unknown.contains(&text) {
                                unknown.push(text);
                            }
                        }
                    }
                    if count > 0 {
                        notes.push(format!(
                            "column `{name}`: {count} rows of the test part have categories that the training part lacks, and \
                             are all zeros there: {}",
                            list(unknown.into_iter())
                        ));
                    }
                }
            }
            first = own.end;
        }
        Ok(out)
    }
}

/// Normalises images by channel.
fn images(
    shape: Shape,
    mut pixels: Vec<f32>,
    scale: f64,
    split: &Split,
    keys: &Data,
    told: &mut Vec<String>,
) -> Result<Encoded> {
    let (len, area) = (shape.len(), shape.height * shape.width);
    let (mut mean, mut std) = (Vec::new(), Vec::new());
    for channel in 0..shape.channels {
        let values = || {
            let planes = split.train.iter().map(|&row| &pixels[row * len + channel * area..][..area]);
            planes.flatten().map(|&x| f64::from(x) / scale)
        };
        let [m, mut s] = constants(values(), keys.normalise.unwrap_or_default());
        let [least, most] = range(values());
        if least == most && keys.normalise != Some(Normalise::None) {
            told.push(format!(
                "channel {channel} is constant in the training part; its standard deviation is taken as 1"
            ));
            s = 1.0;
        }
        mean.push(m);
        std.push(s);
    }
    let all = vec![true; shape.channels];
    replace("data.mean", keys.mean.as_deref(), &mut mean, &all)?;
    replace("data.std", keys.std.as_deref(), &mut std, &all)?;
    let is_in_order = split.train.iter().chain(&split.test).copied().eq(0..pixels.len() / len);
    let (mut train, mut test) = if is_in_order {
        // Most sets are: nothing is copied.
        let test = pixels.split_off(split.train.len() * len);
        (pixels, test)
    } else {
        let pick =
            |rows: &[usize]| rows.iter().flat_map(|&row| &pixels[row * len..][..len]).copied().collect();
        (pick(&split.train), pick(&split.test))
    };
    let source = Source::of_constants(scale, mean, std);
    for part in [&mut train, &mut test] {
        source.normalise(shape, part);
        if let Some(i) = part.iter().position(|x| !x.is_finite()) {
            return Err(data_error(format!(
                "a pixel of image {} is not finite after the normalisation",
                i / len
            )));
        }
    }
    let Source { mean, std, .. } = source;
    Ok(Encoded { train, test, shape, names: Vec::new(), scale, mean, std })
}
