//! Rejections of modules that were compiled for another kernel, or may have been.

use crate::case::{Case, Cases, expect_rejections};
use crate::edit::*;
use crate::kernel::{Loader, Outcome, load, rejected_import, user};
use crate::real::{Architecture, with_arch};
use modlink::arch::{Arch, ByteOrder};
use modlink::module::{Unversioned, VersionsProblem};
use modlink::platform::Level;
use modlink::symbols::ExportProblem;
use modlink::syscall::finit_module;
use modlink::{Errno, ImportProblem, LoadError, LoadOptions};
use modlink_host::{FileKind, HostKernel, ModuleFile, colliding_names, corpus};

const RECORDS: &str = "__versions";
const CRCS: &str = "__version_ext_crcs";
const NAMES: &str = "__version_ext_names";

/// A version, and the same with one digit changed.
const CRC: u32 = 0x5d4b_13a9;
const OTHER: u32 = 0x5d4b_13a8;

const VERMAGIC: &str = "6.1.0 SMP mod_unload modversions ";

/// Bytes of a number of so many bytes, in the order of the architecture.
fn number(on: Architecture, value: u64, width: usize) -> Vec<u8> {
    match with_arch!(on, A => A::ORDER) {
        ByteOrder::Little => value.to_le_bytes()[..width].to_vec(),
        ByteOrder::Big => value.to_be_bytes()[8 - width..].to_vec(),
    }
}

/// A record of `__versions`.
fn record(on: Architecture, name: &str, crc: u64) -> Vec<u8> {
    let mut record = number(on, crc, if on.is_wide() { 8 } else { 4 });
    record.extend(name.bytes());
    record.resize(64, 0);
    record
}

/// The section of that name with these contents, which is added if there is none.
fn put(file: &mut Edit, name: &str, contents: &[u8]) -> usize {
    let has = (0..file.section_count()).any(|index| file.section_name(index) == name);
    let section = if has { file.section(name) } else { add(file, name) };
    file.set_contents(section, contents);
    section
}

fn add(file: &mut Edit, name: &str) -> usize {
    let like = file.section("__ksymtab");
    let section = file.add_section_like(like);
    file.rename_section(section, name);
    section
}

/// The user of `crc_itu_t`, compiled for that version of it.
fn user_of(on: Architecture, crc: u32) -> Edit {
    let mut file = user(on);
    put(&mut file, RECORDS, &record(on, "crc_itu_t", crc.into()));
    file
}

/// The same with the extended pair, and other versions in `__versions`.
fn extended_user_of(on: Architecture, crc: u32) -> Edit {
    let mut file = user_of(on, !crc);
    let crcs = [number(on, 1, 4), number(on, crc.into(), 4)].concat();
    put(&mut file, CRCS, &crcs);
    put(&mut file, NAMES, b"crc_itu\0crc_itu_t\0");
    file
}

/// A kernel with that version of `crc_itu_t`.
fn kernel<A: Arch>(on: Architecture) -> HostKernel<A> {
    let kernel = HostKernel::<A>::new().export_all_for(user(on).bytes(), &[]);
    kernel.with_versions([(&b"crc_itu_t"[..], CRC)])
}

fn loaded<A: Arch>(kernel: HostKernel<A>, file: &[u8], options: LoadOptions) -> Loader<A> {
    let loader = kernel.boot();
    drop(loader.load_reading(file, options, || Ok(Vec::new())).expect("it loads"));
    loader
}

