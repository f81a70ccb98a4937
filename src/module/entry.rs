//! Where a module starts and stops.

use crate::arch::Arch;
use crate::image::{Binding, Definition, Flags, Image, Symbol, SymbolRef};
use crate::link::{Part, Plan, Values};

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
    /// code, or gone with the init part when it is called, so that a call would go astray.
    pub fn find<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        values: &Values<A>,
    ) -> Result<Self, SymbolRef> {
        let mut entry = Self::default();
        for (index, symbol) in image.symbols().iter().enumerate() {
            let defined = symbol.definition() != Definition::Undefined;
            if symbol.binding != Binding::Global || !defined {
                continue;
            }
            let (point, parts) = if symbol.is_named(b"init_module") {
                (&mut entry.init, &[Part::Core, Part::Init][..])
            } else if symbol.is_named(b"cleanup_module") {
                (&mut entry.exit, &[Part::Core][..])
            } else {
                continue;
            };
            let is_code = is_code_in(parts, image, plan, &symbol);
            let address = if is_code { values.get(index).ok().map(Into::into) } else { None };
            *point = Some(address.ok_or_else(|| image.symbols().describe(index))?);
        }
        Ok(entry)
    }
}

/// Whether a symbol is in a section of instructions that goes to one of these parts.
fn is_code_in<A: Arch>(
    parts: &[Part],
    image: &Image<'_, A>,
    plan: &Plan,
    symbol: &Symbol<'_>,
) -> bool {
    let Definition::Section(index) = symbol.definition() else { return false };
    let (section, location) = (image.sections().get(index), plan.location(index));
    section.is_some_and(|section| {
        section.flags.contains(Flags::EXECUTE) && symbol.value < section.size
    }) && location.is_some_and(|location| parts.contains(&location.part))
}
