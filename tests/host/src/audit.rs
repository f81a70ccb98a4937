//! Whether a module in memory is what its file says, found out without the loader's own reading.

use crate::HostKernel;
use crate::user::PAGE;
use modlink::Module;
use modlink::arch::{Arch, ByteOrder, Class};
use modlink::image::Image;
use modlink::link::{Location, Part, Plan};
use modlink::platform::{Event, Protection};
use object::Endianness;
use object::elf::{
    FileHeader32, FileHeader64, SHF_ALLOC, SHF_EXECINSTR, SHF_WRITE, SHT_FINI_ARRAY,
    SHT_INIT_ARRAY, SHT_NOBITS, SHT_NULL, SHT_PREINIT_ARRAY, SHT_REL, SHT_RELA, SectionFlags,
    SectionType,
};
use object::read::elf::{FileHeader, SectionHeader};
use std::ops::Range;

/// A section as its header has it.
#[derive(Default)]
struct Raw<'f> {
    name: &'f [u8],
    kind: SectionType,
    flags: SectionFlags,
    size: u64,
    align: u64,
    target: usize,
    data: &'f [u8],
}

/// Checks a module that has just been loaded from `file`, or whose init function is about to be called, against its
/// section headers: each allocated section has a place of its own in the right part, aligned, on
/// pages with the protection that its flags ask for; and before its init function is called, every byte is
/// that of the file or zero, unless it belongs to the place of a relocation.
///
/// # Panics
/// If anything is not so.
pub fn audit<A: Arch>(
    kernel: &HostKernel<A>,
    event: Event,
    module: &Module<HostKernel<A>>,
    file: &[u8],
) {
    let sections = match A::CLASS {
        Class::Elf32 => raw_sections::<FileHeader32<Endianness>>(file),
        Class::Elf64 => raw_sections::<FileHeader64<Endianness>>(file),
    };
    let image = Image::<A>::check(file, u64::MAX >> 1).expect("it has been loaded");
    let plan = Plan::new(&image, PAGE).expect("it has been loaded");
    let parts = [(Part::Core, Some(module.core())), (Part::Init, module.init())];
    if event == Event::InitFreed {
        assert!(module.init().is_none() || module.statistics().contiguous, "init is still there");
    }

    for (part, range) in parts {
        let Some(range) = range else { continue };
        let mut taken = Vec::new();
        for (index, section) in sections.iter().enumerate() {
            // An array of functions is one under any name.
            let is_array =
                [SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_PREINIT_ARRAY].contains(&section.kind);
            let for_the_loader = !is_array
                && ([&b".modinfo"[..], b"__versions"].contains(&section.name)
                    || section.name.starts_with(b"__version_ext_"));
            let location = plan.location(index);
            let loaded = section.flags.contains(SHF_ALLOC) && !for_the_loader;
            assert_eq!(location.is_some(), loaded, "section {index}");
            let Some(location) = location.filter(|location| location.part == part) else {
                continue;
            };
            assert_eq!(part == Part::Init, section.name.starts_with(b".init"), "section {index}");
            assert_eq!(location.size, section.size, "section {index}");
            let address = range.start + location.offset;
            assert!(address.is_multiple_of(section.align.max(1)), "section {index} is not aligned");
            taken.push(span(location));
            protected(kernel, event, section, address);
        }
        let got = plan.got().filter(|got| got.part == part).map(span);
        taken.extend(got.clone());
        apart(taken, range.end - range.start);
        if event == Event::Coming {
            contents::<A>(kernel, &sections, &plan, part, &range, got);
        }
    }
}

fn raw_sections<Elf: FileHeader<Endian = Endianness>>(file: &[u8]) -> Vec<Raw<'_>> {
    let header = Elf::parse(file).expect("it has been loaded");
    let endian = header.endian().expect("it has been loaded");
    let headers = header.section_headers(endian, file).expect("it has been loaded");
    let names = &headers[usize::from(header.e_shstrndx(endian).0)];
    let names = names.data(endian, file).expect("it has been loaded");
    let raw = |section: &Elf::SectionHeader| {
        if section.sh_type(endian) == SHT_NULL {
            // Its other members are undefined.
            return Raw::default();
        }
        let name = &names[section.sh_name(endian) as usize..];
        let length = name.iter().position(|byte| *byte == 0).expect("names end");
        Raw {
            name: &name[..length],
            kind: section.sh_type(endian),
            flags: section.sh_flags(endian),
            size: section.sh_size(endian).into(),
            align: section.sh_addralign(endian).into(),
            target: section.sh_info(endian) as usize,
            data: section.data(endian, file).unwrap_or_default(),
        }
    };
    headers.iter().map(raw).collect()
}

