//! MNIST: LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, 1998. 70,000 digits of
//! 28 × 28, in four files of the IDX format. Mean and standard deviation are those of the MNIST example of PyTorch.

use super::idx::IdxSet;

pub(super) const SET: IdxSet = IdxSet {
    name: "mnist",
    folders: &["MNIST/raw", "MNIST", "raw"],
    classes: &super::DIGITS,
    mean: 0.1307,
    std: 0.3081,
    first_labels: [[5, 0, 4, 1, 9, 2, 1, 3, 1, 4], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]],
};
