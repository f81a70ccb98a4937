//! Files with as much of one thing as there is room for: what a linker could take too long for.

use crate::elf::{Format, SH_OFFSET, SH_SIZE, SH_TYPE, SHT_REL, SHT_RELA, SHT_SYMTAB};
use crate::seeds::LARGEST;
use modlink::arch::Arch;
use modlink::image::MAX_SYMBOL_NAME;
use modlink_host::{ModuleFile, Seen, colliding_names};
use object::SectionKind;

/// Adds to a file what has this name.
type Add<A> = fn(ModuleFile<A>, &str) -> ModuleFile<A>;

/// One file for each thing that a file can have many of, and a few of special names.
pub fn files<A: Arch>() -> Vec<Vec<u8>> {
    let things: [Add<A>; 13] = [
        |file, name| file.exports(name),
        |file, name| file.exports_in(name, name),
        |file, name| file.imports(name),
        |file, name| file.imports_weakly(name),
        |file, _| file.imports_weakly("nobodys"),
        |file, name| file.datum(".data.more", name, Seen::Locally),
        |file, name| file.datum(".data.more", name, Seen::Globally),
        |file, name| file.section(&format!(".data.{name}"), SectionKind::Data, b"1", 1),
        |file, _| file.section(".data.more", SectionKind::Data, b"1", 1),
        |file, name| file.section(&format!(".init.data.{name}"), SectionKind::Data, b"1", 1),
        |file, name| file.section(&format!(".note.{name}"), SectionKind::Data, b"1", 1),
        |file, name| file.says(name, "value"),
        |file, _| file.says("import_ns", "namespace"),
    ];
    let mut files: Vec<_> = things.into_iter().map(filled).collect();
    let imports: [Add<A>; 2] =
        [|file, name| file.imports(name), |file, name| file.imports_weakly(name)];
    for add in imports {
        let file = add(ModuleFile::new("dense"), &"x".repeat(MAX_SYMBOL_NAME)).build();
        files.extend([with_copies(&file, &[SHT_SYMTAB]), with_copies(&file, &[SHT_REL, SHT_RELA])]);
    }
    let file = ModuleFile::<A>::new("dense");
    let colliding = colliding_names(12, 63);
    files.push(colliding.iter().fold(file, |file, name| file.exports(name)).build());
    files
}

/// A file to which as many have been added as there is room for.
fn filled<A: Arch>(add: Add<A>) -> Vec<u8> {
    let (mut count, mut step) = (0, 1024);
    while step > 0 {
        if with_many(add, count + step).build().len() as u64 <= LARGEST {
            count += step;
        }
        step /= 2;
    }
    with_many(add, count).build()
}

fn with_many<A: Arch>(add: Add<A>, count: usize) -> ModuleFile<A> {
    (0..count).fold(ModuleFile::new("dense"), |file, number| add(file, &format!("f{number:04}")))
}

/// The file with copies of the last entry of the first table that a section of these types has, as
/// many as there is room for.
fn with_copies(file: &[u8], types: &[u64]) -> Vec<u8> {
    let format = Format::of(file).expect("an ELF file");
    let [_, sections] = format.headers(file);
    let is_one = |&section: &usize| {
        let field = sections.field(section, SH_TYPE).expect("a type");
        types.contains(&format.get(file, field))
    };
    let section = (0..sections.len()).find(is_one).expect("a section of these types");
    let table = format.table(file, &sections, section).expect("a table");
    let last = table.entry(table.len() - 1);

    let mut copied = file.to_vec();
    copied.resize(file.len().next_multiple_of(8), 0);
    let start = copied.len();
    copied.extend(&file[table.entry(0).start..last.end]);
    while copied.len() + last.len() <= LARGEST as usize {
        copied.extend(&file[last.clone()]);
    }
    let size = copied.len() - start;
    for (field, value) in [(SH_OFFSET, start), (SH_SIZE, size)] {
        let field = sections.field(section, field).expect("that field");
        format.set(&mut copied, field, value as u64);
    }
    copied
}
