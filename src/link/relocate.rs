//! Relocate: the values of the symbols are written into the module.

use super::error::{Error, Problem};
use super::place::Placed;
use super::resolve::Values;
use crate::arch::{Arch, Data, Encoding, Operation};
use crate::image::raw::signed;
use crate::image::{Image, Relocation, Relocations};
use goblin::container::Container;

impl Placed<'_, '_> {
    /// Applies all relocations and returns how many there were.
    ///
    /// # Errors
    /// [`Error::Relocation`] for the first that cannot be applied. What has been written by then
    /// is of no use.
    pub fn relocate<A: Arch>(
        &mut self,
        image: &Image<'_, A>,
        values: &Values,
    ) -> Result<usize, Error> {
        self.fill_got::<A>(values);
        let mut count = 0;
        for table in image.relocations() {
            count += self.relocate_section(image, table, values)?;
        }
        Ok(count)
    }

    fn fill_got<A: Arch>(&mut self, values: &Values) {
        let Some(location) = self.plan.got() else {
            return;
        };
        let plan = self.plan;
        let got = self.bytes_mut(location);
        let word = match A::CLASS {
            Container::Little => Data::word(crate::arch::data::Fits::Always, A::ORDER),
            Container::Big => Data::xword(A::ORDER),
        };
        for (symbol, offset) in plan.got.slots() {
            let slot = got.get_mut(offset as usize..).unwrap_or_default();
            let written = word.write(slot, values.get(symbol).unwrap_or(0));
            debug_assert!(written.is_ok(), "the plan has room for every slot");
        }
    }

    fn relocate_section<A: Arch>(
        &mut self,
        image: &Image<'_, A>,
        table: &Relocations<'_, A>,
        values: &Values,
    ) -> Result<usize, Error> {
        let Some(location) = self.plan.location(table.target) else {
            return Ok(0);
        };
        let plan = self.plan;
        let got = plan.got().map_or(0, |got| self.address(got));
        let address = self.address(location);
        let bytes = self.bytes_mut(location);
        for relocation in table.iter() {
            let place = Place { bytes, address, got };
            let slot = |symbol| plan.got.slot(symbol);
            apply::<A>(place, &relocation, values, slot).map_err(|problem| Error::Relocation {
                relocation: image.relocation_ref(table.target, &relocation),
                problem,
            })?;
        }
        Ok(table.len())
    }
}

/// The section that a relocation changes.
struct Place<'b> {
    bytes: &'b mut [u8],
    address: u64,
    got: u64,
}

#[inline]
fn apply<A: Arch>(
    section: Place<'_>,
    relocation: &Relocation,
    values: &Values,
    slot: impl Fn(usize) -> Option<u64>,
) -> Result<(), Problem> {
    let Some((before, place)) = section.bytes.split_at_mut_checked(relocation.offset) else {
        return Ok(());
    };
    let Some(meaning) = A::relocation(relocation.r_type, before) else {
        return Ok(());
    };
    let (operation, encoding) = (meaning.operation, meaning.encoding);
    if operation == Operation::None {
        return Ok(());
    }
    let symbol = values.get(relocation.symbol).ok_or(Problem::NotLoaded)?;
    let addend = match relocation.addend {
        None => encoding.addend(place).unwrap_or(0),
        Some(_) if A::RELA_TARGET_IS_ZERO && !encoding.is_zero(place) => {
            return Err(Problem::TargetNotZero);
        }
        Some(addend) => addend,
    } as u64;
    let p = section.address.wrapping_add(relocation.offset as u64);
    let got = section.got;
    let g = || slot(relocation.symbol).unwrap_or(0);
    let value = match operation {
        Operation::None => return Ok(()),
        Operation::Absolute => symbol.wrapping_add(addend),
        Operation::PlaceRelative => symbol.wrapping_add(addend).wrapping_sub(p),
        Operation::GotRelative => symbol.wrapping_add(addend).wrapping_sub(got),
        Operation::GotFromPlace => got.wrapping_add(addend).wrapping_sub(p),
        Operation::SlotOffset => g().wrapping_add(addend),
        Operation::SlotAddress => got.wrapping_add(g()).wrapping_add(addend),
        Operation::SlotFromPlace => got.wrapping_add(g()).wrapping_add(addend).wrapping_sub(p),
    };
    let value = signed::<A>(value) as u64;
    encoding.write(place, value).map_err(|_| Problem::OutOfReach { value })
}
