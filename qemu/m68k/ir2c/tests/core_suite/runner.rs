// Appended to the root of core's tests: runs them one after the other on the bare machine.

core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "move.l #0x3000000, %sp",
    "jsr suite_main",
    "1: bra 1b",
);

/// QEMU's goldfish tty.
struct Serial;

impl core::fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            unsafe { core::ptr::write_volatile(0xff00_8000 as *mut u32, byte as u32) };
        }
        Ok(())
    }
}

macro_rules! say {
    ($($argument:tt)*) => {{
        use core::fmt::Write;
        let _ = writeln!(crate::Serial, $($argument)*);
    }};
}

fn halt() -> ! {
    unsafe { core::ptr::write_volatile(0xff00_9004 as *mut u32, 2) };
    loop {}
}

/// Hands out memory from 64 MiB up and takes none back, but begins anew for each test.
struct Arena;

const ARENA: core::ops::Range<usize> = 0x400_0000..0x7f00_0000;
/// What the first tests allocate may be kept by the standard library.
const KEPT: usize = 0x10_0000;

static NEXT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(ARENA.start);

unsafe impl core::alloc::GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: core::alloc::Layout) -> *mut u8 {
        use core::sync::atomic::Ordering::Relaxed;
        let start = NEXT.load(Relaxed).next_multiple_of(layout.align());
        match start.checked_add(layout.size()) {
            Some(end) if end <= ARENA.end => {
                NEXT.store(end, Relaxed);
                start as *mut u8
            }
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {}
}

#[global_allocator]
static ALLOCATOR: Arena = Arena;

pub trait Case {
    fn run(&self);
}

impl<T: Fn()> Case for T {
    fn run(&self) {
        say!("run {}", core::any::type_name::<T>());
        isolated(self);
        say!("passed");
        NEXT.store(ARENA.start + KEPT, core::sync::atomic::Ordering::Relaxed);
    }
}

/// Not inlined, for a test that has no translation must not take its name with it.
#[inline(never)]
fn isolated(case: &impl Fn()) {
    case();
}

unsafe extern "C" {
    static first_test: u32;
}

pub fn runner(cases: &[&dyn Case]) {
    let first = unsafe { core::ptr::read_volatile(&raw const first_test) };
    for case in &cases[first as usize..] {
        case.run();
    }
    say!("end of {}", cases.len());
    halt();
}

#[unsafe(no_mangle)]
extern "C" fn suite_main() {
    std::panic::set_hook(std::boxed::Box::new(|info| {
        say!("failed: {info}");
        halt();
    }));
    test_main();
}

/// Called by what has no translation.
#[unsafe(no_mangle)]
unsafe extern "C" fn ir2c_unsupported(reason: *const core::ffi::c_char) {
    let reason = unsafe { core::ffi::CStr::from_ptr(reason) };
    say!("failed: no translation: {reason:?}");
    halt();
}

#[unsafe(no_mangle)]
extern "C" fn abort() -> ! {
    say!("failed: abort");
    halt();
}

// What the standard library asks of its system.

#[unsafe(no_mangle)]
extern "C" fn sys_write(_: u32, _: *const u8, _: usize) {}

#[unsafe(no_mangle)]
unsafe extern "C" fn sys_rand(to: *mut u32, words: usize) {
    for word in 0..words {
        unsafe { to.add(word).write(0x9e37_79b9) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sys_alloc_aligned(size: usize, alignment: usize) -> *mut u8 {
    let layout = core::alloc::Layout::from_size_align(size, alignment);
    layout.map_or(core::ptr::null_mut(), |layout| unsafe {
        core::alloc::GlobalAlloc::alloc(&ALLOCATOR, layout)
    })
}

/// Functions of a mathematical library and of the system that are not there.
macro_rules! absent {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name() -> ! {
            say!("failed: there is no {}", stringify!($name));
            halt();
        }
    )*};
}
absent! {
    acosh acoshf asinh asinhf lgamma_r lgammaf_r log1p log1pf tgamma tgammaf
    sys_alloc_words sys_getenv sys_panic
}

/// Of the mathematical library's, what many tests need: exact as long as the result is normal.
#[unsafe(no_mangle)]
extern "C" fn ldexp(number: f64, exponent: i32) -> f64 {
    let factor = if exponent < 0 { 0.5 } else { 2.0 };
    (0..exponent.unsigned_abs()).fold(number, |product, _| product * factor)
}
