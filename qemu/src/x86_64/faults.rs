//! Exceptions: registers are saved and, unless code goes on after a fault that it expects, reported; on a
//! stack of their own.

use crate::fault::{self, Fault};
use crate::x86::exceptions::{self, PAGE_FAULT};
use crate::x86::fixup::{self, Interrupted};
use core::arch::{asm, naked_asm};

/// Where the [stubs](exceptions::stub) go, which have pushed two words.
#[unsafe(naked)]
pub unsafe extern "C" fn save_registers() {
    naked_asm!(
        "push rax",
        "push rbx",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push rbp",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "cld",
        "mov rdi, rsp",
        "mov rbx, rsp",
        "and rsp, -16",
        "call {handle}",
        "mov rsp, rbx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rbp",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rbx",
        "pop rax",
        "add rsp, 16",
        "iretq",
        handle = sym handle,
    )
}

/// What `save_registers`, the stubs and the processor pushed, last first.
#[repr(C)]
struct Frame {
    r15: usize,
    r14: usize,
    r13: usize,
    r12: usize,
    r11: usize,
    r10: usize,
    r9: usize,
    r8: usize,
    rbp: usize,
    rdi: usize,
    rsi: usize,
    rdx: usize,
    rcx: usize,
    rbx: usize,
    rax: usize,
    vector: usize,
    error: usize,
    rip: usize,
    cs: usize,
    rflags: usize,
    rsp: usize,
    ss: usize,
}

impl Interrupted for Frame {
    fn register(&mut self, number: u8) -> Option<&mut usize> {
        Some(match number {
            0 => &mut self.rax,
            1 => &mut self.rcx,
            2 => &mut self.rdx,
            3 => &mut self.rbx,
            5 => &mut self.rbp,
            6 => &mut self.rsi,
            7 => &mut self.rdi,
            8 => &mut self.r8,
            9 => &mut self.r9,
            10 => &mut self.r10,
            11 => &mut self.r11,
            12 => &mut self.r12,
            13 => &mut self.r13,
            14 => &mut self.r14,
            15 => &mut self.r15,
            _ => return None,
        })
    }

    fn instruction(&mut self) -> &mut usize {
        &mut self.rip
    }
}

extern "C" fn handle(frame: &mut Frame) {
    if !fixup::fix_up(frame.vector, frame) {
        report(frame);
    }
}

fn report(frame: &Frame) -> ! {
    let address: usize;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack)) };
    fault::report(&Fault {
        what: exceptions::name(frame.vector, frame.error),
        instruction: frame.rip,
        address: (frame.vector == PAGE_FAULT).then_some(address),
        stack: frame.rsp,
        registers: &[
            ("rax", frame.rax),
            ("rbx", frame.rbx),
            ("rcx", frame.rcx),
            ("rdx", frame.rdx),
            ("rsi", frame.rsi),
            ("rdi", frame.rdi),
            ("rbp", frame.rbp),
            ("rsp", frame.rsp),
            ("r8", frame.r8),
            ("r9", frame.r9),
            ("r10", frame.r10),
            ("r11", frame.r11),
            ("r12", frame.r12),
            ("r13", frame.r13),
            ("r14", frame.r14),
            ("r15", frame.r15),
            ("rflags", frame.rflags),
            ("cs", frame.cs),
            ("ss", frame.ss),
            ("error", frame.error),
        ],
    })
}
