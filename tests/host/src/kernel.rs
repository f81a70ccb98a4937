//! The kernel itself.

use crate::context::needs_a_thread;
use crate::failures::{Failures, Operation};
use crate::files::{File, FileKind, Files};
use crate::memory::{HostMemory, Memory, NotAllowed};
#[cfg(feature = "parameters")]
use crate::parameters::ParameterCall;
use crate::snapshot::{ModuleRow, Snapshot};
use crate::trace::Step;
use crate::user::User;
use crate::waiting::Queue;
use modlink::arch::{Arch, ByteOrder, Class};
use modlink::image::Image;
use modlink::platform::{
    AllocateError, Event, Faulted, Level, MemoryRequest, Protection, Provision, Purpose, Refusal,
    WaitError,
};
use modlink::symbols::{KsymtabError, Symbol};
use modlink::syscall::{Fault, OpenError, ProcessPlatform};
use modlink::{Loader, Module, Name, Platform};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// A loader that is part of a [`HostKernel`].
pub type HostLoader<A> = Loader<HostKernel<A>>;

/// Addresses that are out of every architecture's reach.
pub const OUT_OF_REACH: RangeInclusive<u64> = 0x1_0000_0000..=0x1_0fff_ffff;

type Init<A> = Arc<dyn Fn(&Arc<HostLoader<A>>) -> i32 + Send + Sync>;
type Stop<A> = Arc<dyn Fn(&Arc<HostLoader<A>>) + Send + Sync>;
type Verify = Box<dyn Fn(&[u8]) -> Result<(), Refusal> + Send + Sync>;
type Permit<A> = Box<dyn Fn(&Image<'_, A>) -> Result<(), Refusal> + Send + Sync>;

/// A kernel of the architecture `A` on the build machine.
pub struct HostKernel<A: Arch> {
    kernel: RangeInclusive<u64>,
    modules: RangeInclusive<u64>,
    exports: BTreeMap<Vec<u8>, Export>,
    broken_ksymtab: Option<KsymtabError>,
    /// What it says of sections; of all others the second.
    sections: (BTreeMap<String, Provision>, Provision),
    keeps_all_sections: bool,
    /// What the clock says, and how much more each time.
    #[cfg(feature = "proc")]
    clock: Option<(Mutex<Duration>, Duration)>,
    loader: Weak<HostLoader<A>>,
    memory: Arc<Memory>,
    failures: Arc<Failures>,
    trace: Arc<Mutex<Vec<Step>>>,
    user: User,
    files: Files,
    privileged: AtomicBool,
    denied: String,
    #[cfg(feature = "versions")]
    versions: Versions,
    verifies: bool,
    verify: Verify,
    permit: Permit<A>,
    called: Mutex<Vec<u64>>,
    log: Mutex<Vec<(Level, String)>>,
    /// The address ranges of the modules whose init functions have been called, the last one last.
    ranges: Mutex<Vec<(Range<u64>, String)>>,
    inits: Mutex<BTreeMap<String, Init<A>>>,
    exits: Mutex<BTreeMap<String, Stop<A>>>,
    queue: Queue,
    /// The calls that fault.
    faults: Mutex<Vec<Step>>,
    watchers: Mutex<Vec<Watcher<A>>>,
    #[cfg(feature = "parameters")]
    parameters: crate::parameters::Parameters,
    arch: PhantomData<A>,
}

/// By what modules are compared with the kernel.
#[cfg(feature = "versions")]
#[derive(Default)]
struct Versions {
    crcs: BTreeMap<Vec<u8>, u32>,
    vermagic: Option<String>,
    never_forces: bool,
}

type Watcher<A> = Arc<dyn Fn(&HostKernel<A>, Event, &Module<HostKernel<A>>) + Send + Sync>;

#[derive(Debug)]
struct Export {
    address: u64,
    gpl_only: bool,
    namespace: Vec<u8>,
}

impl<A: Arch> HostKernel<A> {
    /// A kernel that exports nothing, with its code, and room for modules, where Linux has them.
    pub fn new() -> Self {
        let (kernel, modules) = match A::CLASS {
            Class::Elf64 => (
                0xffff_ffff_8100_0000..=0xffff_ffff_82ff_ffff,
                0xffff_ffff_c000_0000..=0xffff_ffff_feff_ffff,
            ),
            Class::Elf32 => (0xc010_0000..=0xc1ff_ffff, 0xf800_0000..=0xfeff_ffff),
        };
        let failures = Arc::new(Failures::default());
        let trace = Arc::new(Mutex::new(Vec::new()));
        Self {
            kernel,
            modules: A::ADDRESSES,
            exports: BTreeMap::new(),
            broken_ksymtab: None,
            // No module code runs that could miss anything.
            sections: (BTreeMap::new(), Provision::LossAccepted),
            keeps_all_sections: false,
            #[cfg(feature = "proc")]
            clock: None,
            loader: Weak::new(),
            memory: Arc::new(Memory::new(modules, failures.clone(), trace.clone())),
            failures,
            trace,
            user: User::new(),
            files: Files::default(),
            privileged: AtomicBool::new(true),
            denied: String::new(),
            #[cfg(feature = "versions")]
            versions: Versions::default(),
            verifies: false,
            verify: Box::new(|_| Ok(())),
            permit: Box::new(|_| Ok(())),
            called: Mutex::default(),
            log: Mutex::default(),
            ranges: Mutex::default(),
            inits: Mutex::default(),
            exits: Mutex::default(),
            queue: Queue::default(),
            faults: Mutex::default(),
            watchers: Mutex::default(),
            #[cfg(feature = "parameters")]
            parameters: crate::parameters::Parameters::default(),
            arch: PhantomData,
        }
    }

    /// The same kernel with its code at other addresses.
    pub fn with_kernel_at(mut self, kernel: RangeInclusive<u64>) -> Self {
        assert!(self.exports.is_empty(), "set before the first export");
        self.kernel = kernel;
        self
    }

    /// The same kernel with a table of symbols that is broken so.
    pub fn with_broken_ksymtab(mut self, error: KsymtabError) -> Self {
        self.broken_ksymtab = Some(error);
        self
    }

    /// The same kernel, which says this of the sections that the loader leaves to it, instead of
    /// that it accepts the loss.
    pub fn with_all_sections(mut self, provision: Provision) -> Self {
        self.sections = (BTreeMap::new(), provision);
        self
    }

    /// The same kernel, which says this of sections of that name.
    pub fn with_section(mut self, name: &str, provision: Provision) -> Self {
        self.sections.0.insert(name.into(), provision);
        self
    }

    /// The same kernel, whose modules keep account of all their sections.
    pub fn keep_all_sections(mut self) -> Self {
        self.keeps_all_sections = true;
        self
    }

    /// The same kernel with a clock, of which each look finds it that much later.
    #[cfg(feature = "proc")]
    pub fn with_clock(mut self, step: Duration) -> Self {
        self.clock = Some((Mutex::default(), step));
        self
    }

    /// The same kernel, started with this deny list.
    pub fn deny(mut self, names: &str) -> Self {
        self.denied = names.into();
        self
    }

    /// The same kernel, whose exports of these names have these versions.
    #[cfg(feature = "versions")]
    pub fn with_versions<'n>(mut self, crcs: impl IntoIterator<Item = (&'n [u8], u32)>) -> Self {
        self.versions.crcs.extend(crcs.into_iter().map(|(name, crc)| (name.to_vec(), crc)));
        self
    }

    /// The same kernel with this vermagic.
    #[cfg(feature = "versions")]
    pub fn with_vermagic(mut self, vermagic: &str) -> Self {
        self.versions.vermagic = Some(vermagic.into());
        self
    }

    /// The same kernel, which loads no module by force.
    #[cfg(feature = "versions")]
    pub fn never_force(mut self) -> Self {
        self.versions.never_forces = true;
        self
    }

    /// The same kernel, started with this boot line.
    #[cfg(feature = "parameters")]
    pub fn with_boot_line(mut self, line: &str) -> Self {
        self.parameters.boot_line = line.into();
        self
    }

    /// The same kernel, which exports under that name the operations of a type of its own.
    #[cfg(feature = "parameters")]
    pub fn with_parameter_type(
        mut self,
        name: &str,
        operations: modlink::parameters::Operations,
    ) -> Self {
        self = self.export(name);
        self.parameters.types.insert(self.address_of(name), operations);
        self
    }

    /// When a function is called that sets a parameter, `set` runs instead; without it, the value is kept as
    /// what a function that shows the parameter writes.
    #[cfg(feature = "parameters")]
    pub fn on_parameter(
        &self,
        set: impl Fn(&ParameterCall) -> Result<i32, Faulted> + Send + Sync + 'static,
    ) {
        self.parameters.set_by(set);
    }

    /// The functions that have been called to set, show and free parameters since the last call of this.
    #[cfg(feature = "parameters")]
    pub fn take_parameter_calls(&self) -> Vec<ParameterCall> {
        self.parameters.take_calls()
    }

    /// The same kernel, which lets modules lie at other addresses than the architecture does. Room
    /// is where it was.
    pub fn with_modules_at(mut self, modules: RangeInclusive<u64>) -> Self {
        self.modules = modules;
        self
    }

    /// The same kernel, which lets only those files pass that `verify` does.
    pub fn verify_by(
        mut self,
        verify: impl Fn(&[u8]) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.verify = Box::new(verify);
        self
    }

    /// The same kernel, which verifies signatures, and takes one that ends in the mark of a signature
    /// for signed.
    pub fn verify_signatures(mut self) -> Self {
        self.verifies = true;
        self
    }

    /// The same kernel, which lets only those modules pass that `permit` does.
    pub fn permit_by(
        mut self,
        permit: impl Fn(&Image<'_, A>) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.permit = Box::new(permit);
        self
    }

    /// The same kernel, in which a load can wait for another; where Linux's limit is 30 s, for as long
    /// as this.
    pub fn with_waiting(self, limit: Duration) -> Self {
        self.queue.open(limit);
        self
    }

    /// The same kernel, exporting a symbol to every module.
    pub fn export(self, name: impl AsRef<[u8]>) -> Self {
        self.export_as(name, false, "")
    }

    /// The same kernel, exporting a symbol to modules under a GPL-compatible licence.
    pub fn export_gpl(self, name: impl AsRef<[u8]>) -> Self {
        self.export_as(name, true, "")
    }

    /// The same kernel, exporting a symbol in a namespace.
    pub fn export_in(self, namespace: &str, name: impl AsRef<[u8]>) -> Self {
        self.export_as(name, false, namespace)
    }

    /// The same kernel, exporting all symbols that a module file needs, except those in `but`.
    pub fn export_all_for(mut self, file: &[u8], but: &[&str]) -> Self {
        for name in crate::corpus::undefined_symbols(file) {
            let wanted = !but.contains(&name.as_str());
            if wanted && !self.exports.contains_key(name.as_bytes()) {
                self = self.export(name);
            }
        }
        self
    }

    fn export_as(mut self, name: impl AsRef<[u8]>, gpl_only: bool, namespace: &str) -> Self {
        let name = name.as_ref().to_vec();
        let address = self.kernel.start() + 0x1000 + 16 * self.exports.len() as u64;
        assert!(self.kernel.contains(&address), "the kernel is full");
        let namespace = namespace.as_bytes().to_vec();
        let export = Export { address, gpl_only, namespace };
        assert!(self.exports.insert(name, export).is_none());
        self
    }

    /// Starts the kernel: a loader without modules.
    pub fn boot(mut self) -> Arc<HostLoader<A>> {
        Arc::new_cyclic(|loader| {
            self.loader = loader.clone();
            Loader::new(self)
        })
    }

    /// Room for modules lies in these ranges from now on, whatever it is for.
    pub fn set_region(&self, ranges: &[RangeInclusive<u64>]) {
        for purpose in [Purpose::Core, Purpose::Init, Purpose::Contiguous] {
            self.set_room(purpose, ranges);
        }
    }

    /// Room for this purpose lies in these ranges from now on; in none, if there are none.
    pub fn set_room(&self, purpose: Purpose, ranges: &[RangeInclusive<u64>]) {
        self.memory.set_room(purpose, ranges.to_vec());
    }

    /// Memory is handed out from now on without a look at the window that is asked for, as a
    /// broken kernel would.
    pub fn ignore_window(&self) {
        self.memory.ignore_window();
    }

    /// All requests for memory so far.
    pub fn requests(&self) -> Vec<MemoryRequest> {
        self.memory.requests()
    }

    /// When the init function of the module of that name is called, `init` runs instead, and returns
    /// the status.
    pub fn on_init(
        &self,
        name: &str,
        init: impl Fn(&Arc<HostLoader<A>>) -> i32 + Send + Sync + 'static,
    ) {
        self.inits.lock().unwrap().insert(name.into(), Arc::new(init));
    }

    /// When the exit function of the module of that name is called, `exit` runs instead.
    pub fn on_exit(&self, name: &str, exit: impl Fn(&Arc<HostLoader<A>>) + Send + Sync + 'static) {
        self.exits.lock().unwrap().insert(name.into(), Arc::new(exit));
    }

    /// When the init or exit function of a module is called, as this step says, it faults, after it has
    /// run.
    pub fn fault_in(&self, call: Step) {
        self.faults.lock().unwrap().push(call);
    }

    /// Calls `watcher` at each event.
    pub fn on_event(&self, watcher: impl Fn(&Self, Event, &Module<Self>) + Send + Sync + 'static) {
        self.watchers.lock().unwrap().push(Arc::new(watcher));
    }

    /// Interrupts the loads that wait for another, and those that will.
    pub fn interrupt_waiting(&self) {
        self.queue.interrupt();
    }

    /// How many loads wait for another.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// The limit of each wait so far, as the loader has given it.
    pub fn limits(&self) -> Vec<Option<Duration>> {
        self.queue.limits()
    }

    /// Lets the `nth` operation of this kind from now on fail, the first being 1.
    pub fn fail(&self, operation: Operation, nth: usize) {
        self.failures.arrange(operation, nth);
    }

    /// Lets all operations succeed from now on.
    pub fn fail_nothing(&self) {
        self.failures.forget();
    }

    /// How many operations of this kind there have been.
    pub fn count(&self, operation: Operation) -> usize {
        self.failures.done(operation)
    }

    /// Whether the calling process may load and remove modules from now on.
    pub fn set_privileged(&self, privileged: bool) {
        self.privileged.store(privileged, Ordering::SeqCst);
    }

    /// Writes into the memory of the calling process. The pages of these bytes are there from then
    /// on; all others stay holes.
    pub fn user_write(&self, address: u64, bytes: &[u8]) {
        self.user.write(address, bytes);
    }

    /// Writes into the memory of the calling process, just before a hole, and says where.
    pub fn user_put(&self, bytes: &[u8]) -> u64 {
        self.user.put(bytes)
    }

    /// Puts a NUL-terminated string into the memory of the calling process, just before a hole.
    pub fn user_string(&self, string: impl AsRef<[u8]>) -> u64 {
        let mut bytes = string.as_ref().to_vec();
        bytes.push(0);
        self.user.put(&bytes)
    }

    /// From now on the calling process changes each of its bytes as soon as it has been copied, as
    /// a second thread of it could.
    pub fn user_becomes_fickle(&self) {
        self.user.become_fickle();
    }

    /// Gives the calling process a file and returns the descriptor.
    pub fn put_file(&self, kind: FileKind) -> i32 {
        self.files.put(kind)
    }

    /// Reads memory as module code would.
    ///
    /// # Errors
    /// [`NotAllowed`] if there is none.
    pub fn peek(&self, address: u64, length: usize) -> Result<Vec<u8>, NotAllowed> {
        self.memory.read(address, length)
    }

    /// Reads `count` words, as wide and in the order of the architecture.
    ///
    /// # Panics
    /// If they are not in memory.
    pub fn peek_words(&self, address: u64, count: usize) -> Vec<u64> {
        let width = match A::CLASS {
            Class::Elf32 => 4,
            Class::Elf64 => 8,
        };
        let word = |bytes: &[u8]| {
            let most_significant_first = |all, byte: &u8| all << 8 | u64::from(*byte);
            match A::ORDER {
                ByteOrder::Little => bytes.iter().rev().fold(0, most_significant_first),
                ByteOrder::Big => bytes.iter().fold(0, most_significant_first),
            }
        };
        let bytes = self.peek(address, count * width).expect("words in memory");
        bytes.chunks_exact(width).map(word).collect()
    }

    /// Writes to memory as module code would.
    ///
    /// # Errors
    /// [`NotAllowed`] if there is none, or it is protected.
    pub fn poke(&self, address: u64, bytes: &[u8]) -> Result<(), NotAllowed> {
        self.memory.write(address, bytes)
    }

    /// What module code may do at an address; `None` if there is no memory.
    pub fn protection(&self, address: u64) -> Option<Protection> {
        self.memory.protection(address)
    }

    /// The address of a symbol that the kernel exports.
    pub fn address_of(&self, name: &str) -> u64 {
        self.exports[name.as_bytes()].address
    }

    /// What is in use.
    pub fn snapshot(&self) -> Snapshot {
        let mut modules = Vec::new();
        self.loader().for_each(|module| {
            modules.push(ModuleRow {
                name: text(module.name()),
                state: module.state(),
                references: module.references(),
                uses: module.uses().map(|used| text(used.name())).collect(),
            })
        });
        Snapshot { blocks: self.memory.rows(), open_files: self.files.count_open(), modules }
    }

    /// Looks at a module without a reference to it.
    ///
    /// # Panics
    /// If it is not listed.
    pub fn look<T>(&self, name: &str, mut look: impl FnMut(&Module<Self>) -> T) -> T {
        let mut found = None;
        self.loader().for_each(|module| {
            if module.name().as_bytes() == name.as_bytes() {
                found = Some(look(module));
            }
        });
        found.unwrap_or_else(|| panic!("module {name} is not listed"))
    }

    /// How many references there are to a module.
    ///
    /// # Panics
    /// If it is not listed.
    pub fn references(&self, name: &str) -> u32 {
        self.look(name, |module| module.references())
    }

    /// The names of all modules, the one loaded last first.
    pub fn names(&self) -> Vec<String> {
        self.snapshot().modules.into_iter().map(|module| module.name).collect()
    }

    /// What the loader has done since the last call.
    pub fn take_trace(&self) -> Vec<Step> {
        std::mem::take(&mut *self.trace.lock().unwrap())
    }

    /// The addresses of module code that have been called since the last call of this.
    pub fn take_called(&self) -> Vec<u64> {
        std::mem::take(&mut *self.called.lock().unwrap())
    }

    /// What has been logged since the last call.
    pub fn take_log(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn loader(&self) -> Arc<HostLoader<A>> {
        self.loader.upgrade().expect("the kernel has booted")
    }

    /// What a call returns.
    fn outcome<T>(&self, call: Step, returned: T) -> Result<T, Faulted> {
        if self.faults.lock().unwrap().contains(&call) { Err(Faulted) } else { Ok(returned) }
    }

    fn note(&self, step: Step) {
        self.trace.lock().unwrap().push(step);
    }

    /// The module that has a function at an address, where it can run.
    fn owner(&self, entry: u64) -> String {
        assert_eq!(
            self.protection(entry),
            Some(Protection::Execute),
            "{entry:#x} is called and cannot run"
        );
        let ranges = self.ranges.lock().unwrap();
        let mut newest_first = ranges.iter().rev();
        match newest_first.find(|(range, _)| range.contains(&entry)) {
            Some((_, name)) => name.clone(),
            None => panic!("{entry:#x} is called and in no module that was announced"),
        }
    }

    /// It is the kernel's, or where a module's code can run.
    #[cfg(feature = "parameters")]
    fn can_run(&self, function: u64) {
        let runs = self.kernel.contains(&function)
            || self.protection(function) == Some(Protection::Execute);
        assert!(runs, "{function:#x} is called and cannot run");
    }

    fn remember(&self, module: &Module<Self>) {
        let name = text(module.name());
        let mut ranges = self.ranges.lock().unwrap();
        ranges.push((module.core(), name.clone()));
        if let Some(init) = module.init() {
            ranges.push((init, name));
        }
    }
}

fn text(name: &Name) -> String {
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}

impl<A: Arch> Default for HostKernel<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Arch> fmt::Debug for HostKernel<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKernel")
            .field("arch", &A::NAME)
            .field("blocks", &self.memory.rows())
            .finish_non_exhaustive()
    }
}

