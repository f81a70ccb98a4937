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
    /// A global offset table, whose layout is each linker's own business.
    Got,
    /// Thread-local storage.
    Tls,
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

    /// What a relocation type needs, which the psABIs' names tell.
    pub fn needs(self, r_type: RelocationType) -> Needs {
        let name = self.relocation_name(r_type);
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["TLS", "TPOFF", "DTP"]) {
            Needs::Tls
        } else if has(&["GOT"]) {
            Needs::Got
        } else {
            Needs::Nothing
        }
    }

    /// How many bytes the relocation types narrower than 32 bits write; `None` for all others.
    pub fn narrow(self, r_type: RelocationType) -> Option<u32> {
        match (self, r_type) {
            (Self::X86_64, R_X86_64_16 | R_X86_64_PC16)
            | (Self::I386, R_386_16 | R_386_PC16)
            | (Self::M68k, R_68K_16 | R_68K_PC16 | R_68K_PLT16) => Some(2),
            (Self::X86_64, R_X86_64_8 | R_X86_64_PC8)
            | (Self::I386, R_386_8 | R_386_PC8)
            | (Self::M68k, R_68K_8 | R_68K_PC8 | R_68K_PLT8) => Some(1),
            _ => None,
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
