//! What becomes of sections whose names or types mean something.

use crate::case::section;
use crate::edit::*;
use crate::real::{Architecture, with_arch};
use modlink::arch::Arch;
use modlink::image::{KnownSection, Treatment};
use modlink::platform::{Level, Provision};
use modlink::{Errno, LoadError};
use modlink_host::{HostKernel, corpus};

/// The types that are arrays of constructors and destructors under any name.
const ARRAYS: [(u64, &str); 3] =
    [(14, ".init_array*"), (15, ".fini_array*"), (16, ".preinit_array*")];

/// What is ignored of a module that has been loaded, and what has been logged.
type Loaded = (Vec<&'static str>, Vec<(Level, String)>);

/// Loads a file into a kernel.
fn load<A: Arch>(kernel: HostKernel<A>, file: &[u8]) -> Result<Loaded, LoadError> {
    let loader = kernel.export_all_for(file, &[]).boot();
    loader.load(file)?;
    let mut ignored = Vec::new();
    loader.for_each(|module| ignored.extend(module.ignored_sections()));
    // Few of these modules have versions; that is another test's matter.
    let log = loader.platform().take_log().into_iter();
    Ok((ignored, log.filter(|(_, line)| !line.contains("loaded by force")).collect()))
}

/// A kernel that does nothing about sections and accepts no loss.
fn bare<A: Arch>() -> HostKernel<A> {
    HostKernel::new().with_all_sections(Provision::Missing)
}

/// A section of constants that the real module has not had.
fn add(file: &mut Edit, name: &str) -> usize {
    let rodata = file.section(".rodata");
    let added = file.add_section_like(rodata);
    file.rename_section(added, name);
    added
}

fn with_treatment(treatment: Treatment) -> impl Iterator<Item = KnownSection> {
    KnownSection::all().filter(move |known| known.treatment() == treatment)
}

/// Some names of a row.
fn names(known: KnownSection) -> Vec<String> {
    match known.name().strip_suffix('*') {
        Some(prefix) => vec![prefix.into(), format!("{prefix}.00100")],
        None => vec![known.name().into()],
    }
}

/// The names that the real module itself has and that are ignored.
fn own(architecture: Architecture) -> Vec<&'static str> {
    let file = architecture.module();
    let own = with_arch!(architecture, A => load(bare::<A>(), file.bytes()));
    own.expect("the unchanged module loads").0
}

#[test]
fn what_a_module_cannot_do_without_is_rejected_by_name() {
    for architecture in Architecture::ALL {
        for known in with_treatment(Treatment::Rejected) {
            for name in names(known) {
                let mut file = architecture.module();
                let index = add(&mut file, &name);
                rejected(architecture, &file, index, &name, known);
            }
        }
    }
}

#[test]
fn arrays_of_constructors_are_rejected_under_any_name_and_by_its_own() {
    for architecture in Architecture::ALL {
        for (kind, row) in ARRAYS {
            // The second is that of a row itself.
            for name in [".my_functions", "__versions"] {
                let mut file = architecture.module();
                let index = add(&mut file, name);
                file.set(Section(index, "sh_type"), kind);
                let known = KnownSection::all().find(|known| known.name() == row).expect("a row");
                rejected(architecture, &file, index, name, known);
            }
        }
    }
}

fn rejected(on: Architecture, file: &Edit, index: usize, name: &str, known: KnownSection) {
    let (result, before, after) = with_arch!(on, A => {
        let loader = bare::<A>().export_all_for(file.bytes(), &[]).boot();
        let before = loader.platform().snapshot();
        let result = loader.load(file.bytes()).map(drop);
        (result, before, loader.platform().snapshot())
    });
    let section = section(index, name);
    let error = result.expect_err("nobody provides for it");
    assert_eq!(error, LoadError::Unsupported { section, known }, "{on:?}: {name}");
    assert_eq!(error.errno(), Errno::ENOEXEC);
    let text = error.to_string();
    assert!(text.contains(&format!("section {index} ({name})")), "{text}");
    assert!(text.contains(known.why()), "{text}");
    assert_eq!(before, after, "{on:?}: {name}");
}

#[test]
fn such_a_section_that_is_empty_or_not_allocated_asks_for_nothing() {
    for architecture in Architecture::ALL {
        for known in with_treatment(Treatment::Rejected) {
            for (field, value) in [("sh_size", 0), ("sh_flags", 0)] {
                let mut file = architecture.module();
                let index = add(&mut file, &names(known)[0]);
                file.set(Section(index, field), value);
                let result = with_arch!(architecture, A => load(bare::<A>(), file.bytes()));
                let (ignored, log) = result.unwrap_or_else(|error| panic!("{known:?}: {error}"));
                assert_eq!((ignored, log), (own(architecture), vec![]), "{known:?}: {field}");
            }
        }
    }
}

#[test]
fn what_is_lost_is_said_in_one_line_and_listed() {
    for architecture in Architecture::ALL {
        let mut file = architecture.module();
        let lost = || KnownSection::all().filter(|known| known.treatment() != Treatment::Handled);
        for known in lost() {
            add(&mut file, names(known).last().expect("a name"));
        }
        let (ignored, log) = with_arch!(architecture, A => {
            let kernel = bare::<A>().with_all_sections(Provision::LossAccepted);
            load(kernel, file.bytes()).expect("the kernel accepts the loss")
        });
        let expected: Vec<_> = lost().map(KnownSection::name).collect();
        assert_eq!(ignored, expected, "{architecture:?}");
        let [(Level::Warning, line)] = &log[..] else { panic!("{log:?}") };
        assert!(line.starts_with("module crc_itu_t: ignored: "), "{line}");
        for known in lost() {
            let said = format!(" {} ({})", known.name(), known.why());
            let harmless = known.treatment() == Treatment::Harmless;
            assert_eq!(line.contains(&said), !harmless, "{said}: {line}");
        }
        assert!(line.len() < 2048, "{} bytes", line.len());
    }
}

