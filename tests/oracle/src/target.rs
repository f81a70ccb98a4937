//! What the oracle knows of an architecture, taken from the psABI supplements and GNU ld's manual.

use clap::ValueEnum;
use object::Architecture;
use object::elf::*;
use std::ops::RangeInclusive;

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
    /// More of a global offset table than modules can have.
    OtherGot,
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
    /// The architecture as the ELF reader calls it.
    pub fn architecture(self) -> Architecture {
        match self {
            Self::X86_64 => Architecture::X86_64,
            Self::I386 => Architecture::I386,
            Self::M68k => Architecture::M68k,
        }
    }

    /// GNU ld for this architecture, with the option that chooses its emulation.
    pub fn linker(self) -> (&'static str, &'static str) {
        match self {
            Self::X86_64 => ("ld", "-melf_x86_64"),
            Self::I386 => ("ld", "-melf_i386"),
            Self::M68k => ("m68k-linux-gnu-ld", "-mm68kelf"),
        }
    }

    /// The addresses that all modules and all that they refer to can have: the topmost 2 GiB in
    /// x86-64's kernel code model, else everything but the page at 0.
    pub fn window(self) -> RangeInclusive<u64> {
        match self {
            Self::X86_64 => 0xffff_ffff_8000_0000..=0xffff_ffff_ffff_ffff,
            Self::I386 | Self::M68k => 0x1000..=0xffff_ffff,
        }
    }

    /// Whether 32-bit fields hold every address, so that no distance can overflow.
    pub fn wraps(self) -> bool {
        self != Self::X86_64
    }

    /// What a relocation type needs. `before` are the bytes before its place: on i386 the
    /// instruction decides how it says where a slot is (psABI, "R_386_GOT32X").
    pub fn needs(self, r_type: RelocationType, before: &[u8]) -> Needs {
        match (self, r_type) {
            (Self::X86_64, R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX)
            | (Self::M68k, R_68K_GOT32 | R_68K_GOT16 | R_68K_GOT8) => {
                Needs::Slot(SlotField::FromPlace)
            }
            (Self::M68k, R_68K_GOT32O | R_68K_GOT16O | R_68K_GOT8O) => {
                Needs::Slot(SlotField::FromTable)
            }
            (Self::I386, R_386_GOT32 | R_386_GOT32X) => {
                // A ModR/M byte without a base register: a bare 32-bit displacement.
                let bare = before.last().is_some_and(|modrm| modrm & 0xc7 == 0x05);
                Needs::Slot(if bare { SlotField::Address } else { SlotField::FromTable })
            }
            (Self::I386, R_386_GOTOFF | R_386_GOTPC) => Needs::Table,
            _ => self.needs_by_name(r_type),
        }
    }

    fn needs_by_name(self, r_type: RelocationType) -> Needs {
        let name = self.relocation_name(r_type);
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["TLS", "TPOFF", "DTP"]) {
            Needs::Tls
        } else if has(&["GOT"]) {
            Needs::OtherGot
        } else {
            Needs::Nothing
        }
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
            (Self::X86_64, R_X86_64_64 | R_X86_64_PC64) => 8,
            (Self::X86_64, R_X86_64_16 | R_X86_64_PC16)
            | (Self::I386, R_386_16 | R_386_PC16)
            | (Self::M68k, R_68K_16 | R_68K_PC16 | R_68K_PLT16 | R_68K_GOT16 | R_68K_GOT16O) => 2,
            (Self::X86_64, R_X86_64_8 | R_X86_64_PC8)
            | (Self::I386, R_386_8 | R_386_PC8)
            | (Self::M68k, R_68K_8 | R_68K_PC8 | R_68K_PLT8 | R_68K_GOT8 | R_68K_GOT8O) => 1,
            _ => 4,
        }
    }

    /// Whether a narrow relocation type writes the distance from its place.
    pub fn is_relative(self, r_type: RelocationType) -> bool {
        let name = self.relocation_name(r_type);
        name.starts_with("PC") || name.starts_with("PLT")
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
