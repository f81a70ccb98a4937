//! Names of addresses and addresses of names (feature `kallsyms`).

use super::Loader;
use crate::module::Symbolized;
use crate::platform::Platform;

impl<P: Platform> Loader<P> {
    /// What `look` makes of the symbol that an address belongs to: the kernel's if it has
    /// [one](Platform::kernel_symbol) there, else a module's. `None` if nobody knows one. The result is shown as
    /// Linux shows it, `name+0x12/0x40 [module]`. (The address to which a function returns may be that of the
    /// next one, if it has called what does not return: who names it asks for the byte before.)
    ///
    /// From any context in which `look` and [`Platform::kernel_symbol`] can be called, whatever is being loaded or
    /// unloaded on any CPU: so a fault handler can ask. It takes no lock, does not wait or allocate, and costs
    /// a bounded number of instructions. What is unloaded while `look` runs is not freed before it returns.
    ///
    /// The init part's symbols are there as long as it is; [`Platform::KALLSYMS`] says of which there are
    /// names at all.
    pub fn symbolize<T>(&self, address: u64, look: impl FnOnce(&Symbolized<'_>) -> T) -> Option<T> {
        if let Some(symbol) = self.platform.kernel_symbol(address) {
            return Some(look(&symbol));
        }
        self.registry
            .module_at(address, |module| module.symbolize(address).map(|one| look(&one)))?
    }

    /// The address of the symbol of that name, exported or not: the [kernel's](Platform::kernel_symbol_named)
    /// before any module's, and of several modules' that of the one loaded last; of several in one, that of the lowest address. After
    /// `module:` it is that module's (Linux: `kallsyms_lookup_name`). The module may be unloaded meanwhile.
    ///
    /// From any context in which [`Platform::kernel_symbol_named`] can be called: it takes no lock and does not
    /// wait or allocate. It is as much work as the modules have symbols.
    pub fn lookup_name(&self, name: &[u8]) -> Option<u64> {
        if let Some(address) = self.platform.kernel_symbol_named(name) {
            return Some(address);
        }
        let mut parts = name.splitn(2, |byte| *byte == b':');
        let (first, second) = (parts.next()?, parts.next());
        let (owner, name) = second.map_or((None, first), |name| (Some(first), name));
        let mut found = None;
        self.registry.visit(|module| {
            if found.is_none() && owner.is_none_or(|owner| module.name().as_bytes() == owner) {
                let mut symbols = module.kallsyms();
                found = symbols.find(|symbol| symbol.name == name).map(|symbol| symbol.address);
            }
        });
        found
    }
}
