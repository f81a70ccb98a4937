//! Where a module starts and stops.

use crate::arch::Arch;
use crate::image::{Binding, Definition, Image};
use crate::link::Values;

/// The functions that the loader calls: the global symbols `init_module` and `cleanup_module`, as
/// Linux's `module_init` and `module_exit` name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryPoints {
    /// `int init_module(void)`.
    pub init: Option<u64>,
    /// `void cleanup_module(void)`.
    pub exit: Option<u64>,
}

impl EntryPoints {
    /// Finds them among the symbols of an image.
    pub fn find<A: Arch>(image: &Image<'_, A>, values: &Values) -> Self {
        let mut entry = Self::default();
        for (index, symbol) in image.symbols().iter().enumerate() {
            let defined = matches!(symbol.definition, Definition::Section(_));
            if symbol.binding != Binding::Global || !defined {
                continue;
            }
            match symbol.name() {
                b"init_module" => entry.init = values.get(index),
                b"cleanup_module" => entry.exit = values.get(index),
                _ => {}
            }
        }
        entry
    }
}