fn warnings<A: Arch>(loader: &Loader<A>) -> Vec<String> {
    let log = loader.platform().take_log().into_iter();
    log.filter(|(level, _)| *level == Level::Warning).map(|(_, line)| line).collect()
}

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    let problem = LoadError::Versions;
    for size in [1_u64, 63, 65, 127] {
        cases.add(format!("{size} bytes of versions"), format!("{size} bytes"), |file| {
            put(file, RECORDS, &vec![0; size as usize]);
            problem(VersionsProblem::Records(RECORDS, size))
        });
    }
    cases.add("versions that are not in the file", "64 bytes", |file| {
        let section = put(file, RECORDS, &[0; 64]);
        file.set(Section(section, "sh_type"), SHT_NOBITS);
        problem(VersionsProblem::Records(RECORDS, 64))
    });
    cases.add("a name that fills its record", "entry 1", |file| {
        let full = record(on, &"n".repeat(if on.is_wide() { 56 } else { 60 }), 1);
        put(file, RECORDS, &[record(on, "crc_itu_t", 1), full].concat());
        problem(VersionsProblem::Name(1))
    });
    if on.is_wide() {
        cases.add("a CRC of 33 bits", "entry 0", |file| {
            put(file, RECORDS, &record(on, "crc_itu_t", 1 << 32));
            problem(VersionsProblem::Crc(0))
        });
    }
    cases.add("half a CRC", CRCS, |file| {
        put(file, CRCS, &[0; 6]);
        put(file, NAMES, b"a\0");
        problem(VersionsProblem::Records(CRCS, 6))
    });
    cases.add("CRCs without names", NAMES, |file| {
        put(file, CRCS, &[0; 4]);
        problem(VersionsProblem::Alone(CRCS))
    });
    cases.add("names without CRCs", CRCS, |file| {
        put(file, NAMES, b"a\0");
        problem(VersionsProblem::Alone(NAMES))
    });
    cases.add("a last name that does not end", "does not end", |file| {
        put(file, CRCS, &[0; 8]);
        put(file, NAMES, b"a\0b");
        problem(VersionsProblem::Names)
    });
    for (count, names) in [(1, 2), (3, 2), (0, 2)] {
        cases.add(format!("{count} CRCs of {names} names"), format!("{count} entries"), |file| {
            put(file, CRCS, &vec![0; 4 * count]);
            put(file, NAMES, b"a\0b\0");
            problem(VersionsProblem::Counts { crcs: count, names })
        });
    }
    cases.add("names of one hash", "hash", |file| {
        let names = colliding_names(3, 31);
        let records = names.iter().flat_map(|name| record(on, name, 1)).collect::<Vec<_>>();
        put(file, RECORDS, &records);
        problem(VersionsProblem::Collision(names[2].as_bytes().into()))
    });
    for versions in [1, 3, 0] {
        let says = format!("{versions} versions of 2 exports");
        cases.add(format!("{versions} versions of two exports"), says, |file| {
            put(file, "__kcrctab", &vec![0; 4 * versions]);
            ExportProblem::Versions { table: "__kcrctab", versions, exports: 2 }
        });
    }
    cases.add("half a version of an export", "__kcrctab", |file| {
        put(file, "__kcrctab", &[0; 6]);
        ExportProblem::Table("__kcrctab")
    });
    cases.add("versions of exports that are not in the file", "__kcrctab", |file| {
        let section = put(file, "__kcrctab", &[0; 8]);
        file.set(Section(section, "sh_type"), SHT_NOBITS);
        ExportProblem::Table("__kcrctab")
    });
    cases.add("distances to versions beyond the rodata", "entry 1 is at no version", |file| {
        relative(file, on, -0x0800_0000);
        ExportProblem::Version { table: "__kcrctab", index: 1 }
    });
    cases.into_vec()
}

/// Makes `__kcrctab` distances to CRCs, as of Linux 4.11 to 5.18: the first entry to the first of the
/// CRCs in `.rodata`, the second to `second` bytes after it.
fn relative(file: &mut Edit, on: Architecture, second: i64) {
    let crcs = [number(on, CRC.into(), 4), number(on, OTHER.into(), 4)].concat();
    let rodata = add(file, ".rodata.crcs");
    file.set_contents(rodata, &crcs);
    let table = put(file, "__kcrctab", &[0; 8]);
    // A symbol that nobody else needs stands for the CRCs.
    let symbol = file.symbol("__ksymtab_crc_itu_t");
    let (kind, addends) = match on {
        Architecture::X86_64 => (2, [0, second]),
        Architecture::I386 => (2, [0, second]),
        Architecture::M68k => (4, [0, second]),
    };
    file.set(Symbol(symbol, "st_shndx"), rodata as u64);
    file.set(Symbol(symbol, "st_value"), 0);
    let like = file.relocations_of(file.section("__ksymtab"));
    let relocations = file.add_section_like(like);
    file.rename_section(relocations, ".rela__kcrctab");
    let entries = file.contents(like).len() / file.relocation_count(like) * 2;
    let room = file.contents(like)[..entries].to_vec();
    file.set_contents(relocations, &room);
    file.set(Section(relocations, "sh_info"), table as u64);
    for (index, addend) in addends.into_iter().enumerate() {
        file.set(Relocation(relocations, index, "r_offset"), 4 * index as u64);
        file.set(Relocation(relocations, index, "r_sym"), symbol as u64);
        file.set(Relocation(relocations, index, "r_type"), kind);
        if on == Architecture::I386 {
            let bytes = (addend as i32).to_le_bytes();
            file.contents_mut(table)[4 * index..][..4].copy_from_slice(&bytes);
        } else {
            file.set(Relocation(relocations, index, "r_addend"), addend as u64);
        }
    }
}