// SAFETY: no module code runs, whatever passes; the memory has no other user until it is dropped.
unsafe impl<A: Arch> Platform for HostKernel<A> {
    type Arch = A;
    type Memory = HostMemory;

    fn kernel(&self) -> RangeInclusive<u64> {
        self.kernel.clone()
    }

    fn module_range(&self) -> RangeInclusive<u64> {
        self.modules.clone()
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<HostMemory, AllocateError> {
        needs_a_thread("allocate");
        self.memory.allocate(request)
    }

    fn symbol(&self, name: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        if let Some(error) = self.broken_ksymtab {
            return Err(error);
        }
        let found = self.exports.get_key_value(name);
        Ok(found.map(|(name, export)| {
            let symbol = Symbol::new(name, export.address).in_namespace(&export.namespace);
            #[cfg(feature = "versions")]
            let symbol = match self.versions.crcs.get(name) {
                Some(crc) => symbol.with_crc(*crc),
                None => symbol,
            };
            if export.gpl_only { symbol.gpl_only() } else { symbol }
        }))
    }

    fn verify(&self, file: &[u8]) -> Result<(), Refusal> {
        needs_a_thread("verify");
        (self.verify)(file)
    }

    #[cfg(feature = "proc")]
    fn clock(&self) -> Option<Duration> {
        needs_a_thread("clock");
        self.clock.as_ref().map(|(now, step)| {
            let mut now = now.lock().unwrap();
            *now += *step;
            *now
        })
    }

    fn is_verified(&self, file: &[u8]) -> bool {
        needs_a_thread("is_verified");
        !self.verifies || file.ends_with(b"~Module signature appended~\n")
    }

    fn permit(&self, image: &Image<'_, A>) -> Result<(), Refusal> {
        needs_a_thread("permit");
        (self.permit)(image)
    }

    unsafe fn call_init(&self, entry: u64) -> Result<i32, Faulted> {
        needs_a_thread("call_init");
        let name = self.owner(entry);
        self.called.lock().unwrap().push(entry);
        self.note(Step::Init(name.clone()));
        let init = self.inits.lock().unwrap().get(&name).cloned();
        let status = init.map_or(0, |init| init(&self.loader()));
        self.outcome(Step::Init(name), status)
    }

    unsafe fn call_exit(&self, entry: u64) -> Result<(), Faulted> {
        needs_a_thread("call_exit");
        let name = self.owner(entry);
        self.called.lock().unwrap().push(entry);
        self.note(Step::Exit(name.clone()));
        let exit = self.exits.lock().unwrap().get(&name).cloned();
        if let Some(exit) = exit {
            exit(&self.loader());
        }
        self.outcome(Step::Exit(name), ())
    }

    fn denied_modules(&self) -> &str {
        needs_a_thread("denied_modules");
        &self.denied
    }

    #[cfg(feature = "versions")]
    fn vermagic(&self) -> Option<&str> {
        needs_a_thread("vermagic");
        self.versions.vermagic.as_deref()
    }

    #[cfg(feature = "versions")]
    fn force_load(&self, _: modlink::module::Unversioned) -> bool {
        needs_a_thread("force_load");
        !self.versions.never_forces
    }

    #[cfg(feature = "parameters")]
    fn boot_line(&self) -> &[u8] {
        needs_a_thread("boot_line");
        self.parameters.boot_line.as_bytes()
    }

    #[cfg(feature = "parameters")]
    fn parameter_type(&self, operations: u64) -> Option<modlink::parameters::Operations> {
        needs_a_thread("parameter_type");
        self.parameters.types.get(&operations).copied()
    }

    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_set(
        &self,
        function: u64,
        value: Option<&std::ffi::CStr>,
        parameter: u64,
    ) -> Result<i32, Faulted> {
        needs_a_thread("call_parameter_set");
        self.can_run(function);
        let value = value.map(|value| value.to_string_lossy().into_owned());
        self.parameters.call_set(function, value, parameter)
    }

    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_get(
        &self,
        function: u64,
        buffer: &mut [u8],
        parameter: u64,
    ) -> Result<i32, Faulted> {
        needs_a_thread("call_parameter_get");
        self.can_run(function);
        self.parameters.call_get(function, buffer, parameter)
    }

    #[cfg(feature = "parameters")]
    unsafe fn call_parameter_free(&self, function: u64, argument: u64) -> Result<(), Faulted> {
        needs_a_thread("call_parameter_free");
        self.can_run(function);
        self.parameters.call_free(function, argument)
    }

    fn section(&self, name: &str) -> Provision {
        needs_a_thread("section");
        let (sections, others) = &self.sections;
        *sections.get(name).unwrap_or(others)
    }

    fn keep_all_sections(&self) -> bool {
        needs_a_thread("keep_all_sections");
        self.keeps_all_sections
    }

    fn wait(
        &self,
        is_done: &(dyn Fn() -> bool + Sync),
        limit: Option<Duration>,
    ) -> Result<(), WaitError> {
        needs_a_thread("wait");
        self.queue.wait(is_done, limit)
    }

    fn wake(&self) {
        needs_a_thread("wake");
        self.queue.wake();
    }

    fn log(&self, level: Level, line: fmt::Arguments<'_>) {
        needs_a_thread("log");
        self.log.lock().unwrap().push((level, line.to_string()));
    }

    fn notify(&self, event: Event, module: &Module<Self>) {
        needs_a_thread("notify");
        if event == Event::Coming {
            self.remember(module);
        }
        let name = text(module.name());
        self.note(Step::Told(event, name));
        let watchers = self.watchers.lock().unwrap().clone();
        for watcher in watchers {
            watcher(self, event, module);
        }
    }
}

impl<A: Arch> ProcessPlatform for HostKernel<A> {
    type File = File;

    fn may_manage_modules(&self) -> bool {
        needs_a_thread("may_manage_modules");
        self.privileged.load(Ordering::SeqCst)
    }

    fn copy_from_user(&self, from: u64, to: &mut [u8]) -> Result<(), Fault> {
        needs_a_thread("copy_from_user");
        if self.failures.strikes(Operation::CopyFromUser) {
            return Err(Fault);
        }
        self.user.copy(from, to)
    }

    fn open(&self, descriptor: i32) -> Result<File, OpenError> {
        needs_a_thread("open");
        self.files.open(descriptor, self.failures.clone())
    }
}
