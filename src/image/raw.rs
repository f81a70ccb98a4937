//! The bytes of ELF structures, read field by field in the architecture's class and byte order.
//!
//! The layouts are those of the gABI, chapters "ELF Header", "Sections", "Symbol Table" and
//! "Relocation". A function returns `None` only if it is given too few bytes.

use super::Relocation;
use crate::arch::{Arch, ByteOrder, Class, Word};
use core::marker::PhantomData;
use goblin::elf::{Header, SectionHeader, Sym, header};
use goblin::{elf32, elf64};
use static_assertions::const_assert_eq;

// What `Fields` takes for each structure is what goblin says that it occupies.
const_assert_eq!(elf32::header::SIZEOF_EHDR, 16 + 6 * 2 + 5 * 4 + 2 * 2);
const_assert_eq!(elf64::header::SIZEOF_EHDR, 16 + 8 * 2 + 2 * 4 + 3 * 8);
const_assert_eq!(elf32::section_header::SIZEOF_SHDR, 10 * 4);
const_assert_eq!(elf64::section_header::SIZEOF_SHDR, 4 * 4 + 6 * 8);
const_assert_eq!(elf32::sym::SIZEOF_SYM, 3 * 4 + 2 + 2);
const_assert_eq!(elf64::sym::SIZEOF_SYM, 4 + 2 + 2 + 2 * 8);
const_assert_eq!(elf32::reloc::SIZEOF_RELA, elf32::reloc::SIZEOF_REL + 4);
const_assert_eq!(elf64::reloc::SIZEOF_RELA, elf64::reloc::SIZEOF_REL + 8);

/// The sizes in bytes of the structures of a class.
pub(crate) struct Sizes {
    pub header: usize,
    pub section_header: usize,
    pub symbol: usize,
    pub rel: usize,
    pub rela: usize,
}

pub(crate) const fn sizes<A: Arch>() -> Sizes {
    match A::CLASS {
        Class::Elf32 => Sizes {
            header: elf32::header::SIZEOF_EHDR,
            section_header: elf32::section_header::SIZEOF_SHDR,
            symbol: elf32::sym::SIZEOF_SYM,
            rel: elf32::reloc::SIZEOF_REL,
            rela: elf32::reloc::SIZEOF_RELA,
        },
        Class::Elf64 => Sizes {
            header: elf64::header::SIZEOF_EHDR,
            section_header: elf64::section_header::SIZEOF_SHDR,
            symbol: elf64::sym::SIZEOF_SYM,
            rel: elf64::reloc::SIZEOF_REL,
            rela: elf64::reloc::SIZEOF_RELA,
        },
    }
}

/// Takes fields off the front of `rest`.
pub(crate) struct Fields<'a, A> {
    rest: &'a [u8],
    arch: PhantomData<A>,
}

// Inlined everywhere but in a debug build, where each place would have stack of its own for it.
impl<'a, A: Arch> Fields<'a, A> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, arch: PhantomData }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*field)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn byte(&mut self) -> Option<u8> {
        self.take().map(u8::from_ne_bytes)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn half(&mut self) -> Option<u16> {
        let bytes = self.take()?;
        Some(match A::ORDER {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        })
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn word(&mut self) -> Option<u32> {
        let bytes = self.take()?;
        Some(match A::ORDER {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn xword(&mut self) -> Option<u64> {
        let bytes = self.take()?;
        Some(match A::ORDER {
            ByteOrder::Little => u64::from_le_bytes(bytes),
            ByteOrder::Big => u64::from_be_bytes(bytes),
        })
    }

    /// A field that is as wide as the class: an address, an offset, a size.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub fn native(&mut self) -> Option<u64> {
        match A::CLASS {
            Class::Elf32 => self.word().map(u64::from),
            Class::Elf64 => self.xword(),
        }
    }
}

pub(crate) fn header<A: Arch>(bytes: &[u8]) -> Option<Header> {
    let mut fields = Fields::<A>::new(bytes);
    Some(Header {
        e_ident: fields.take::<{ header::SIZEOF_IDENT }>()?,
        e_type: fields.half()?,
        e_machine: fields.half()?,
        e_version: fields.word()?,
        e_entry: fields.native()?,
        e_phoff: fields.native()?,
        e_shoff: fields.native()?,
        e_flags: fields.word()?,
        e_ehsize: fields.half()?,
        e_phentsize: fields.half()?,
        e_phnum: fields.half()?,
        e_shentsize: fields.half()?,
        e_shnum: fields.half()?,
        e_shstrndx: fields.half()?,
    })
}

pub(crate) fn section_header<A: Arch>(bytes: &[u8]) -> Option<SectionHeader> {
    let mut fields = Fields::<A>::new(bytes);
    Some(SectionHeader {
        sh_name: fields.word()? as usize,
        sh_type: fields.word()?,
        sh_flags: fields.native()?,
        sh_addr: fields.native()?,
        sh_offset: fields.native()?,
        sh_size: fields.native()?,
        sh_link: fields.word()?,
        sh_info: fields.word()?,
        sh_addralign: fields.native()?,
        sh_entsize: fields.native()?,
    })
}

#[inline(always)]
pub(crate) fn symbol<A: Arch>(bytes: &[u8]) -> Option<Sym> {
    let mut fields = Fields::<A>::new(bytes);
    let st_name = fields.word()? as usize;
    Some(match A::CLASS {
        Class::Elf32 => {
            let (st_value, st_size) = (fields.native()?, fields.native()?);
            let (st_info, st_other) = (fields.byte()?, fields.byte()?);
            let st_shndx = fields.half()?.into();
            Sym { st_name, st_info, st_other, st_shndx, st_value, st_size }
        }
        Class::Elf64 => {
            let (st_info, st_other) = (fields.byte()?, fields.byte()?);
            let st_shndx = fields.half()?.into();
            let (st_value, st_size) = (fields.native()?, fields.native()?);
            Sym { st_name, st_info, st_other, st_shndx, st_value, st_size }
        }
    })
}

#[inline(always)]
pub(crate) fn relocation<A: Arch>(
    bytes: &[u8],
    explicit_addend: bool,
) -> Option<Relocation<A::Word>> {
    let mut fields = Fields::<A>::new(bytes);
    let r_offset = fields.native()?;
    let (r_sym, r_type) = match A::CLASS {
        Class::Elf32 => {
            let info = fields.word()?;
            (info >> 8, info & 0xff)
        }
        // One number of 64 bits, the symbol in its upper half.
        Class::Elf64 => {
            let (first, second) = (fields.word()?, fields.word()?);
            match A::ORDER {
                ByteOrder::Little => (second, first),
                ByteOrder::Big => (first, second),
            }
        }
    };
    let addend = if explicit_addend { Some(A::Word::truncate(fields.native()?)) } else { None };
    // An offset beyond the host's address space is outside every section.
    let offset = usize::try_from(r_offset).unwrap_or(usize::MAX);
    Some(Relocation { offset, r_type, symbol: r_sym as usize, addend })
}

/// An address, wrapped around the end of the class's address space.
pub(crate) fn wrap<A: Arch>(address: u64) -> u64 {
    A::Word::truncate(address).into()
}
