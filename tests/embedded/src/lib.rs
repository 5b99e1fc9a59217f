//! What every firmware here shares: results go to the host by semihosting, then the depth of the stack, then the
//! exit status. A panic is printed and ends with status 1.
#![no_std]

use core::fmt::Write;
use core::panic::PanicInfo;
use cortex_m_rt::STACK_PAINT_VALUE;
use cortex_m_semihosting::{debug, hio};
use valleys_scenario::{Line, Record};

/// Runs a scenario, prints its lines and `stack BYTES of BYTES`, and leaves the emulator.
///
/// # Panics
/// If the scenario fails; why is seen on the host, where the same scenario fails with words.
pub fn show(scenario: impl FnOnce(&mut Record<'_>) -> bool) -> ! {
    let Ok(mut host) = hio::hstdout() else { leave(false) };
    let mut print = |line: &Line| {
        let _ = writeln!(host, "{line}");
    };
    assert!(scenario(&mut Record::new(&mut print)), "the scenario failed");
    let (used, all) = stack();
    let _ = writeln!(host, "stack {used} of {all}");
    leave(true)
}

/// Bytes of the stack that were ever written, and bytes of the stack.
fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_end: u32;
        static _stack_start: u32;
    }
    let (end, start) = (&raw const _stack_end, &raw const _stack_start);
    let mut at = end;
    // SAFETY: the linker script puts both symbols, aligned to words, around the RAM that nothing but the stack
    // uses; start-up has painted all of it, so every word is initialised.
    while at < start && unsafe { at.read_volatile() } == STACK_PAINT_VALUE {
        at = at.wrapping_add(1);
    }
    (start.addr() - at.addr(), start.addr() - end.addr())
}

fn leave(good: bool) -> ! {
    loop {
        debug::exit(if good { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Ok(mut host) = hio::hstderr() {
        let _ = writeln!(host, "{info}");
    }
    leave(false)
}
