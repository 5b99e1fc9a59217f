//! Fast CPU kernels: the training engine and spanning trees of point clouds.
//!
//! One source for all instruction sets; the vector width is chosen when the program runs. Results do not depend on the
//! number of threads.

mod elementary;
pub mod engine;
mod floats;
mod register_tile;
pub mod spanning_tree;
mod transpose;

#[cfg(test)]
mod tests {
    use fearless_simd::Level;

    /// The instruction sets of this machine, best first.
    pub fn levels() -> Vec<Level> {
        let mut levels = vec![Level::new()];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(Level::new().as_avx2().map(Level::Avx2));
            levels.extend(Level::new().as_sse4_2().map(Level::Sse4_2));
        }
        levels
    }
}
