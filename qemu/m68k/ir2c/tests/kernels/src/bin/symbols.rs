//! Symbols and sections, names that mean something in C, assembly, atomics, lines of source.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::{asm, global_asm, naked_asm};
use core::hint::black_box;
use core::sync::atomic::{
    AtomicBool, AtomicI16, AtomicPtr, AtomicU8, AtomicU32, Ordering, compiler_fence, fence,
};

use kernels::{check, finish, say};

#[unsafe(no_mangle)]
extern "C" fn kernel_main() {
    sorted_table();
    writable_section();
    empty_section();
    names();
    statics();
    assembly();
    atomics();
    volatile();
    lines();
    finish();
}

/// An entry of a table that the linker sorts by section name.
#[repr(C)]
struct Symbol {
    value: extern "C" fn() -> u32,
    name: &'static str,
}

macro_rules! exported {
    ($($function:ident in $section:literal = $value:literal, $entry:ident;)*) => {$(
        extern "C" fn $function() -> u32 {
            black_box($value)
        }
        #[used]
        #[unsafe(link_section = $section)]
        static $entry: Symbol = Symbol { value: $function, name: stringify!($function) };
    )*};
}
exported! {
    zebra in ".ksymtab.zebra" = 26, ZEBRA;
    apple in ".ksymtab.apple" = 1, APPLE;
    mango in ".ksymtab.mango" = 13, MANGO;
}

unsafe extern "C" {
    static __start_ksymtab: [u8; 0];
    static __stop_ksymtab: [u8; 0];
    static __start_empty: [u8; 0];
    static __stop_empty: [u8; 0];
    static __start_counters: [u8; 0];
    static __stop_counters: [u8; 0];
}

/// What the linker put between two symbols.
///
/// # Safety
/// Nothing but values of type `T` is between them.
unsafe fn between<T>(start: *const [u8; 0], stop: *const [u8; 0]) -> &'static [T] {
    let count = (stop.addr() - start.addr()) / size_of::<T>();
    // SAFETY: as the caller says.
    unsafe { core::slice::from_raw_parts(start.cast(), count) }
}

fn sorted_table() {
    // SAFETY: the linker script has only `.ksymtab.*` there.
    let table: &[Symbol] =
        unsafe { between(&raw const __start_ksymtab, &raw const __stop_ksymtab) };
    check!("symbols", table.len(), 3);
    let mut names = table.iter().map(|symbol| symbol.name);
    check!("first", names.next(), Some("apple"));
    check!("second", names.next(), Some("mango"));
    check!("third", names.next(), Some("zebra"));
    let found = table.binary_search_by(|symbol| symbol.name.cmp(black_box("mango")));
    check!("found", found.map(|place| (table[place].value)()), Ok(13));
}

#[used]
#[unsafe(link_section = ".counters")]
static CONSTANT: u32 = 5;
#[unsafe(link_section = ".counters")]
static COUNTER: AtomicU32 = AtomicU32::new(6);

fn writable_section() {
    COUNTER.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the linker script has only `.counters` there.
    let counters: &[u32] =
        unsafe { between(&raw const __start_counters, &raw const __stop_counters) };
    check!("counters", counters.iter().sum::<u32>(), 12);
    check!("constant", black_box(CONSTANT), 5);
}

fn empty_section() {
    let (start, stop) = (&raw const __start_empty, &raw const __stop_empty);
    check!("empty section", start.addr() == stop.addr(), true);
    // SAFETY: there is nothing between them.
    check!("empty table", unsafe { between::<Symbol>(start, stop) }.len(), 0);
}

/// Functions and variables whose names C or the translator's prelude use for something else.
macro_rules! clashing {
    ($($function:ident $name:literal = $value:literal;)*) => {
        $(
            #[unsafe(export_name = $name)]
            #[inline(never)]
            extern "C" fn $function(x: u32) -> u32 {
                black_box(x) + $value
            }
        )*
        fn functions() {
            $(check!($name, $function(black_box(1)), 1 + $value);)*
        }
    };
}
clashing! {
    keyword "register" = 1;
    type_name "u32" = 2;
    wide_type "wide" = 3;
    pointer_type "pointer" = 4;
    builtin "index" = 5;
    library "printf" = 6;
    entry "main" = 7;
    helper "wide_add" = 8;
    local "v1" = 9;
    parameter "parameter0" = 10;
    block "block0" = 11;
    generated "f1" = 12;
    data "g1" = 13;
}

