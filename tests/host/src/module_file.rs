//! Hand-made modules, for what real ones lack.

use crate::HostKernel;
use modlink::Module;
use modlink::arch::{Arch, ByteOrder, ExtableFormat};
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
/// It has a function in `.text`, what `.modinfo` needs and `intree`, and what is asked for. Each
/// symbol that it imports has a word in `.data` that holds its address, in the order of the calls;
/// each that it exports is a byte of `.text.exports`. `struct module` holds nothing but what is asked
/// for.
#[derive(Clone, Debug)]
pub struct ModuleFile<A> {
    modinfo: Vec<u8>,
    has_license: bool,
    is_out_of_tree: bool,
    is_versioned: bool,
    init: bool,
    exit: bool,
    functions: Vec<Function>,
    this_module: Option<Vec<Held>>,
    imports: Vec<Import>,
    exports: Vec<Export>,
    flags: Option<Vec<u8>>,
    sections: Vec<Extra>,
    exceptions: Vec<Exception>,
    arch: PhantomData<A>,
}

/// An entry of the exception table.
#[derive(Clone, Debug)]
struct Exception {
    /// A section and an offset.
    instruction: (String, u64),
    fixup: (String, u64),
    data: u32,
}

/// Who sees a function of a [`ModuleFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Its own file: the symbol is local.
    Locally,
    /// Everybody, unless there is another: the symbol is weak.
    Weakly,
    /// Everybody: the symbol is global.
    Globally,
}

/// The bytes of each function that a [`ModuleFile`] has.
pub const FUNCTION: u64 = 16;

#[derive(Clone, Debug)]
struct Function {
    section: String,
    kind: SectionKind,
    name: String,
    seen: Seen,
}

/// What `struct module` holds.
#[derive(Clone, Debug)]
struct Held {
    offset: u64,
    /// The name of a function, or of a section.
    name: String,
    addend: i64,
}

