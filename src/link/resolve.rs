//! Resolve: every symbol gets a value.

use super::error::ResolveError;
use super::got::is_table;
use super::place::Placed;
use crate::arch::Arch;
use crate::image::{Binding, Definition, Image, SymbolRef, Symbols};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// The values of an image's symbols.
#[derive(Clone, Debug)]
pub struct Values(Vec<Option<u64>>);

impl Values {
    /// The address that the symbol of that index stands for; `None` if the symbol is in a section
    /// that has contents and is not loaded, so that nothing may refer to it.
    #[inline(always)]
    pub fn get(&self, symbol: usize) -> Option<u64> {
        self.0.get(symbol).copied().flatten()
    }
}

impl Placed<'_, '_> {
    /// Gives every symbol its value: its place in the module, its absolute address, or what
    /// `lookup`, given its name and binding, returns for an undefined one. A weak symbol that
    /// nobody defines is 0.
    ///
    /// # Errors
    /// [`ResolveError::Unknown`] for an undefined symbol for which `lookup` returns `None`, and
    /// [`ResolveError::Refused`] for one for which it returns an error.
    pub fn resolve<A: Arch, E>(
        &self,
        image: &Image<'_, A>,
        mut lookup: impl FnMut(&[u8], Binding) -> Result<Option<u64>, E>,
    ) -> Result<Values, ResolveError<E>> {
        let symbols = image.symbols();
        let sections = self.section_addresses(image).map_err(|_| ResolveError::OutOfMemory)?;
        let mut values = Vec::new();
        values.try_reserve_exact(symbols.len()).map_err(|_| ResolveError::OutOfMemory)?;
        for (index, symbol) in symbols.iter().enumerate() {
            let value = match symbol.definition {
                Definition::Section(section) => sections
                    .get(section)
                    .and_then(|address| Some((*address)?.wrapping_add(symbol.value))),
                Definition::Absolute => Some(symbol.value),
                Definition::Undefined if index == 0 => Some(0),
                Definition::Undefined if is_table(&symbol) => {
                    Some(self.address(self.plan.got.start()))
                }
                Definition::Undefined => Some(import(symbols, index, &mut lookup)?),
            };
            values.push(value);
        }
        Ok(Values(values))
    }

    /// The addresses of all sections. One that is not loaded has none, unless it is empty: then its
    /// symbols enclose nothing, wherever that is, and GNU ld puts it at 0 too. (Each m68k module
    /// refers so to the start and end of a list of fixups, which most have not.)
    fn section_addresses<A: Arch>(
        &self,
        image: &Image<'_, A>,
    ) -> Result<Vec<Option<u64>>, TryReserveError> {
        let mut addresses = Vec::new();
        addresses.try_reserve_exact(image.sections().len())?;
        for (index, section) in image.sections().iter().enumerate() {
            let address = self.plan.location(index).map(|location| self.address(location));
            addresses.push(address.or((section.size == 0).then_some(0)));
        }
        Ok(addresses)
    }
}

/// The value of the undefined symbol of that index.
fn import<A: Arch, E>(
    symbols: &Symbols<'_, A>,
    index: usize,
    lookup: &mut impl FnMut(&[u8], Binding) -> Result<Option<u64>, E>,
) -> Result<u64, ResolveError<E>> {
    let Some(symbol) = symbols.get(index) else { return Ok(0) };
    let describe = || SymbolRef { index, name: symbol.name().into() };
    // Nobody defines a symbol whose name is too long.
    let found = symbol.short_name().map_or(Ok(None), |name| lookup(name, symbol.binding));
    match found {
        Ok(Some(value)) => Ok(value),
        Ok(None) if symbol.binding == Binding::Weak => Ok(0),
        Ok(None) => Err(ResolveError::Unknown(describe())),
        Err(reason) => Err(ResolveError::Refused { symbol: describe(), reason }),
    }
}
