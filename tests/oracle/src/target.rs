//! What the oracle knows of an architecture, taken from the psABI supplements and GNU ld's manual.

use crate::interval::Interval;
use clap::ValueEnum;
use object::elf::*;

/// An architecture that both linkers link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(non_camel_case_types, reason = "they are called so on the command line")]
pub enum Target {
    /// 64-bit, little-endian, RELA.
    #[value(name = "x86_64")]
    X86_64,
    /// 32-bit, little-endian, REL.
    #[value(name = "i386")]
    I386,
    /// 32-bit, big-endian, RELA.
    #[value(name = "m68k")]
    M68k,
}

/// What a relocation needs beside the addresses of its symbol and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing else.
    Nothing,
    /// The address of the global offset table.
    Table,
    /// The slot of its symbol in the global offset table.
    Slot(SlotField),
    /// Thread-local storage.
    Tls,
}

/// How a field says where a slot of the global offset table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotField {
    /// By its distance from the place.
    FromPlace,
    /// By its offset in the table.
    FromTable,
    /// By its address.
    Address,
}

impl Target {
    /// Its number in an ELF header.
    pub fn machine(self) -> Machine {
        match self {
            Self::X86_64 => EM_X86_64,
            Self::I386 => EM_386,
            Self::M68k => EM_68K,
        }
    }

