//! Rejections of sections.

use crate::case::{Case, Cases, expect_rejections, section};
use crate::edit::*;
use crate::real::{Architecture, LIMIT, PAGE, with_arch};
use modlink::Errno;
use modlink::Platform;
use modlink::arch::X86_64;
use modlink::image::{Error, Image, SectionProblem};
use modlink::link::Plan;
use modlink_host::HostKernel;

const SHF_WRITE: u64 = 1;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
const SHF_TLS: u64 = 0x400;
const SHF_OS_NONCONFORMING: u64 = 0x100;
const SHF_COMPRESSED: u64 = 0x800;

/// The strictest alignment that a kernel offers unless it says otherwise.
const MAX_ALIGN: u64 = <HostKernel<X86_64> as Platform>::MAX_ALIGN;

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    null(&mut cases);
    extent(&mut cases);
    alignment(&mut cases);
    entries(&mut cases);
    names(&mut cases);
    string_tables(&mut cases);
    symbol_table(&mut cases);
    purpose(&mut cases);
    once(&mut cases);
    contents(&mut cases);
    total(&mut cases);
    gaps(&mut cases);
    cases.into_vec()
}

#[test]
fn every_claim_about_a_section_that_does_not_hold_is_rejected() {
    expect_rejections(cases);
}

#[test]
fn the_extremes_of_what_a_section_may_say_are_accepted() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let accepted = |what: &str, change: &dyn Fn(&mut Edit)| {
            let mut file = real.clone();
            change(&mut file);
            let result = architecture.link(file.bytes());
            assert!(result.is_ok(), "{architecture:?}: {what}: {result:?}");
        };
        let text = real.section(".text");
        accepted("the strictest alignment", &|file| {
            file.set(Section(text, "sh_addralign"), MAX_ALIGN);
        });
        accepted("no alignment", &|file| file.set(Section(text, "sh_addralign"), 0));
        accepted("a section up to the end of the file", &|file| {
            let comment = file.section(".comment");
            let rest = file.bytes().len() as u64 - file.get(Section(comment, "sh_offset"));
            file.set(Section(comment, "sh_size"), rest);
        });
        accepted("an empty section at the end of the file", &|file| {
            let end = file.bytes().len() as u64;
            let data = file.section(".data");
            file.set(Section(data, "sh_offset"), end);
        });
        accepted(
            "sections that share bytes of the file with each other and with the header",
            &|file| {
                let rodata = file.section(".rodata");
                file.set(Section(rodata, "sh_offset"), 0);
                let (comment, strings) = (file.section(".comment"), file.section(".strtab"));
                for field in ["sh_offset", "sh_size"] {
                    let value = file.get(Section(strings, field));
                    file.set(Section(comment, field), value);
                }
            },
        );
        accepted("types that are an operating system's", &|file| {
            let rodata = file.section(".rodata");
            for kind in [0x6000_0000, 0x6fff_4c00, 0x6fff_fff5, 0x6fff_ffff] {
                file.set(Section(rodata, "sh_type"), kind);
            }
        });
        accepted("an unknown type of what is not allocated", &|file| {
            let comment = file.section(".comment");
            file.set(Section(comment, "sh_type"), 0x8000_0000);
        });
        accepted("an empty name at the end of the names", &|file| {
            let names = file.section(".shstrtab");
            let last = file.get(Section(names, "sh_size")) - 1;
            let comment = file.section(".comment");
            file.set(Section(comment, "sh_name"), last);
        });
    }
}

#[test]
fn a_null_header_is_ignored_wherever_it_stands_and_whatever_its_other_members_are() {
    for architecture in Architecture::ALL {
        let real = architecture.module();
        let applied = architecture.link(real.bytes()).expect("it links");
        for name in [".note.gnu.build-id", ".comment", ".bss", ".rodata", ".text"] {
            let mut file = real.clone();
            let index = file.section(name);
            let lost = match name {
                ".text" => file.relocation_count(file.relocations_of(index)),
                _ => 0,
            };
            file.set(Section(index, "sh_type"), 0);
            let as_they_were = architecture.link(file.bytes());
            assert_eq!(as_they_were, Ok(applied - lost), "{architecture:?}: {name}");
            for field in SECTION_FIELDS.into_iter().filter(|field| *field != "sh_type") {
                file.set(Section(index, field), architecture.word_max());
            }
            assert_eq!(architecture.link(file.bytes()), Ok(applied - lost), "{name}");
        }
        let mut file = real.clone();
        for field in ["sh_name", "sh_flags", "sh_offset", "sh_link", "sh_info", "sh_addralign"] {
            file.set(Section(0, field), architecture.word_max());
        }
        assert_eq!(architecture.link(file.bytes()), Ok(applied), "{architecture:?}: the first");
    }
}

