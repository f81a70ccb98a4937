//! `kmod-loader`, used as the example in its documentation.

use super::Context;
use kmod_loader::{KernelModuleHelper, ModuleLoader, ModuleOwner, SectionMemOps, SectionPerm};
use std::sync::OnceLock;

/// What its trait's functions, which have no receiver, work on.
static CONTEXT: OnceLock<&'static Context> = OnceLock::new();

/// The functions that a kernel gives it.
pub struct Kernel;

/// A loaded module.
pub type Loaded = ModuleOwner<Kernel>;

struct Section(*mut u8);

// SAFETY: the memory belongs to this value alone.
unsafe impl Send for Section {}
// SAFETY: as above.
unsafe impl Sync for Section {}

impl SectionMemOps for Section {
    fn as_ptr(&self) -> *const u8 {
        self.0
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0
    }

    fn change_perms(&mut self, _: SectionPerm) -> bool {
        true
    }
}

impl KernelModuleHelper for Kernel {
    /// It relies on memory that has been cleared.
    fn vmalloc(size: usize) -> Box<dyn SectionMemOps> {
        let start = context().arena.take(size, 1);
        // SAFETY: the arena has given these bytes to nobody else.
        unsafe { start.write_bytes(0, size) };
        Box::new(Section(start))
    }

    fn resolve_symbol(name: &str) -> Option<usize> {
        context().resolver.find(name.as_bytes()).map(|address| address as usize)
    }
}

fn context() -> &'static Context {
    CONTEXT.get().expect("set before the first load")
}

/// Loads a module.
#[inline]
pub fn load(file: &[u8], context: &'static Context) -> Option<Loaded> {
    CONTEXT.get_or_init(|| context);
    ModuleLoader::<Kernel>::new(file).ok()?.load_module(c"".to_owned()).ok()
}
