//! Claims about the file header (gABI, "ELF Header").

use super::{HeaderProblem, raw};
use crate::arch::{Arch, ByteOrder, Class};
use goblin::elf::Header;
use goblin::elf::header::*;
use goblin::elf::section_header::SHN_LORESERVE;

/// Reads the header. Established: it is in the file, describes a relocatable file of the
/// architecture's class, byte order and machine in the current version, and the structures that
/// it announces have the sizes of that class.
pub(super) fn check<A: Arch>(file: &[u8]) -> Result<Header, HeaderProblem> {
    ident::<A>(file)?;
    let header = raw::header::<A>(file).ok_or(HeaderProblem::Truncated)?;
    kind::<A>(&header)?;
    sizes::<A>(&header)?;
    Ok(header)
}

/// The bytes of the section header table. Established: it lies in the file and has at least one
/// entry, and its count is not hidden in the first one, nor are there so many that an index could
/// be a reserved one.
pub(super) fn section_table<'a, A: Arch>(
    file: &'a [u8],
    header: &Header,
) -> Result<&'a [u8], HeaderProblem> {
    let entry = raw::sizes::<A>().section_header as u64;
    if header.e_shnum == 0 || u32::from(header.e_shnum) >= SHN_LORESERVE {
        // Too many for `e_shnum`, they are counted by the size of the first.
        let first = super::slice(file, header.e_shoff, entry).and_then(raw::section_header::<A>);
        return Err(match first.filter(|_| header.e_shnum == 0) {
            Some(first) if first.sh_size >= SHN_LORESERVE.into() => {
                HeaderProblem::TooManySections(first.sh_size)
            }
            _ => HeaderProblem::SectionCount(header.e_shnum),
        });
    }
    super::slice(file, header.e_shoff, u64::from(header.e_shnum).saturating_mul(entry))
        .ok_or(HeaderProblem::SectionTable)
}

/// Established: magic number, class, byte order and version of the identification bytes.
// Out of line for the sake of size.
#[inline(never)]
fn ident<A: Arch>(file: &[u8]) -> Result<(), HeaderProblem> {
    let ident: &[u8; SIZEOF_IDENT] = file.first_chunk().ok_or(HeaderProblem::Truncated)?;
    if !ident.starts_with(ELFMAG) {
        return Err(HeaderProblem::Magic);
    }
    let class = match A::CLASS {
        Class::Elf32 => ELFCLASS32,
        Class::Elf64 => ELFCLASS64,
    };
    let order = match A::ORDER {
        ByteOrder::Little => ELFDATA2LSB,
        ByteOrder::Big => ELFDATA2MSB,
    };
    if ident[EI_CLASS] != class {
        return Err(HeaderProblem::Class(ident[EI_CLASS]));
    }
    if ident[EI_DATA] != order {
        return Err(HeaderProblem::ByteOrder(ident[EI_DATA]));
    }
    if ident[EI_VERSION] != EV_CURRENT {
        return Err(HeaderProblem::IdentVersion(ident[EI_VERSION]));
    }
    Ok(())
}

/// Established: version, file type and machine.
fn kind<A: Arch>(header: &Header) -> Result<(), HeaderProblem> {
    if header.e_version != u32::from(EV_CURRENT) {
        return Err(HeaderProblem::Version(header.e_version));
    }
    if header.e_type != ET_REL {
        return Err(HeaderProblem::Type(header.e_type));
    }
    if header.e_machine != A::MACHINE {
        return Err(HeaderProblem::Machine(header.e_machine));
    }
    Ok(())
}

/// Established: the sizes of the header and of a section header.
fn sizes<A: Arch>(header: &Header) -> Result<(), HeaderProblem> {
    let sizes = raw::sizes::<A>();
    if usize::from(header.e_ehsize) != sizes.header {
        return Err(HeaderProblem::HeaderSize { found: header.e_ehsize, want: sizes.header });
    }
    if usize::from(header.e_shentsize) != sizes.section_header {
        return Err(HeaderProblem::SectionHeaderSize {
            found: header.e_shentsize,
            want: sizes.section_header,
        });
    }
    Ok(())
}
