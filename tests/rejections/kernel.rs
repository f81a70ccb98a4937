//! Rejections for which the kernel is the reason: what is loaded already, what it exports and to
//! whom, what it has no memory for.

use crate::case::{section, unknown};
use crate::edit::*;
use crate::link::undefine;
use crate::real::{Architecture, with_arch};
use modlink::arch::Arch;
use modlink::image::KnownSection;
use modlink::module::ModInfoProblem;
use modlink::platform::{AllocateError, Provision, Purpose};
use modlink::symbols::{ExportProblem, KsymtabError};
use modlink::{
    Errno, ImportProblem, LoadError, LoadOptions, Name, Platform, State, UnloadError, Unreachable,
};
use modlink_host::{
    HostKernel, HostLoader, ModuleFile, Operation, Snapshot, Step, colliding_names,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    Load(LoadError),
    Unload(UnloadError),
}

/// A request that was rejected, and how it had to be.
pub struct Outcome {
    name: String,
    got: Option<Rejection>,
    /// What it had to be rejected with.
    pub want: Rejection,
    errno: Errno,
    says: String,
    before: Snapshot,
    after: Snapshot,
}

#[test]
fn every_error_of_a_load_says_why_and_leaves_no_trace() {
    let mut wrong = Vec::new();
    for architecture in Architecture::ALL {
        for outcome in outcomes(architecture) {
            let whats = outcome.differences();
            let describe = |what| format!("{architecture:?}: {}: {what}", outcome.name);
            wrong.extend(whats.into_iter().map(describe));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Tries everything.
pub fn outcomes(on: Architecture) -> Vec<Outcome> {
    with_arch!(on, A => {
        let mut outcomes = vec![
            loaded_already::<A>(on),
            coming_already::<A>(),
            exported_by_the_kernel::<A>(on),
            by_a_kernel_with_a_broken_table::<A>(on),
            exported_by_a_module::<A>(on),
            colliding_exports::<A>(on),
            colliding_modules::<A>(on),
            disabled::<A>(on),
            unloaded_while_disabled::<A>(on),
            denied::<A>(on),
            not_verified::<A>(on),
            not_permitted::<A>(on),
            for_others_licences::<A>(on),
            of_a_proprietary_module::<A>(on),
            in_a_namespace::<A>(on),
            in_a_namespace_of_modules::<A>(on),
            imports_a_namespace_of_modules::<A>(on),
            exporter_is_coming::<A>(on),
            interrupted_while_it_waits_for_a_name::<A>(),
            interrupted_while_it_waits_for_a_symbol::<A>(on),
            exporter_is_going::<A>(on),
            used_by_another::<A>(on),
            referenced::<A>(on),
            permanent::<A>(on),
            not_loaded::<A>(on),
            unloaded_while_coming::<A>(),
            exporter_has_faulted::<A>(on),
            faults_in_init::<A>(on),
            faults_in_exit::<A>(on),
            interrupted_while_it_is_in_use::<A>(on),
            not_provided_for::<A>(on),
        ];
        outcomes.extend(no_memory::<A>(on));
        outcomes.extend(no_protection::<A>(on));
        outcomes.extend(no_arguments::<A>(on));
        outcomes.extend(failing_inits::<A>(on));
        #[cfg(feature = "notifiers")]
        outcomes.push(rejected_by_a_notifier::<A>(on));
        #[cfg(feature = "versions")]
        outcomes.extend(crate::versions::outcomes::<A>(on));
        outcomes
    })
}

impl Outcome {
    fn differences(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.got.as_ref() != Some(&self.want) {
            wrong.push(format!("{:?} instead of {:?}", self.got, self.want));
        }
        let (errno, text) = match &self.want {
            Rejection::Load(error) => (error.errno(), error.to_string()),
            Rejection::Unload(error) => (error.errno(), error.to_string()),
        };
        if errno != self.errno {
            wrong.push(format!("{errno} instead of {}", self.errno));
        }
        if !text.contains(&self.says) {
            wrong.push(format!("“{text}” does not say “{}”", self.says));
        }
        if self.before != self.after {
            wrong.push(format!("{:?} instead of {:?}", self.after, self.before));
        }
        wrong
    }
}

pub type Loader<A> = Arc<HostLoader<A>>;

/// Loads a file that has to be rejected.
pub fn load<A: Arch>(
    loader: &Loader<A>,
    file: &[u8],
    want: LoadError,
    errno: Errno,
    says: &str,
) -> Outcome {
    load_reading(loader, file, || Ok(Vec::new()), want, errno, says)
}

fn load_reading<A: Arch>(
    loader: &Loader<A>,
    file: &[u8],
    arguments: impl FnOnce() -> Result<Vec<u8>, Errno>,
    want: LoadError,
    errno: Errno,
    says: &str,
) -> Outcome {
    let before = loader.platform().snapshot();
    let got = loader.load_reading(file, LoadOptions::default(), arguments).err();
    Outcome {
        name: format!("{want:?}"),
        got: got.map(Rejection::Load),
        want: Rejection::Load(want),
        errno,
        says: says.into(),
        before,
        after: loader.platform().snapshot(),
    }
}

/// Unloads a module that has to stay.
fn unload<A: Arch>(
    loader: &Loader<A>,
    name: &str,
    want: UnloadError,
    errno: Errno,
    says: &str,
) -> Outcome {
    let by = |loader: &Loader<A>, name: &[u8]| loader.unload(name, false);
    unload_by(loader, name, by, want, errno, says)
}

fn unload_by<A: Arch>(
    loader: &Loader<A>,
    name: &str,
    by: impl FnOnce(&Loader<A>, &[u8]) -> Result<(), UnloadError>,
    want: UnloadError,
    errno: Errno,
    says: &str,
) -> Outcome {
    let before = loader.platform().snapshot();
    let got = by(loader, name.as_bytes()).err();
    Outcome {
        name: format!("{want:?}"),
        got: got.map(Rejection::Unload),
        want: Rejection::Unload(want),
        errno,
        says: says.into(),
        before,
        after: loader.platform().snapshot(),
    }
}

/// A kernel for the real module.
fn kernel_for<A: Arch>(on: Architecture) -> HostKernel<A> {
    HostKernel::new().export_all_for(on.signed_module(), &[])
}

/// The real module under the name `user`, importing `crc_itu_t` instead of defining it.
pub fn user(on: Architecture) -> Edit {
    let mut file = on.module();
    file.set_modinfo("name", "user");
    let index = file.symbol("crc_itu_t");
    undefine(&mut file, index);
    file
}

/// A module that exports `crc_itu_t`, with an init and an exit function.
fn exporter<A: Arch>() -> Vec<u8> {
    ModuleFile::<A>::new("exporter").exports("crc_itu_t").init().exit().build()
}

pub fn rejected_import(on: Architecture, problem: ImportProblem) -> LoadError {
    let index = on.module().symbol("crc_itu_t");
    let symbol = crate::case::symbol(index, "crc_itu_t");
    LoadError::Import { symbol, problem }
}

fn name(name: &str) -> Name {
    name.as_bytes().into()
}

/// A section for which the kernel does not provide.
fn not_provided_for<A: Arch>(on: Architecture) -> Outcome {
    let mut file = on.module();
    let rodata = file.section(".rodata");
    let index = file.add_section_like(rodata);
    file.rename_section(index, ".init_array");
    let kernel = HostKernel::<A>::new().with_all_sections(Provision::Missing);
    let loader = kernel.export_all_for(file.bytes(), &[]).boot();
    let known = KnownSection::all().find(|known| known.name() == ".init_array*");
    let error = LoadError::Unsupported {
        section: section(index, ".init_array"),
        known: known.expect("a row of the table"),
    };
    load(&loader, file.bytes(), error, Errno::ENOEXEC, "constructors")
}

fn loaded_already<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.load(on.signed_module()).expect("it loads");
    let want = LoadError::Exists(name("crc_itu_t"));
    load(&loader, on.signed_module(), want, Errno::EEXIST, "module crc_itu_t is loaded already")
}

/// Runs `request` while the module `exporter` is in its init function.
fn while_coming<A: Arch>(
    kernel: HostKernel<A>,
    request: impl Fn(&Loader<A>) -> Outcome + Send + Sync + 'static,
) -> Outcome {
    let loader = kernel.boot();
    let outcome = Arc::new(Mutex::new(None));
    let kept = outcome.clone();
    loader.platform().on_init("exporter", move |loader| {
        *kept.lock().unwrap() = Some(request(loader));
        0
    });
    loader.load(&exporter::<A>()).expect("it loads");
    outcome.lock().unwrap().take().expect("the init function has run")
}

fn coming_already<A: Arch>() -> Outcome {
    while_coming(HostKernel::<A>::new(), |loader| {
        let want = LoadError::Busy(name("exporter"));
        load(loader, &exporter::<A>(), want, Errno::EBUSY, "module exporter")
    })
}

fn exporter_is_coming<A: Arch>(on: Architecture) -> Outcome {
    while_coming(kernel_for::<A>(on), move |loader| {
        let want = rejected_import(on, ImportProblem::Coming(name("exporter")));
        load(loader, user(on).bytes(), want, Errno::EBUSY, "(crc_itu_t): its module exporter")
    })
}

/// A kernel whose loads are interrupted when they wait.
fn impatient<A: Arch>(kernel: HostKernel<A>) -> HostKernel<A> {
    let kernel = kernel.with_waiting(Duration::from_secs(600));
    kernel.interrupt_waiting();
    kernel
}

fn interrupted_while_it_waits_for_a_name<A: Arch>() -> Outcome {
    while_coming(impatient(HostKernel::<A>::new()), |loader| {
        let want = LoadError::Interrupted(name("exporter"));
        load(loader, &exporter::<A>(), want, Errno::EINTR, "another module exporter")
    })
}

fn interrupted_while_it_waits_for_a_symbol<A: Arch>(on: Architecture) -> Outcome {
    while_coming(impatient(kernel_for::<A>(on)), move |loader| {
        let want = rejected_import(on, ImportProblem::Interrupted(name("exporter")));
        let says = "(crc_itu_t): interrupted while it waited for the init function";
        load(loader, user(on).bytes(), want, Errno::EINTR, says)
    })
}

fn exporter_is_going<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let outcome = Arc::new(Mutex::new(None));
    let kept = outcome.clone();
    loader.platform().on_exit("exporter", move |loader| {
        let want = rejected_import(on, ImportProblem::Going(name("exporter")));
        let says = "(crc_itu_t): its module exporter";
        let result = load(loader, user(on).bytes(), want, Errno::ENOENT, says);
        *kept.lock().unwrap() = Some(result);
    });
    loader.load(&exporter::<A>()).expect("it loads");
    loader.unload(b"exporter", false).expect("nobody uses it");
    outcome.lock().unwrap().take().expect("the exit function has run")
}

fn unloaded_while_coming<A: Arch>() -> Outcome {
    while_coming(HostKernel::<A>::new(), |loader| {
        unload(loader, "exporter", UnloadError::Busy, Errno::EBUSY, "coming or going")
    })
}

/// A kernel in which a function of the module `exporter` faults.
fn faulting<A: Arch>(on: Architecture, call: fn(String) -> Step) -> Loader<A> {
    let loader = kernel_for::<A>(on).boot();
    loader.platform().fault_in(call("exporter".into()));
    loader
}

fn exporter_has_faulted<A: Arch>(on: Architecture) -> Outcome {
    let loader = faulting::<A>(on, Step::Init);
    loader.load(&exporter::<A>()).expect_err("it faults");
    let want = rejected_import(on, ImportProblem::Faulted(name("exporter")));
    let says = "(crc_itu_t): the init function of its module exporter has faulted";
    load(&loader, user(on).bytes(), want, Errno::EBUSY, says)
}

fn faults_in_init<A: Arch>(on: Architecture) -> Outcome {
    let loader = faulting::<A>(on, Step::Init);
    let says = "its init function has faulted";
    let outcome = load(&loader, &exporter::<A>(), LoadError::Faulted, Errno::ENOTRECOVERABLE, says);
    stays(&loader, outcome, State::Faulted)
}

fn faults_in_exit<A: Arch>(on: Architecture) -> Outcome {
    let loader = faulting::<A>(on, Step::Exit);
    loader.load(&exporter::<A>()).expect("it loads");
    let says = "its exit function has faulted";
    let outcome = unload(&loader, "exporter", UnloadError::Faulted, Errno::ENOTRECOVERABLE, says);
    stays(&loader, outcome, State::Going)
}

/// The same outcome, which leaves the module `exporter` in this state, and nothing else.
fn stays<A: Arch>(loader: &Loader<A>, mut outcome: Outcome, state: State) -> Outcome {
    assert_eq!(loader.platform().look("exporter", |module| module.state()), state);
    outcome.after.modules.retain(|module| module.name != "exporter");
    outcome.before.modules.retain(|module| module.name != "exporter");
    outcome.before.blocks = outcome.after.blocks.clone();
    outcome
}

fn interrupted_while_it_is_in_use<A: Arch>(on: Architecture) -> Outcome {
    let loader = impatient(kernel_for::<A>(on)).boot();
    loader.load(on.signed_module()).expect("it loads");
    let held = loader.find(b"crc_itu_t").expect("it is loaded");
    let wait = |loader: &Loader<A>, name: &[u8]| {
        loader.unload_within(name, false, Duration::from_secs(600))
    };
    let says = "interrupted while it was in use";
    let outcome =
        unload_by(&loader, "crc_itu_t", wait, UnloadError::Interrupted, Errno::EINTR, says);
    drop(held);
    outcome
}

#[cfg(feature = "notifiers")]
fn rejected_by_a_notifier<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let notifier = |_, _: &modlink::Module<_>| Err(Errno::EPERM);
    let _registered = loader.register_notifier(Box::new(notifier), 0).expect("there is heap");
    let want = LoadError::Notifier(Errno::EPERM);
    load(&loader, on.signed_module(), want, Errno::EPERM, "a notifier has rejected it: EPERM")
}

