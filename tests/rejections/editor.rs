//! Whether the editor reads and writes files as another reader sees them.

use crate::edit::*;
use crate::real::Architecture;
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, Rel, Rela, SectionHeader, Sym};
use object::{Endianness, SymbolIndex};

#[test]
fn every_field_is_read_as_another_reader_reads_it() {
    for architecture in Architecture::ALL {
        let file = architecture.module();
        compare_with_object(architecture, &file);
    }
}

#[test]
fn every_field_is_written_where_another_reader_reads_it() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let count = file.section_count();
        for index in 1..count {
            for field in ["sh_flags", "sh_addr", "sh_info", "sh_addralign"] {
                let value = file.get(Section(index, field)) ^ 0x0102;
                file.set(Section(index, field), value);
                assert_eq!(file.get(Section(index, field)), value);
            }
        }
        for index in 0..file.symbol_count() {
            for field in ["st_value", "st_size", "st_shndx", "st_bind", "st_type", "st_other"] {
                let value = file.get(Symbol(index, field)) ^ 3;
                file.set(Symbol(index, field), value);
                assert_eq!(file.get(Symbol(index, field)), value);
            }
        }
        for index in 0..count {
            if !matches!(file.get(Section(index, "sh_type")), SHT_REL | SHT_RELA) {
                continue;
            }
            for number in 0..file.relocation_count(index) {
                for field in ["r_offset", "r_sym", "r_type"] {
                    let value = file.get(Relocation(index, number, field)) ^ 0x45;
                    file.set(Relocation(index, number, field), value);
                    assert_eq!(file.get(Relocation(index, number, field)), value);
                }
            }
        }
        for field in ["e_entry", "e_phoff", "e_flags", "e_phentsize", "e_version"] {
            let value = file.get(Header(field)) ^ 0x0605;
            file.set(Header(field), value);
            assert_eq!(file.get(Header(field)), value);
        }
        compare_with_object(architecture, &file);
    }
}

#[test]
fn what_is_added_is_found() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let comment = file.section(".comment");
        let added = file.add_section_like(comment);
        file.rename_section(added, ".added");
        file.set_contents(added, b"contents");
        let function = file.symbol("crc_itu_t");
        file.rename_symbol(function, "renamed");
        file.set_modinfo("name", "another");
        file.remove_modinfo("license");
        compare_with_object(architecture, &file);

        assert_eq!(file.section(".added"), added);
        assert_eq!(file.contents(added), b"contents");
        assert_eq!(file.symbol("renamed"), function);
        let modinfo = String::from_utf8_lossy(file.contents(file.section(".modinfo"))).into_owned();
        let strings: Vec<&str> = modinfo.split('\0').collect();
        assert!(strings.contains(&"name=another"));
        assert!(!strings.iter().any(|string| string.starts_with("license=")));
        assert_eq!(strings.iter().filter(|string| string.starts_with("name=")).count(), 1);
        assert!(architecture.link(file.bytes()).is_ok());
    }
}

fn compare_with_object(on: Architecture, file: &Edit) {
    if on.is_wide() {
        compare::<FileHeader64<Endianness>>(file);
    } else {
        compare::<FileHeader32<Endianness>>(file);
    }
}

fn compare<H: FileHeader<Endian = Endianness>>(file: &Edit) {
    let data = file.bytes();
    let header = H::parse(data).expect("a header");
    let endian = header.endian().expect("a byte order");
    for (field, value) in [
        ("e_type", header.e_type(endian).0.into()),
        ("e_machine", header.e_machine(endian).0.into()),
        ("e_version", header.e_version(endian).into()),
        ("e_entry", header.e_entry(endian).into()),
        ("e_phoff", header.e_phoff(endian).into()),
        ("e_shoff", header.e_shoff(endian).into()),
        ("e_flags", header.e_flags(endian).0.into()),
        ("e_ehsize", header.e_ehsize(endian).into()),
        ("e_phentsize", header.e_phentsize(endian).into()),
        ("e_phnum", header.e_phnum(endian).into()),
        ("e_shentsize", header.e_shentsize(endian).into()),
        ("e_shnum", header.e_shnum(endian).into()),
        ("e_shstrndx", header.e_shstrndx(endian).0.into()),
    ] {
        assert_eq!(file.get(Header(field)), value, "{field}");
    }
    let sections = header.section_headers(endian, data).expect("section headers");
    assert_eq!(sections.len(), file.section_count());
    for (index, section) in sections.iter().enumerate() {
        compare_section::<H>(file, endian, index, section);
    }
    compare_symbols::<H>(file, endian, header);
}

