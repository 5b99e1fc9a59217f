//! Firmware: persistence of index 0 of a point cloud.
#![no_std]
#![no_main]

use valleys_scenario::cloud::{Memory, run};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    valleys_firmware::show(|record| run(MEMORY, record).is_ok())
}