pub fn outcomes<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let version = |wanted, found| {
        let want = rejected_import(on, ImportProblem::Version { wanted, found });
        (want, format!("{wanted:#010x}, which is {found:#010x}"))
    };
    let (want, says) = version(OTHER, CRC);
    let mut outcomes = Vec::new();
    for file in [user_of(on, OTHER), extended_user_of(on, OTHER)] {
        let loader = kernel::<A>(on).boot();
        outcomes.push(load(&loader, file.bytes(), want.clone(), Errno::EINVAL, &says));
    }
    // Of a symbol that a module exports, whichever form its version has.
    for is_relative in [false, true] {
        let mut exporter = on.module();
        if is_relative {
            relative(&mut exporter, on, 4);
        } else {
            put(&mut exporter, "__kcrctab", &number(on, CRC.into(), 4).repeat(2));
        }
        let kernel = HostKernel::<A>::new().export_all_for(exporter.bytes(), &[]);
        let loader = kernel.boot();
        loader.load(exporter.bytes()).expect("it loads");
        let found = loader.platform().look("crc_itu_t", |module| {
            module.export(b"crc_itu_t").expect("it is exported").crc.expect("it has a version")
        });
        let (want, says) = version(!found, found);
        let file = user_without_exports(on, !found);
        outcomes.push(load(&loader, file.bytes(), want, Errno::EINVAL, &says));
    }
    // Weak symbols too.
    let mut weak = user_of(on, OTHER);
    let index = weak.symbol("crc_itu_t");
    weak.set(Symbol(index, "st_bind"), 2);
    let loader = kernel::<A>(on).boot();
    outcomes.push(load(&loader, weak.bytes(), want, Errno::EINVAL, &says));

    // In Linux's order: licence before version before namespace.
    let loader = HostKernel::<A>::new()
        .export_all_for(user(on).bytes(), &["crc_itu_t"])
        .export_in("CHECKSUMS", "crc_itu_t")
        .with_versions([(&b"crc_itu_t"[..], CRC)])
        .boot();
    let (want, says) = version(OTHER, CRC);
    outcomes.push(load(&loader, user_of(on, OTHER).bytes(), want, Errno::EINVAL, &says));

    let loader = kernel::<A>(on).never_force().boot();
    let mut bare = user_of(on, CRC);
    let versions = bare.section(RECORDS);
    bare.set(Section(versions, "sh_flags"), 0);
    let want = rejected_import(on, ImportProblem::Unversioned);
    outcomes.push(load(&loader, exporting_nothing(bare).bytes(), want, Errno::EINVAL, "by force"));

    let loader = kernel::<A>(on).with_vermagic(VERMAGIC).boot();
    let mut other = user_of(on, CRC);
    other.set_modinfo("vermagic", "6.1.0 SMP preempt mod_unload modversions ");
    let want = LoadError::Vermagic {
        module: b"6.1.0 SMP preempt mod_unload modversions "[..].into(),
        kernel: VERMAGIC.as_bytes().into(),
    };
    outcomes.push(load(&loader, other.bytes(), want, Errno::ENOEXEC, VERMAGIC));

    let strict = || kernel::<A>(on).never_force();
    let unversioned = LoadError::Unversioned;
    let loader = strict().with_vermagic(VERMAGIC).boot();
    let mut without = user_of(on, CRC);
    without.remove_modinfo("vermagic");
    let want = unversioned(Unversioned::Vermagic);
    outcomes.push(load(&loader, without.bytes(), want, Errno::ENOEXEC, "no version magic"));

    let layout = || strict().export("module_layout").with_versions([(&b"module_layout"[..], CRC)]);
    let loader = layout().boot();
    let mut file = user_of(on, CRC);
    put(&mut file, RECORDS, &record(on, "module_layout", OTHER.into()));
    let want = LoadError::ModuleLayout { wanted: OTHER, found: CRC };
    outcomes.push(load(&loader, file.bytes(), want, Errno::ENOEXEC, "module_layout"));
    let versions = file.section(RECORDS);
    file.set(Section(versions, "sh_flags"), 0);
    let want = unversioned(Unversioned::Imports);
    outcomes.push(load(&loader, file.bytes(), want, Errno::ENOEXEC, "versions of its imports"));

    let loader = strict().boot();
    let mut file = user_of(on, CRC);
    let exported = put(&mut file, "__kcrctab", &[0; 8]);
    file.set(Section(exported, "sh_flags"), 0);
    let want = unversioned(Unversioned::Exports);
    outcomes.push(load(&loader, file.bytes(), want, Errno::ENOEXEC, "versions of its exports"));
    outcomes
}

