//! Where a module starts and stops.
//!
//! Linux runs what `struct module` holds. Its layout is the kernel's own affair, but of all that it
//! refers to only two are code: its init and, at a higher offset, its exit function. What it does
//! not hold, or where there is none, is found by name.

use crate::arch::Arch;
use crate::image::raw::Fields;
use crate::image::{Binding, Definition, Flags, Image, KnownSection, Symbol, SymbolRef};
use crate::link::{Part, Placed, Plan};
use core::fmt;

/// The section that holds `struct module`.
const THIS_MODULE: KnownSection = KnownSection::row(".gnu.linkonce.this_module");

/// The functions that the loader calls, named as Linux's `module_init` and `module_exit` name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryPoints {
    /// `int init_module(void)`.
    pub init: Option<u64>,
    /// `void cleanup_module(void)`.
    pub exit: Option<u64>,
}

/// Why it is not known where a module starts or stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryProblem {
    /// This symbol, by which it starts or stops, is not in its code, or in code that is gone when
    /// it is called.
    NotInCode(SymbolRef),
    /// This symbol has the name of a function by which it starts or stops, and `struct module` or
    /// another symbol of that name says that it is another.
    Contradiction(SymbolRef),
    /// `struct module` refers to this symbol, which could be either function, or is one too many.
    Undecided(SymbolRef),
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInCode(symbol) => {
                write!(f, "{symbol} is not in the module's code for as long as it is needed")
            }
            Self::Contradiction(symbol) => {
                write!(f, "{symbol} is not the function that struct module or its namesake is")
            }
            Self::Undecided(symbol) => write!(
                f,
                "struct module refers to {symbol}: is that the init or the exit function?"
            ),
        }
    }
}

/// Which of the two functions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Point {
    Init,
    Exit,
}

impl Point {
    fn named_by(symbol: &Symbol<'_>) -> Option<Self> {
        if symbol.is_named(b"init_module") {
            Some(Self::Init)
        } else if symbol.is_named(b"cleanup_module") {
            Some(Self::Exit)
        } else {
            None
        }
    }
}

/// What is taken for a function until it turns out to be in code.
#[derive(Clone, Copy)]
struct Function {
    address: u64,
    /// The index of the section in which it has to be.
    section: usize,
    /// The index of the symbol that says so.
    symbol: usize,
}

impl EntryPoints {
    /// Finds them in a relocated module.
    pub fn find<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
    ) -> Result<Self, EntryProblem> {
        let module = Module { image, plan, placed };
        let held = module.held()?;
        let only = match held {
            [Some(only), None] => Some(only),
            _ => None,
        };
        let named_point =
            |only: Function| image.symbols().get(only.symbol).as_ref().and_then(Point::named_by);
        let point = only.and_then(named_point);
        // A local symbol may well be of that name by chance, and counts where nothing else tells.
        let locals = held[0].is_none() || (only.is_some() && point.is_none());
        let named = module.named(locals)?;
        let [init, exit] = match (only, point) {
            (Some(_), Some(Point::Exit)) => [None, only],
            (Some(only), None) => {
                let [is_init, is_exit] =
                    named.map(|named| named.is_some_and(|named| named.address == only.address));
                match (is_init, is_exit) {
                    (true, false) => [Some(only), None],
                    (false, true) => [None, Some(only)],
                    _ => return Err(EntryProblem::Undecided(module.describe(only.symbol))),
                }
            }
            _ => held,
        };
        let [init_named, exit_named] = named;
        Ok(Self {
            init: module.agree(Point::Init, init, init_named)?,
            exit: module.agree(Point::Exit, exit, exit_named)?,
        })
    }
}

/// A module that is relocated.
struct Module<'m, 'a, A> {
    image: &'m Image<'a, A>,
    plan: &'m Plan,
    placed: &'m Placed<'m, 'm>,
}

