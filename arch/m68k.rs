//! m68k: System V Application Binary Interface, Motorola 68000 Processor Family Supplement,
//! chapter 4, "Relocation".

use super::data::{Data, Overflow};
use super::{Addends, Arch, ByteOrder, ExtableFormat, Handler, Names, Operation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_68K;

/// The Motorola 68000 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct M68k;

impl Arch for M68k {
    const NAME: &'static str = "m68k";
    const MACHINE: u16 = EM_68K;
    const ORDER: ByteOrder = ByteOrder::Big;
    const ADDENDS: Addends = Addends::Both;
    const ADDRESSES: RangeInclusive<u64> = 0..=0xffff_ffff;
    const REACH: u64 = 0xffff_ffff;
    const RELA_TARGET_IS_ZERO: bool = false;
    const SLOT_OF_GOT_IS_GOT: bool = true;
    const EXTABLE: ExtableFormat = ExtableFormat::Absolute;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Absolute;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 128, finit_module: 348, delete_module: 129 };
    const DATA_ALIGN: usize = 2;
    const TYPES: u32 = R_68K_PLT8 + 1;
    const NAMES: Names = Names {
        prefix: "R_68K_",
        names: "NONE 32 16 8 PC32 PC16 PC8 GOT32 GOT16 GOT8 GOT32O GOT16O GOT8O PLT32 PLT16 PLT8 \
            PLT32O PLT16O PLT8O COPY GLOB_DAT JMP_SLOT RELATIVE - - TLS_GD32 TLS_GD16 TLS_GD8 \
            TLS_LDM32 TLS_LDM16 TLS_LDM8 TLS_LDO32 TLS_LDO16 TLS_LDO8 TLS_IE32 TLS_IE16 TLS_IE8 \
            TLS_LE32 TLS_LE16 TLS_LE8 TLS_DTPMOD32 TLS_DTPREL32 TLS_TPREL32",
    };

    type Word = u32;
    type Encoding = Data;

    #[inline(always)]
    fn with_howto<H: Handler<Data>>(r_type: u32, handler: H) -> Option<H::Output> {
        use Operation::*;
        let word = Data::word(Overflow::Unchecked);
        Some(match r_type {
            R_68K_NONE => handler.handle(None, Data::NONE),
            R_68K_32 => handler.handle(Absolute, word),
            R_68K_16 => handler.handle(Absolute, Data::half(Overflow::Bitfield)),
            R_68K_8 => handler.handle(Absolute, Data::byte(Overflow::Bitfield)),
            R_68K_PC32 | R_68K_PLT32 => handler.handle(PlaceRelative, word),
            R_68K_PC16 | R_68K_PLT16 => handler.handle(PlaceRelative, Data::half(Overflow::Signed)),
            R_68K_PC8 | R_68K_PLT8 => handler.handle(PlaceRelative, Data::byte(Overflow::Signed)),
            R_68K_GOT32O => handler.handle(SlotOffset, word),
            R_68K_GOT16O => handler.handle(SlotOffset, Data::half(Overflow::Signed)),
            R_68K_GOT8O => handler.handle(SlotOffset, Data::byte(Overflow::Signed)),
            R_68K_GOT32 => handler.handle(SlotFromPlace, word),
            R_68K_GOT16 => handler.handle(SlotFromPlace, Data::half(Overflow::Signed)),
            R_68K_GOT8 => handler.handle(SlotFromPlace, Data::byte(Overflow::Signed)),
            _ => return Option::None,
        })
    }
}

const R_68K_NONE: u32 = 0;
const R_68K_32: u32 = 1;
const R_68K_16: u32 = 2;
const R_68K_8: u32 = 3;
const R_68K_PC32: u32 = 4;
const R_68K_PC16: u32 = 5;
const R_68K_PC8: u32 = 6;
const R_68K_GOT32: u32 = 7;
const R_68K_GOT16: u32 = 8;
const R_68K_GOT8: u32 = 9;
const R_68K_GOT32O: u32 = 10;
const R_68K_GOT16O: u32 = 11;
const R_68K_GOT8O: u32 = 12;
const R_68K_PLT32: u32 = 13;
const R_68K_PLT16: u32 = 14;
const R_68K_PLT8: u32 = 15;
