//! Every kernel against the reference kernels of core in f64, with the sizes for software and for hardware, with all
//! checks of indices and with none.

use std::collections::BTreeSet;
use valleys_gpu::kernels::ALL;
use valleys_gpu::{Device, DeviceOptions, Paths, check};

#[test]
fn every_kernel_is_the_reference_s() {
    if valleys_tests::gpu(true).is_none() {
        return;
    }
    let ways = [
        (false, true, ""),
        (true, true, ""),
        (false, false, ""),
        (true, false, ""),
        (false, false, "no-subgroups"),
        (false, true, "f16"),
    ];
    for (as_hardware, checked, paths) in ways {
        let paths: Paths = paths.parse().unwrap();
        let options = DeviceOptions {
            as_hardware: Some(as_hardware),
            checked,
            paths,
            ..DeviceOptions::from_environment()
        };
        let device = Device::open(&options).unwrap();
        for case in check::cases() {
            let found = case.run(&device).unwrap_or_else(|e| panic!("{case:?}: {e}"));
            assert!(found.error <= check::tolerance(paths, found.terms), "{case:?}: {found:?}, {options:?}");
        }
    }
}

#[test]
fn every_kernel_has_a_case() {
    let named: BTreeSet<_> = check::cases().iter().flat_map(|case| case.kernels.split(' ')).collect();
    // Those that finish what others begin, or that only networks with a ReLU need, run in the cases of these.
    let parts = ["_reduce", "_backward"];
    for kernel in ALL {
        let begins = parts.iter().find_map(|part| kernel.name.strip_suffix(part)).unwrap_or(kernel.name);
        assert!(
            named.contains(begins) || ["relu_backward", "statistics"].contains(&kernel.name),
            "{}",
            kernel.name
        );
    }
}
