//! What happens when the processor takes an exception: but for the timer's interrupt and code of modules
//! that says where it goes on ([`super::fixup`]) nothing here expects one, so each is reported as a fault (M68000 Family Programmer's Reference Manual,
//! "Exception Processing").

use super::fixup;
use super::timer::LEVEL;
use crate::fault::{self, Fault};
use core::arch::{asm, global_asm};

/// The vector of the timer's interrupt: that of its level.
const TIMER: usize = 24 + LEVEL;
const VECTORS: usize = 256;

// The others lead to one place: the frame that the processor pushes holds the vector's offset. It
// may begin at any even address, while compiled code wants the stack at a multiple of four. It is
// reported with interrupts off.
global_asm!(
    ".section .rodata.vectors, \"a\"",
    ".balign 4",
    ".globl m68k_vectors",
    "m68k_vectors:",
    ".rept {before}",
    ".long m68k_exception",
    ".endr",
    ".long m68k_timer_entry",
    ".rept {after}",
    ".long m68k_exception",
    ".endr",
    ".text",
    ".balign 2",
    "m68k_exception:",
    "move.w #0x2700, %sr",
    "movem.l %d0-%d7/%a0-%a6, -(%sp)",
    "move.l %sp, %a0",
    "move.l %sp, %d0",
    "and.l #-4, %d0",
    "move.l %d0, %sp",
    "move.l %a0, -(%sp)",
    "jsr m68k_fault",
    // Where the registers are now, and after them a frame.
    "move.l %d0, %sp",
    "movem.l (%sp)+, %d0-%d7/%a0-%a6",
    "rte",
    before = const TIMER,
    after = const VECTORS - TIMER - 1,
);

unsafe extern "C" {
    static m68k_vectors: [usize; VECTORS];
}

/// Lets exceptions come here from now on.
pub fn install() {
    // SAFETY: a privileged instruction in supervisor mode; the table is complete.
    unsafe {
        asm!("movec {}, %vbr", in(reg) &raw const m68k_vectors, options(nostack, preserves_flags));
    }
}

/// What `m68k_exception` and the processor have pushed, lowest address first.
#[repr(C, packed(2))]
pub struct Frame {
    registers: [usize; 15],
    status: u16,
    instruction: usize,
    format_and_vector: u16,
    extra: Extra,
}

/// What leads back to what was interrupted: the registers and a frame of format 0.
#[repr(C, packed(2))]
pub struct Resumed {
    registers: [usize; 15],
    status: u16,
    instruction: usize,
    format_and_vector: u16,
}

impl Frame {
    /// The address of the instruction that could not be run.
    pub fn faulting_instruction(&self) -> usize {
        match self.format() {
            // SAFETY: the format says that the processor pushed this field.
            TRAPPED => unsafe { self.extra.trapped },
            _ => self.instruction,
        }
    }

    fn format(&self) -> u16 {
        self.format_and_vector >> 12
    }

    /// Whether it is not the instruction's doing: a trace, an interrupt that nobody expects, or a trap that
    /// was asked for.
    pub fn is_no_fault(&self) -> bool {
        matches!(self.vector(), 9 | 15 | 24..=47)
    }

    fn vector(&self) -> u16 {
        (self.format_and_vector & 0xfff) / 4
    }

    /// Whether the processor still has to write something that instructions before this one have
    /// written: bit 7 of each write-back status (M68040 User's Manual, 8.4.6.3). QEMU's never has.
    pub fn has_write_backs(&self) -> bool {
        const VALID: u16 = 1 << 7;
        // SAFETY: the format says that the processor pushed these fields.
        let access = (self.format() == ACCESS_FAULT).then(|| unsafe { self.extra.access });
        access.is_some_and(|access| {
            let statuses = access.write_back_status;
            statuses.iter().any(|status| status & VALID != 0)
        })
    }