/// A module that exports nothing.
fn exporting_nothing(mut file: Edit) -> Edit {
    for (table, name) in [("__ksymtab", "__was_ksymtab"), ("__kcrctab", "__was_kcrctab")] {
        if (0..file.section_count()).any(|index| file.section_name(index) == table) {
            let table = file.section(table);
            file.rename_section(table, name);
        }
    }
    file
}

/// The user of `crc_itu_t`, which exports nothing itself.
fn user_without_exports(on: Architecture, crc: u32) -> Edit {
    exporting_nothing(user_of(on, crc))
}

#[test]
fn tables_of_versions_that_cannot_be_read_are_rejected() {
    expect_rejections(cases);
}

#[test]
fn the_version_that_a_module_was_compiled_for_is_accepted_in_every_form() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            // The first of a name counts, as in Linux, and names are compared whole.
            let records = ["crc_itu", "crc_itu_t", "crc_itu_t_", "crc_itu_t", "crc_itu_t"]
                .into_iter().zip([OTHER, CRC, OTHER, OTHER, OTHER])
                .flat_map(|(name, crc)| record(on, name, crc.into())).collect::<Vec<_>>();
            // So many that a name which stands there twice is in both of its buckets.
            let others = (0..40).map(|number| format!("other_{number}"));
            let others = others.flat_map(|name| record(on, &name, OTHER.into()));
            let records = others.chain(records).collect::<Vec<_>>();
            let mut many = user_of(on, OTHER);
            put(&mut many, RECORDS, &records);
            for file in [user_of(on, CRC), extended_user_of(on, CRC), many] {
                let file = exporting_nothing(file);
                let kernel = kernel::<A>(on).never_force();
                let loader = loaded(kernel, file.bytes(), LoadOptions::default());
                assert_eq!(warnings(&loader), [""; 0], "{on:?}");
                assert!(!loader.platform().look("user", |module| module.is_forced()));
            }
        });
    }
}

#[test]
fn an_import_that_is_not_in_the_table_is_warned_of_once_and_let_pass() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let mut file = user(on);
            let table = file.symbol("crc_itu_t_table");
            crate::link::undefine(&mut file, table);
            put(&mut file, RECORDS, &record(on, "another", OTHER.into()));
            let file = exporting_nothing(file);
            let exported = HostKernel::<A>::new().export_all_for(file.bytes(), &[]);
            let kernel = exported.never_force().with_versions(
                [(&b"crc_itu_t"[..], CRC), (&b"crc_itu_t_table"[..], CRC)]);
            let loader = loaded(kernel, file.bytes(), LoadOptions::default());
            let warnings = warnings(&loader);
            assert_eq!(warnings.len(), 1, "{on:?}: {warnings:?}");
            assert!(warnings[0].contains("module user: no version of symbol crc_itu_t"));
            assert!(!loader.platform().look("user", |module| module.is_forced()));
        });
    }
}

