//! Hand-made modules, for what real ones lack.

use crate::HostKernel;
use modlink::Module;
use modlink::arch::{Arch, Endian};
use modlink::image::Image;
use modlink::link::{Part, Plan};
use modlink::symbols::KsymtabFormat;
use object::elf::{R_68K_32, R_386_32, R_386_PC32, R_X86_64_64, R_X86_64_PC32};
use object::write::{Object, Relocation, SectionId, Symbol, SymbolId, SymbolSection};
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionKind, SymbolFlags, SymbolKind,
    SymbolScope,
};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A module file for the architecture `A` in the making.
///
/// It has a function in `.text`, what `.modinfo` needs, and what is asked for. Each symbol that it
/// imports has a word in `.data` that holds its address, in the order of the calls; each that it
/// exports is a byte of `.text`.
#[derive(Clone, Debug)]
pub struct ModuleFile<A> {
    modinfo: Vec<u8>,
    has_license: bool,
    init: bool,
    exit: bool,
    imports: Vec<Import>,
    exports: Vec<Export>,
    sections: Vec<Extra>,
    arch: PhantomData<A>,
}

#[derive(Clone, Debug)]
struct Import {
    name: String,
    weak: bool,
}

#[derive(Clone, Debug)]
struct Export {
    name: String,
    gpl_only: bool,
    namespace: String,
}

#[derive(Clone, Debug)]
struct Extra {
    name: String,
    kind: SectionKind,
    bytes: Vec<u8>,
    align: u64,
}

/// The address of a section of a module that has been loaded from a file.
///
/// # Panics
/// If the file has no such section, or the module does not have it in memory.
pub fn address_in<A: Arch>(module: &Module<HostKernel<A>>, file: &[u8], section: &str) -> u64 {
    let image = Image::<A>::check(file, u64::MAX >> 1).expect("the file has been loaded");
    let plan = Plan::new(&image, crate::user::PAGE).expect("the file has been loaded");
    let (index, _) =
        image.section(section.as_bytes()).unwrap_or_else(|| panic!("no section {section}"));
    let location = plan.location(index).expect("it is loaded");
    let part = match location.part {
        Part::Core => module.core(),
        Part::Init => module.init().expect("the module has not started yet"),
    };
    part.start + location.offset
}

impl<A: Arch> ModuleFile<A> {
    /// A module of that name, under the GPL.
    pub fn new(name: &str) -> Self {
        Self::nameless().says("name", name)
    }

    /// A module that does not say its name.
    pub fn nameless() -> Self {
        Self {
            modinfo: Vec::new(),
            has_license: false,
            init: false,
            exit: false,
            imports: Vec::new(),
            exports: Vec::new(),
            sections: Vec::new(),
            arch: PhantomData,
        }
    }

    /// The same, with a line in `.modinfo`.
    pub fn says(mut self, key: &str, value: &str) -> Self {
        self.has_license |= key == "license";
        self.modinfo.extend_from_slice(format!("{key}={value}\0").as_bytes());
        self
    }

    /// The same, with a start.
    pub fn init(mut self) -> Self {
        self.init = true;
        self
    }

    /// The same, with a stop.
    pub fn exit(mut self) -> Self {
        self.exit = true;
        self
    }

    /// The same, using a symbol of the kernel or another module.
    pub fn imports(self, name: &str) -> Self {
        self.import(name, false)
    }

    /// The same, using a symbol if somebody has it.
    pub fn imports_weakly(self, name: &str) -> Self {
        self.import(name, true)
    }

    fn import(mut self, name: &str, weak: bool) -> Self {
        let name = name.to_owned();
        self.imports.push(Import { name, weak });
        self
    }

    /// The same, exporting a symbol to every module.
    pub fn exports(self, name: &str) -> Self {
        self.export(name, false, "")
    }

    /// The same, exporting a symbol to modules under a GPL-compatible licence.
    pub fn exports_gpl(self, name: &str) -> Self {
        self.export(name, true, "")
    }

    /// The same, exporting a symbol in a namespace.
    pub fn exports_in(self, namespace: &str, name: &str) -> Self {
        self.export(name, false, namespace)
    }

    fn export(mut self, name: &str, gpl_only: bool, namespace: &str) -> Self {
        self.exports.push(Export {
            name: name.to_owned(),
            gpl_only,
            namespace: namespace.to_owned(),
        });
        self
    }

    /// The same, with one more section. Of `SectionKind::UninitializedData` only the number of
    /// bytes counts.
    pub fn section(mut self, name: &str, kind: SectionKind, bytes: &[u8], align: u64) -> Self {
        self.sections.push(Extra { name: name.to_owned(), kind, bytes: bytes.to_vec(), align });
        self
    }

    /// The bytes of the file.
    pub fn build(&self) -> Vec<u8> {
        let mut writer = Writer::new::<A>();
        self.write_code(&mut writer);
        self.write_modinfo(&mut writer);
        self.write_imports(&mut writer);
        self.write_exports(&mut writer);
        for extra in &self.sections {
            let section = writer.section(&extra.name, extra.kind);
            if extra.kind == SectionKind::UninitializedData {
                let size = extra.bytes.len() as u64;
                writer.object.append_section_bss(section, size, extra.align);
            } else {
                writer.object.append_section_data(section, &extra.bytes, extra.align);
            }
        }
        writer.object.write().expect("a file that can be written")
    }