    /// Puts the smallest frame, which goes on at `instruction`, in the place of this one, where this one ends: what
    /// else the processor has said of the fault is dropped with it. The stack of what was interrupted stays
    /// as it was.
    pub fn resume_at(&mut self, instruction: usize) -> *mut Resumed {
        let end = (&raw const self.status).addr() + frame_size(self.format());
        let resumed = (end - size_of::<Resumed>()) as *mut Resumed;
        let (registers, status) = (self.registers, self.status);
        let format_and_vector = self.format_and_vector & 0xfff;
        // SAFETY: what was there are these registers and the rest of this frame, which is not looked at any more.
        unsafe { resumed.write(Resumed { registers, status, instruction, format_and_vector }) };
        resumed
    }
}

/// What follows in a frame depends on its format.
#[repr(C)]
#[derive(Clone, Copy)]
union Extra {
    /// Format 2: the address of the instruction that trapped; the frame has the next one's.
    trapped: usize,
    /// Format 7: an access fault of the 68040.
    access: AccessFault,
}

#[repr(C, packed(2))]
#[derive(Clone, Copy)]
struct AccessFault {
    effective_address: usize,
    special_status: u16,
    write_back_status: [u16; 3],
    address: usize,
}

const TRAPPED: u16 = 2;
const ACCESS_FAULT: u16 = 7;

/// Bytes of a frame that the processor pushes, by its format; those of format 0 and 1 for the
/// formats of other processors.
fn frame_size(format: u16) -> usize {
    match format {
        TRAPPED | 3 => 12,
        4 => 16,
        ACCESS_FAULT => 60,
        _ => 8,
    }
}

const REGISTERS: [&str; 15] =
    ["d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "a0", "a1", "a2", "a3", "a4", "a5", "a6"];

#[unsafe(no_mangle)]
extern "C" fn m68k_fault(frame: &mut Frame) -> *mut Resumed {
    fixup::fix_up(frame).unwrap_or_else(|| report(frame))
}

fn report(frame: &Frame) -> ! {
    let vector = frame.vector();
    let instruction = frame.faulting_instruction();
    let mut what = name(vector);
    let mut address = None;
    let format = frame.format();
    if format == ACCESS_FAULT {
        // SAFETY: the format says that the processor pushed these fields.
        let access = unsafe { frame.extra.access };
        what = access.name();
        address = Some(access.address);
    }
    let mut registers = [("", 0); 18];
    for (index, (name, value)) in REGISTERS.into_iter().zip(frame.registers).enumerate() {
        registers[index] = (name, value);
    }
    let stack = (&raw const frame.status).addr() + frame_size(format);
    registers[15] = ("sp", stack);
    registers[16] = ("sr", frame.status.into());
    registers[17] = ("vector", usize::from(vector));
    fault::report(&Fault { what, instruction, address, stack, registers: &registers })
}

impl AccessFault {
    /// The special status word says what was tried: a bit that is set for reading, and a transfer
    /// modifier that is 6 for supervisor code (M68040 User's Manual, 8.4.6.2).
    fn name(self) -> &'static str {
        const READ: u16 = 1 << 8;
        const MODIFIER: u16 = 0b111;
        const SUPERVISOR_CODE: u16 = 6;
        match (self.special_status & READ != 0, self.special_status & MODIFIER) {
            (_, SUPERVISOR_CODE) => "instruction fetch from where nothing is mapped",
            (true, _) => "read from where nothing is mapped",
            (false, _) => "write to where nothing may be written",
        }
    }
}

/// What an exception is called, by the number of its vector.
fn name(vector: u16) -> &'static str {
    match vector {
        2 => "access fault",
        3 => "address error",
        4 => "illegal instruction",
        5 => "division by zero",
        6 => "CHK instruction",
        7 => "TRAPcc instruction",
        8 => "privilege violation",
        9 => "trace",
        10 => "line 1010 emulator",
        11 => "line 1111 emulator",
        14 => "format error",
        15 => "uninitialized interrupt",
        24 => "spurious interrupt",
        25..=31 => "interrupt",
        32..=47 => "TRAP instruction",
        48..=55 => "floating-point exception",
        _ => "exception",
    }
}