fn exported_by_the_kernel<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).export("crc_itu_t_table").boot();
    let want = LoadError::Duplicate { symbol: name("crc_itu_t_table"), owner: None };
    let says = "exported symbol crc_itu_t_table exists already, in the kernel";
    load(&loader, on.signed_module(), want, Errno::ENOEXEC, says)
}

fn by_a_kernel_with_a_broken_table<A: Arch>(on: Architecture) -> Outcome {
    let error = KsymtabError::Duplicate("zebra");
    let loader = kernel_for::<A>(on).with_broken_ksymtab(error).boot();
    let says = "the kernel exports zebra twice";
    load(&loader, on.signed_module(), LoadError::Ksymtab(error), Errno::EINVAL, says)
}

fn exported_by_a_module<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.load(on.signed_module()).expect("it loads");
    let mut file = on.module();
    file.set_modinfo("name", "other");
    let want = LoadError::Duplicate { symbol: name("crc_itu_t"), owner: Some(name("crc_itu_t")) };
    let says = "exported symbol crc_itu_t exists already, in module crc_itu_t";
    load(&loader, file.bytes(), want, Errno::ENOEXEC, says)
}

fn colliding_exports<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let names = colliding_names(3, 511);
    let file = names.iter().fold(ModuleFile::<A>::new("m"), |file, name| file.exports(name));
    let want = LoadError::Export(ExportProblem::Collision(name(&names[0])));
    load(&loader, &file.build(), want, Errno::ENOEXEC, "has the hash of too many others")
}

