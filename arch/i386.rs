//! i386: System V Application Binary Interface, Intel386 Architecture Processor Supplement,
//! section 4.4, "Relocation".

use super::data::{Data, Fits};
use super::{Addends, Arch, Container, Endian, Operation, Relocation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_386;
use goblin::elf::reloc::*;

/// The i386 architecture. Its 32-bit fields reach the whole address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct I386;

const ORDER: Endian = Endian::Little;

impl Arch for I386 {
    const NAME: &'static str = "i386";
    const MACHINE: u16 = EM_386;
    const CLASS: Container = Container::Little;
    const ORDER: Endian = ORDER;
    const ADDENDS: Addends = Addends::InPlace;
    const ADDRESSES: RangeInclusive<u64> = 0..=0xffff_ffff;
    const REACH: u64 = 0xffff_ffff;
    const RELA_TARGET_IS_ZERO: bool = false;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Distances;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 128, finit_module: 350, delete_module: 129 };

    type Encoding = Data;

    #[inline]
    fn relocation(r_type: u32, before: &[u8]) -> Option<Relocation<Data>> {
        use Operation::*;
        let word = Data::word(Fits::Always, ORDER);
        let (operation, encoding) = match r_type {
            R_386_NONE => (None, Data::none(ORDER)),
            R_386_32 => (Absolute, word),
            R_386_PC32 | R_386_PLT32 => (PlaceRelative, word),
            R_386_GOTOFF => (GotRelative, word),
            R_386_GOTPC => (GotFromPlace, word),
            R_386_GOT32 | R_386_GOT32X => {
                (if has_base_register(before) { SlotOffset } else { SlotAddress }, word)
            }
            _ => return Option::None,
        };
        Some(Relocation { operation, encoding })
    }
}

/// Whether the instruction adds a register to the 32-bit displacement that follows `before`.
///
/// Its last byte is then the ModR/M byte; mod 00 with r/m 101 is a bare displacement, and the
/// psABI (section 4.4.1, `R_386_GOT32X`) makes that one the address of the slot instead of its
/// offset.
fn has_base_register(before: &[u8]) -> bool {
    before.last().is_none_or(|modrm| modrm & 0xc7 != 0x05)
}