#[test]
fn what_a_module_only_lacks_is_said_even_if_the_kernel_says_nothing_of_it() {
    for architecture in Architecture::ALL {
        for known in with_treatment(Treatment::Reported) {
            let mut file = architecture.module();
            add(&mut file, &names(known)[0]);
            let result = with_arch!(architecture, A => load(bare::<A>(), file.bytes()));
            let (ignored, log) = result.expect("it loads");
            assert!(ignored.contains(&known.name()), "{ignored:?}");
            let line = format!("module crc_itu_t: ignored: {} ({})", known.name(), known.why());
            assert_eq!(log, [(Level::Warning, line)], "{architecture:?}");
        }
    }
}

#[test]
fn what_the_kernel_provides_for_is_neither_said_nor_listed() {
    for architecture in Architecture::ALL {
        for known in with_treatment(Treatment::Reported).chain(with_treatment(Treatment::Rejected))
        {
            let mut file = architecture.module();
            add(&mut file, &names(known)[0]);
            let result = with_arch!(architecture, A => {
                let kernel = bare::<A>().with_section(known.name(), Provision::Provided);
                load(kernel, file.bytes())
            });
            let (ignored, log) = result.unwrap_or_else(|error| panic!("{known:?}: {error}"));
            assert_eq!((ignored, log), (own(architecture), vec![]), "{known:?}");
        }
    }
}

#[test]
fn what_is_harmless_is_listed_in_silence() {
    for architecture in Architecture::ALL {
        for known in with_treatment(Treatment::Harmless) {
            let mut file = architecture.module();
            add(&mut file, &names(known)[0]);
            let result = with_arch!(architecture, A => load(bare::<A>(), file.bytes()));
            let (ignored, log) = result.unwrap_or_else(|error| panic!("{known:?}: {error}"));
            assert!(ignored.contains(&known.name()), "{ignored:?}");
            assert_eq!(log, [], "{known:?}");
        }
    }
}

/// A real module and the sections for which it is rejected, in the order in which they are met.
fn real<A: Arch>(name: &str, rejected: &[&str]) {
    let file = corpus::module::<A>(name);
    let mut kernel = bare::<A>();
    for row in rejected {
        match load(kernel, &file) {
            Err(LoadError::Unsupported { known, .. }) => assert_eq!(known.name(), *row, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
        let accepted = &rejected[..=rejected.iter().position(|other| other == row).expect("it is")];
        let accept =
            |kernel: HostKernel<A>, row: &&str| kernel.with_section(row, Provision::LossAccepted);
        kernel = accepted.iter().fold(bare(), accept);
    }
    let (ignored, log) = load(kernel, &file).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(rejected.iter().all(|row| ignored.contains(row)), "{name}: {ignored:?}");
    assert_eq!(log.len(), 1, "{name}: {log:?}");
}

#[test]
fn real_modules_are_rejected_for_what_they_would_go_wrong_without() {
    real::<modlink::arch::X86_64>("br_netfilter", &[".data..percpu*"]);
    real::<modlink::arch::I386>("br_netfilter", &[".data..percpu*"]);
    let without_exceptions = usize::from(cfg!(not(feature = "exceptions")));
    let of_drm = &["___srcu_struct_ptrs", "__ex_table"][..1 + without_exceptions];
    real::<modlink::arch::X86_64>("drm", of_drm);
    real::<modlink::arch::I386>("drm", &["___srcu_struct_ptrs"]);
    real::<modlink::arch::M68k>("hfs", &[".m68k_fixup"]);
    #[cfg(not(feature = "exceptions"))]
    real::<modlink::arch::M68k>("fat", &["__ex_table"]);
}

/// The first table of docs/sections.md.
#[test]
fn the_documentation_says_what_the_table_does() {
    let document = include_str!("../../docs/sections.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .skip_while(|line| !line.starts_with("| section | treatment | why |"))
        .take_while(|line| line.starts_with('|'))
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).skip(1).take(3).collect())
        .collect();
    let table: Vec<Vec<String>> = KnownSection::all()
        .map(|known| {
            let mut treatment = format!("{:?}", known.treatment()).to_lowercase();
            // The text beside the table says so of these.
            let versions = ["__kcrctab*", "__version_ext_*", "__versions"].contains(&known.name());
            if cfg!(feature = "versions") && versions {
                assert_eq!(known.treatment(), Treatment::Handled);
                treatment = "harmless".into();
            }
            if cfg!(feature = "exceptions") && known.name() == "__ex_table" {
                assert_eq!(known.treatment(), Treatment::Handled);
                treatment = "rejected".into();
            }
            if cfg!(feature = "parameters") && known.name() == "__param" {
                assert_eq!(known.treatment(), Treatment::Handled);
                treatment = "reported".into();
            }
            vec![format!("`{}`", known.name()), treatment, known.why().into()]
        })
        .collect();
    assert_eq!(rows, table);
}
