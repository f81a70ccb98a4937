//! Relocate: the values of the symbols are written into the module.
//!
//! Established for each relocation before it writes: its type, its place with all bytes that it
//! changes, and its symbol.

use super::error::{Error, Problem};
use super::place::Placed;
use super::plan::Plan;
use super::resolve::Values;
use crate::arch::data::{Data, Overflow};
use crate::arch::{Arch, Class, Encoding, Handler, Operation, Word};
use crate::image::{Image, Relocation, Relocations};

impl Placed<'_, '_> {
    /// Applies all relocations and returns how many there were.
    ///
    /// # Errors
    /// [`Error::Relocation`] for the first that cannot be applied. What has been written by then
    /// is of no use.
    pub fn relocate<A: Arch>(
        &mut self,
        image: &Image<'_, A>,
        values: &Values<A>,
    ) -> Result<usize, Error> {
        self.fill_got::<A>(values);
        let mut count = 0;
        for table in image.relocations() {
            count = self.relocate_section(image, &table, values)?.saturating_add(count);
        }
        Ok(count)
    }

    fn fill_got<A: Arch>(&mut self, values: &Values<A>) {
        let Some(location) = self.plan.got() else {
            return;
        };
        let plan = self.plan;
        let got = self.bytes_mut(location);
        let word = match A::CLASS {
            Class::Elf32 => Data::word(Overflow::Unchecked),
            Class::Elf64 => Data::XWORD,
        };
        for (symbol, offset) in plan.got.slots() {
            let slot = got.get_mut(offset as usize..).unwrap_or_default();
            let value = values.get(symbol).unwrap_or(A::Word::truncate(0));
            let written = word.write::<A>(slot, value);
            debug_assert!(written.is_ok(), "the plan has room for every slot");
        }
    }

    fn relocate_section<A: Arch>(
        &mut self,
        image: &Image<'_, A>,
        table: &Relocations<'_, A>,
        values: &Values<A>,
    ) -> Result<usize, Error> {
        let Some(location) = self.plan.location(table.target) else {
            return Ok(0);
        };
        let plan = self.plan;
        let got = A::Word::truncate(plan.got().map_or(0, |got| self.address(got)));
        let address = A::Word::truncate(self.address(location));
        let linked = Linked { plan, got, values };
        let mut section = Target { address, bytes: self.bytes_mut(location) };
        match section.apply_all(table, linked) {
            Ok(()) => Ok(table.len()),
            Err((index, problem)) => {
                let relocation = image.relocation_ref(table, index);
                Err(Error::Relocation { relocation, problem })
            }
        }
    }
}

/// What relocations refer to.
#[derive(Clone, Copy)]
struct Linked<'l, A: Arch> {
    plan: &'l Plan,
    /// The address of the global offset table.
    got: A::Word,
    values: &'l Values<A>,
}

/// A section that is being relocated.
struct Target<'b, A: Arch> {
    address: A::Word,
    bytes: &'b mut [u8],
}

impl<A: Arch> Target<'_, A> {
    /// Checks and applies all relocations of a table. The error names the first that fails by its
    /// index. A function of its own, so that the loop has all registers to itself; why one failed
    /// is found out by applying it once more, out of the loop.
    #[inline(never)]
    fn apply_all(
        &mut self,
        table: &Relocations<'_, A>,
        linked: Linked<'_, A>,
    ) -> Result<(), (usize, Problem)> {
        let usual = linked.values.usual();
        let mut relocations = table.iter();
        while let Some(relocation) = relocations.next() {
            let Self { address, ref mut bytes } = *self;
            let mut apply = Apply::<A, false> { address, bytes, linked, usual, relocation };
            if !matches!(A::with_howto(relocation.r_type, &mut apply), Some(Ok(()))) {
                self.apply_rare(table, relocations.len(), linked)?;
            }
        }
        Ok(())
    }

    /// Applies a relocation of any kind: that of a table after which there are this many more.
    #[cold]
    #[inline(never)]
    fn apply_rare(
        &mut self,
        table: &Relocations<'_, A>,
        rest: usize,
        linked: Linked<'_, A>,
    ) -> Result<(), (usize, Problem)> {
        let index = table.len().saturating_sub(rest).saturating_sub(1);
        let relocation = table.get(index);
        let Self { address, ref mut bytes } = *self;
        let mut apply = Apply::<A, true> { address, bytes, linked, usual: &[], relocation };
        A::howto(relocation.r_type)
            .ok_or(Problem::UnknownType)
            .and_then(|howto| (&mut apply).handle(howto.operation, howto.encoding))
            .map_err(|problem| (index, problem))
    }
}

/// Applies a relocation once its howto is known. Unless `RARE`, one that involves the global
/// offset table or a value that is seldom fails, and nothing is written.
struct Apply<'r, A: Arch, const RARE: bool> {
    address: A::Word,
    bytes: &'r mut [u8],
    linked: Linked<'r, A>,
    usual: &'r [A::Word],
    relocation: Relocation<A::Word>,
}

impl<A: Arch, const RARE: bool> Handler<A::Encoding> for &mut Apply<'_, A, RARE> {
    type Output = Result<(), Problem>;

    // Once for each type of relocation, but in a debug build, where each would have stack of its own.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn handle(self, operation: Operation, encoding: A::Encoding) -> Result<(), Problem> {
        let Apply { linked: Linked { plan, got, values }, usual, relocation, .. } = *self;
        if !RARE && operation.needs_got() {
            return Err(Problem::UnknownType);
        }
        let (before, place) = self
            .bytes
            .split_at_mut_checked(relocation.offset)
            .and_then(|(before, rest)| Some((before, rest.get_mut(..encoding.width())?)))
            .ok_or(Problem::OutsideSection)?;
        if operation == Operation::None {
            return if values.has(relocation.symbol) { Ok(()) } else { Err(Problem::NoSymbol) };
        }
        let s = if RARE {
            values.get(relocation.symbol)?
        } else {
            match usual.get(relocation.symbol) {
                Some(value) if *value != A::Word::MAX => *value,
                _ => return Err(Problem::NoSymbol),
            }
        };
        let zero = A::Word::truncate(0);
        let in_place = encoding.addend::<A>(place).unwrap_or(zero);
        let a = match relocation.addend {
            None => in_place,
            Some(_) if A::RELA_TARGET_IS_ZERO && in_place != zero => {
                return Err(Problem::TargetNotZero);
            }
            Some(addend) => addend,
        };
        let p = self.address.plus(A::Word::truncate(relocation.offset as u64));
        let value = match operation {
            Operation::None | Operation::Absolute => s.plus(a),
            Operation::PlaceRelative => s.plus(a).minus(p),
            through_got => {
                let slot = plan.got.slot::<A>(operation, relocation.symbol);
                let g = A::Word::truncate(slot.unwrap_or(0));
                let by_address = A::takes_slot_address(before);
                got_value(through_got, by_address, [s, a, p, got, g])
            }
        };
        encoding
            .write::<A>(place, value)
            .map_err(|_| Problem::Overflow { value: value.signed() as u64 })
    }
}

/// The value of an operation that involves the global offset table, from S, A, P, GOT and G.
#[cold]
fn got_value<W: Word>(operation: Operation, by_address: bool, [s, a, p, got, g]: [W; 5]) -> W {
    match operation {
        Operation::GotRelative => s.plus(a).minus(got),
        Operation::GotFromPlace => got.plus(a).minus(p),
        Operation::SlotFromPlace => g.plus(got).plus(a).minus(p),
        Operation::SlotByInstruction if by_address => g.plus(got).plus(a),
        _ => g.plus(a),
    }
}
