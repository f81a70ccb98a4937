//! `kmod-loader`, used as the example in its documentation.

use crate::memory;
use kmod_loader::{KernelModuleHelper, ModuleLoader, SectionMemOps, SectionPerm};

struct Kernel;

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
    fn vmalloc(size: usize) -> Box<dyn SectionMemOps> {
        Box::new(Section(memory::take(size, 1)))
    }

    fn resolve_symbol(name: &str) -> Option<usize> {
        super::symbol(name.as_bytes()).map(|address| address as usize)
    }
}

pub fn load(file: &[u8]) -> bool {
    let Ok(loader) = ModuleLoader::<Kernel>::new(file) else { return false };
    loader.load_module(c"".to_owned()).map(std::mem::forget).is_ok()
}
