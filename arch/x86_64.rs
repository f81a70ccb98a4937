//! x86-64: System V Application Binary Interface, AMD64 Architecture Processor Supplement,
//! section 4.4, "Relocation", and for where modules may lie section 3.5.1, "Architectural
//! Constraints", the kernel code model.

use super::data::{Data, Fits};
use super::{Addends, Arch, Container, Endian, Handler, Operation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_X86_64;
use goblin::elf::reloc::*;

/// The x86-64 architecture in the kernel code model: code and data lie in the topmost 2 GiB, so
/// that 32-bit fields reach them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X86_64;

const ORDER: Endian = Endian::Little;

impl Arch for X86_64 {
    const NAME: &'static str = "x86_64";
    const MACHINE: u16 = EM_X86_64;
    const CLASS: Container = Container::Big;
    const ORDER: Endian = ORDER;
    const ADDENDS: Addends = Addends::Explicit;
    const ADDRESSES: RangeInclusive<u64> = 0xffff_ffff_8000_0000..=0xffff_ffff_feff_ffff;
    const REACH: u64 = 0x7fff_ffff;
    const RELA_TARGET_IS_ZERO: bool = true;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Distances;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 175, finit_module: 313, delete_module: 176 };
    const TYPES: u32 = R_X86_64_REX_GOTPCRELX + 1;

    type Encoding = Data;

    #[inline(always)]
    fn relocation<H: Handler<Data>>(r_type: u32, handler: H) -> Option<H::Output> {
        use Operation::*;
        Some(match r_type {
            R_X86_64_NONE => handler.handle(None, Data::none(ORDER)),
            R_X86_64_64 => handler.handle(Absolute, Data::xword(ORDER)),
            R_X86_64_32 => handler.handle(Absolute, Data::word(Fits::Unsigned, ORDER)),
            R_X86_64_32S => handler.handle(Absolute, Data::word(Fits::Signed, ORDER)),
            R_X86_64_PC32 | R_X86_64_PLT32 => {
                handler.handle(PlaceRelative, Data::word(Fits::Signed, ORDER))
            }
            R_X86_64_PC64 => handler.handle(PlaceRelative, Data::xword(ORDER)),
            R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => {
                handler.handle(SlotFromPlace, Data::word(Fits::Signed, ORDER))
            }
            _ => return Option::None,
        })
    }
}
