//! m68k: System V Application Binary Interface, Motorola 68000 Processor Family Supplement,
//! chapter 4, "Relocation".

use super::data::{Data, Fits};
use super::{Addends, Arch, Container, Endian, Handler, Operation, SyscallNumbers};
use crate::symbols::KsymtabFormat;
use core::ops::RangeInclusive;
use goblin::elf::header::EM_68K;

/// The Motorola 68000 family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct M68k;

const ORDER: Endian = Endian::Big;

impl Arch for M68k {
    const NAME: &'static str = "m68k";
    const MACHINE: u16 = EM_68K;
    const CLASS: Container = Container::Little;
    const ORDER: Endian = ORDER;
    const ADDENDS: Addends = Addends::Both;
    const ADDRESSES: RangeInclusive<u64> = 0..=0xffff_ffff;
    const REACH: u64 = 0xffff_ffff;
    const RELA_TARGET_IS_ZERO: bool = false;
    const KSYMTAB: KsymtabFormat = KsymtabFormat::Words;
    const SYSCALLS: SyscallNumbers =
        SyscallNumbers { init_module: 128, finit_module: 348, delete_module: 129 };
    const TYPES: u32 = R_68K_PLT8 + 1;

    type Encoding = Data;

    #[inline(always)]
    fn relocation<H: Handler<Data>>(r_type: u32, handler: H) -> Option<H::Output> {
        use Operation::*;
        let word = Data::word(Fits::Always, ORDER);
        Some(match r_type {
            R_68K_NONE => handler.handle(None, Data::none(ORDER)),
            R_68K_32 => handler.handle(Absolute, word),
            R_68K_16 => handler.handle(Absolute, Data::half(Fits::Either, ORDER)),
            R_68K_8 => handler.handle(Absolute, Data::byte(Fits::Either, ORDER)),
            R_68K_PC32 | R_68K_PLT32 => handler.handle(PlaceRelative, word),
            R_68K_PC16 | R_68K_PLT16 => {
                handler.handle(PlaceRelative, Data::half(Fits::Signed, ORDER))
            }
            R_68K_PC8 | R_68K_PLT8 => {
                handler.handle(PlaceRelative, Data::byte(Fits::Signed, ORDER))
            }
            R_68K_GOT32O => handler.handle(SlotOffset, word),
            R_68K_GOT16O => handler.handle(SlotOffset, Data::half(Fits::Signed, ORDER)),
            R_68K_GOT8O => handler.handle(SlotOffset, Data::byte(Fits::Signed, ORDER)),
            R_68K_GOT32 => handler.handle(SlotFromPlace, word),
            R_68K_GOT16 => handler.handle(SlotFromPlace, Data::half(Fits::Signed, ORDER)),
            R_68K_GOT8 => handler.handle(SlotFromPlace, Data::byte(Fits::Signed, ORDER)),
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