/// What an export stands for.
#[derive(Clone, Debug)]
enum Target {
    /// A byte of `.text.exports`.
    OwnByte,
    /// That offset of that section.
    In(String, u64),
    /// That number.
    Absolute(u64),
    /// A symbol of somebody else's.
    Imported,
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
    target: Target,
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
        Part::Init => module.init().expect("init memory is still there"),
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
            is_out_of_tree: false,
            is_versioned: false,
            init: false,
            exit: false,
            functions: Vec::new(),
            this_module: Some(Vec::new()),
            imports: Vec::new(),
            exports: Vec::new(),
            flags: None,
            sections: Vec::new(),
            exceptions: Vec::new(),
            arch: PhantomData,
        }
    }

    /// The same, built outside of the kernel's tree.
    pub fn out_of_tree(mut self) -> Self {
        self.is_out_of_tree = true;
        self
    }

    /// The same, with versions of what it imports and exports: of each name always the same.
    pub fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// The same, with a line in `.modinfo`.
    pub fn says(mut self, key: &str, value: &str) -> Self {
        self.has_license |= key == "license";
        self.modinfo.extend_from_slice(format!("{key}={value}\0").as_bytes());
        self
    }

    /// The same, with an init function.
    pub fn init(mut self) -> Self {
        self.init = true;
        self
    }

    /// The same, with an exit function.
    pub fn exit(mut self) -> Self {
        self.exit = true;
        self
    }

    /// The same, with one more function, of [`FUNCTION`] bytes, at the end of a section of code.
    pub fn function(self, section: &str, name: &str, seen: Seen) -> Self {
        self.symbol_in(section, SectionKind::Text, name, seen)
    }

    /// The same, with as many bytes of data at the end of a section, and a symbol for them.
    pub fn datum(self, section: &str, name: &str, seen: Seen) -> Self {
        self.symbol_in(section, SectionKind::Data, name, seen)
    }

    fn symbol_in(mut self, section: &str, kind: SectionKind, name: &str, seen: Seen) -> Self {
        let (section, name) = (section.to_owned(), name.to_owned());
        self.functions.push(Function { section, kind, name, seen });
        self
    }

    /// The same; at this offset `struct module` holds the address of what has that name: a
    /// symbol, or else a section.
    pub fn this_module_holds(mut self, offset: u64, name: &str, addend: i64) -> Self {
        let held = Held { offset, name: name.to_owned(), addend };
        self.this_module.get_or_insert_default().push(held);
        self
    }

    /// The same without `struct module`.
    pub fn without_this_module(mut self) -> Self {
        self.this_module = None;
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
        self.export(name, false, "", Target::OwnByte)
    }

    /// The same, exporting a symbol to modules under a GPL-compatible licence.
    pub fn exports_gpl(self, name: &str) -> Self {
        self.export(name, true, "", Target::OwnByte)
    }

    /// The same, exporting a symbol in a namespace.
    pub fn exports_in(self, namespace: &str, name: &str) -> Self {
        self.export(name, false, namespace, Target::OwnByte)
    }

    /// The same, exporting an offset in a section under a name.
    pub fn exports_at(self, section: &str, offset: u64, name: &str) -> Self {
        self.export(name, false, "", Target::In(section.into(), offset))
    }

    /// The same, exporting a number under a name.
    pub fn exports_absolute(self, value: u64, name: &str) -> Self {
        self.export(name, false, "", Target::Absolute(value))
    }

    /// The same, exporting a symbol that it does not define.
    pub fn exports_imported(self, name: &str) -> Self {
        self.export(name, false, "", Target::Imported)
    }

    fn export(mut self, name: &str, gpl_only: bool, namespace: &str, target: Target) -> Self {
        self.exports.push(Export {
            name: name.to_owned(),
            gpl_only,
            namespace: namespace.to_owned(),
            target,
        });
        self
    }

    /// The same, with these bytes in `__kflagstab`, one for each entry of `__ksymtab`.
    pub fn export_flags(mut self, flags: &[u8]) -> Self {
        self.flags = Some(flags.to_vec());
        self
    }

    /// The same, with one more section. Of `SectionKind::UninitializedData` only the number of
    /// bytes counts.
    pub fn section(mut self, name: &str, kind: SectionKind, bytes: &[u8], align: u64) -> Self {
        self.sections.push(Extra { name: name.to_owned(), kind, bytes: bytes.to_vec(), align });
        self
    }

    /// The same, with one more entry in `__ex_table`: a fault at that offset of that section goes on at
    /// another. `data` is what x86 has beside that.
    pub fn exception(mut self, instruction: (&str, u64), fixup: (&str, u64), data: u32) -> Self {
        let own = |(section, offset): (&str, u64)| (section.to_owned(), offset);
        let (instruction, fixup) = (own(instruction), own(fixup));
        self.exceptions.push(Exception { instruction, fixup, data });
        self
    }

    /// The bytes of the file.
    pub fn build(&self) -> Vec<u8> {
        let mut writer = Writer::new::<A>();
        self.write_code(&mut writer);
        for extra in &self.sections {
            let section = writer.section(&extra.name, extra.kind);
            if extra.kind == SectionKind::UninitializedData {
                let size = extra.bytes.len() as u64;
                writer.object.append_section_bss(section, size, extra.align);
            } else {
                writer.object.append_section_data(section, &extra.bytes, extra.align);
            }
        }
        self.write_exceptions(&mut writer);
        self.write_modinfo(&mut writer);
        self.write_imports(&mut writer);
        self.write_exports(&mut writer);
        self.write_this_module(&mut writer);
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
                writer.define(name, section, 0, Seen::Globally);
            }
        }
        for Function { section, kind, name, seen } in &self.functions {
            let section = writer.named_section(section, *kind);
            let bytes = [0x90; FUNCTION as usize];
            let at = writer.object.append_section_data(section, &bytes, FUNCTION);
            writer.define(name, section, at, *seen);
        }
    }

    fn write_exceptions(&self, writer: &mut Writer) {
        if self.exceptions.is_empty() {
            return;
        }
        let table = writer.section("__ex_table", SectionKind::ReadOnlyData);
        for Exception { instruction, fixup, data } in &self.exceptions {
            for (section, offset) in [instruction, fixup] {
                let section = writer.existing_section(section);
                let symbol = writer.object.section_symbol(section);
                writer.extable_pointer::<A>(table, symbol, *offset as i64);
            }
            if A::EXTABLE == ExtableFormat::Relative {
                writer.object.append_section_data(table, &number::<A>(*data, 4), 4);
            }
        }
    }

    fn write_modinfo(&self, writer: &mut Writer) {
        let mut modinfo = self.modinfo.clone();
        if !self.has_license {
            modinfo.extend_from_slice(b"license=GPL\0");
        }
        if !self.is_out_of_tree {
            modinfo.extend_from_slice(b"intree=Y\0");
        }
        writer.data(".modinfo", SectionKind::ReadOnlyData, &modinfo, 1);
    }

    fn write_this_module(&self, writer: &mut Writer) {
        let Some(held) = &self.this_module else { return };
        let size = held.iter().map(|held| held.offset + 64).max().unwrap_or(64);
        let bytes = vec![0; size as usize];
        let this_module = ".gnu.linkonce.this_module";
        let section = writer.data(this_module, SectionKind::Data, &bytes, 64);
        for Held { offset, name, addend } in held {
            let undefined = writer.undefined.iter().find(|(known, _)| known == name);
            let undefined = undefined.map(|(_, symbol)| *symbol);
            let symbol = match writer.object.symbol_id(name.as_bytes()).or(undefined) {
                Some(symbol) => symbol,
                None => {
                    let section = writer.existing_section(name);
                    writer.object.section_symbol(section)
                }
            };
            writer.relocate(section, *offset, symbol, *addend, writer.absolute);
        }
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
        if self.is_versioned {
            let section = writer.section("__versions", SectionKind::ReadOnlyData);
            for Import { name, .. } in &self.imports {
                let mut record = number::<A>(version(name), writer.word);
                record.extend(name.bytes());
                assert!(record.len() < RECORD, "{name} is too long for a record");
                record.resize(RECORD, 0);
                writer.object.append_section_data(section, &record, writer.word as u64);
            }
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
            let symbol = match &export.target {
                Target::OwnByte => writer.define(&export.name, code, offset as u64, Seen::Globally),
                Target::In(section, offset) => {
                    let section = writer.existing_section(section);
                    writer.define(&export.name, section, *offset, Seen::Globally)
                }
                Target::Absolute(value) => {
                    writer.symbol(&export.name, SymbolSection::Absolute, *value, Seen::Globally)
                }
                Target::Imported => writer.undefined(&export.name, false),
            };
            let table = if export.gpl_only { "__ksymtab_gpl" } else { "__ksymtab" };
            tables.entry(table).or_default().push((export, symbol));
        }
        for (table, exports) in tables {
            if self.is_versioned {
                let versions = table.replace("ksymtab", "kcrctab");
                let versions = writer.section(&versions, SectionKind::ReadOnlyData);
                for (export, _) in &exports {
                    let version = number::<A>(version(&export.name), 4);
                    writer.object.append_section_data(versions, &version, 4);
                }
            }
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
        if let Some(flags) = &self.flags {
            writer.data("__kflagstab", SectionKind::ReadOnlyData, flags, 1);
        }
    }
}

