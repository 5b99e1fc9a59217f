//! The kernels: `name.wgsl` beside the code that dispatches it. [`ALL`] is the table of them.
//!
//! # Layout
//! Activations and gradients are (images, height, width, channel blocks, 4), padding channels 0. Weights are packed in
//! the order in which their kernels read them, once for each θ(t). A kernel's shape is part of its text; the number of
//! images of a batch is read from the [`PassParams`].

pub(crate) mod activation;
pub(crate) mod batch_norm;
pub(crate) mod convolution;
mod dispatch;
pub(crate) mod dropout;
pub(crate) mod fma_throughput;
pub(crate) mod gemm;
pub(crate) mod layer_norm;
mod layout;
pub(crate) mod loss;
pub(crate) mod parameters;
pub(crate) mod pool;
pub(crate) mod samples;
mod span;
pub(crate) mod tangent_removal;
mod tile;
pub(crate) mod winograd;

use crate::preprocess::expand;
use valleys_core::network::Shape;

pub(crate) use dispatch::{Dispatch, Dispatcher, Grid, whole};
pub use layout::MAX_MODELS;
pub(crate) use layout::{BatchLayout, PassParams};

/// The text of a shader file.
pub(crate) fn import(name: &str) -> Option<&'static str> {
    SHADERS.iter().find(|(file, _)| *file == name).map(|(_, text)| *text)
}

/// A kernel: a shader file with an entry point.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The name of its file.
    pub name: &'static str,
    text: &'static str,
}

impl Kernel {
    /// Its WGSL with values for parameters.
    pub fn wgsl(&self, values: &[(&str, i64)]) -> String {
        expand(self.text, &import, values)
    }
}

macro_rules! shaders {
    (imported: $($import:literal)* kernels: $($constant:ident = $file:literal;)*) => {
        $(
            const $constant: Kernel =
                Kernel { name: $file, text: include_str!(concat!($file, ".wgsl")) };
        )*
        /// All kernels.
        #[cfg(any(test, feature = "test-hooks"))]
        pub(crate) const ALL: &[Kernel] = &[$($constant),*];

        /// All shader files: name, text.
        pub(crate) const SHADERS: &[(&str, &str)] = &[
            $(($import, include_str!(concat!($import, ".wgsl"))),)*
            $(($file, include_str!(concat!($file, ".wgsl"))),)*
        ];
    };
}

shaders! {
    imported: "prelude" "storage_f32" "storage_f16" "workgroup_sum" "norm_coefficients" "multiply_add" "tile_moments"
        "activation" "smooth_activation" "layer_norm_parameters" "output_layout"

    kernels:
    GATHER = "gather";
    MIX = "mix";
    PACK = "pack";
    CONVOLUTION = "convolution";
    CONV_BACKWARD_WEIGHTS = "conv_backward_weights";
    CONV_BACKWARD_WEIGHTS_REDUCE = "conv_backward_weights_reduce";
    MOMENTS = "moments";
    MOMENTS_REDUCE = "moments_reduce";
    STATISTICS = "statistics";
    NORMALISE = "normalise";
    NORMALISE_BACKWARD = "normalise_backward";
    ROW_SUMS = "row_sums";
    ROW_SUMS_REDUCE = "row_sums_reduce";
    ACTIVATION_BACKWARD = "activation_backward";
    MAX_POOL = "max_pool";
    AVERAGE_POOL = "average_pool";
    GLOBAL_AVERAGE_POOL = "global_average_pool";
    DROPOUT = "dropout";
    LAYER_NORM = "layer_norm";
    LAYER_NORM_BACKWARD = "layer_norm_backward";
    LAYER_NORM_SUMS = "layer_norm_sums";
    LAYER_NORM_SUMS_REDUCE = "layer_norm_sums_reduce";
    CROSS_ENTROPY = "cross_entropy";
    REGRESSION = "regression";
    SCORES = "scores";
    STEP = "step";
    ADAM = "adam";
    CLIP_SUMS = "clip_sums";
    CLIP = "clip";
    GEMM = "gemm";
    FMA_THROUGHPUT = "fma_throughput";
    TANGENT_DOTS = "tangent_dots";
    TANGENT_SOLVE = "tangent_solve";
    TANGENT_REMOVE = "tangent_remove";
    WINOGRAD_WEIGHTS = "winograd_weights";
    WINOGRAD_INPUTS = "winograd_inputs";
    WINOGRAD_PRODUCTS = "winograd_products";
    WINOGRAD_OUTPUTS = "winograd_outputs";
}

/// Number of channel blocks: four channels each, the last one padded.
pub(crate) const fn channel_blocks(channels: usize) -> usize {
    channels.div_ceil(4)
}

/// Elements of one image of a tensor, with padding channels.
pub(crate) const fn tensor_len(shape: Shape) -> usize {
    shape.height * shape.width * channel_blocks(shape.channels) * 4
}
