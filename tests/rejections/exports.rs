//! Errors in what a module exports, and in its init and exit functions.

use crate::case::{Case, Cases, expect_rejections, symbol};
use crate::edit::*;
use crate::real::{Architecture, with_arch};
use modlink::LoadError;
use modlink::module::EntryProblem;
use modlink::symbols::{ExportProblem, MAX_OUTSIDE};
use modlink_host::ModuleFile;

const SHF_WRITE: u64 = 1;
const SHF_ALLOC: u64 = 2;
const SHF_EXECINSTR: u64 = 4;
const SHN_ABS: u64 = 0xfff1;

/// The bytes of an entry of `__ksymtab`, in the order of the file: address, name, namespace.
const ENTRY: u64 = 12;

/// The numbers of the relocations of an entry's fields, for the first and the second entry.
const NAMES: [usize; 2] = [1, 4];
const NAMESPACES: [usize; 2] = [2, 5];

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    tables(&mut cases);
    outside(&mut cases);
    strings(&mut cases);
    twice(&mut cases);
    values(&mut cases);
    entry_points(&mut cases);
    struct_module(&mut cases);
    cases.into_vec()
}

#[test]
fn every_export_table_that_cannot_be_read_is_rejected() {
    expect_rejections(cases);
}

/// More symbols of other memory than are looked up, and the first that is too many.
fn outside(cases: &mut Cases) {
    let on = cases.on;
    cases.add("many absolute exports", "exported symbol", |file| {
        let names = (0..=MAX_OUTSIDE).map(|number| format!("absolute_{number:04}"));
        let address = on.kernel();
        *file = Edit::new(&with_arch!(on, A => {
            let module = ModuleFile::<A>::new("m");
            let export = |module: ModuleFile<A>, name: String| module.exports_absolute(address, &name);
            names.fold(module, export).build()
        }));
        let name = format!("absolute_{MAX_OUTSIDE:04}");
        LoadError::Export(ExportProblem::Outside(name.as_bytes().into()))
    });
}

/// The index of `__ksymtab` and of the section with its relocations.
fn ksymtab(file: &Edit) -> (usize, usize) {
    let table = file.section("__ksymtab");
    (table, file.relocations_of(table))
}

fn tables(cases: &mut Cases) {
    for name in ["__ksymtab", "__ksymtab_gpl"] {
        let mut reject = |what: &str, change: &dyn Fn(&mut Edit, usize, usize)| {
            cases.add(format!("{name}: {what}"), name, |file| {
                let (table, relocations) = ksymtab(file);
                file.rename_section(table, name);
                change(file, table, relocations);
                LoadError::Export(ExportProblem::Table(if name == "__ksymtab" {
                    "__ksymtab"
                } else {
                    "__ksymtab_gpl"
                }))
            });
        };
        reject("half an entry more", &|file, table, _| {
            file.set(Section(table, "sh_size"), 2 * ENTRY + ENTRY / 2);
        });
        reject("a byte more", &|file, table, _| {
            file.set(Section(table, "sh_size"), 2 * ENTRY + 1);
        });
        reject("writable", &|file, table, _| {
            file.set(Section(table, "sh_flags"), SHF_ALLOC | SHF_WRITE);
        });
        reject("not loaded", &|file, table, _| file.set(Section(table, "sh_flags"), 0));
        reject("without bytes in the file", &|file, table, relocations| {
            file.set(Section(relocations, "sh_size"), 0);
            file.set(Section(table, "sh_type"), SHT_NOBITS);
            file.set(Section(table, "sh_flags"), SHF_ALLOC | SHF_WRITE);
        });
    }
    cases.add("a flag too many", "__kflagstab has 3 bytes for the 2 entries", |file| {
        let rodata = file.section(".rodata");
        file.rename_section(rodata, "__kflagstab");
        file.set_contents(rodata, &[0; 3]);
        LoadError::Export(ExportProblem::Flags { flags: 3, exports: 2 })
    });
    cases.add("flags that are writable", "__kflagstab", |file| {
        let rodata = file.section(".rodata");
        file.rename_section(rodata, "__kflagstab");
        file.set_contents(rodata, &[0; 2]);
        file.set(Section(rodata, "sh_flags"), SHF_ALLOC | SHF_WRITE);
        LoadError::Export(ExportProblem::Table("__kflagstab"))
    });
    cases.add("every symbol in both tables", "crc_itu_t ", |file| {
        let (table, relocations) = ksymtab(file);
        let other = file.add_section_like(table);
        file.rename_section(other, "__ksymtab_gpl");
        let others = file.add_section_like(relocations);
        file.set(Section(others, "sh_info"), other as u64);
        let (symbol, owner) = (b"crc_itu_t"[..].into(), Some(b"crc_itu_t"[..].into()));
        LoadError::Duplicate { symbol, owner }
    });
}

