//! Writes every shader file with its imports and its own parameters, complete WGSL, to a directory.
//!
//!     cargo run -p valleys-gpu --features test-hooks --example shaders -- target/shaders

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let directory = std::env::args_os().nth(1).map_or_else(|| "target/shaders".into(), PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    for (name, text) in valleys_gpu::test_hooks::default_shaders() {
        std::fs::write(directory.join(name).with_extension("wgsl"), text)?;
    }
    Ok(())
}
