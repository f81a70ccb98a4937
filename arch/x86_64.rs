//! x86-64: System V Application Binary Interface, AMD64 Architecture Processor Supplement,
//! section 4.4, "Relocation", and for where modules may lie section 3.5.1, "Architectural
//! Constraints", the kernel code model.

use super::data::{Data, Overflow};
use super::{Addends, Arch, ByteOrder, ExtableFormat, Handler, Names, Operation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_X86_64;
use goblin::elf::reloc::*;

/// The x86-64 architecture in the kernel code model: code and data lie in the topmost 2 GiB, so
/// that 32-bit fields reach them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X86_64;

impl Arch for X86_64 {
    const NAME: &'static str = "x86_64";
    const MACHINE: u16 = EM_X86_64;
    const ORDER: ByteOrder = ByteOrder::Little;
    const ADDENDS: Addends = Addends::Explicit;
    const ADDRESSES: RangeInclusive<u64> = 0xffff_ffff_8000_0000..=0xffff_ffff_feff_ffff;
    const REACH: u64 = 0x7fff_ffff;
    const RELA_TARGET_IS_ZERO: bool = true;
    const SLOT_OF_GOT_IS_GOT: bool = false;
    const EXTABLE: ExtableFormat = ExtableFormat::Relative;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Relative;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 175, finit_module: 313, delete_module: 176 };
    const DATA_ALIGN: usize = 8;
    const TYPES: u32 = R_X86_64_CODE_6_GOTPCRELX + 1;
    const NAMES: Names = Names {
        prefix: "R_X86_64_",
        names: "NONE 64 PC32 GOT32 PLT32 COPY GLOB_DAT JUMP_SLOT RELATIVE GOTPCREL 32 32S 16 PC16 \
            8 PC8 DTPMOD64 DTPOFF64 TPOFF64 TLSGD TLSLD DTPOFF32 GOTTPOFF TPOFF32 PC64 GOTOFF64 \
            GOTPC32 GOT64 GOTPCREL64 GOTPC64 GOTPLT64 PLTOFF64 SIZE32 SIZE64 GOTPC32_TLSDESC \
            TLSDESC_CALL TLSDESC IRELATIVE RELATIVE64 - - GOTPCRELX REX_GOTPCRELX \
            CODE_4_GOTPCRELX CODE_4_GOTTPOFF CODE_4_GOTPC32_TLSDESC CODE_5_GOTPCRELX \
            CODE_5_GOTTPOFF CODE_5_GOTPC32_TLSDESC CODE_6_GOTPCRELX CODE_6_GOTTPOFF \
            CODE_6_GOTPC32_TLSDESC",
    };

    type Word = u64;
    type Encoding = Data;

    #[inline(always)]
    fn with_howto<H: Handler<Data>>(r_type: u32, handler: H) -> Option<H::Output> {
        use Operation::*;
        Some(match r_type {
            R_X86_64_NONE => handler.handle(None, Data::NONE),
            R_X86_64_64 => handler.handle(Absolute, Data::XWORD),
            R_X86_64_32 => handler.handle(Absolute, Data::word(Overflow::Unsigned)),
            R_X86_64_32S => handler.handle(Absolute, Data::word(Overflow::Signed)),
            R_X86_64_PC32 | R_X86_64_PLT32 => {
                handler.handle(PlaceRelative, Data::word(Overflow::Signed))
            }
            R_X86_64_PC64 => handler.handle(PlaceRelative, Data::XWORD),
            R_X86_64_GOTPCREL
            | R_X86_64_GOTPCRELX
            | R_X86_64_REX_GOTPCRELX
            | R_X86_64_CODE_4_GOTPCRELX
            | R_X86_64_CODE_5_GOTPCRELX
            | R_X86_64_CODE_6_GOTPCRELX => {
                handler.handle(SlotFromPlace, Data::word(Overflow::Signed))
            }
            R_X86_64_GOTPCREL64 => handler.handle(SlotFromPlace, Data::XWORD),
            R_X86_64_GOT32 => handler.handle(SlotOffset, Data::word(Overflow::Signed)),
            R_X86_64_GOT64 | R_X86_64_GOTPLT64 => handler.handle(SlotOffset, Data::XWORD),
            R_X86_64_GOTPC32 => handler.handle(GotFromPlace, Data::word(Overflow::Signed)),
            R_X86_64_GOTPC64 => handler.handle(GotFromPlace, Data::XWORD),
            R_X86_64_GOTOFF64 | R_X86_64_PLTOFF64 => handler.handle(GotRelative, Data::XWORD),
            _ => return Option::None,
        })
    }
}

// Of instructions with the prefixes of APX; younger than goblin's list.
const R_X86_64_CODE_4_GOTPCRELX: u32 = 43;
const R_X86_64_CODE_5_GOTPCRELX: u32 = 46;
const R_X86_64_CODE_6_GOTPCRELX: u32 = 49;