#[unsafe(export_name = "int")]
static KEYWORD: AtomicU32 = AtomicU32::new(70);
#[unsafe(export_name = "environ")]
static LIBRARY: AtomicU32 = AtomicU32::new(71);

fn names() {
    functions();
    check!("int", KEYWORD.swap(1, Ordering::Relaxed), 70);
    check!("environ", LIBRARY.swap(1, Ordering::Relaxed), 71);
}

#[repr(C, packed)]
struct Packed(u8, &'static str, u16, extern "C" fn() -> u32);
static PACKED: Packed = Packed(1, "packed", 0x1234, zebra);
static LARGE: [AtomicU8; 1 << 20] = [const { AtomicU8::new(0) }; 1 << 20];
#[repr(align(256))]
struct Aligned(#[allow(dead_code)] u8);
static ALIGNED: Aligned = Aligned(1);
static INTO_THE_MIDDLE: &[u8] = TEXT.split_at(4).1;
static TEXT: &[u8] = b"\0\"\\?\n\xff7tail";

fn statics() {
    let packed = black_box(&PACKED);
    check!("packed numbers", (packed.0, { packed.2 }), (1, 0x1234));
    check!("packed text", { packed.1 }, "packed");
    check!("packed function", { packed.3 }(), 26);
    LARGE[black_box(1 << 19)].store(9, Ordering::Relaxed);
    check!("large", LARGE.iter().map(|x| u32::from(x.load(Ordering::Relaxed))).sum::<u32>(), 9);
    check!("aligned", (&raw const ALIGNED).addr() % 256, 0);
    check!("bytes", black_box(INTO_THE_MIDDLE), b"\n\xff7tail");
    let on_stack = black_box(Aligned(2));
    check!("aligned on the stack", (&raw const on_stack).addr() % 256, 0);
}

// A function that only assembly defines, and one that assembly calls.
global_asm!(
    ".globl assembled",
    "assembled:",
    "move.l 4(%sp), -(%sp)",
    "jsr called_by_assembly",
    "lea 4(%sp), %sp",
    "add.l #1, %d0",
    "rts",
);

// Nothing but assembly knows the functions below.
global_asm!(
    ".globl assembled_too",
    "assembled_too:",
    "jsr {called}",
    "rts",
    called = sym called_by_assembly_only,
);

extern "C" fn called_by_assembly_only() -> u32 {
    black_box(77)
}

extern "C" fn called_inline() -> u32 {
    black_box(78)
}

unsafe extern "C" {
    safe fn assembled_too() -> u32;
    safe fn assembled(x: u32) -> u32;
}

#[unsafe(no_mangle)]
extern "C" fn called_by_assembly(x: u32) -> u32 {
    x * 2
}

#[unsafe(naked)]
extern "C" fn naked_sum(_: u32, _: u32) -> u32 {
    naked_asm!("move.l 4(%sp), %d0", "add.l 8(%sp), %d0", "rts")
}

fn assembly() {
    check!("global assembly", assembled(black_box(20)), 41);
    check!("symbol in global assembly", assembled_too(), 77);
    check!("naked function", naked_sum(black_box(40), black_box(2)), 42);
    // SAFETY: each only computes its outputs.
    unsafe {
        let sum: u32;
        asm!("move.l {0}, {1}", "addq.l #1, {1}", in(reg) black_box(41u32), out(reg) sum);
        check!("general registers", sum, 42);
        let fixed: u32;
        asm!("move.l %d4, %d3", "addq.l #1, %d3", in("d4") black_box(6u32), out("d3") fixed);
        check!("fixed registers", fixed, 7);
        let mut shifted = black_box(5u32);
        asm!("lsl.l #2, {0}", inout(reg_data) shifted);
        check!("in and out", shifted, 20);
        let (mut first, mut second) = (black_box(1u32), black_box(2u32));
        asm!("exg {0}, {1}", inout(reg_data) first, inout(reg_data) second);
        check!("two results", (first, second), (2, 1));
        let constant: u32;
        asm!("move.l #{1}, {0}", out(reg_data) constant, const 1234);
        check!("constant", constant, 1234);
        let called: u32;
        asm!(
            "jsr {0}",
            sym called_inline,
            out("d0") called,
            out("d1") _,
            out("a0") _,
            out("a1") _,
        );
        check!("symbol", called, 78);
        let status: u32;
        asm!("moveq #0, {0}", "move.w %sr, {0}", out(reg_data) status, options(nomem, nostack));
        check!("supervisor", status & 0x2000, 0x2000);
    }
}

fn atomics() {
    static WORD: AtomicU32 = AtomicU32::new(5);
    check!("add", WORD.fetch_add(black_box(3), Ordering::SeqCst), 5);
    check!("swap", WORD.swap(9, Ordering::AcqRel), 8);
    let exchanged = WORD.compare_exchange(9, 1, Ordering::SeqCst, Ordering::Relaxed);
    check!("exchange", exchanged, Ok(9));
    let exchanged = WORD.compare_exchange_weak(9, 1, Ordering::SeqCst, Ordering::Relaxed);
    check!("no exchange", exchanged, Err(1));
    check!("nand", WORD.fetch_nand(3, Ordering::SeqCst), 1);
    check!("max", WORD.fetch_max(7, Ordering::SeqCst), !1);
    check!("min", WORD.fetch_min(7, Ordering::SeqCst), !1);
    check!("load", WORD.load(Ordering::Acquire), 7);
    static BYTE: AtomicU8 = AtomicU8::new(250);
    check!("byte add", BYTE.fetch_add(10, Ordering::SeqCst), 250);
    check!("byte wraps", BYTE.load(Ordering::SeqCst), 4);
    static HALF: AtomicI16 = AtomicI16::new(-5);
    check!("signed min", HALF.fetch_min(-9, Ordering::SeqCst), -5);
    check!("signed max", HALF.fetch_max(3, Ordering::SeqCst), -9);
    check!("signed sub", HALF.fetch_sub(5, Ordering::Relaxed), 3);
    check!("signed load", HALF.load(Ordering::SeqCst), -2);
    static POINTER: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
    POINTER.store(core::ptr::without_provenance_mut(0x55), Ordering::Release);
    let other = core::ptr::without_provenance_mut(0x66);
    check!("pointer swap", POINTER.swap(other, Ordering::SeqCst).addr(), 0x55);
    static FLAG: AtomicBool = AtomicBool::new(false);
    check!("flag or", FLAG.fetch_or(true, Ordering::SeqCst), false);
    check!("flag swap", FLAG.swap(false, Ordering::SeqCst), true);
    fence(Ordering::SeqCst);
    compiler_fence(Ordering::SeqCst);
}

fn volatile() {
    #[repr(C, packed)]
    struct Unaligned {
        a: u8,
        b: u32,
        c: u64,
    }
    let mut unaligned = black_box(Unaligned { a: 1, b: 0x1234_5678, c: 0x1122_3344_5566_7788 });
    check!(
        "unaligned",
        (unaligned.a, { unaligned.b }, { unaligned.c }),
        (1, 0x1234_5678, 0x1122_3344_5566_7788)
    );
    unaligned.c = black_box(0xdead_beef_cafe_f00d);
    check!("unaligned store", { unaligned.c }, 0xdead_beef_cafe_f00d);
    let mut cell = 1u64;
    // SAFETY: the pointer is to a live variable.
    unsafe {
        (&raw mut cell).write_volatile(black_box(0x1_0000_0002));
        check!("volatile", (&raw const cell).read_volatile(), 0x1_0000_0002);
    }
}

/// The address that it returns to.
#[unsafe(naked)]
extern "C" fn return_address() -> usize {
    naked_asm!("move.l (%sp), %d0", "rts")
}

/// The harness asks addr2line what line the printed address belongs to.
#[inline(never)]
fn lines() {
    let (address, line) = (black_box(return_address()), line!());
    say!("line {line} at {address:#x}");
}
