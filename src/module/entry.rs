//! The init and exit functions of a module.
//!
//! Linux runs what `struct module` holds. Its layout is the kernel's own affair, but of all that it
//! refers to only two are code: its init and, at a higher offset, its exit function. What it does
//! not hold, or where there is none, is found by name.

use crate::arch::Arch;
use crate::error::LoadError;
use crate::image::raw::Fields;
use crate::image::{Binding, Definition, Flags, Image, KnownSection, Section, Symbol};
use crate::link::{Location, Part, Placed, Plan};
use core::fmt;
use goblin::elf::sym::{STT_FILE, STT_SECTION};

/// The section that holds `struct module`.
const THIS_MODULE: KnownSection = KnownSection::row(".gnu.linkonce.this_module");

/// What m68k's `struct module` refers to beside functions: the bounds of this list.
const FIXUPS: KnownSection = KnownSection::row(".m68k_fixup");

/// The functions that the loader calls, named as Linux's `module_init` and `module_exit` name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryPoints {
    /// `int init_module(void)`.
    pub init: Option<u64>,
    /// `void cleanup_module(void)`.
    pub exit: Option<u64>,
}

/// Why a symbol is not, or does not tell, a module's init or exit function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryProblem {
    /// It is not in the module's code, or in code that is gone when it is called.
    NotInCode,
    /// It has the name of one of the functions, and `struct module` or another symbol of that name
    /// says that this is another.
    Contradiction,
    /// `struct module` refers to it, and it could be either function, or is one too many.
    Undecided,
}

impl fmt::Display for EntryProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotInCode => "not in the module's code for as long as it is needed",
            Self::Contradiction => "not the function that struct module or its namesake is",
            Self::Undecided => "struct module refers to it, as the init or the exit function?",
        })
    }
}

/// A problem, and the index of the symbol that it is about.
type Wrong = (usize, EntryProblem);

/// What is taken for a function until [`Module::settle`] has seen where it is.
#[derive(Clone, Copy, Default)]
struct Function {
    address: u64,
    /// The index of the symbol that leads to it; 0, the empty one, if there is no function.
    symbol: usize,
}

impl Function {
    fn is_there(self) -> bool {
        self.symbol != 0
    }
}

/// An init and an exit function.
type Pair = [Function; 2];

impl EntryPoints {
    /// Finds them in a relocated module.
    pub fn find<A: Arch>(
        image: &Image<'_, A>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
    ) -> Result<Self, LoadError> {
        Module { image, plan, placed }.entry_points().map_err(|(symbol, problem)| {
            LoadError::Entry { symbol: image.symbol_ref(symbol), problem }
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
    #[inline(never)]
    fn entry_points(&self) -> Result<EntryPoints, Wrong> {
        let [mut init, mut exit] = self.held()?;
        let is_alone = init.is_there() && !exit.is_there();
        // A local symbol may be of such a name by chance, and counts where nothing else tells.
        let locals = !exit.is_there() && (!is_alone || self.is_local(init.symbol));
        let [named_init, named_exit] = self.named(locals)?;
        if is_alone {
            let is = |named: Function| named.is_there() && named.address == init.address;
            match (is(named_init), is(named_exit)) {
                (true, false) => {}
                (false, true) => (init, exit) = (exit, init),
                _ => return Err((init.symbol, EntryProblem::Undecided)),
            }
        }
        Ok(EntryPoints {
            init: self.settle(init, named_init, true)?,
            exit: self.settle(exit, named_exit, false)?,
        })
    }

    /// The functions that `struct module` holds, in the order of their offsets in it.
    fn held(&self) -> Result<Pair, Wrong> {
        let (mut first, mut second) = (Function::default(), Function::default());
        let (mut last, mut wrong) = (0, None);
        let Some(target) = self.image.known(THIS_MODULE) else {
            return Ok([first, second]);
        };
        let bytes = self.plan.location(target).map(|location| self.placed.bytes(location));
        self.image.visit_relocations(target, &mut |relocation, symbol| {
            if self.section(symbol).is_some_and(|section| section.known == Some(FIXUPS)) {
                return;
            }
            let is_code = self.is_code(symbol);
            let (offset, symbol) = (relocation.offset, relocation.symbol);
            let field = bytes.and_then(|bytes| bytes.get(offset..)).unwrap_or_default();
            let address = Fields::<A>::new(field).native().unwrap_or(0);
            let function = Function { address, symbol };
            if !is_code {
                wrong = Some((symbol, EntryProblem::NotInCode));
            } else if !first.is_there() {
                (first, last) = (function, offset);
            } else if second.is_there() || offset == last {
                wrong = Some((symbol, EntryProblem::Undecided));
            } else if offset > last {
                second = function;
            } else {
                (first, second) = (function, first);
            }
        });
        wrong.map_or(Ok([first, second]), Err)
    }

    /// The functions of these names; those of local symbols if `locals`.
    fn named(&self, locals: bool) -> Result<Pair, Wrong> {
        let (mut init, mut exit) = (Function::default(), Function::default());
        for (index, symbol) in self.image.symbols().iter().enumerate() {
            let defined = symbol.definition() != Definition::Undefined;
            // A file or a section may be of such a name, and is no function.
            let is_other = matches!(symbol.kind, STT_FILE | STT_SECTION);
            if !defined || is_other || (symbol.binding == Binding::Local && !locals) {
                continue;
            }
            let found = if symbol.is_named(b"init_module") {
                &mut init
            } else if symbol.is_named(b"cleanup_module") {
                &mut exit
            } else {
                continue;
            };
            let start = self.location(&symbol).map_or(0, |location| self.placed.address(location));
            let address = start.wrapping_add(symbol.value);
            if found.is_there() && found.address != address {
                return Err((index, EntryProblem::Contradiction));
            }
            *found = Function { address, symbol: index };
        }
        Ok([init, exit])
    }

    /// The address of the function that `struct module` holds, or else of the one that has the
    /// name. Established: if there are both, they are the same; it is in a section of instructions
    /// that is there when it is called, which is after init unless it is `for_init`.
    #[inline(never)]
    fn settle(
        &self,
        held: Function,
        named: Function,
        for_init: bool,
    ) -> Result<Option<u64>, Wrong> {
        let Function { address, symbol } = if held.is_there() { held } else { named };
        if symbol == 0 {
            return Ok(None);
        }
        if named.is_there() && named.address != address {
            return Err((named.symbol, EntryProblem::Contradiction));
        }
        let found = self.image.symbols().get(symbol);
        let code = found.filter(|found| self.is_code(found));
        match code.and_then(|found| self.location(&found)) {
            Some(location)
                if (for_init || location.part == Part::Core)
                    && address.wrapping_sub(self.placed.address(location)) < location.size =>
            {
                Ok(Some(address))
            }
            _ => Err((symbol, EntryProblem::NotInCode)),
        }
    }

    /// Where the section of a symbol is.
    fn location(&self, symbol: &Symbol<'_>) -> Option<Location> {
        let Definition::Section(section) = symbol.definition() else { return None };
        self.plan.location(section)
    }

    fn is_code(&self, symbol: &Symbol<'_>) -> bool {
        self.section(symbol).is_some_and(|section| section.flags.contains(Flags::EXECUTE))
    }

    fn section(&self, symbol: &Symbol<'_>) -> Option<&Section<'_>> {
        let Definition::Section(section) = symbol.definition() else { return None };
        self.image.sections().get(section)
    }

    fn is_local(&self, symbol: usize) -> bool {
        let symbol = self.image.symbols().get(symbol);
        symbol.is_some_and(|symbol| symbol.binding == Binding::Local)
    }
}
