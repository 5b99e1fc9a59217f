//! Firmware that prints one line: what start-up, printing and panics cost without any of the core.
#![no_std]
#![no_main]

#[cortex_m_rt::entry]
fn main() -> ! {
    valleys_firmware::show(|record| {
        record.put("nothing", 0u32);
        true
    })
}