const SECTION_FIELDS: [&str; 10] = [
    "sh_name",
    "sh_type",
    "sh_flags",
    "sh_addr",
    "sh_offset",
    "sh_size",
    "sh_link",
    "sh_info",
    "sh_addralign",
    "sh_entsize",
];

#[test]
fn an_empty_thread_local_section_is_accepted() {
    for architecture in Architecture::ALL {
        for name in [".data", ".bss"] {
            let mut file = architecture.module();
            let index = file.section(name);
            let flags = file.get(Section(index, "sh_flags"));
            assert_eq!(file.get(Section(index, "sh_size")), 0);
            file.set(Section(index, "sh_flags"), flags | SHF_TLS);
            let result = architecture.link(file.bytes());
            assert!(result.is_ok(), "{architecture:?}: {name}: {result:?}");
        }
    }
}

#[test]
fn a_section_lies_as_aligned_as_the_limit_lets_it_ask_for() {
    for architecture in Architecture::ALL {
        for align in [1 << 17, 1 << 20, MAX_ALIGN] {
            let mut file = architecture.module();
            let rodata = file.section(".rodata");
            file.set(Section(rodata, "sh_addralign"), align);
            with_arch!(architecture, A => {
                let loader = HostKernel::<A>::new().export_all_for(file.bytes(), &[]).boot();
                loader.load(file.bytes()).expect("it loads");
                let kernel = loader.platform();
                let address = kernel.look("crc_itu_t", |module| {
                    modlink_host::address_in(module, file.bytes(), ".rodata")
                });
                assert!(address.is_multiple_of(align), "{address:#x} of {align:#x}");
                let table = file.contents(rodata);
                assert_eq!(kernel.peek(address, table.len()).expect("memory"), table);
            });
        }
    }
}

#[test]
fn memory_up_to_the_limit_is_accepted_and_a_byte_more_is_rejected() {
    for architecture in Architecture::ALL {
        let file = architecture.module();
        let needed = sum_up_to(&file, file.section_count());
        assert_eq!(architecture.check(file.bytes(), needed), Ok(()));
        let sums = |count: &usize| sum_up_to(&file, *count) < needed;
        let last = (0..file.section_count()).rfind(sums).expect("the last with bytes");
        assert_eq!(
            architecture.check(file.bytes(), needed - 1),
            Err(Error::Section {
                section: section(last, &file.section_name(last)),
                problem: SectionProblem::TooLarge(needed - 1)
            })
        );
    }
}

/// Makes `count` sections of zeros, a byte each, with this alignment.
fn many(architecture: Architecture, count: u64, align: u64) -> Edit {
    let mut file = architecture.module();
    let bss = file.section(".bss");
    file.set(Section(bss, "sh_size"), 1);
    file.set(Section(bss, "sh_addralign"), align);
    for _ in 1..count {
        file.add_section_like(bss);
    }
    file
}

#[test]
fn a_module_of_strict_alignments_is_loaded_if_it_fits_once_it_is_laid_out() {
    let align = 1 << 20;
    for architecture in Architecture::ALL {
        let load = |file: &Edit| {
            with_arch!(architecture, A => {
                let loader = HostKernel::<A>::new().export_all_for(file.bytes(), &[]).boot();
                loader.load(file.bytes()).map(drop)
            })
        };
        let text = architecture.module().section(".text");
        for size in [1, align] {
            // Each but the first starts where the one before it ends, or in the next unit.
            let count = LIMIT / align - 1;
            let mut file = many(architecture, count, align);
            for index in 0..file.section_count() {
                if file.section_name(index) == ".bss" {
                    file.set(Section(index, "sh_size"), size);
                }
            }
            assert_eq!(load(&file), Ok(()), "{architecture:?}: {size:#x}");
            file.set(Section(text, "sh_addralign"), align);
            assert_eq!(load(&file), Ok(()), "{architecture:?}: {size:#x}");
        }
        let Err(error) = load(&many(architecture, LIMIT / align + 1, align)) else {
            panic!("{architecture:?}: more than the limit is accepted");
        };
        assert_eq!(error.errno(), Errno::ENOMEM);
        assert!(error.to_string().contains("the limit is"), "{error}");
    }
}

