//! A kernel that loads a module from its image, calls a function of it and unloads it.
//!
//! Boot code comes before this; what the module loader needs of the kernel is in embed.rs.

#![no_std]
#![no_main]

mod embed;

use core::fmt::{Arguments, Write};
use embed::LOADER;
use modlink::symbols::Ksymtab;
use qemu_exit::{QEMUExit, X86};
use spin::{Lazy, Mutex};
use talc::{TalcLock, source::Claim};
use uart_16550::{Config, Uart16550Tty, backend::PioBackend};

// SAFETY: nobody else uses the array.
#[global_allocator]
static HEAP: TalcLock<Mutex<()>, Claim> = TalcLock::new(unsafe { Claim::array(&raw mut MEMORY) });
static mut MEMORY: [u8; 4 << 20] = [0; 4 << 20];

// SAFETY: nobody else uses the first serial line of a PC.
static SERIAL: Lazy<Mutex<Uart16550Tty<PioBackend>>> =
    Lazy::new(|| Mutex::new(unsafe { Uart16550Tty::new_port(0x3f8, Config::default()) }.unwrap()));

/// Prints a line on the serial line.
fn print(line: Arguments) {
    writeln!(SERIAL.lock(), "{line}").unwrap();
}

// SAFETY: QEMU is started with its exit device there.
const QEMU: X86 = unsafe { X86::new(0xf4, 33) };

/// Where boot code goes, with a stack and all of memory mapped.
#[unsafe(no_mangle)]
extern "C" fn kernel_main() -> ! {
    embed::protect_kernel();
    // Makes the table, so that from now on a symbol can be looked up where nothing can be allocated.
    Ksymtab::linked().unwrap_or_else(|why| panic!("{why}"));
    print(format_args!("kernel: linked at {:#x}", embed::LAYOUT[1]));
    let module = LOADER.load(include_bytes!(env!("MODULE"))).unwrap_or_else(|why| panic!("{why}"));
    print(format_args!("kernel: {} is loaded at {:#x}", module.name(), module.core().start));
    // SAFETY: it is what greeter.c has there, and is called only as long as `greet` lives.
    let greet = unsafe { LOADER.function::<extern "C" fn(u32) -> u32>(b"greet") }.unwrap();
    print(format_args!("kernel: greet(2) returned {}", greet(2)));
    // As long as either is there, the module cannot be unloaded.
    drop((greet, module));
    LOADER.unload(b"greeter", false).unwrap_or_else(|why| panic!("{why}"));
    print(format_args!("kernel: greeter is unloaded"));
    QEMU.exit_success()
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    print(format_args!("{info}"));
    QEMU.exit_failure()
}
