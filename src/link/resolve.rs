//! Resolve: every symbol gets a value.

use super::error::{Problem, ResolveError};
use super::got::Got;
use super::place::Placed;
use crate::arch::Arch;
use crate::image::{Binding, Definition, Image, Symbol, SymbolRef};
use alloc::vec::Vec;

/// The values of an image's symbols.
#[derive(Clone, Debug)]
pub struct Values(Vec<u64>);

/// Stands for the address of what is not in memory: nothing can be at the last byte of all.
const NOT_LOADED: u64 = u64::MAX;

impl Values {
    /// The address that the symbol of that index stands for.
    ///
    /// # Errors
    /// [`Problem::NoSymbol`], and [`Problem::NotLoaded`] if the symbol is in a section that has
    /// contents and is not loaded, so that nothing may refer to it.
    pub fn get(&self, symbol: usize) -> Result<u64, Problem> {
        self.as_slice().get(symbol)
    }

    /// The same values, for many to be got.
    pub(super) fn as_slice(&self) -> ValueSlice<'_> {
        ValueSlice(&self.0)
    }
}

/// The values of an image's symbols, borrowed.
#[derive(Clone, Copy)]
pub(super) struct ValueSlice<'v>(&'v [u64]);

impl ValueSlice<'_> {
    /// As [`Values::get`].
    #[inline(always)]
    pub fn get(self, symbol: usize) -> Result<u64, Problem> {
        match self.0.get(symbol) {
            Some(&NOT_LOADED) => Err(Problem::NotLoaded),
            Some(value) => Ok(*value),
            None => Err(Problem::NoSymbol),
        }
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
        let mut values = Vec::new();
        values.try_reserve_exact(symbols.len()).map_err(|_| ResolveError::OutOfMemory)?;
        values.resize(symbols.len(), NOT_LOADED);
        for (index, (symbol, value)) in symbols.iter().zip(&mut values).enumerate() {
            match symbol.definition() {
                Definition::Section(section) => {
                    if let Some(address) = self.section_address(image, section) {
                        *value = address.wrapping_add(symbol.value);
                    }
                }
                Definition::Absolute => *value = symbol.value,
                Definition::Undefined if index == 0 => *value = 0,
                Definition::Undefined => {
                    *value = self.import(&symbol, &mut lookup, || symbols.describe(index))?;
                }
            }
        }
        Ok(Values(values))
    }

    /// The address of a section. One that is not loaded has none, unless it is empty: then its
    /// symbols enclose nothing, wherever that is, and GNU ld puts it at 0 too. (Each m68k module
    /// refers so to the start and end of a list of fixups, which most have not.)
    #[inline(always)]
    fn section_address<A: Arch>(&self, image: &Image<'_, A>, section: usize) -> Option<u64> {
        match self.plan.location(section) {
            Some(location) => Some(self.address(location)),
            None => image.sections().get(section).filter(|section| section.size == 0).map(|_| 0),
        }
    }

    /// The value of an undefined symbol.
    #[inline(always)]
    fn import<E>(
        &self,
        symbol: &Symbol<'_>,
        lookup: &mut impl FnMut(&[u8], Binding) -> Result<Option<u64>, E>,
        describe: impl Fn() -> SymbolRef,
    ) -> Result<u64, ResolveError<E>> {
        let found = match symbol.short_name() {
            Some(Got::SYMBOL) => return Ok(self.address(self.plan.got.start())),
            Some(name) => lookup(name, symbol.binding),
            // Nobody defines a symbol whose name is too long.
            None => Ok(None),
        };
        match found {
            Ok(Some(value)) => Ok(value),
            Ok(None) if symbol.binding == Binding::Weak => Ok(0),
            Ok(None) => Err(ResolveError::Unknown(describe())),
            Err(reason) => Err(ResolveError::Refused { symbol: describe(), reason }),
        }
    }
}
