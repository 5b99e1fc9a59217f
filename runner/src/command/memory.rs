//! How much memory there is.

use std::fs::read_to_string;

/// Bytes that may be used: what is available to this process, as far as the system says; else 4 GB.
pub(super) fn available() -> usize {
    let system = read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.saturating_mul(1024))
    });
    // A container's limit, where there is one.
    let number = |path| read_to_string(path).ok().and_then(|text| text.trim().parse::<usize>().ok());
    let limit = number("/sys/fs/cgroup/memory.max");
    let group = limit.map(|limit| limit.saturating_sub(number("/sys/fs/cgroup/memory.current").unwrap_or(0)));
    system.into_iter().chain(group).min().unwrap_or(4_000_000_000)
}
