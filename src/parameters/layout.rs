//! The section `__param` of a module, as it stands in memory once it is relocated: a table of Linux's
//! `struct kernel_param`, and what they refer to in the module's constants.
//!
//! All of it is checked when the module is loaded, so that it is not afterwards: the table and all
//! that is read by it are constants, which nobody can write any more. What is kept of it are offsets
//! and types.

use super::{Element, Kind, MAX_NAME, ParameterProblem, Parameters, Standard, Table, Type};
use crate::arch::{Arch, Class};
use crate::error::LoadError;
use crate::heap::{OutOfMemory, boxed, exact};
use crate::image::raw::Fields;
use crate::image::strings::until_nul_within;
use crate::image::{Flags, Image, KnownSection};
use crate::link::{Layout, Location, MemoryType, Part, Placed, Plan, align_up};
use crate::module::Module;
use crate::platform::{Platform, page_size};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::ops::Range;

const SECTION: KnownSection = KnownSection::row("__param");

/// The size in bytes of a `long` and of a pointer.
pub(super) const fn word<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf32 => 4,
        Class::Elf64 => 8,
    }
}

/// The size in bytes of a `struct kernel_param`.
pub(super) const fn parameter_size<A: Arch>() -> usize {
    match A::CLASS {
        Class::Elf32 => 20,
        Class::Elf64 => 40,
    }
}

/// Where the kinds of memory of a part of a module end, in bytes from its start. What they start with
/// is a page, but for the first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds {
    text: u32,
    constants: u32,
    after_init: u32,
}

/// What a module may do with its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Run.
    Text,
    /// Read.
    Constants,
    /// Write until its init function has returned.
    AfterInit,
    /// Write.
    Data,
}

impl Bounds {
    pub fn of(layout: &Layout) -> Self {
        let end = |memory_type| layout.range(memory_type).end as u32;
        Self {
            text: end(MemoryType::Text),
            constants: end(MemoryType::Rodata),
            after_init: end(MemoryType::ReadOnlyAfterInit),
        }
    }

    /// Where the constants lie.
    pub(super) fn constants(&self, page: u64) -> Range<usize> {
        align_up(self.text.into(), page) as usize..self.constants as usize
    }

    /// What an offset in a part of that size is in, and where that ends.
    fn access(&self, offset: u64, size: u64, page: u64) -> Option<(Access, u64)> {
        let mut start = 0;
        for (access, end) in [
            (Access::Text, self.text.into()),
            (Access::Constants, self.constants.into()),
            (Access::AfterInit, self.after_init.into()),
            (Access::Data, size),
        ] {
            if offset < end {
                return (offset >= start).then_some((access, end));
            }
            start = align_up(end, page);
        }
        None
    }
}

/// A part of a module.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartAt {
    pub start: u64,
    pub size: u64,
    pub bounds: Bounds,
}

/// Where something is in a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub part: Part,
    pub offset: u64,
    pub access: Access,
    /// The offset at which memory of this kind ends.
    pub end: u64,
}

/// Both parts of a module, whether or not the second is there still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    pub core: PartAt,
    pub init: PartAt,
    pub page: u64,
}

impl Parts {
    /// Where so many bytes at an address are, if they are all in one kind of memory.
    pub fn find(&self, address: u64, size: u64) -> Option<Found> {
        [(Part::Core, &self.core), (Part::Init, &self.init)].into_iter().find_map(|(part, at)| {
            let offset = address.checked_sub(at.start).filter(|offset| *offset < at.size)?;
            let (access, end) = at.bounds.access(offset, at.size, self.page)?;
            let fits = offset.checked_add(size).is_some_and(|last| last <= end);
            fits.then_some(Found { part, offset, access, end })
        })
    }

    /// Whether an address is in either.
    pub fn contain(&self, address: u64) -> bool {
        [self.core, self.init].iter().any(|part| address.wrapping_sub(part.start) < part.size)
    }
}

/// The constants of the core part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants<'c, A> {
    bytes: &'c [u8],
    /// The address of the first.
    address: u64,
    arch: PhantomData<A>,
}

/// A `struct kernel_param`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'c> {
    pub name: &'c [u8],
    pub operations: u64,
    pub permissions: u16,
    pub flags: u8,
    pub argument: u64,
    /// Its address.
    pub address: u64,
    /// Its bytes.
    pub bytes: &'c [u8],
}

