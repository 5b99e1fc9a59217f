//! Every kernel against the reference kernels of core in f64, with the sizes for software and for hardware, with all
//! checks of indices and with none.

use std::collections::BTreeSet;
use valleys_gpu::test_hooks::kernel_names;
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
            let outcome = case.run(&device).unwrap_or_else(|e| panic!("{case:?}: {e}"));
            assert!(
                outcome.error <= check::tolerance(paths, outcome.terms),
                "{case:?}: {outcome:?}, {options:?}"
            );
        }
    }
}

#[test]
fn every_kernel_has_a_case() {
    let named: BTreeSet<_> = check::cases().iter().flat_map(|case| case.kernels.split(' ')).collect();
    // Kernels that complete another one run in its cases; statistics that are given, in those of batch norms.
    let parts = ["_reduce", "_backward"];
    for kernel in kernel_names() {
        let begins = parts.iter().find_map(|part| kernel.strip_suffix(part)).unwrap_or(kernel);
        let has_case = named.contains(begins) || named.contains(kernel) || kernel == "statistics";
        assert!(has_case, "{kernel}");
    }
}
