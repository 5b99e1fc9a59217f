//! Reading samples, augmented or not, and choosing them.

use valleys_core::engine::{Split, StepParams, Subset, choose_subset};
use valleys_core::error::{Error, length};
use valleys_core::network::{Criterion, CropFlip, LabelledData, Network, Samples, Shape};
use valleys_core::rng::{Purpose, Stream};

/// How the samples of a step are augmented.
#[derive(Clone, Copy)]
pub struct Augmentation<'a> {
    /// What is done.
    pub crop_flip: &'a CropFlip<Vec<f32>>,
    /// Keys the random numbers.
    pub params: &'a StepParams,
}

/// Samples of one part of the data.
#[derive(Clone, Copy)]
pub struct SampleReader<'a> {
    /// The samples.
    pub samples: Samples<'a, f32>,
    /// None for the samples as they are.
    pub augmentation: Option<Augmentation<'a>>,
}

impl<'a> SampleReader<'a> {
    /// The samples as they are.
    pub fn plain(samples: Samples<'a, f32>) -> Self {
        Self { samples, augmentation: None }
    }

    /// The inputs of a sample. `copy` has their length; it receives them if they are augmented.
    #[inline(always)]
    pub fn input<'b>(&self, sample: u32, copy: &'b mut [f32]) -> &'b [f32]
    where
        'a: 'b,
    {
        let input = &self.samples.inputs[sample as usize * copy.len()..][..copy.len()];
        match self.augmentation {
            None => input,
            Some(augmentation) => {
                augmentation.apply(sample, input, copy);
                copy
            }
        }
    }
}

impl Augmentation<'_> {
    fn apply(&self, sample: u32, input: &[f32], copy: &mut [f32]) {
        let StepParams { key, epoch, .. } = *self.params;
        self.crop_flip.apply(&mut Stream::new(key, Purpose::Augment, epoch, sample), input, copy);
    }
}

/// Checks that the samples are those of a network, and their targets such as its usual criterion needs.
pub fn check_data(data: &dyn LabelledData, network: &Network, batch: usize) -> Result<(), Error> {
    check_some("samples of a batch", batch)?;
    check_some("training samples", data.train().len())?;
    for samples in [data.train(), data.test()] {
        length("inputs of the samples", network.input.len() * samples.len(), samples.inputs.len())?;
        Criterion::of(&data.train().targets).check(network.outputs(), &samples.targets)?;
    }
    Ok(())
}

/// Checks that an augmentation fits the samples of a network with this input.
pub fn check_augmentation(crop_flip: &CropFlip<Vec<f32>>, input: Shape) -> Result<(), Error> {
    let CropFlip { shape, border, .. } = crop_flip;
    length("elements of an image", input.len(), shape.len())?;
    length("elements of its border", shape.channels, border.len())
}

/// The samples of a split.
pub fn samples_of(split: Split, data: &dyn LabelledData) -> Samples<'_, f32> {
    if split == Split::Test { data.test() } else { data.train() }
}

/// The numbers of the samples of a measurement.
///
/// # Errors
/// There are none.
pub fn choose(split: Split, subset: Option<Subset>, data: &dyn LabelledData) -> Result<Vec<u32>, Error> {
    let mut order = vec![0; samples_of(split, data).len()];
    let count = choose_subset(subset, &mut order)?;
    order.truncate(count);
    Ok(order)
}

/// Checks that a number is at least 1.
fn check_some(what: &'static str, given: usize) -> Result<(), Error> {
    match given {
        0 => Err(Error::Range { what, least: 1, most: usize::MAX as u64, given: 0 }),
        _ => Ok(()),
    }
}