/// The bytes of a record of `__versions`.
const RECORD: usize = 64;

/// The version that a name has.
fn version(name: &str) -> u32 {
    name.bytes().fold(1, |version: u32, byte| version.wrapping_mul(31).wrapping_add(byte.into()))
}

/// A number of so many bytes, in the order of the architecture.
fn number<A: Arch>(value: u32, width: usize) -> Vec<u8> {
    let value = u64::from(value);
    match A::ORDER {
        ByteOrder::Little => value.to_le_bytes()[..width].to_vec(),
        ByteOrder::Big => value.to_be_bytes()[8 - width..].to_vec(),
    }
}

struct Writer {
    object: Object<'static>,
    sections: Vec<(String, SectionId)>,
    /// The symbols of somebody else's.
    undefined: Vec<(String, SymbolId)>,
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
            ByteOrder::Little => Endianness::Little,
            ByteOrder::Big => Endianness::Big,
        };
        Self {
            object: Object::new(BinaryFormat::Elf, architecture, order),
            sections: Vec::new(),
            undefined: Vec::new(),
            word,
            absolute: absolute.0,
            relative: relative.0,
        }
    }

    /// A section, which the module has in memory.
    fn section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        let section = self.object.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        self.sections.push((name.to_owned(), section));
        section
    }

    /// The section of that name; a new one if there is none.
    fn named_section(&mut self, name: &str, kind: SectionKind) -> SectionId {
        let known = self.sections.iter().find(|(known, _)| known == name);
        known.map(|(_, section)| *section).unwrap_or_else(|| self.section(name, kind))
    }

    fn existing_section(&self, name: &str) -> SectionId {
        let known = self.sections.iter().find(|(known, _)| known == name);
        known.unwrap_or_else(|| panic!("the file has no {name}")).1
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

    /// Adds a field of an export's entry, which leads to a symbol.
    fn pointer<A: Arch>(&mut self, table: SectionId, symbol: SymbolId, addend: i64) {
        let is_relative = A::KSYMTAB == KsymtabFormat::Relative;
        self.field(table, symbol, addend, is_relative);
    }

    /// Adds a field of an exception's entry.
    fn extable_pointer<A: Arch>(&mut self, table: SectionId, symbol: SymbolId, addend: i64) {
        let is_relative = A::EXTABLE == ExtableFormat::Relative;
        self.field(table, symbol, addend, is_relative);
    }

    fn field(&mut self, table: SectionId, symbol: SymbolId, addend: i64, is_relative: bool) {
        let at = self.object.append_section_data(table, &[0; 4], 4);
        let r_type = if is_relative { self.relative } else { self.absolute };
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

    fn define(&mut self, name: &str, section: SectionId, value: u64, seen: Seen) -> SymbolId {
        self.symbol(name, SymbolSection::Section(section), value, seen)
    }

    fn undefined(&mut self, name: &str, weak: bool) -> SymbolId {
        let seen = if weak { Seen::Weakly } else { Seen::Globally };
        let symbol = self.symbol(name, SymbolSection::Undefined, 0, seen);
        self.undefined.push((name.to_owned(), symbol));
        symbol
    }

    fn symbol(&mut self, name: &str, section: SymbolSection, value: u64, seen: Seen) -> SymbolId {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size: 0,
            kind: match section {
                SymbolSection::Section(_) => SymbolKind::Text,
                SymbolSection::Absolute => SymbolKind::Data,
                _ => SymbolKind::Unknown,
            },
            scope: match seen {
                Seen::Locally => SymbolScope::Compilation,
                _ => SymbolScope::Dynamic,
            },
            weak: seen == Seen::Weakly,
            section,
            flags: SymbolFlags::None,
        })
    }
}
