//! Firmware: every capability, one after the other.
#![no_std]
#![no_main]

use valleys_scenario::{Every, every};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: Every = Every::new();
    valleys_firmware::show(|record| every(MEMORY, record).is_ok())
}
