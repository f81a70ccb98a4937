//! Resolve: every symbol gets a value.

use super::error::{Problem, ResolveError};
use super::got::Got;
use super::place::Placed;
use crate::arch::Arch;
use crate::image::{Binding, Definition, Image, Symbol, SymbolRef};
use alloc::collections::TryReserveError;
use alloc::vec::Vec;

/// The values of an image's symbols.
#[derive(Clone, Debug)]
pub struct Values {
    /// By index; [`NONE`] stands for none.
    values: Vec<u64>,
    /// The symbols whose value is just that number, ascending. Hardly any is.
    none_by_chance: Vec<usize>,
}

/// Half the size of an `Option`, for what relocations are busy with.
const NONE: u64 = u64::MAX;

impl Values {
    /// The address that the symbol of that index stands for.
    ///
    /// # Errors
    /// [`Problem::NoSymbol`], and [`Problem::NotLoaded`] if the symbol is in a section that has
    /// contents and is not loaded, so that nothing may refer to it.
    #[inline(always)]
    pub fn get(&self, symbol: usize) -> Result<u64, Problem> {
        match self.values.get(symbol) {
            Some(&NONE) => self.get_rare(symbol),
            Some(value) => Ok(*value),
            None => Err(Problem::NoSymbol),
        }
    }

    #[cold]
    fn get_rare(&self, symbol: usize) -> Result<u64, Problem> {
        match self.none_by_chance.binary_search(&symbol) {
            Ok(_) => Ok(NONE),
            Err(_) => Err(Problem::NotLoaded),
        }
    }

    fn new(count: usize) -> Result<Self, TryReserveError> {
        let mut values = Vec::new();
        values.try_reserve_exact(count)?;
        Ok(Self { values, none_by_chance: Vec::new() })
    }

    #[inline(always)]
    fn push(&mut self, value: Option<u64>) -> Result<(), TryReserveError> {
        if value == Some(NONE) {
            self.none_by_chance.try_reserve(1)?;
            self.none_by_chance.push(self.values.len());
        }
        self.values.push(value.unwrap_or(NONE));
        Ok(())
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
        let mut values = Values::new(symbols.len()).map_err(|_| ResolveError::OutOfMemory)?;
        for (index, symbol) in symbols.iter().enumerate() {
            let value = match symbol.definition() {
                Definition::Section(section) => self
                    .section_address(image, section)
                    .map(|address| address.wrapping_add(symbol.value)),
                Definition::Absolute => Some(symbol.value),
                Definition::Undefined if index == 0 => Some(0),
                Definition::Undefined => {
                    Some(self.import(&symbol, &mut lookup, || symbols.describe(index))?)
                }
            };
            values.push(value).map_err(|_| ResolveError::OutOfMemory)?;
        }
        Ok(values)
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