#[test]
fn the_room_for_gaps_beyond_all_numbers_does_not_wrap_to_little() {
    for architecture in Architecture::ALL {
        let top = if architecture.is_wide() { 1 << 63 } else { 1 << 31 };
        for count in 1..6 {
            let file = many(architecture, count, top);
            let sizes = with_arch!(architecture, A => {
                let image = Image::<A>::check(file.bytes(), LIMIT).expect("its bytes are few");
                let plan = Plan::new(&image, PAGE).expect("memory");
                [plan.size(), plan.contiguous().size, plan.core.align]
            });
            assert!(sizes.iter().all(|size| *size >= top), "{architecture:?}: {count}: {sizes:x?}");
        }
    }
}

/// Changes one field of a section that has a name.
fn reject(
    cases: &mut Cases,
    name: &'static str,
    field: &'static str,
    value: u64,
    says: &str,
    problem: SectionProblem,
) {
    cases.add(format!("{name}: {field} = {value:#x}"), says, |file| {
        let index = file.section(name);
        assert_ne!(file.get(Section(index, field)), value, "{name}: {field} is {value} anyway");
        file.set(Section(index, field), value);
        Error::Section { section: section(index, name), problem }
    });
}

fn null(cases: &mut Cases) {
    for (field, value) in [
        ("sh_type", SHT_PROGBITS),
        ("sh_type", SHT_STRTAB),
        ("sh_size", 1),
        ("sh_size", 0x1_0000),
        ("sh_addr", 1),
    ] {
        cases.add(format!("section 0: {field} = {value}"), "null", |file| {
            file.set(Section(0, field), value);
            Error::Section { section: section(0, ""), problem: SectionProblem::NotNull }
        });
    }
}

fn extent(cases: &mut Cases) {
    let word = cases.on.word_max();
    let file = cases.real.bytes().len() as u64;
    let relocated = cases.real.section(".text");
    let table = cases.real.relocations_of(relocated);
    let relocations: &'static str = cases.real.section_name(table).leak();
    for name in [".text", relocations, ".modinfo", ".strtab", ".comment", "__ksymtab"] {
        let index = cases.real.section(name);
        let size = cases.real.get(Section(index, "sh_size"));
        let offset = cases.real.get(Section(index, "sh_offset"));
        let says = "leave the file";
        // Where a word has more than 32 bits, the lower half alone would be good.
        let wrapped = |good: u64| if cases.on.is_wide() { good + (1 << 32) } else { word };
        let (far_offset, far_size) = (wrapped(offset), wrapped(size));
        for value in [
            file,
            file - size + 1,
            1 << 31,
            word,
            word - size,
            word - size + 1,
            word - size + 2,
            far_offset,
        ] {
            reject(cases, name, "sh_offset", value, says, SectionProblem::OutsideFile);
        }
        let entry = cases.real.get(Section(index, "sh_entsize")).max(1);
        for value in [
            file - offset + 1,
            1 << 31,
            word,
            word - offset,
            word - offset + 1,
            word - offset + 2,
            far_size,
        ] {
            let whole = value.checked_next_multiple_of(entry).filter(|whole| *whole <= word);
            let value = whole.unwrap_or(value / entry * entry);
            reject(cases, name, "sh_size", value, says, SectionProblem::OutsideFile);
        }
    }
}

fn alignment(cases: &mut Cases) {
    let top = if cases.on.is_wide() { 1 << 63 } else { 1 << 31 };
    for name in [".text", ".bss", ".comment", ".symtab"] {
        for value in [3, 6, MAX_ALIGN - 1, MAX_ALIGN + 1, top - 1, top + 1, cases.on.word_max()] {
            reject(
                cases,
                name,
                "sh_addralign",
                value,
                &format!("alignment {value} is not a power of two"),
                SectionProblem::Alignment(value),
            );
        }
    }
    for name in [".text", ".bss"] {
        reject(
            cases,
            name,
            "sh_addralign",
            MAX_ALIGN * 2,
            &format!("alignment is stricter than the limit of {MAX_ALIGN} bytes"),
            SectionProblem::AlignmentLimit(MAX_ALIGN),
        );
    }
    for name in [".text", ".bss"] {
        let says = "alignment is stricter than the limit";
        reject(cases, name, "sh_addralign", top, says, SectionProblem::AlignmentLimit(MAX_ALIGN));
    }
}

fn entries(cases: &mut Cases) {
    let relocated = cases.real.section("__ksymtab");
    let table = cases.real.relocations_of(relocated);
    let relocations: &'static str = cases.real.section_name(table).leak();
    for name in [".symtab", relocations] {
        let index = cases.real.section(name);
        let own = cases.real.get(Section(index, "sh_entsize"));
        for value in [0, 1, own - 1, own + 1, own * 2, cases.on.word_max()] {
            reject(
                cases,
                name,
                "sh_entsize",
                value,
                &format!("sh_entsize {value}"),
                SectionProblem::EntrySize(value),
            );
        }
        let size = cases.real.get(Section(index, "sh_size"));
        for value in [size - 1, size + 1, size - own + 1, own - 1, 1] {
            reject(
                cases,
                name,
                "sh_size",
                value,
                "whole number of entries",
                SectionProblem::PartialEntry,
            );
        }
    }
}

