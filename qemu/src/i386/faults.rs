//! Exceptions: registers are saved and, unless code goes on after a fault that it expects, reported.

use super::descriptors;
use crate::fault::{self, Fault};
use crate::x86::exceptions::{self, DOUBLE_FAULT, PAGE_FAULT};
use crate::x86::fixup::{self, Interrupted};
use core::arch::{asm, naked_asm};

/// Where the [stubs](exceptions::stub) go, which have pushed two words.
#[unsafe(naked)]
pub unsafe extern "C" fn save_registers() {
    naked_asm!(
        "pusha",
        "cld",
        "mov ebx, esp",
        "and esp, -16",
        "sub esp, 12",
        "push ebx",
        "call {handle}",
        "mov esp, ebx",
        "popa",
        "add esp, 8",
        "iretd",
        handle = sym handle,
    )
}

/// Where the fault task starts.
#[unsafe(naked)]
pub unsafe extern "C" fn double_fault() {
    naked_asm!("and esp, -16", "call {report}", "ud2", report = sym report_double)
}

/// What `save_registers`, the stubs and the processor pushed, last first.
#[repr(C)]
struct Frame {
    edi: usize,
    esi: usize,
    ebp: usize,
    esp: usize,
    ebx: usize,
    edx: usize,
    ecx: usize,
    eax: usize,
    vector: usize,
    error: usize,
    eip: usize,
    cs: usize,
    eflags: usize,
}

/// The words between `pusha`'s value of `esp` and the one before the exception.
const PUSHED_BEFORE: usize = 5;

impl Interrupted for Frame {
    fn register(&mut self, number: u8) -> Option<&mut usize> {
        Some(match number {
            0 => &mut self.eax,
            1 => &mut self.ecx,
            2 => &mut self.edx,
            3 => &mut self.ebx,
            5 => &mut self.ebp,
            6 => &mut self.esi,
            7 => &mut self.edi,
            // `popa` leaves `esp` as it is.
            _ => return None,
        })
    }

    fn instruction(&mut self) -> &mut usize {
        &mut self.eip
    }
}

extern "C" fn handle(frame: &mut Frame) {
    if !fixup::fix_up(frame.vector, frame) {
        report(frame);
    }
}

fn report(frame: &Frame) -> ! {
    let esp = frame.esp + PUSHED_BEFORE * size_of::<usize>();
    fault::report(&Fault {
        what: exceptions::name(frame.vector, frame.error),
        instruction: frame.eip,
        address: (frame.vector == PAGE_FAULT).then(missed_address),
        stack: esp,
        registers: &[
            ("eax", frame.eax),
            ("ebx", frame.ebx),
            ("ecx", frame.ecx),
            ("edx", frame.edx),
            ("esi", frame.esi),
            ("edi", frame.edi),
            ("ebp", frame.ebp),
            ("esp", esp),
            ("eflags", frame.eflags),
            ("cs", frame.cs),
            ("error", frame.error),
        ],
    })
}

extern "C" fn report_double() -> ! {
    let state = descriptors::interrupted();
    let [eax, ecx, edx, ebx, esp, ebp, esi, edi] = state.registers.map(|value| value as usize);
    // On a task of its own, from which no call can be abandoned.
    fault::end(&Fault {
        what: exceptions::name(DOUBLE_FAULT, 0),
        instruction: state.eip as usize,
        address: Some(missed_address()),
        stack: esp,
        registers: &[
            ("eax", eax),
            ("ebx", ebx),
            ("ecx", ecx),
            ("edx", edx),
            ("esi", esi),
            ("edi", edi),
            ("ebp", ebp),
            ("esp", esp),
            ("eflags", state.eflags as usize),
        ],
    })
}

/// The address at which the last page fault happened.
fn missed_address() -> usize {
    let address: usize;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    address
}
