//! Firmware: Algorithms 1 and 2: fitting simplices, and their segment.
#![no_std]
#![no_main]

use valleys_scenario::fitting::{Memory, run};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    valleys_firmware::show(|record| run(MEMORY, record).is_ok())
}
