//! i386: System V Application Binary Interface, Intel386 Architecture Processor Supplement,
//! section 4.4, "Relocation".

use super::data::{Data, Overflow};
use super::{Addends, Arch, ByteOrder, ExtableFormat, Handler, Names, Operation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_386;
use goblin::elf::reloc::*;

/// The i386 architecture. Its 32-bit fields reach the whole address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I386;

impl Arch for I386 {
    const NAME: &'static str = "i386";
    const MACHINE: u16 = EM_386;
    const ORDER: ByteOrder = ByteOrder::Little;
    const ADDENDS: Addends = Addends::Implicit;
    const ADDRESSES: RangeInclusive<u64> = 0..=0xffff_ffff;
    const REACH: u64 = 0xffff_ffff;
    const RELA_TARGET_IS_ZERO: bool = false;
    const SLOT_OF_GOT_IS_GOT: bool = false;
    const EXTABLE: ExtableFormat = ExtableFormat::Relative;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Relative;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 128, finit_module: 350, delete_module: 129 };
    const DATA_ALIGN: usize = 4;
    const TYPES: u32 = R_386_GOT32X + 1;
    const NAMES: Names = Names {
        prefix: "R_386_",
        names: "NONE 32 PC32 GOT32 PLT32 COPY GLOB_DAT JMP_SLOT RELATIVE GOTOFF GOTPC 32PLT - - \
            TLS_TPOFF TLS_IE TLS_GOTIE TLS_LE TLS_GD TLS_LDM 16 PC16 8 PC8 TLS_GD_32 TLS_GD_PUSH \
            TLS_GD_CALL TLS_GD_POP TLS_LDM_32 TLS_LDM_PUSH TLS_LDM_CALL TLS_LDM_POP TLS_LDO_32 \
            TLS_IE_32 TLS_LE_32 TLS_DTPMOD32 TLS_DTPOFF32 TLS_TPOFF32 SIZE32 TLS_GOTDESC \
            TLS_DESC_CALL TLS_DESC IRELATIVE GOT32X",
    };

    type Word = u32;
    type Encoding = Data;

    #[inline(always)]
    fn with_howto<H: Handler<Data>>(r_type: u32, handler: H) -> Option<H::Output> {
        use Operation::*;
        let word = Data::word(Overflow::Unchecked);
        Some(match r_type {
            R_386_NONE => handler.handle(None, Data::NONE),
            R_386_32 => handler.handle(Absolute, word),
            R_386_PC32 | R_386_PLT32 => handler.handle(PlaceRelative, word),
            R_386_16 => handler.handle(Absolute, Data::half(Overflow::Bitfield)),
            R_386_PC16 => handler.handle(PlaceRelative, Data::half(Overflow::Bitfield)),
            R_386_8 => handler.handle(Absolute, Data::byte(Overflow::Bitfield)),
            R_386_PC8 => handler.handle(PlaceRelative, Data::byte(Overflow::Signed)),
            R_386_GOTOFF => handler.handle(GotRelative, word),
            R_386_GOTPC => handler.handle(GotFromPlace, word),
            R_386_GOT32 | R_386_GOT32X => handler.handle(SlotByInstruction, word),
            _ => return Option::None,
        })
    }

    /// The last byte before a 32-bit displacement is the ModR/M byte; mod 00 with r/m 101 is a bare
    /// displacement, without a base register, and the psABI (`R_386_GOT32X`) makes that one the
    /// address of the slot.
    fn takes_slot_address(before: &[u8]) -> bool {
        before.last().is_some_and(|modrm| modrm & 0xc7 == 0x05)
    }
}
