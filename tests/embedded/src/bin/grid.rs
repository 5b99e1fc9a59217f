//! Firmware: sublevel bars of a grid.
#![no_std]
#![no_main]

use valleys_scenario::grid::{Memory, run};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    valleys_firmware::show(|record| run(MEMORY, record).is_ok())
}
