//! One kernel on a GPU: checked against the reference kernel, then measured.
//!
//!     cargo run --release -p valleys-examples --bin gpu_kernel
//!
//! The default adapter of this machine, or that of the environment variable VALLEYS_DEVICE, multiplies matrices of odd
//! sizes, compared with f64, and two of 256 × 256, for the time. Without an adapter the program prints SKIPPED and ends.

use valleys_gpu::{DeviceOptions, DeviceProvider, Paths, bench, check};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = DeviceProvider::new(DeviceOptions::from_environment());
    let device = match provider.device() {
        Ok(device) => device,
        Err(error) => {
            println!("SKIPPED: {error}");
            return Ok(());
        }
    };
    let info = device.info();
    println!(
        "{}, {:?}, {}",
        info.name,
        info.backend,
        if device.is_hardware() { "hardware" } else { "software" }
    );

    let case = check::cases().into_iter().find(|case| case.kernels == "gemm").ok_or("no such kernel")?;
    let outcome = case.run(&device)?;
    let allowed = check::tolerance(Paths::default(), outcome.terms);
    println!("{case:?}: relative error {:.1e}, allowed {allowed:.1e}", outcome.error);
    assert!(outcome.error <= allowed);

    for row in bench::run(&device, "gemm 256", |_| ())? {
        println!(
            "{} {}: {:.2} ms, {:.1} GFLOP/s",
            row.kernel,
            row.shape,
            1e3 * row.median_seconds,
            row.gflops
        );
    }
    Ok(())
}
