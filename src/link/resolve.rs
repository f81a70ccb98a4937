//! Resolve: every symbol gets a value.

use super::error::{Problem, ResolveError, UnknownSymbols};
use super::got::Got;
use super::place::Placed;
use crate::arch::{Arch, Word};
use crate::heap::OutOfMemory;
use crate::image::{Binding, Definition, Image, Symbol};
use alloc::vec::Vec;

/// The values of an image's symbols.
#[derive(Clone, Debug)]
pub struct Values<A: Arch> {
    /// By index. The highest address stands for none: half the size of an `Option`, for what
    /// relocations are busy with.
    values: Vec<A::Word>,
    /// The symbols whose value is just that number, ascending. Hardly any is.
    none_by_chance: Vec<usize>,
}

impl<A: Arch> Values<A> {
    /// The address that the symbol of that index stands for.
    ///
    /// # Errors
    /// [`Problem::NoSymbol`], and [`Problem::NotLoaded`] if the symbol is in a section that has
    /// contents and is not loaded, so that nothing may refer to it.
    pub fn get(&self, symbol: usize) -> Result<A::Word, Problem> {
        match self.values.get(symbol) {
            Some(value) if *value == A::Word::MAX => self.get_rare(symbol),
            Some(value) => Ok(*value),
            None => Err(Problem::NoSymbol),
        }
    }

    /// All values by the indices of their symbols; of the highest address it takes
    /// [`get`](Self::get) to say whether it is one.
    pub(super) fn usual(&self) -> &[A::Word] {
        &self.values
    }

    /// Whether there is a symbol of that index.
    pub(super) fn has(&self, symbol: usize) -> bool {
        symbol < self.values.len()
    }

    #[cold]
    fn get_rare(&self, symbol: usize) -> Result<A::Word, Problem> {
        match self.none_by_chance.binary_search(&symbol) {
            Ok(_) => Ok(A::Word::MAX),
            Err(_) => Err(Problem::NotLoaded),
        }
    }

    fn none(count: usize) -> Result<Self, OutOfMemory> {
        let mut values = Vec::new();
        values.try_reserve_exact(count)?;
        values.resize(count, A::Word::MAX);
        Ok(Self { values, none_by_chance: Vec::new() })
    }
}

impl Placed<'_, '_> {
    /// Gives every symbol its value: its address in the module, its absolute address, or what
    /// `lookup`, given its name and binding, returns for an undefined one. A weak symbol that
    /// nobody defines is 0.
    ///
    /// # Errors
    /// [`ResolveError::Lookup`] for the first symbol for which `lookup` returns an error,
    /// [`ResolveError::Unknown`] for all those for which it returns `None`, and
    /// [`ResolveError::OutOfMemory`].
    // Out of line for the sake of size, as `Plan::new` is.
    #[inline(never)]
    pub fn resolve<A: Arch, E>(
        &self,
        image: &Image<'_, A>,
        mut lookup: impl FnMut(&[u8], Binding) -> Result<Option<u64>, E>,
    ) -> Result<Values<A>, ResolveError<E>> {
        let symbols = image.symbols();
        let addresses = self.section_addresses(image)?;
        let mut values = Values::none(symbols.len())?;
        let mut unknown = 0_usize;
        for (index, (symbol, slot)) in symbols.iter().zip(&mut values.values).enumerate() {
            let value = match symbol.definition() {
                Definition::Section(section) => match addresses.get(section) {
                    Some(address) if *address != A::Word::MAX => {
                        address.plus(A::Word::truncate(symbol.value))
                    }
                    _ => continue,
                },
                Definition::Absolute => A::Word::truncate(symbol.value),
                Definition::Undefined if index == 0 => A::Word::truncate(0),
                Definition::Undefined => match self.import(&symbol, &mut lookup) {
                    Ok(Some(value)) => A::Word::truncate(value),
                    Ok(None) => {
                        unknown = unknown.saturating_add(1);
                        continue;
                    }
                    Err(error) => {
                        let symbol = symbols.describe(index);
                        return Err(ResolveError::Lookup { symbol, error });
                    }
                },
            };
            *slot = value;
            if value == A::Word::MAX {
                let chance = &mut values.none_by_chance;
                chance.try_reserve(1).map_err(OutOfMemory::from)?;
                chance.push(index);
            }
        }
        if unknown == 0 {
            Ok(values)
        } else {
            Err(ResolveError::Unknown(unknown_symbols(image, &values, unknown)))
        }
    }

    /// The addresses of all sections. One that is not loaded has none, unless it is empty: then its
    /// symbols enclose nothing, wherever that is, and GNU ld puts it at 0 too. (Each m68k module
    /// refers so to the start and end of a list of fixups, which most have not.)
    fn section_addresses<A: Arch>(
        &self,
        image: &Image<'_, A>,
    ) -> Result<Vec<A::Word>, OutOfMemory> {
        let mut addresses = Vec::new();
        addresses.try_reserve_exact(image.sections().len())?;
        addresses.extend(image.sections().iter().enumerate().map(|(index, section)| {
            match self.plan.location(index) {
                Some(location) => A::Word::truncate(self.address(location)),
                None if section.size == 0 => A::Word::truncate(0),
                None => A::Word::MAX,
            }
        }));
        Ok(addresses)
    }

    /// The value of an undefined symbol; `None` if nobody defines it.
    #[inline(always)]
    fn import<E>(
        &self,
        symbol: &Symbol<'_>,
        lookup: &mut impl FnMut(&[u8], Binding) -> Result<Option<u64>, E>,
    ) -> Result<Option<u64>, E> {
        let found = match symbol.short_name() {
            Some(Got::SYMBOL) => return Ok(Some(self.address(self.plan.got.start()))),
            Some(name) => lookup(name, symbol.binding)?,
            // Nobody defines a symbol whose name is too long.
            None => None,
        };
        Ok(found.or(if symbol.binding == Binding::Weak { Some(0) } else { None }))
    }
}

/// Names those of the `count` undefined symbols that have been given no value.
#[cold]
#[inline(never)]
fn unknown_symbols<A: Arch>(
    image: &Image<'_, A>,
    values: &Values<A>,
    count: usize,
) -> UnknownSymbols {
    let mut first = Vec::new();
    // Without room they are only counted.
    let _ = first.try_reserve_exact(count.min(UnknownSymbols::NAMED));
    for index in 1..image.symbols().len() {
        let symbol = image.symbols().get(index);
        let is_undefined =
            symbol.is_some_and(|symbol| symbol.definition() == Definition::Undefined);
        if is_undefined && values.get(index).is_err() && first.len() < first.capacity() {
            first.push(image.symbols().describe(index));
        }
    }
    first.truncate(UnknownSymbols::NAMED);
    UnknownSymbols { first, count }
}