fn colliding_modules<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let names = colliding_names(2, 55);
    loader.load(&ModuleFile::<A>::new(&names[0]).build()).map(drop).expect("it loads");
    let want = LoadError::ModInfo(ModInfoProblem::Collision);
    let file = ModuleFile::<A>::new(&names[1]).build();
    load(&loader, &file, want, Errno::ENOEXEC, "its name has the hash of too many others")
}

fn for_others_licences<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).export_gpl("crc_itu_t").boot();
    let mut file = user(on);
    file.set_modinfo("license", "Proprietary");
    let want = rejected_import(on, ImportProblem::GplOnly);
    load(&loader, file.bytes(), want, Errno::ENOENT, "GPL")
}

fn in_a_namespace<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).export_in("CHECKSUMS", "crc_itu_t").boot();
    let mut file = user(on);
    file.set_modinfo("import_ns", "CHECKSUM");
    let want = rejected_import(on, ImportProblem::Namespace(name("CHECKSUMS")));
    load(&loader, file.bytes(), want, Errno::EINVAL, "namespace CHECKSUMS")
}

fn in_a_namespace_of_modules<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).export_in("module:use,usr-*", "crc_itu_t").boot();
    let want = rejected_import(on, ImportProblem::Namespace(name("module:use,usr-*")));
    load(&loader, user(on).bytes(), want, Errno::EINVAL, "namespace module:use,usr-*, which does")
}

