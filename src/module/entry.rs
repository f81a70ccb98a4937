//! Where a module starts and stops.

use crate::arch::Arch;
use crate::image::{Binding, Definition, Flags, Image, Symbol, SymbolRef};
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
    /// Finds them among the symbols of an image. The error is one that is not in the module's
    /// code, so that a call would go astray.
    pub fn find<A: Arch>(image: &Image<'_, A>, values: &Values) -> Result<Self, SymbolRef> {
        let mut entry = Self::default();
        for (index, symbol) in image.symbols().iter().enumerate() {
            let defined = symbol.definition() != Definition::Undefined;
            if symbol.binding != Binding::Global || !defined {
                continue;
            }
            let point = if symbol.is_named(b"init_module") {
                &mut entry.init
            } else if symbol.is_named(b"cleanup_module") {
                &mut entry.exit
            } else {
                continue;
            };
            let address = code_address(image, values, index, &symbol);
            *point = Some(address.ok_or_else(|| image.symbols().describe(index))?);
        }
        Ok(entry)
    }
}

/// The address of a symbol in a loaded section of instructions.
fn code_address<A: Arch>(
    image: &Image<'_, A>,
    values: &Values,
    index: usize,
    symbol: &Symbol<'_>,
) -> Option<u64> {
    let Definition::Section(section) = symbol.definition() else {
        return None;
    };
    let section = image.sections().get(section)?;
    let is_code = section.loaded && section.flags.contains(Flags::EXECUTE);
    if is_code && symbol.value < section.size { values.get(index).ok() } else { None }
}