    /// GNU ld for this architecture, with the options that choose its emulation and what it takes
    /// files for: else it takes one with a section of a type that it does not know for one of an
    /// architecture that it does not know, and relocates nothing.
    pub fn linker(self) -> (&'static str, [&'static str; 2]) {
        match self {
            Self::X86_64 => ("ld", ["-melf_x86_64", "--format=elf64-x86-64"]),
            Self::I386 => ("ld", ["-melf_i386", "--format=elf32-i386"]),
            Self::M68k => ("m68k-linux-gnu-ld", ["-mm68kelf", "--format=elf32-m68k"]),
        }
    }

    /// The addresses that modules and what they refer to can have, the usual ones first: the
    /// topmost 2 GiB in x86-64's kernel code model, and the lowest 4 GiB for what is not compiled
    /// for that; else everything but the page at 0. Addresses count as signed on x86-64.
    pub fn windows(self) -> &'static [Interval] {
        const LOW: Interval = Interval { low: 0x1000, high: 0xffff_ffff };
        const KERNEL: Interval = Interval { low: -0x8000_0000, high: -1 };
        match self {
            Self::X86_64 => &[KERNEL, LOW],
            Self::I386 | Self::M68k => &[LOW],
        }
    }

    /// How many addresses there are.
    pub fn addresses(self) -> i128 {
        1 << (8 * self.word())
    }

    /// What a relocation type needs. `before` are the bytes before its place: on i386 the
    /// instruction decides how it says where a slot is (psABI, "R_386_GOT32X").
    pub fn needs(self, r_type: RelocationType, before: &[u8]) -> Needs {
        match (self, r_type) {
            (Self::X86_64, R_X86_64_GOTPCREL | R_X86_64_GOTPCREL64)
            | (Self::M68k, R_68K_GOT32 | R_68K_GOT16 | R_68K_GOT8) => {
                Needs::Slot(SlotField::FromPlace)
            }
            (Self::X86_64, _) if self.may_be_relaxed(r_type) => Needs::Slot(SlotField::FromPlace),
            (Self::X86_64, R_X86_64_GOT64 | R_X86_64_GOTPLT64)
            | (Self::M68k, R_68K_GOT32O | R_68K_GOT16O | R_68K_GOT8O) => {
                Needs::Slot(SlotField::FromTable)
            }
            (
                Self::X86_64,
                R_X86_64_GOTOFF64 | R_X86_64_GOTPC32 | R_X86_64_GOTPC64 | R_X86_64_PLTOFF64,
            ) => Needs::Table,
            (Self::I386, R_386_GOT32 | R_386_GOT32X) => {
                // A ModR/M byte without a base register: a bare 32-bit displacement.
                let bare = before.last().is_some_and(|modrm| modrm & 0xc7 == 0x05);
                Needs::Slot(if bare { SlotField::Address } else { SlotField::FromTable })
            }
            (Self::I386, R_386_GOTOFF | R_386_GOTPC) => Needs::Table,
            _ => self.needs_by_name(r_type),
        }
    }

    /// Whether a type lets a linker change the instruction, so that it need not load from the global
    /// offset table (x86-64 psABI, "Optimize GOTPCRELX Relocations"; i386 psABI, "R_386_GOT32X").
    pub fn may_be_relaxed(self, r_type: RelocationType) -> bool {
        match self {
            Self::X86_64 => matches!(
                r_type,
                R_X86_64_GOTPCRELX
                    | R_X86_64_REX_GOTPCRELX
                    | R_X86_64_CODE_4_GOTPCRELX
                    | R_X86_64_CODE_5_GOTPCRELX
                    | R_X86_64_CODE_6_GOTPCRELX
            ),
            Self::I386 => r_type == R_386_GOT32X,
            Self::M68k => false,
        }
    }

    /// The type of the same value that leaves the instruction alone.
    pub fn unrelaxed(self, r_type: RelocationType) -> RelocationType {
        match self {
            Self::X86_64 if self.may_be_relaxed(r_type) => R_X86_64_GOTPCREL,
            Self::I386 if self.may_be_relaxed(r_type) => R_386_GOT32,
            _ => r_type,
        }
    }

    fn needs_by_name(self, r_type: RelocationType) -> Needs {
        let name = self.relocation_name(r_type);
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["TLS", "TPOFF", "DTP"]) { Needs::Tls } else { Needs::Nothing }
    }

    /// Reads an integer of at most 64 bits in this architecture's byte order, sign-extended.
    pub fn integer(self, bytes: &[u8]) -> i64 {
        let mut value = 0_u64;
        let mut add = |byte: &u8| value = value << 8 | u64::from(*byte);
        match self {
            Self::M68k => bytes.iter().for_each(&mut add),
            Self::X86_64 | Self::I386 => bytes.iter().rev().for_each(&mut add),
        }
        let unused = 64 - 8 * bytes.len().clamp(1, 8);
        (value << unused) as i64 >> unused
    }

    /// Cuts a value down to an address.
    pub fn address(self, value: u64) -> u64 {
        match self {
            Self::X86_64 => value,
            Self::I386 | Self::M68k => value & 0xffff_ffff,
        }
    }

    /// An address or distance as a signed number.
    pub fn signed(self, value: u64) -> i128 {
        match self {
            Self::X86_64 => i128::from(value as i64),
            Self::I386 | Self::M68k => i128::from(value as i32),
        }
    }

    /// The size of an address in bytes.
    pub fn word(self) -> usize {
        match self {
            Self::X86_64 => 8,
            Self::I386 | Self::M68k => 4,
        }
    }

    /// How many bytes a relocation type writes.
    pub fn width(self, r_type: RelocationType) -> usize {
        match (self, r_type) {
            (Self::X86_64, R_X86_64_64 | R_X86_64_PC64 | R_X86_64_GOTOFF64 | R_X86_64_GOT64) => 8,
            (Self::X86_64, R_X86_64_GOTPCREL64 | R_X86_64_GOTPC64 | R_X86_64_GOTPLT64) => 8,
            (Self::X86_64, R_X86_64_PLTOFF64) => 8,
            (Self::X86_64, R_X86_64_16 | R_X86_64_PC16)
            | (Self::I386, R_386_16 | R_386_PC16)
            | (Self::M68k, R_68K_16 | R_68K_PC16 | R_68K_PLT16 | R_68K_GOT16 | R_68K_GOT16O) => 2,
            (Self::X86_64, R_X86_64_8 | R_X86_64_PC8)
            | (Self::I386, R_386_8 | R_386_PC8)
            | (Self::M68k, R_68K_8 | R_68K_PC8 | R_68K_PLT8 | R_68K_GOT8 | R_68K_GOT8O) => 1,
            _ => 4,
        }
    }

    /// Whether a relocation type writes a distance from its place.
    pub fn is_relative(self, r_type: RelocationType) -> bool {
        let name = self.relocation_name(r_type);
        let by_name = ["PC", "PLT", "GOTPC"].iter().any(|start| name.starts_with(start));
        match self {
            _ if self.may_be_relaxed(r_type) => true,
            Self::X86_64 => by_name && r_type != R_X86_64_PLTOFF64,
            Self::I386 => by_name,
            Self::M68k => by_name || matches!(r_type, R_68K_GOT32 | R_68K_GOT16 | R_68K_GOT8),
        }
    }

    /// The values that GNU ld writes into a field of a relocation type; `None` if it cuts any down
    /// to the width, or if the field holds all addresses. Whatever is not said to be signed or
    /// unsigned is to ld a bit field, in which it allows both and one bit more: -2^n to 2^n-1.
    pub fn range(self, r_type: RelocationType) -> Option<Interval> {
        let width = self.width(r_type);
        if width >= self.word() || r_type.0 == 0 {
            return None;
        }
        let all = 1 << (8 * width);
        let signed = match self {
            Self::X86_64 => width == 4 || r_type == R_X86_64_PC8,
            Self::I386 => r_type == R_386_PC8,
            Self::M68k => !matches!(r_type, R_68K_16 | R_68K_8),
        };
        Some(match (self, r_type) {
            (Self::X86_64, R_X86_64_32) => Interval { low: 0, high: all - 1 },
            _ if signed => Interval { low: -all / 2, high: all / 2 - 1 },
            _ => Interval { low: -all, high: all - 1 },
        })
    }

    /// The psABI's name of a relocation type, without its prefix; its number if it has none.
    pub fn relocation_name(self, r_type: RelocationType) -> String {
        let (names, prefix) = match self {
            Self::X86_64 => (&NAMES_R_X86_64, "R_X86_64_"),
            Self::I386 => (&NAMES_R_386, "R_386_"),
            Self::M68k => (&NAMES_R_68K, "R_68K_"),
        };
        match names.name(r_type).and_then(|name| name.strip_prefix(prefix)) {
            Some(name) => name.to_owned(),
            None => format!("type {r_type}"),
        }
    }
}