fn span(location: Location) -> Range<u64> {
    location.offset..location.offset + location.size
}

/// No two of these overlap, and all end before `size`.
fn apart(mut spans: Vec<Range<u64>>, size: u64) {
    spans.retain(|span| !span.is_empty());
    // In place: the steps of a stable sort depend on where its scratch memory lies, and the fuzz targets
    // count them.
    spans.sort_unstable_by_key(|span| span.start);
    for pair in spans.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{pair:x?} overlap");
    }
    assert!(spans.iter().all(|span| span.end <= size), "{spans:x?} in {size:#x} bytes");
}

fn protected<A: Arch>(kernel: &HostKernel<A>, event: Event, section: &Raw<'_>, address: u64) {
    let ro_after_init = [&b".data..ro_after_init"[..], b"__jump_table"].contains(&section.name);
    let wanted = if section.flags.contains(SHF_EXECINSTR) {
        Protection::Execute
    } else if ro_after_init && event == Event::InitFreed {
        Protection::ReadOnly
    } else if ro_after_init || section.flags.contains(SHF_WRITE) {
        Protection::ReadWrite
    } else {
        Protection::ReadOnly
    };
    let last = section.size.checked_sub(1).map(|last| address + last);
    let first_of_pages = (address..address + section.size).step_by(PAGE as usize);
    for at in first_of_pages.chain(last) {
        assert_eq!(kernel.protection(at), Some(wanted), "{at:#x}");
    }
}

/// Compares the bytes of a part with those of the file.
fn contents<A: Arch>(
    kernel: &HostKernel<A>,
    sections: &[Raw<'_>],
    plan: &Plan,
    part: Part,
    range: &Range<u64>,
    got: Option<Range<u64>>,
) {
    let size = (range.end - range.start) as usize;
    let found = kernel.peek(range.start, size).expect("the part is in memory");
    let mut expected = vec![0; size];
    let in_part = |index| plan.location(index).filter(|location| location.part == part);
    for (index, section) in sections.iter().enumerate() {
        if let Some(location) = in_part(index)
            && section.kind != SHT_NOBITS
        {
            expected[location.range()].copy_from_slice(section.data);
        }
    }
    let mut take_as_it_is = |range: Range<usize>| {
        expected[range.clone()].copy_from_slice(&found[range]);
    };
    for section in sections {
        if let (SHT_REL | SHT_RELA, Some(location)) = (section.kind, in_part(section.target)) {
            let target = location.range();
            for place in places::<A>(section) {
                let end = (target.start + place.end).min(target.end);
                take_as_it_is(target.start + place.start..end);
            }
        }
    }
    if let Some(got) = got {
        take_as_it_is(got.start as usize..got.end as usize);
    }
    if found != expected {
        let wrong = (0..size).find(|at| found[*at] != expected[*at]);
        panic!("{part}: at offset {wrong:x?} is a byte that no relocation may change");
    }
}

/// The bytes that each relocation of a table may change: as many as a word has, or those up to the
/// end of the section.
fn places<A: Arch>(section: &Raw<'_>) -> Vec<Range<usize>> {
    let word = match A::CLASS {
        Class::Elf32 => 4,
        Class::Elf64 => 8,
    };
    let entry = if section.kind == SHT_RELA { 3 * word } else { 2 * word };
    let offset = |entry: &[u8]| {
        let bytes = entry[..word].iter();
        let more = |all: usize, byte: &u8| all << 8 | usize::from(*byte);
        match A::ORDER {
            ByteOrder::Little => bytes.rev().fold(0, more),
            ByteOrder::Big => bytes.fold(0, more),
        }
    };
    section.data.chunks_exact(entry).map(|entry| offset(entry)..offset(entry) + word).collect()
}