/// A `struct kernel_param_ops`: the addresses of functions, 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Whether `set` may be called without a value (`KERNEL_PARAM_OPS_FL_NOARG`).
    pub takes_no_value: bool,
    /// `int set(const char *value, const struct kernel_param *parameter)`.
    pub set: u64,
    /// `int get(char *buffer, const struct kernel_param *parameter)`.
    pub get: u64,
    /// `void free(void *argument)`.
    pub free: u64,
}

/// A `struct kparam_string`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffer {
    pub size: u32,
    pub address: u64,
}

/// A `struct kparam_array`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Array {
    pub most: u32,
    pub element_size: u32,
    /// The address of the number of elements, or 0.
    pub count: u64,
    pub operations: u64,
    pub elements: u64,
}

impl Array {
    pub fn element(&self, index: u32) -> u64 {
        let offset = u64::from(self.element_size).wrapping_mul(index.into());
        self.elements.wrapping_add(offset)
    }
}

impl<'c, A: Arch> Constants<'c, A> {
    pub fn new(bytes: &'c [u8], address: u64) -> Self {
        Self { bytes, address, arch: PhantomData }
    }

    fn from(&self, address: u64) -> Option<&'c [u8]> {
        self.bytes.get(usize::try_from(address.checked_sub(self.address)?).ok()?..)
    }

    fn fields(&self, address: u64) -> Option<Fields<'c, A>> {
        self.from(address).map(Fields::new)
    }

    /// The parameter of that index in the table at an address.
    pub fn parameter(&self, table: u64, index: usize) -> Option<Raw<'c>> {
        let offset = index.checked_mul(parameter_size::<A>())?;
        let address = table.checked_add(offset as u64)?;
        let bytes = self.from(address)?.get(..parameter_size::<A>())?;
        let mut fields = Fields::<A>::new(bytes);
        let (name, _module, operations) = (fields.native()?, fields.native()?, fields.native()?);
        let (permissions, _level, flags) = (fields.half()?, fields.byte()?, fields.byte()?);
        pad(&mut fields)?;
        let argument = fields.native()?;
        let name = until_nul_within(self.from(name)?, MAX_NAME).filter(|name| !name.is_empty())?;
        Some(Raw { name, operations, permissions, flags, argument, address, bytes })
    }

    pub fn operations(&self, address: u64) -> Option<Operations> {
        const TAKES_NO_VALUE: u32 = 1;
        let mut fields = self.fields(address)?;
        let flags = fields.word()?;
        pad(&mut fields)?;
        let (set, get, free) = (fields.native()?, fields.native()?, fields.native()?);
        Some(Operations { takes_no_value: flags & TAKES_NO_VALUE != 0, set, get, free })
    }

    pub fn buffer(&self, address: u64) -> Option<Buffer> {
        let mut fields = self.fields(address)?;
        let size = fields.word()?;
        pad(&mut fields)?;
        Some(Buffer { size, address: fields.native()? })
    }

    pub fn array(&self, address: u64) -> Option<Array> {
        let mut fields = self.fields(address)?;
        let (most, element_size) = (fields.word()?, fields.word()?);
        let (count, operations) = (fields.native()?, fields.native()?);
        Some(Array { most, element_size, count, operations, elements: fields.native()? })
    }
}

/// Skips what stands between 32 bits and a pointer.
fn pad<A: Arch>(fields: &mut Fields<'_, A>) -> Option<()> {
    match A::CLASS {
        Class::Elf32 => {}
        Class::Elf64 => {
            fields.word()?;
        }
    }
    Some(())
}

/// Linux's types by the names of their operations, those first that most modules use.
const STANDARD: [(&[u8], Standard); 16] = [
    (b"param_ops_int", Standard::Value(Type::Int)),
    (b"param_ops_bool", Standard::Value(Type::Bool)),
    (b"param_array_ops", Standard::Array),
    (b"param_ops_uint", Standard::Value(Type::Uint)),
    (b"param_ops_charp", Standard::Value(Type::CharP)),
    (b"param_ops_short", Standard::Value(Type::Short)),
    (b"param_ops_ushort", Standard::Value(Type::Ushort)),
    (b"param_ops_string", Standard::String),
    (b"param_ops_ulong", Standard::Value(Type::Ulong)),
    (b"param_ops_byte", Standard::Value(Type::Byte)),
    (b"param_ops_ullong", Standard::Value(Type::Ullong)),
    (b"param_ops_long", Standard::Value(Type::Long)),
    (b"param_ops_bint", Standard::Value(Type::BInt)),
    (b"param_ops_invbool", Standard::Value(Type::InvBool)),
    (b"param_ops_hexint", Standard::Value(Type::HexInt)),
    (b"param_ops_bool_enable_only", Standard::Value(Type::BoolEnableOnly)),
];

