//! Firmware: persistence by reduction over Z/2.
#![no_std]
#![no_main]

use valleys_scenario::reduction::{Memory, run};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    valleys_firmware::show(|record| run(MEMORY, record).is_ok())
}