    fn write_code(&self, writer: &mut Writer) {
        let nothing = [0x90; 16];
        writer.data(".text", SectionKind::Text, &nothing, 16);
        for (wanted, section, name) in
            [(self.init, ".init.text", "init_module"), (self.exit, ".exit.text", "cleanup_module")]
        {
            if wanted {
                let section = writer.data(section, SectionKind::Text, &nothing, 16);
                writer.define(name, section, 0);
            }
        }
    }

    fn write_modinfo(&self, writer: &mut Writer) {
        let mut modinfo = self.modinfo.clone();
        if !self.has_license {
            modinfo.extend_from_slice(b"license=GPL\0");
        }
        writer.data(".modinfo", SectionKind::ReadOnlyData, &modinfo, 1);
        let this_module = ".gnu.linkonce.this_module";
        writer.data(this_module, SectionKind::Data, &[0; 64], 64);
    }

    fn write_imports(&self, writer: &mut Writer) {
        if self.imports.is_empty() {
            return;
        }
        let section = writer.section(".data", SectionKind::Data);
        for import in &self.imports {
            let symbol = writer.undefined(&import.name, import.weak);
            let word = vec![0; writer.word];
            let at = writer.object.append_section_data(section, &word, writer.word as u64);
            writer.relocate(section, at, symbol, 0, writer.absolute);
        }
    }

    fn write_exports(&self, writer: &mut Writer) {
        if self.exports.is_empty() {
            return;
        }
        let code = vec![0x90; self.exports.len()];
        let code = writer.data(".text.exports", SectionKind::Text, &code, 16);
        let strings = writer.section("__ksymtab_strings", SectionKind::ReadOnlyData);
        let mut tables = BTreeMap::<_, Vec<_>>::new();
        for (offset, export) in self.exports.iter().enumerate() {
            let symbol = writer.define(&export.name, code, offset as u64);
            let table = if export.gpl_only { "__ksymtab_gpl" } else { "__ksymtab" };
            tables.entry(table).or_default().push((export, symbol));
        }
        for (table, mut exports) in tables {
            exports.sort_by_key(|(export, _)| &export.name);
            let table = writer.section(table, SectionKind::ReadOnlyData);
            for (export, symbol) in exports {
                let name = writer.string(strings, &export.name);
                let namespace = writer.string(strings, &export.namespace);
                let strings = writer.object.section_symbol(strings);
                writer.pointer::<A>(table, symbol, 0);
                writer.pointer::<A>(table, strings, name);
                writer.pointer::<A>(table, strings, namespace);
            }
        }
    }
}

struct Writer {
    object: Object<'static>,
    /// The size of a word in bytes.
    word: usize,
    /// The relocation type that writes a word with an address.
    absolute: u32,
    /// The one that writes 32 bits with a distance.
    relative: u32,
}

impl Writer {
    fn new<A: Arch>() -> Self {
        let (architecture, word, absolute, relative) = match A::NAME {
            "x86_64" => (Architecture::X86_64, 8, R_X86_64_64, R_X86_64_PC32),
            "i386" => (Architecture::I386, 4, R_386_32, R_386_PC32),
            "m68k" => (Architecture::M68k, 4, R_68K_32, R_68K_32),
            other => panic!("no files are made for {other}"),
        };
        let order = match A::ORDER {
            Endian::Little => Endianness::Little,
            Endian::Big => Endianness::Big,
        };
        Self {
            object: Object::new(BinaryFormat::Elf, architecture, order),
            word,
            absolute: absolute.0,
            relative: relative.0,
        }
    }

    /// A section, which the module has in memory.
    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        self.object.add_section(Vec::new(), name.as_bytes().to_vec(), kind)
    }

    fn data(&mut self, name: &str, kind: SectionKind, bytes: &[u8], align: u64) -> SectionId {
        let section = self.section(name, kind);
        self.object.append_section_data(section, bytes, align);
        section
    }

    /// Adds a string and returns its offset.
    fn string(&mut self, section: SectionId, string: &str) -> i64 {
        let bytes = [string.as_bytes(), b"\0"].concat();
        self.object.append_section_data(section, &bytes, 1) as i64
    }

    /// Adds an entry's field that leads to a symbol.
    fn pointer<A: Arch>(&mut self, table: SectionId, symbol: SymbolId, addend: i64) {
        let at = self.object.append_section_data(table, &[0; 4], 4);
        let r_type = match A::KSYMTAB {
            KsymtabFormat::Distances => self.relative,
            KsymtabFormat::Words => self.absolute,
        };
        self.relocate(table, at, symbol, addend, r_type);
    }

    fn relocate(
        &mut self,
        section: SectionId,
        offset: u64,
        symbol: SymbolId,
        addend: i64,
        r_type: u32,
    ) {
        let flags = RelocationFlags::Elf { r_type: object::elf::RelocationType(r_type) };
        let relocation = Relocation { offset, symbol, addend, flags };
        self.object.add_relocation(section, relocation).expect("a relocation of this architecture");
    }

    fn define(&mut self, name: &str, section: SectionId, value: u64) -> SymbolId {
        self.symbol(name, SymbolSection::Section(section), value, false)
    }

    fn undefined(&mut self, name: &str, weak: bool) -> SymbolId {
        self.symbol(name, SymbolSection::Undefined, 0, weak)
    }

    fn symbol(&mut self, name: &str, section: SymbolSection, value: u64, weak: bool) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size: 0,
            kind: match section {
                SymbolSection::Undefined => SymbolKind::Unknown,
                _ => SymbolKind::Text,
            },
            scope: SymbolScope::Dynamic,
            weak,
            section,
            flags: SymbolFlags::None,
        })
    }
}
