//! The memory of the machine.

use std::fs::read_to_string;

/// Bytes of memory that are available to this process, or 4 GB if the system does not say. A limit of the container
/// counts.
pub fn available() -> usize {
    let system = read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.saturating_mul(1024))
    });
    let number = |path| read_to_string(path).ok().and_then(|text| text.trim().parse::<usize>().ok());
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    let container = limit.map(|limit| limit.saturating_sub(used));
    system.into_iter().chain(container).min().unwrap_or(4_000_000_000)
}