fn imports_a_namespace_of_modules<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).export_in("module:user", "crc_itu_t").boot();
    let mut file = user(on);
    file.set_modinfo("import_ns", "module:user");
    let want = LoadError::ModuleNamespace(name("module:user"));
    load(&loader, file.bytes(), want, Errno::EPERM, "imports namespace module:user")
}

fn of_a_proprietary_module<A: Arch>(on: Architecture) -> Outcome {
    let kernel = kernel_for::<A>(on).export_gpl("for_the_gpl");
    let exporter = ModuleFile::<A>::new("exporter").says("license", "Proprietary");
    let loader = kernel.boot();
    loader.load(&exporter.exports("crc_itu_t").build()).expect("it loads");
    let mut file = user(on);
    let second = file.symbol("crc_itu_t_table");
    undefine(&mut file, second);
    file.rename_symbol(second, "for_the_gpl");
    let last = second.max(file.symbol("crc_itu_t"));
    let symbol = crate::case::symbol(last, &file.symbol_name(last));
    let problem = ImportProblem::Proprietary(name("exporter"));
    let want = LoadError::Import { symbol, problem };
    load(&loader, file.bytes(), want, Errno::ENOENT, "exporter, which is proprietary")
}

fn disabled<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.disable();
    load(&loader, on.signed_module(), LoadError::Disabled, Errno::EPERM, "disabled")
}