impl<A: Arch> Module<'_, '_, A> {
    /// The functions that `struct module` holds, in the order of their offsets in it.
    fn held(&self) -> Result<[Option<Function>; 2], EntryProblem> {
        let Self { image, plan, placed } = self;
        let mut held = [None; 2];
        let mut last = 0;
        let Some(target) = image.known(THIS_MODULE) else { return Ok(held) };
        let Some(location) = plan.location(target) else { return Ok(held) };
        // A relocation of type 0 does nothing, in every psABI.
        let relocations = image
            .relocations()
            .filter(|table| table.target == target)
            .flat_map(|table| table.iter())
            .filter(|relocation| relocation.r_type != 0);
        for relocation in relocations {
            let (index, offset) = (relocation.symbol, relocation.offset);
            let Some(symbol) = image.symbols().get(index) else { continue };
            let section = match symbol.definition() {
                Definition::Section(section) if self.is_code(section) => section,
                Definition::Section(_) => continue,
                _ if Point::named_by(&symbol).is_none() => continue,
                _ => return Err(EntryProblem::NotInCode(self.describe(index))),
            };
            let field = placed.bytes(location).get(offset..).unwrap_or_default();
            let address = Fields::<A>::new(field).native().unwrap_or(0);
            let function = Some(Function { address, section, symbol: index });
            held = match held {
                [None, _] => [function, None],
                [first, None] if offset > last => [first, function],
                [first, None] if offset < last => [function, first],
                _ => return Err(EntryProblem::Undecided(self.describe(index))),
            };
            last = offset;
        }
        Ok(held)
    }

    /// The functions of these names, whatever they are bound to but `locals`.
    fn named(&self, locals: bool) -> Result<[Option<Function>; 2], EntryProblem> {
        let (mut init, mut exit) = (None::<Function>, None::<Function>);
        for (index, symbol) in self.image.symbols().iter().enumerate() {
            let definition = symbol.definition();
            if definition == Definition::Undefined || (symbol.binding == Binding::Local && !locals)
            {
                continue;
            }
            let Some(point) = Point::named_by(&symbol) else { continue };
            let not_in_code = || EntryProblem::NotInCode(self.describe(index));
            let Definition::Section(section) = definition else { return Err(not_in_code()) };
            let location = self.plan.location(section).ok_or_else(not_in_code)?;
            let address = self.placed.address(location).wrapping_add(symbol.value);
            let function = Function { address, section, symbol: index };
            self.in_code(point, function)?;
            let found = match point {
                Point::Init => &mut init,
                Point::Exit => &mut exit,
            };
            if found.is_some_and(|found| found.address != address) {
                return Err(EntryProblem::Contradiction(self.describe(index)));
            }
            *found = Some(function);
        }
        Ok([init, exit])
    }

    /// The address of a function that `struct module` holds, or else has that name; if both, it
    /// has to be the same.
    fn agree(
        &self,
        point: Point,
        held: Option<Function>,
        named: Option<Function>,
    ) -> Result<Option<u64>, EntryProblem> {
        match (held, named) {
            (Some(held), Some(named)) if held.address != named.address => {
                Err(EntryProblem::Contradiction(self.describe(named.symbol)))
            }
            _ => held.or(named).map(|function| self.in_code(point, function)).transpose(),
        }
    }

    /// The address of a function. Established: it is in a section of instructions that is there
    /// when the function is called.
    fn in_code(&self, point: Point, function: Function) -> Result<u64, EntryProblem> {
        let Function { address, section, symbol } = function;
        let location = self.plan.location(section).filter(|location| {
            let offset = address.wrapping_sub(self.placed.address(*location));
            let is_there = location.part == Part::Core || point == Point::Init;
            self.is_code(section) && is_there && offset < location.size
        });
        location.map(|_| address).ok_or_else(|| EntryProblem::NotInCode(self.describe(symbol)))
    }

    fn is_code(&self, section: usize) -> bool {
        let section = self.image.sections().get(section);
        section.is_some_and(|section| section.flags.contains(Flags::EXECUTE))
    }

    /// Describes a symbol for a message; one without a name by that of its section.
    #[cold]
    #[inline(never)]
    fn describe(&self, index: usize) -> SymbolRef {
        let described = self.image.symbols().describe(index);
        let definition = self.image.symbols().get(index).map(|symbol| symbol.definition());
        match definition {
            Some(Definition::Section(section)) if described.name.as_bytes().is_empty() => {
                let section = self.image.sections().get(section);
                let name = section.map_or(&b""[..], |section| section.name());
                SymbolRef { index, name: name.into() }
            }
            _ => described,
        }
    }
}
