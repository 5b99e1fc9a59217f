//! Firmware: persistence of index 0 by union-find.
#![no_std]
#![no_main]

use valleys_scenario::union_find::{Memory, run};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Memory = Memory::new();
    valleys_firmware::show(|record| run(MEMORY, record).is_ok())
}
