//! LLVM bitcode for m68k becomes GNU C, and with it m68k code that works.
//!
//! LLVM's own m68k backend emits wrong code. rustc is therefore told, by `m68k-kernel.json`, to
//! write LLVM bitcode as its object files and to call `ld-ir2c` as its linker. That program, whose
//! substance is [`driver`], has the bitcode translated by [`translate()`], compiled by
//! `m68k-linux-gnu-gcc`, and linked by `m68k-linux-gnu-ld`.
//!
//! # Building a kernel
//!
//! ```text
//! RUSTC_BOOTSTRAP=1 \
//! CARGO_TARGET_M68K_KERNEL_LINKER=/path/to/ld-ir2c \
//! CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
//! RUSTFLAGS="-C link-arg=-T/path/to/kernel.ld" \
//! cargo build --release -Zjson-target-spec -Zbuild-std=core,alloc,compiler_builtins \
//!     --target qemu/m68k/ir2c/m68k-kernel.json
//! ```
//!
//! The target names its linker `ld-ir2c`, so that instead of the environment variable its folder
//! may be in `PATH`. The driver brings no linker script. See [`driver::HELP`] for its settings.
//!
//! # What to know when writing a kernel for it
//!
//! - Fat link-time optimisation, one codegen unit and `panic=abort` are required.
//! - Rust aligns `u64` to 4 bytes, GCC's C ABI to 2: a `repr(C)` struct with a `u64` in it that C
//!   shares must be `repr(C, packed(2))`.
//! - The stack pointer is to be a multiple of 4 whenever Rust code is entered, from an exception
//!   too. Frames are larger than LLVM's: give stacks room.
//! - `global_asm!` and naked functions are read by LLVM's m68k assembler before they come here. It
//!   does not know every mnemonic (`addq`, for one); inline `asm!` goes to GNU as unread.
//! - C functions that return structs may be called; Rust functions that return structs to C are
//!   rejected. A pointer to a function that returns a struct cannot cross the border.
//! - There are no 64-bit atomics, floating point (see [`Options::floats`]), thread-local
//!   variables, vectors, unwinding or constructors. Each is rejected with its place.

#![deny(missing_docs, unsafe_op_in_unsafe_fn)]

pub mod driver;
mod error;
mod ir;
mod translate;

pub use crate::error::{Construct, TranslateError, Unsupported};
pub use crate::translate::{Floats, Options, Translation, UnsupportedFunctions, translate};
