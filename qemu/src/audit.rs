//! Whether the page tables are as they should be: no page writable and executable, modules
//! protected as their files ask, and nothing mapped that is nobody's.
//!
//! What is mapped is read from the page tables; what should be comes from planning the module's
//! file again. Neither asks the allocator, or what the loader was told when it protected something.

use crate::kernel::{LOADER, TestKernel};
use crate::machine::{Machine, Mapping, This};
use crate::stubs;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use modlink::image::Image;
use modlink::link::{Layout, MemoryType, Plan};
use modlink::platform::{Event, Protection};
use modlink::{Module, Platform};
use spin::{Mutex, Once};

const PAGE: usize = This::PAGE_SIZE;

static AT_EVERY_EVENT: AtomicBool = AtomicBool::new(false);
static MODULE_FRAMES: Once<Range<usize>> = Once::new();
static FORMS: Mutex<Forms> = Mutex::new(Forms { announced: None, of_modules: BTreeMap::new() });

/// How the modules are laid out.
struct Forms {
    /// That of a file about to be loaded.
    announced: Option<Form>,
    /// Those of the modules, by their names.
    of_modules: BTreeMap<String, Form>,
}

/// How a module is laid out, and whether its data that are read-only after init are so by now.
#[derive(Clone)]
struct Form {
    core: Layout,
    init: Layout,
    is_init_freed: bool,
}

/// Pages of one owner that should all be protected alike.
struct Wanted {
    owner: String,
    pages: Range<usize>,
    protection: Protection,
}

/// What an audit saw.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// Pages that are mapped.
    pub mapped: usize,
    /// Those of them that are modules'.
    pub of_modules: usize,
    /// What is wrong; each has been printed.
    pub findings: usize,
}

/// Takes note of the physical addresses that are set aside for modules. Called once.
pub fn install(module_frames: Range<usize>) {
    MODULE_FRAMES.call_once(|| module_frames);
}

/// Audits whenever a module enters a state from now on, or does not; which it was until now.
pub fn at_every_event(audits: bool) -> bool {
    AT_EVERY_EVENT.swap(audits, Ordering::Relaxed)
}

/// Takes note of a file that is about to be loaded; if it cannot be, nothing comes of it.
pub fn announce(file: &[u8]) {
    let image = Image::<<TestKernel as Platform>::Arch>::check(file, TestKernel::MAX_MODULE_SIZE);
    let plan = image.ok().and_then(|image| Plan::new(&image, PAGE as u64).ok());
    FORMS.lock().announced =
        plan.map(|plan| Form { core: plan.core, init: plan.init, is_init_freed: false });
}

/// Follows a module from state to state, and audits if that is wanted.
pub fn follow(event: Event, module: &Module<TestKernel>) {
    let mut forms = FORMS.lock();
    match event {
        Event::Coming => {
            if let Some(form) = forms.announced.take() {
                forms.of_modules.insert(module.name().to_string(), form);
            }
        }
        Event::InitFreed => {
            if let Some(form) = forms.of_modules.get_mut(&module.name().to_string()) {
                form.is_init_freed = true;
            }
        }
        // The others move nothing.
        _ => {}
    }
    drop(forms);
    if AT_EVERY_EVENT.load(Ordering::Relaxed) {
        let findings = run().findings;
        assert!(findings == 0, "{findings} findings of the audit: {} {event:?}", module.name());
    }
}

/// Compares what is mapped with what should be, and prints each difference.
pub fn run() -> Audit {
    let mut mappings = Vec::new();
    This::for_each_mapping(|mapping| mappings.push(mapping));
    let mut findings = Findings::default();
    let wanted = wanted(&mut findings);
    let of_modules = check_owners(&mappings, &wanted, &mut findings);
    if This::forbids_execution() {
        check_exclusion(&mappings, &mut findings);
    }
    let mapped = mappings.len();
    check_aliases(mappings, &mut findings);
    Audit { mapped, of_modules, findings: findings.0 }
}

/// How many there are.
#[derive(Default)]
struct Findings(usize);

impl Findings {
    fn add(&mut self, what: core::fmt::Arguments<'_>) {
        println!("audit: {what}");
        self.0 += 1;
    }
}

/// How all pages of modules and stubs should be protected.
fn wanted(findings: &mut Findings) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut names = Vec::new();
    let mut forms = FORMS.lock();
    LOADER.for_each(|module| {
        let name = module.name().to_string();
        match forms.of_modules.get(&name) {
            Some(form) => form.add_to(&mut wanted, module),
            None => findings.add(format_args!("nobody announced the file of {name}")),
        }
        names.push(name);
    });
    forms.of_modules.retain(|name, _| names.contains(name));
    drop(forms);
    stubs::for_each(|value, pages| {
        let owner = format!("the stub that returns {value}");
        wanted.push(Wanted { owner, pages, protection: Protection::Execute });
    });
    wanted
}