fn unloaded_while_disabled<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.load(on.signed_module()).expect("it loads");
    loader.disable();
    unload(&loader, "crc_itu_t", UnloadError::Disabled, Errno::EPERM, "disabled")
}

fn denied<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).deny("other,crc_itu_t").boot();
    let want = LoadError::Denied(name("crc_itu_t"));
    load(&loader, on.signed_module(), want, Errno::EPERM, "crc_itu_t is on the deny list")
}

fn not_verified<A: Arch>(on: Architecture) -> Outcome {
    let rejection = modlink::platform::Refusal { errno: Errno::EPERM, reason: "no signature" };
    let loader = kernel_for::<A>(on).verify_by(move |_| Err(rejection)).boot();
    load(&loader, on.signed_module(), LoadError::Refused(rejection), Errno::EPERM, "no signature")
}

fn not_permitted<A: Arch>(on: Architecture) -> Outcome {
    let rejection = modlink::platform::Refusal { errno: Errno::E2BIG, reason: "not a driver" };
    let loader = kernel_for::<A>(on).permit_by(move |_| Err(rejection)).boot();
    load(&loader, on.signed_module(), LoadError::Refused(rejection), Errno::E2BIG, "not a driver")
}

fn no_memory<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let mut file = on.module();
    let rodata = file.section(".rodata");
    file.rename_section(rodata, ".init.rodata");
    let loader = kernel_for::<A>(on).boot();
    let kernel = loader.platform();
    let mut outcomes = Vec::new();
    for nth in [1, 2] {
        kernel.fail(Operation::Allocate, nth);
        let want = LoadError::Memory(AllocateError::Exhausted);
        outcomes.push(load(&loader, file.bytes(), want, Errno::ENOMEM, "no memory"));
    }
    kernel.fail_nothing();
    for purpose in [Purpose::Core, Purpose::Init, Purpose::Contiguous] {
        kernel.set_room(purpose, &[]);
    }
    let want = LoadError::Memory(AllocateError::Exhausted);
    outcomes.push(load(&loader, file.bytes(), want, Errno::ENOMEM, "no memory"));
    if on.is_wide() {
        kernel.set_region(&[0x1000_0000..=0x1fff_ffff]);
        let want = LoadError::Memory(AllocateError::OutOfReach);
        outcomes.push(load(&loader, file.bytes(), want, Errno::ENOMEM, "reach of the kernel"));
    }
    outcomes.push(unreachable_kernel::<A>(on));
    outcomes
}

