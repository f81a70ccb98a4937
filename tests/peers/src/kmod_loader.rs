//! `kmod-loader`, used as the example in its documentation.

use crate::Kernel;
use kmod_loader::{KernelModuleHelper, ModuleLoader, ModuleOwner, SectionMemOps, SectionPerm};
use std::marker::PhantomData;

/// The functions that a kernel gives it. They have no receiver: they work on the current kernel.
pub struct Helper<K>(PhantomData<K>);

/// A loaded module.
pub type Loaded<K> = ModuleOwner<Helper<K>>;

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

impl<K: Kernel> KernelModuleHelper for Helper<K> {
    fn vmalloc(size: usize) -> Box<dyn SectionMemOps> {
        Box::new(Section(K::current().take_cleared(size)))
    }

    fn resolve_symbol(name: &str) -> Option<usize> {
        K::current().symbol(name.as_bytes()).map(|address| address as usize)
    }
}

/// Loads a module for the current kernel.
#[inline]
pub fn load<K: Kernel>(file: &[u8]) -> Option<Loaded<K>> {
    ModuleLoader::<Helper<K>>::new(file).ok()?.load_module(c"".to_owned()).ok()
}