#[test]
fn what_a_module_lacks_is_said_once_where_the_kernel_loads_it_by_force() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let file = ModuleFile::<A>::new("user").imports("one").imports("two").exports("own");
            let kernel = HostKernel::<A>::new().with_vermagic(VERMAGIC);
            let kernel = ["module_layout", "one", "two"].iter().fold(kernel, |kernel, name| {
                kernel.export(name).with_versions([(name.as_bytes(), CRC)])
            });
            let loader = loaded(kernel, &file.build(), LoadOptions::default());
            let lacking = [
                "versions of its imports to be compared",
                "version magic to be compared",
                "versions of its exports",
            ];
            let lines = lacking.map(|what| format!("module user: loaded by force: no {what}"));
            assert_eq!(warnings(&loader), lines, "{on:?}");
            assert!(loader.platform().look("user", |module| module.is_forced()));
        });
    }
}

#[test]
fn what_a_process_wants_ignored_is_as_if_the_module_lacked_it() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let mut file = user_without_exports(on, OTHER);
            file.set_modinfo("vermagic", "5.10 ");
            let mut options = LoadOptions::default();
            options.ignore_modversions = true;
            options.ignore_vermagic = true;
            let kernel = || kernel::<A>(on).with_vermagic(VERMAGIC);
            let loader = loaded(kernel(), file.bytes(), options);
            assert!(loader.platform().look("user", |module| module.is_forced()));
            assert_eq!(warnings(&loader).len(), 2, "{on:?}");
            let load = |kernel: HostKernel<A>, options| {
                let loader = kernel.boot();
                let error = loader.load_reading(file.bytes(), options, || Ok(Vec::new())).err();
                error.expect("it is rejected")
            };
            let magic = LoadError::Unversioned(Unversioned::Vermagic);
            assert_eq!(load(kernel().never_force(), options), magic, "{on:?}");
            options.ignore_vermagic = false;
            assert!(matches!(load(kernel(), options), LoadError::Vermagic { .. }), "{on:?}");
            options.ignore_vermagic = true;
            options.ignore_modversions = false;
            assert_eq!(load(kernel(), options).errno(), Errno::EINVAL, "{on:?}");
        });
    }
}

#[test]
fn the_flags_of_finit_module_say_what_is_ignored() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let mut file = user_without_exports(on, OTHER);
            file.set_modinfo("vermagic", "5.10 ");
            let loader = kernel::<A>(on).with_vermagic(VERMAGIC).boot();
            let kernel = loader.platform();
            let descriptor = kernel.put_file(FileKind::regular(file.bytes()));
            let load = |flags| finit_module(&loader, descriptor, kernel.user_string(""), flags);
            // Nothing, IGNORE_MODVERSIONS, IGNORE_VERMAGIC, both.
            for (flags, error) in [(0, -8), (1, -8), (2, -22)] {
                let expected = Errno::from_status(error).expect("an error");
                assert_eq!(load(flags), Err(expected), "{on:?}: {flags}");
            }
            assert_eq!(load(3), Ok(()), "{on:?}");
        });
    }
}

#[test]
fn a_release_may_differ_of_modules_with_versions_alone() {
    for on in Architecture::ALL {
        with_arch!(on, A => {
            let mut file = user_without_exports(on, CRC);
            file.set_modinfo("vermagic", "6.1.999-other SMP mod_unload modversions ");
            let kernel = || kernel::<A>(on).with_vermagic(VERMAGIC);
            loaded(kernel(), file.bytes(), LoadOptions::default());
            let versions = file.section(RECORDS);
            file.set(Section(versions, "sh_flags"), 0);
            let error = kernel().boot().load(file.bytes()).expect_err("it is rejected");
            assert!(matches!(error, LoadError::Vermagic { .. }), "{on:?}: {error}");
        });
    }
}

#[test]
fn real_modules_name_versions_that_their_section_holds() {
    for (on, symbol, crc) in [
        (Architecture::X86_64, "__x86_return_thunk", 0x5b82_39ca_u32),
        (Architecture::I386, "module_layout", 0),
    ] {
        with_arch!(on, A => {
            let file = corpus::module::<A>("crc-itu-t");
            let image = modlink::image::Image::<A>::check(&file, u64::MAX).expect("a module");
            let versions = modlink::module::Versions::of(&image).expect("versions");
            let versions = versions.expect("it has them");
            let found = versions.find(symbol.as_bytes()).expect("it imports the symbol");
            assert!(crc == 0 || found == crc, "{symbol}: {found:#x}");
            assert_eq!(versions.find(b"crc_itu_t"), None);
        });
    }
}