/// The types of parameters by the addresses of their operations.
struct Types<'t, P> {
    platform: &'t P,
    /// Those that have been looked up.
    addresses: [Option<u64>; STANDARD.len()],
    count: usize,
}

impl<P: Platform> Types<'_, P> {
    /// Linux's type whose operations are at an address.
    fn standard(&mut self, address: u64) -> Result<Option<Standard>, LoadError> {
        for (index, ((name, standard), known)) in
            STANDARD.iter().zip(&mut self.addresses).enumerate()
        {
            if index == self.count {
                *known = self.platform.symbol(name)?.map(|symbol| symbol.address);
                self.count = index.saturating_add(1);
            }
            if *known == Some(address) {
                return Ok(Some(*standard));
            }
        }
        Ok(None)
    }
}

/// What a load knows of the module.
struct Check<'l, P: Platform> {
    types: Types<'l, P>,
    parts: Parts,
    constants: Constants<'l, P::Arch>,
    uses: &'l crate::module::Uses<P>,
}

impl Parameters {
    /// Those of a module that is relocated. Established: each has a name and a type, and what it refers
    /// to is where it should be.
    ///
    /// # Errors
    /// [`LoadError::Parameters`], [`LoadError::Ksymtab`], [`LoadError::OutOfMemory`].
    #[inline(never)]
    pub fn check<P: Platform>(
        platform: &P,
        image: &Image<'_, P::Arch>,
        plan: &Plan,
        placed: &Placed<'_, '_>,
        uses: &crate::module::Uses<P>,
    ) -> Result<Self, LoadError> {
        let bounds = Bounds::of(&plan.core);
        let mut sections = image.sections().iter().enumerate().filter(|(_, section)| {
            section.known == Some(SECTION)
                && section.flags.contains(Flags::ALLOC)
                && section.size != 0
        });
        let Some((index, section)) = sections.next() else { return Ok(Self::new(bounds, None)) };
        if sections.next().is_some() {
            return Err(ParameterProblem::Repeated.into());
        }
        let page = page_size::<P::Memory>();
        let constants = bounds.constants(page);
        let located = plan.location(index).filter(|location| {
            let range = location.range();
            location.part == Part::Core
                && constants.start <= range.start
                && range.end <= constants.end
                && !section.is_nobits()
                && range.len().is_multiple_of(parameter_size::<P::Arch>())
        });
        let location = located.ok_or(ParameterProblem::Table(section.size))?;
        let part = |part, layout: &Layout| PartAt {
            start: placed.address(Location { part, offset: 0, size: 0 }),
            size: layout.size,
            bounds: Bounds::of(layout),
        };
        let parts =
            Parts { core: part(Part::Core, &plan.core), init: part(Part::Init, &plan.init), page };
        let (offset, size) = (constants.start as u64, constants.len() as u64);
        let constants = Location { part: Part::Core, offset, size };
        let constants = Constants::new(placed.bytes(constants), placed.address(constants));
        let types = Types { platform, addresses: [None; STANDARD.len()], count: 0 };
        let count = location.range().len().checked_div(parameter_size::<P::Arch>()).unwrap_or(0);
        let mut check = Check { types, parts, constants, uses };
        let kinds = check.kinds(placed.address(location), count)?;
        let table = Table::new(location.offset as u32, exact(kinds)?, Bounds::of(&plan.init));
        Ok(Self::new(bounds, Some(boxed(table)?)))
    }
}

