//! Where code of a module goes on after a fault that it expects, and what x86 does before: what the types
//! of entries ask for that Debian's modules have (Linux 6.1, `asm/extable_fixup_types.h`).

use super::exceptions::{DOUBLE_FAULT, GENERAL_PROTECTION};
use crate::kernel::LOADER;
use core::arch::asm;
use modlink::Errno;
use modlink::exceptions::{Kind, X86, X86Action};

/// What the exception has interrupted.
pub trait Interrupted {
    /// The register of that number, as instructions encode it; none if it cannot be changed.
    fn register(&mut self, number: u8) -> Option<&mut usize>;

    /// The address of the instruction that has faulted, which is where it goes on.
    fn instruction(&mut self) -> &mut usize;
}

/// The numbers of registers.
const AX: u8 = 0;
const CX: u8 = 1;
const DX: u8 = 2;

/// Exceptions that are not for an instruction, or come after it: interrupts that cannot be masked, traps,
/// machine checks.
const NO_FAULTS: [usize; 6] = [1, 2, 3, 4, DOUBLE_FAULT, 18];

/// Makes what was interrupted go on as the entry for the instruction says. Whether there is one.
pub fn fix_up(vector: usize, interrupted: &mut impl Interrupted) -> bool {
    let instruction = *interrupted.instruction();
    if NO_FAULTS.contains(&vector) {
        return false;
    }
    let Some(exception) = LOADER.exception(instruction as u64) else { return false };
    let Kind::X86(x86) = exception.kind else { return false };
    if act(x86, vector, instruction, interrupted).is_none() {
        println!("no fixup: entry of type {} with register {}", x86.number, x86.register);
        return false;
    }
    *interrupted.instruction() = exception.fixup as usize;
    true
}

fn act(x86: X86, vector: usize, at: usize, interrupted: &mut impl Interrupted) -> Option<()> {
    let failed = -isize::from(Errno::EIO.number() as i16) as usize;
    let mut set = |number: u8, value: usize| {
        *interrupted.register(number)? = value;
        Some(())
    };
    match x86.action()? {
        X86Action::Default => {}
        X86Action::UserAccess if vector == GENERAL_PROTECTION => {
            println!("warning: access by {at:#x} to an address that no process can have");
        }
        X86Action::UserAccess => {}
        // SAFETY: nothing uses the segment that is selected by 0.
        X86Action::ClearFs => unsafe { asm!("mov fs, {:e}", in(reg) 0, options(nostack)) },
        X86Action::Wrmsr | X86Action::Rdmsr => {
            let number = *interrupted.register(CX)?;
            let what = if x86.action() == Some(X86Action::Wrmsr) { "write to" } else { "read of" };
            println!(
                "warning: {what} register {:#x} of the processor failed at {at:#x}",
                number as u32
            );
            if x86.action() == Some(X86Action::Rdmsr) {
                *interrupted.register(AX)? = 0;
                *interrupted.register(DX)? = 0;
            }
        }
        X86Action::WrmsrSafe => set(x86.register, failed)?,
        X86Action::RdmsrSafe => {
            set(AX, 0)?;
            set(DX, 0)?;
            set(x86.register, failed)?;
        }
        X86Action::ImmediateRegister => set(x86.register, isize::from(x86.immediate) as usize)?,
        // No module of Debian's has them.
        _ => return None,
    }
    for (flag, register) in [(X86::CLEAR_AX, AX), (X86::CLEAR_DX, DX)] {
        if x86.flags & flag != 0 {
            *interrupted.register(register)? = 0;
        }
    }
    Some(())
}