fn compare_section<H: FileHeader<Endian = Endianness>>(
    file: &Edit,
    endian: Endianness,
    index: usize,
    section: &H::SectionHeader,
) {
    for (field, value) in [
        ("sh_name", section.sh_name(endian).into()),
        ("sh_type", section.sh_type(endian).0.into()),
        ("sh_flags", section.sh_flags(endian).0),
        ("sh_addr", section.sh_addr(endian).into()),
        ("sh_offset", section.sh_offset(endian).into()),
        ("sh_size", section.sh_size(endian).into()),
        ("sh_link", section.sh_link(endian).into()),
        ("sh_info", section.sh_info(endian).into()),
        ("sh_addralign", section.sh_addralign(endian).into()),
        ("sh_entsize", section.sh_entsize(endian).into()),
    ] {
        assert_eq!(file.get(Section(index, field)), value, "section {index}: {field}");
    }
    let data = file.bytes();
    if let Some((relocations, _)) = section.rela(endian, data).expect("relocations") {
        assert_eq!(relocations.len(), file.relocation_count(index));
        for (number, relocation) in relocations.iter().enumerate() {
            let get = |field| file.get(Relocation(index, number, field));
            assert_eq!(get("r_offset"), relocation.r_offset(endian).into());
            assert_eq!(get("r_sym"), relocation.r_sym(endian, false).into());
            assert_eq!(get("r_type"), relocation.r_type(endian, false).0.into());
            let addend: i64 = relocation.r_addend(endian).into();
            let mask = if H::is_type_64_sized() { u64::MAX } else { u32::MAX.into() };
            assert_eq!(get("r_addend"), addend as u64 & mask);
        }
    }
    if let Some((relocations, _)) = section.rel(endian, data).expect("relocations") {
        assert_eq!(relocations.len(), file.relocation_count(index));
        for (number, relocation) in relocations.iter().enumerate() {
            let get = |field| file.get(Relocation(index, number, field));
            assert_eq!(get("r_offset"), relocation.r_offset(endian).into());
            assert_eq!(get("r_sym"), relocation.r_sym(endian).into());
            assert_eq!(get("r_type"), relocation.r_type(endian).0.into());
        }
    }
}

fn compare_symbols<H: FileHeader<Endian = Endianness>>(
    file: &Edit,
    endian: Endianness,
    header: &H,
) {
    let data = file.bytes();
    let sections = header.sections(endian, data).expect("sections");
    let symbols = sections.symbols(endian, data, object::elf::SHT_SYMTAB).expect("symbols");
    assert_eq!(symbols.len(), file.symbol_count());
    // The reader does not give out the empty symbol 0.
    for index in 1..symbols.len() {
        let symbol = symbols.symbol(SymbolIndex(index)).expect("a symbol");
        for (field, value) in [
            ("st_name", symbol.st_name(endian).into()),
            ("st_bind", symbol.st_bind().0.into()),
            ("st_type", symbol.st_type().0.into()),
            ("st_other", symbol.st_other().0.into()),
            ("st_shndx", symbol.st_shndx(endian).0.into()),
            ("st_value", symbol.st_value(endian).into()),
            ("st_size", symbol.st_size(endian).into()),
        ] {
            assert_eq!(file.get(Symbol(index, field)), value, "symbol {index}: {field}");
        }
        if let Ok(name) = symbol.name(endian, symbols.strings()) {
            assert_eq!(file.symbol_name(index).as_bytes(), name);
        }
    }
}