fn strings(cases: &mut Cases) {
    for (index, symbol) in
        ["__kstrtab_crc_itu_t", "__kstrtab_crc_itu_t_table"].into_iter().enumerate()
    {
        for (what, number) in [("name", NAMES[index]), ("namespace", NAMESPACES[index])] {
            let problem = ExportProblem::String { table: "__ksymtab", index };
            let says = format!("entry {index}");
            let error = LoadError::Export(problem.clone());
            cases.add(format!("the {what} of entry {index} in data"), &says, |file| {
                let (_, table) = ksymtab(file);
                let data = file.symbol("__this_module");
                file.set(Relocation(table, number, "r_sym"), data as u64);
                error.clone()
            });
            cases.add(format!("the {what} of entry {index} without a NUL"), &says, |file| {
                let (_, table) = ksymtab(file);
                unterminated(file, symbol);
                refer(file, table, number, symbol);
                error.clone()
            });
            if what == "name" {
                cases.add(format!("the name of entry {index} is empty"), &says, |file| {
                    let (_, table) = ksymtab(file);
                    refer(file, table, number, "__kstrtabns_crc_itu_t");
                    error
                });
            }
        }
    }
}

/// Moves a symbol to the last byte of the module's constants, which is not NUL.
fn unterminated(file: &mut Edit, name: &str) {
    let comment = file.section(".comment");
    file.set(Section(comment, "sh_flags"), SHF_ALLOC);
    *file.contents_mut(comment).last_mut().expect("a byte") = b'x';
    let last = file.get(Section(comment, "sh_size")) - 1;
    let symbol = file.symbol(name);
    file.set(Symbol(symbol, "st_shndx"), comment as u64);
    file.set(Symbol(symbol, "st_value"), last);
}

/// Lets a relocation refer to a symbol, without an addend.
fn refer(file: &mut Edit, table: usize, number: usize, name: &str) {
    let symbol = file.symbol(name);
    file.set(Relocation(table, number, "r_sym"), symbol as u64);
    if file.get(Section(table, "sh_type")) == SHT_RELA {
        file.set(Relocation(table, number, "r_addend"), 0);
    }
}

fn twice(cases: &mut Cases) {
    cases.add("a name twice", "crc_itu_t_table ", |file| {
        let (_, table) = ksymtab(file);
        refer(file, table, NAMES[0], "__kstrtab_crc_itu_t_table");
        refer(file, table, NAMES[1], "__kstrtab_crc_itu_t_table");
        let (symbol, owner) = (b"crc_itu_t_table"[..].into(), Some(b"crc_itu_t"[..].into()));
        LoadError::Duplicate { symbol, owner }
    });
}

/// The numbers of the relocations of the values of both entries.
const VALUES: [usize; 2] = [0, 3];

fn values(cases: &mut Cases) {
    let fields = VALUES.into_iter().zip(NAMESPACES);
    for ((value, namespace), name) in fields.zip(["crc_itu_t", "crc_itu_t_table"]) {
        let says = format!("exported symbol {name} ");
        let rejection = || LoadError::Export(ExportProblem::Value(name.as_bytes().into()));
        cases.add(format!("{name} is in the init part"), &says, |file| {
            export_init_data(file, value);
            rejection()
        });
        let beside = "beside an absolute symbol that does nothing there";
        cases.add(format!("{name} is in the init part, {beside}"), &says, |file| {
            export_init_data(file, value);
            let (_, table) = ksymtab(file);
            let absolute = file.symbol(&format!("__kstrtabns_{name}"));
            file.set(Symbol(absolute, "st_shndx"), SHN_ABS);
            let offset = file.get(Relocation(table, value, "r_offset"));
            file.set(Relocation(table, namespace, "r_offset"), offset);
            file.set(Relocation(table, namespace, "r_sym"), absolute as u64);
            file.set(Relocation(table, namespace, "r_type"), 0);
            rejection()
        });
    }
}