impl Form {
    fn add_to(&self, wanted: &mut Vec<Wanted>, module: &Module<TestKernel>) {
        let parts = [(Some(module.core()), &self.core), (module.init(), &self.init)];
        for (range, layout) in parts {
            let Some(range) = range else { continue };
            let mut end = range.start;
            for memory_type in MemoryType::ALL {
                let offsets = layout.range(memory_type);
                let start = end;
                end = (range.start + offsets.end).next_multiple_of(PAGE as u64).max(end);
                let is_core = core::ptr::eq(layout, &self.core);
                let owner = format!("{} {memory_type:?}", module.name());
                let pages = start as usize..end as usize;
                let protection = protection(memory_type, self.is_init_freed && is_core);
                wanted.push(Wanted { owner, pages, protection });
            }
        }
    }
}

/// What may be done with a memory type's pages.
fn protection(memory_type: MemoryType, is_init_freed: bool) -> Protection {
    match memory_type {
        MemoryType::Text => Protection::Execute,
        MemoryType::Rodata => Protection::ReadOnly,
        MemoryType::ReadOnlyAfterInit if is_init_freed => Protection::ReadOnly,
        MemoryType::ReadOnlyAfterInit | MemoryType::Data | MemoryType::Bss => Protection::ReadWrite,
    }
}

/// Everything in the module region is somebody's and protected as it should be, and memory for
/// modules is mapped nowhere else. How many pages are in the module region.
fn check_owners(mappings: &[Mapping], wanted: &[Wanted], findings: &mut Findings) -> usize {
    let region = This::MODULE_REGION;
    let for_modules = MODULE_FRAMES.get().cloned().unwrap_or_default();
    let mut pages_wanted = BTreeMap::new();
    for Wanted { owner, pages, protection } in wanted {
        pages_wanted.extend(pages.clone().step_by(PAGE).map(|page| (page, (owner, *protection))));
    }
    let mut count = 0;
    for mapping in mappings {
        let page = mapping.page;
        if !region.contains(&(page as u64)) {
            if for_modules.contains(&(mapping.frame as usize)) {
                findings.add(format_args!("{page:#x} is mapped to memory for modules"));
            }
            continue;
        }
        count += 1;
        match pages_wanted.remove(&page) {
            None => findings.add(format_args!("{page:#x} is mapped and belongs to nobody")),
            Some((owner, wanted)) if !is_as(*mapping, wanted) => {
                let rights = rights(*mapping);
                findings
                    .add(format_args!("{page:#x} of {owner} should be {wanted:?}, is {rights}"));
            }
            Some(_) => {}
        }
    }
    for (page, (owner, _)) in pages_wanted {
        findings.add(format_args!("{page:#x} of {owner} is not mapped"));
    }
    count
}

fn is_as(mapping: Mapping, protection: Protection) -> bool {
    let (writable, executable) = match protection {
        Protection::Execute => (false, true),
        Protection::ReadOnly => (false, false),
        Protection::ReadWrite => (true, false),
    };
    mapping.writable == writable && (mapping.executable == executable || !This::forbids_execution())
}

fn rights(mapping: Mapping) -> &'static str {
    match (mapping.writable, mapping.executable) {
        (false, false) => "readable only",
        (false, true) => "executable",
        (true, false) => "writable",
        (true, true) => "writable and executable",
    }
}

/// No page is writable and executable.
fn check_exclusion(mappings: &[Mapping], findings: &mut Findings) {
    for mapping in mappings.iter().filter(|mapping| mapping.writable && mapping.executable) {
        findings.add(format_args!("{:#x} is writable and executable", mapping.page));
    }
}

/// What cannot be written, or can be run, at one address cannot be written at another.
fn check_aliases(mut mappings: Vec<Mapping>, findings: &mut Findings) {
    mappings.sort_unstable_by_key(|mapping| mapping.frame);
    for same in mappings.chunk_by(|left, right| left.frame == right.frame) {
        let writable = same.iter().find(|mapping| mapping.writable);
        let protected = same.iter().find(|mapping| !mapping.writable);
        if let (Some(writable), Some(protected)) = (writable, protected) {
            let (page, alias) = (protected.page, writable.page);
            findings.add(format_args!("{page:#x} cannot be written, but as {alias:#x} it can"));
        }
    }
}