fn names(cases: &mut Cases) {
    let names = cases.real.section(".shstrtab");
    let size = cases.real.get(Section(names, "sh_size"));
    for victim in [".text", ".comment", ".symtab"] {
        for value in [size, size + 1, 0x8000_0000, 0xffff_ffff] {
            cases.add(
                format!("{victim}: sh_name = {value:#x}"),
                "table of section names",
                |file| {
                    let index = file.section(victim);
                    file.set(Section(index, "sh_name"), value);
                    Error::Section { section: section(index, ""), problem: SectionProblem::Name }
                },
            );
        }
    }
}

fn string_tables(cases: &mut Cases) {
    type Change = fn(&mut Edit, usize);
    let changes: [(&str, Change); 4] = [
        ("does not end with NUL", |file, table| {
            *file.contents_mut(table).last_mut().expect("a byte") = b'x';
        }),
        ("does not start with NUL", |file, table| file.contents_mut(table)[0] = b'x'),
        ("is empty", |file, table| file.set(Section(table, "sh_size"), 0)),
        ("is cut inside a name", |file, table| {
            let size = file.get(Section(table, "sh_size"));
            file.set(Section(table, "sh_size"), size - 1);
        }),
    ];
    for (what, change) in changes {
        cases.add(format!(".strtab {what}"), "string table", |file| {
            let index = file.section(".strtab");
            change(file, index);
            Error::Section {
                section: section(index, ".strtab"),
                problem: SectionProblem::StringTable,
            }
        });
        cases.add(format!(".shstrtab {what}"), "string table", |file| {
            let index = file.section(".shstrtab");
            change(file, index);
            Error::Section { section: section(index, ""), problem: SectionProblem::StringTable }
        });
    }
    let far = cases.on.word_max();
    for (field, value) in [("sh_offset", far), ("sh_size", far), ("sh_type", SHT_NOBITS)] {
        cases.add(format!(".shstrtab: {field} = {value:#x}"), "string table", |file| {
            let index = file.section(".shstrtab");
            file.set(Section(index, field), value);
            Error::Section { section: section(index, ""), problem: SectionProblem::StringTable }
        });
    }
}

fn symbol_table(cases: &mut Cases) {
    let real = &cases.real;
    let strangers = [
        0,
        real.section(".symtab"),
        real.section(".text"),
        real.section(".bss"),
        real.section_count(),
        0xff00,
        0xffff_ffff,
    ];
    for link in strangers {
        reject(
            cases,
            ".symtab",
            "sh_link",
            link as u64,
            &format!("sh_link {link}"),
            SectionProblem::Link(link as u32),
        );
    }
    cases.add("no symbol table", "this one has 0", |file| {
        let index = file.section(".symtab");
        file.set(Section(index, "sh_type"), SHT_PROGBITS);
        Error::SymbolTables(0)
    });
    cases.add("two symbol tables", "this one has 2", |file| {
        let index = file.section(".symtab");
        file.add_section_like(index);
        Error::SymbolTables(2)
    });
    cases.add("three symbol tables", "this one has 3", |file| {
        let index = file.section(".symtab");
        file.add_section_like(index);
        file.add_section_like(index);
        Error::SymbolTables(3)
    });
}

fn purpose(cases: &mut Cases) {
    for (name, more, says, problem) in [
        (".rodata", SHF_TLS, "thread-local", SectionProblem::ThreadLocal),
        (".text", SHF_TLS, "thread-local", SectionProblem::ThreadLocal),
        (".rodata", SHF_COMPRESSED, "compressed", SectionProblem::Compressed),
        (".text", SHF_COMPRESSED, "compressed", SectionProblem::Compressed),
        (".text", SHF_WRITE, "writable and executable", SectionProblem::WritableCode),
        (".data", SHF_EXECINSTR, "writable and executable", SectionProblem::WritableCode),
        (".bss", SHF_EXECINSTR, "writable and executable", SectionProblem::WritableCode),
    ] {
        let flags = cases.real.get(Section(cases.real.section(name), "sh_flags"));
        reject(cases, name, "sh_flags", flags | more, says, problem);
    }
    for name in [".text", ".bss", ".modinfo", ".comment"] {
        let index = cases.real.section(name);
        let flags = cases.real.get(Section(index, "sh_flags")) | SHF_OS_NONCONFORMING;
        let problem = SectionProblem::Nonconforming(flags);
        reject(cases, name, "sh_flags", flags, &format!("sh_flags {flags:#x}"), problem);
    }
    let x86_64_only = if cases.on == Architecture::X86_64 { 0x7000_0000 } else { 0x7000_0001 };
    for kind in [20, 0x5fff_ffff, x86_64_only, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
        let problem = SectionProblem::UnknownType(kind as u32);
        let says = format!("unknown sh_type {kind:#x}");
        reject(cases, ".rodata", "sh_type", kind, &says, problem);
    }
    for name in [".modinfo", ".gnu.linkonce.this_module"] {
        let problem = SectionProblem::NotAllocated;
        reject(cases, name, "sh_flags", 0, "must be allocated", problem);
    }
}