impl<P: Platform> Check<'_, P> {
    /// What each of so many parameters of the table at an address is.
    fn kinds(&mut self, table: u64, count: usize) -> Result<Vec<Kind>, LoadError> {
        let mut kinds = Vec::new();
        kinds.try_reserve_exact(count).map_err(OutOfMemory::from)?;
        for index in 0..count {
            let raw = self.constants.parameter(table, index);
            kinds.push(self.kind(&raw.ok_or(ParameterProblem::Name(index))?)?);
        }
        Ok(kinds)
    }

    fn kind(&mut self, raw: &Raw<'_>) -> Result<Kind, LoadError> {
        let standard = match self.own(raw, raw.operations)? {
            Some(kind) => return Ok(kind.into()),
            None => self.types.standard(raw.operations)?,
        };
        match standard {
            Some(Standard::Value(kind)) => {
                let size = kind.size(word::<P::Arch>());
                self.check_variable(raw, raw.argument, size as u64, size)?;
                Ok(Kind::Value(kind))
            }
            Some(Standard::String) => {
                let buffer = self.constants.buffer(raw.argument);
                let Buffer { size, address } =
                    buffer.ok_or_else(|| ParameterProblem::Description(raw.name.into()))?;
                self.check_variable(raw, address, size.into(), 1)?;
                Ok(Kind::String)
            }
            Some(Standard::Array) => self.array(raw),
            None => Err(ParameterProblem::Operations(raw.name.into()).into()),
        }
    }

    fn array(&mut self, raw: &Raw<'_>) -> Result<Kind, LoadError> {
        let array = self.constants.array(raw.argument);
        let array = array.ok_or_else(|| ParameterProblem::Description(raw.name.into()))?;
        let element = match self.own(raw, array.operations)? {
            Some(element) => Some(element),
            None => match self.types.standard(array.operations)? {
                Some(Standard::Value(kind)) => Some(Element::Value(kind)),
                Some(Standard::String | Standard::Array) => None,
                None => return Err(ParameterProblem::Operations(raw.name.into()).into()),
            },
        };
        let least = match element {
            Some(Element::Value(kind)) => kind.size(word::<P::Arch>()),
            _ => 1,
        };
        let size = array.element_size as usize;
        let align = least.min(P::Arch::DATA_ALIGN);
        let element = element.filter(|_| size >= least && size.is_multiple_of(align));
        let element = element.ok_or_else(|| ParameterProblem::Element(raw.name.into()))?;
        let all = u64::from(array.most).saturating_mul(size as u64);
        self.check_variable(raw, array.elements, all, align)?;
        if array.count != 0 {
            self.check_variable(raw, array.count, 4, 4)?;
        }
        Ok(Kind::Array(element))
    }

    /// Whether operations are the module's own or of a type of the kernel's own. Established: what they
    /// call is code of the module's, of one that it uses, or of the kernel's.
    fn own(&self, raw: &Raw<'_>, address: u64) -> Result<Option<Element>, ParameterProblem> {
        if !self.parts.contain(address) {
            let known = self.types.platform.parameter_type(address);
            return Ok(known.map(|_| Element::Kernel));
        }
        let operations = self.constants.operations(address);
        let operations = operations.ok_or_else(|| ParameterProblem::Operations(raw.name.into()))?;
        let Operations { set, get, free, .. } = operations;
        if [set, get, free].into_iter().all(|function| function == 0 || self.is_code(function)) {
            Ok(Some(Element::Own))
        } else {
            Err(ParameterProblem::Function(raw.name.into()))
        }
    }

    /// Whether it is code of the module's or of one that it uses, or in the kernel, of which nobody says here what is code.
    fn is_code(&self, address: u64) -> bool {
        match self.parts.find(address, 1) {
            Some(found) => found.access == Access::Text,
            None => {
                self.types.platform.kernel().contains(&address)
                    || self.used(address, 1).is_some_and(|access| access == Access::Text)
            }
        }
    }

    /// Established: so many bytes can be written, by the module or at least by somebody whom it uses.
    fn check_variable(
        &self,
        raw: &Raw<'_>,
        address: u64,
        size: u64,
        align: usize,
    ) -> Result<(), ParameterProblem> {
        let align = align.min(P::Arch::DATA_ALIGN).max(1);
        let is_aligned = address.is_multiple_of(align as u64);
        let is_writable = || match self.parts.find(address, size) {
            Some(found) => is_writable(found.access),
            None if self.parts.contain(address) => false,
            None => {
                self.types.platform.kernel().contains(&address)
                    || self.used(address, size).is_some_and(is_writable)
            }
        };
        if size == 0 || (is_aligned && is_writable()) {
            Ok(())
        } else {
            Err(ParameterProblem::Variable(raw.name.into()))
        }
    }

    /// What is at an address in a module that this one uses.
    fn used(&self, address: u64, size: u64) -> Option<Access> {
        self.uses.iter().find_map(|used| Some(find_in(used, address, size)?.access))
    }
}

fn is_writable(access: Access) -> bool {
    matches!(access, Access::AfterInit | Access::Data)
}

/// Where so many bytes at an address are in the core part of a module.
pub(super) fn find_in<P: Platform>(module: &Module<P>, address: u64, size: u64) -> Option<Found> {
    let core = module.core();
    let part = PartAt {
        start: core.start,
        size: core.end.saturating_sub(core.start),
        bounds: module.content().parameters.bounds,
    };
    let nothing = PartAt { start: 0, size: 0, bounds: Bounds::default() };
    Parts { core: part, init: nothing, page: page_size::<P::Memory>() }.find(address, size)
}
