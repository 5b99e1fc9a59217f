//! FashionMNIST: Xiao, Rasul, Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning
//! algorithms*, 2017 (MIT). 70,000 images of 28 × 28, in four files of the IDX format.

use super::idx::IdxSet;

pub(super) const SET: IdxSet = IdxSet {
    name: "fashion-mnist",
    folders: &["FashionMNIST/raw", "FashionMNIST", "raw"],
    classes: &[
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    mean: 0.2860,
    std: 0.3530,
    first_labels: [[9, 0, 0, 3, 0, 2, 7, 2, 5, 5], [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]],
};