fn unreachable_kernel<A: Arch>(on: Architecture) -> Outcome {
    let modules = 0x1_0000_0000..=0x1_ffff_ffff;
    let loader = kernel_for::<A>(on).with_modules_at(modules.clone()).boot();
    let kernel = loader.platform().kernel();
    let want = LoadError::Unreachable(Unreachable { kernel, modules });
    load(&loader, on.signed_module(), want, Errno::ENOMEM, "0x100000000..=0x1ffffffff")
}

fn no_protection<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let loader = kernel_for::<A>(on).boot();
    let reject = |nth| {
        loader.platform().fail(Operation::Protect, nth);
        load(&loader, on.signed_module(), LoadError::Protect, Errno::ENOMEM, "protect")
    };
    vec![reject(1), reject(2)]
}

fn no_arguments<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let loader = kernel_for::<A>(on).boot();
    let reject = |errno: Errno| {
        let want = LoadError::Arguments(errno);
        load_reading(&loader, on.signed_module(), || Err(errno), want, errno, &errno.to_string())
    };
    vec![reject(Errno::EFAULT), reject(Errno::E2BIG)]
}

fn failing_inits<A: Arch>(on: Architecture) -> Vec<Outcome> {
    let loader = kernel_for::<A>(on).boot();
    let mut file = on.module();
    let function = file.symbol("crc_itu_t");
    file.rename_symbol(function, "init_module");
    let reject = |status: i32, errno: Errno, says: &str| {
        loader.platform().on_init("crc_itu_t", move |_| status);
        let want = LoadError::Init(status);
        load(&loader, file.bytes(), want, errno, &format!("failed with {says}"))
    };
    vec![
        reject(-19, Errno::ENODEV, "-19"),
        reject(-1, Errno::EPERM, "-1"),
        reject(-12, Errno::ENOMEM, "-12"),
        // That would say that it is loaded already.
        reject(-17, Errno::EBUSY, "EEXIST, for which EBUSY is returned"),
    ]
}

fn used_by_another<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let user = ModuleFile::<A>::new("user").imports("crc_itu_t").build();
    loader.load(on.signed_module()).expect("it loads");
    loader.load(&user).expect("it loads");
    let want = UnloadError::UsedBy(name("user"));
    unload(&loader, "crc_itu_t", want, Errno::EWOULDBLOCK, "module user uses it")
}

fn referenced<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.load(on.signed_module()).expect("it loads");
    let _held = loader.symbol(b"crc_itu_t").expect("it is exported");
    let _again = loader.symbol(b"crc_itu_t_table").expect("it is exported");
    unload(&loader, "crc_itu_t", UnloadError::Referenced(2), Errno::EWOULDBLOCK, "2 references")
}

fn permanent<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    let mut file = on.module();
    let function = file.symbol("crc_itu_t");
    file.rename_symbol(function, "init_module");
    loader.load(file.bytes()).expect("it loads");
    unload(&loader, "crc_itu_t", UnloadError::Permanent, Errno::EBUSY, "no exit function")
}

fn not_loaded<A: Arch>(on: Architecture) -> Outcome {
    let loader = kernel_for::<A>(on).boot();
    loader.load(on.signed_module()).expect("it loads");
    unload(&loader, "crc_itu", UnloadError::NotFound, Errno::ENOENT, "no such module")
}

#[test]
fn a_module_that_was_used_before_the_rejection_is_free_again() {
    for architecture in Architecture::ALL {
        with_arch!(architecture, A => {
            let loader = kernel_for::<A>(architecture).boot();
            loader.load(&exporter::<A>()).expect("it loads");
            // Its first import is found, its second is not.
            let mut file = user(architecture);
            let second = file.symbol("crc_itu_t_table");
            undefine(&mut file, second);
            file.rename_symbol(second, "nobody_has_this");
            let before = loader.platform().snapshot();
            let error = loader.load(file.bytes()).expect_err("a symbol is unknown");
            assert_eq!(error, unknown([crate::case::symbol(second, "nobody_has_this")]));
            assert_eq!(loader.platform().snapshot(), before);
            loader.unload(b"exporter", false).expect("nobody uses it");
        });
    }
}
