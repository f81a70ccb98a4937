//! How much work something is, without a clock: how many basic blocks the processor enters.
//!
//! LLVM's SanitizerCoverage lets basic blocks of code that is compiled with
//! `-sanitizer-coverage-trace-pc` call a function, at least one in each turn of a loop; it counts
//! here. Eight bytes that `memcmp` may compare count as a block too. `tests/fuzz/run` has the fuzz
//! targets compiled and linked so. What is compiled otherwise counts for nothing: the standard
//! library but for what is generic in it or inlined, and C's `memcpy` and `memset`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Whether there is a function that counts, on this machine.
pub const CAN_BE_COUNTED: bool = cfg!(target_arch = "x86_64");

static BLOCKS: AtomicU64 = AtomicU64::new(0);

// The linker puts these in the place of libFuzzer's and C's functions, by its option `--wrap`; the
// references to C's are weak, since without that option nobody defines them. In Rust they would be
// instrumented themselves. One thread counts at a time.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(
    ".pushsection .text",
    ".globl __wrap___sanitizer_cov_trace_pc, __wrap_memcmp, __wrap_bcmp",
    ".weak __real_memcmp, __real_bcmp",
    "__wrap___sanitizer_cov_trace_pc:",
    "inc qword ptr [rip + {blocks}]",
    "ret",
    "__wrap_memcmp:",
    "mov rax, rdx",
    "shr rax, 3",
    "add [rip + {blocks}], rax",
    "jmp __real_memcmp@PLT",
    "__wrap_bcmp:",
    "mov rax, rdx",
    "shr rax, 3",
    "add [rip + {blocks}], rax",
    "jmp __real_bcmp@PLT",
    ".popsection",
    blocks = sym BLOCKS,
);

/// How many basic blocks have been entered since the process started; always 0 where nothing is
/// compiled for it.
pub fn done() -> u64 {
    BLOCKS.load(Ordering::Relaxed)
}

/// Runs something that does not count: a test's own part.
pub fn uncounted<T>(run: impl FnOnce() -> T) -> T {
    let before = done();
    let result = run();
    BLOCKS.store(before, Ordering::Relaxed);
    result
}