/// Lets the relocation of that number in `__ksymtab` refer to data of the init part.
fn export_init_data(file: &mut Edit, number: usize) {
    let comment = file.section(".comment");
    file.rename_section(comment, ".init.data");
    file.set(Section(comment, "sh_flags"), SHF_ALLOC);
    let data = file.symbol("__this_module");
    file.set(Symbol(data, "st_shndx"), comment as u64);
    file.set(Symbol(data, "st_value"), 0);
    file.set(Symbol(data, "st_size"), 0);
    let (_, table) = ksymtab(file);
    refer(file, table, number, "__this_module");
}

/// Gives `struct module` relocations to these symbols at these offsets.
fn hold(file: &mut Edit, held: &[(u64, usize)]) {
    let (_, table) = ksymtab(file);
    let this_module = file.section(".gnu.linkonce.this_module");
    let entry = file.get(Section(table, "sh_entsize")) as usize;
    let relocations = file.add_section_like(table);
    file.set(Section(relocations, "sh_info"), this_module as u64);
    file.set_contents(relocations, &vec![0; entry * held.len()]);
    for (number, (offset, symbol)) in held.iter().enumerate() {
        file.set(Relocation(relocations, number, "r_offset"), *offset);
        file.set(Relocation(relocations, number, "r_sym"), *symbol as u64);
        file.set(Relocation(relocations, number, "r_type"), 1);
    }
}

fn struct_module(cases: &mut Cases) {
    let [first, second, third] = [64, 72, 80];
    cases.add("one function of unknown purpose", "init or the exit function", |file| {
        let function = file.symbol("crc_itu_t");
        hold(file, &[(first, function)]);
        LoadError::Entry { symbol: symbol(function, "crc_itu_t"), problem: EntryProblem::Undecided }
    });
    cases.add("three functions", "init or the exit function", |file| {
        let function = file.symbol("crc_itu_t");
        hold(file, &[(first, function), (second, function), (third, function)]);
        LoadError::Entry { symbol: symbol(function, "crc_itu_t"), problem: EntryProblem::Undecided }
    });
    cases.add("another function than that of the name", "not the function", |file| {
        let function = file.symbol("crc_itu_t");
        let text = file.section(".text");
        let other = file.symbol("__this_module");
        file.rename_symbol(other, "cleanup_module");
        file.set(Symbol(other, "st_shndx"), text as u64);
        file.set(Symbol(other, "st_value"), file.get(Symbol(function, "st_value")) + 1);
        file.set(Symbol(other, "st_size"), 0);
        hold(file, &[(first, function), (second, function)]);
        LoadError::Entry {
            symbol: symbol(other, "cleanup_module"),
            problem: EntryProblem::Contradiction,
        }
    });
}

fn entry_points(cases: &mut Cases) {
    for name in ["init_module", "cleanup_module"] {
        let mut reject = |what: &str, change: &dyn Fn(&mut Edit, usize)| {
            cases.add(format!("{name} {what}"), "not in the module's code", |file| {
                let index = file.symbol("__this_module");
                file.rename_symbol(index, name);
                file.set(Symbol(index, "st_value"), 0);
                file.set(Symbol(index, "st_size"), 0);
                change(file, index);
                LoadError::Entry { symbol: symbol(index, name), problem: EntryProblem::NotInCode }
            });
        };
        reject("in data", &|_, _| {});
        reject("in constants", &|file, index| {
            let rodata = file.section(".rodata");
            file.set(Symbol(index, "st_shndx"), rodata as u64);
        });
        reject("in a section that is not loaded", &|file, index| {
            let comment = file.section(".comment");
            file.set(Symbol(index, "st_shndx"), comment as u64);
        });
        reject("in code that is not loaded", &|file, index| {
            let comment = file.section(".comment");
            file.set(Section(comment, "sh_flags"), SHF_EXECINSTR);
            file.set(Symbol(index, "st_shndx"), comment as u64);
        });
        reject("at an absolute address", &|file, index| {
            file.set(Symbol(index, "st_shndx"), SHN_ABS);
            file.set(Symbol(index, "st_value"), 0x1000);
        });
        reject("after the code", &|file, index| {
            let text = file.section(".text");
            let end = file.get(Section(text, "sh_size"));
            file.set(Symbol(index, "st_shndx"), text as u64);
            file.set(Symbol(index, "st_value"), end);
        });
        if name == "cleanup_module" {
            reject("in code that is gone by then", &|file, index| {
                let text = file.section(".text");
                file.rename_section(text, ".init.text");
                file.set(Symbol(index, "st_shndx"), text as u64);
                // What it exports would be gone then as well.
                let (table, _) = ksymtab(file);
                file.rename_section(table, ".no_exports");
            });
        }
    }
}