fn once(cases: &mut Cases) {
    for name in [".modinfo", ".gnu.linkonce.this_module", "__ksymtab"] {
        cases.add(format!("a second {name}"), "only once", |file| {
            let original = file.section(name);
            let second = file.add_section_like(original);
            Error::Section { section: section(second, name), problem: SectionProblem::Repeated }
        });
        cases.add(format!("{name} is also the name of .comment"), "only once", |file| {
            let (original, comment) = (file.section(name), file.section(".comment"));
            let name_offset = file.get(Section(original, "sh_name"));
            file.set(Section(comment, "sh_name"), name_offset);
            file.set(Section(comment, "sh_flags"), SHF_ALLOC);
            Error::Section { section: section(comment, name), problem: SectionProblem::Repeated }
        });
    }
}

fn contents(cases: &mut Cases) {
    for name in [".modinfo", ".gnu.linkonce.this_module"] {
        for kind in [SHT_NOBITS, 7, 0x7000_0001] {
            let says = format!("sh_type is {kind}; it must be SHT_PROGBITS");
            reject(cases, name, "sh_type", kind, &says, SectionProblem::Type(kind as u32));
        }
        reject(cases, name, "sh_size", 0, "must not be empty", SectionProblem::NoBytes);
    }
}

fn total(cases: &mut Cases) {
    let word = cases.on.word_max();
    for size in [LIMIT, LIMIT + 1, 1 << 31, word - 1, word] {
        cases.add_with(Errno::ENOMEM, format!(".bss of {size:#x} bytes"), "limit", |file| {
            let bss = file.section(".bss");
            file.set(Section(bss, "sh_size"), size);
            too_large(file, bss)
        });
    }
    cases.add_with(Errno::ENOMEM, "two sections whose sizes wrap when added", "limit", |file| {
        let (data, bss) = (file.section(".data"), file.section(".bss"));
        file.set(Section(data, "sh_type"), SHT_NOBITS);
        file.set(Section(data, "sh_size"), word / 2 + 1);
        file.set(Section(bss, "sh_size"), word / 2 + 1);
        too_large(file, data)
    });
}

/// Each section fits, and all of them, and what does not is the room between them.
fn gaps(cases: &mut Cases) {
    let on = cases.on;
    cases.add_with(Errno::ENOMEM, "gaps for alignment beyond the limit", "the limit is", |file| {
        *file = many(on, LIMIT / (1 << 20) + 1, 1 << 20);
        let size = with_arch!(on, A => {
            let image = Image::<A>::check(file.bytes(), LIMIT).expect("its bytes are few");
            Plan::new(&image, PAGE).expect("memory").size()
        });
        assert!(size > LIMIT && size < 2 * LIMIT, "{size:#x}");
        Error::TooLarge { size, limit: LIMIT }
    });
}

/// The error that section `last` takes the sum of all loaded sections beyond the limit.
fn too_large(file: &Edit, last: usize) -> Error {
    assert!(sum_up_to(file, last) <= LIMIT, "an earlier section is too large already");
    assert!(sum_up_to(file, last + 1) > LIMIT, "all of them fit");
    Error::Section {
        section: section(last, &file.section_name(last)),
        problem: SectionProblem::TooLarge(LIMIT),
    }
}

/// What the first `count` sections need in memory, without the gaps before them.
fn sum_up_to(file: &Edit, count: usize) -> u64 {
    (0..count)
        .filter(|index| file.get(Section(*index, "sh_flags")) & SHF_ALLOC != 0)
        .filter(|index| ![".modinfo", "__versions"].contains(&file.section_name(*index).as_str()))
        .map(|index| file.get(Section(index, "sh_size")))
        .fold(0, u64::saturating_add)
}
