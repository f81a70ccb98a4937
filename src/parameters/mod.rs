//! The parameters of modules (feature `parameters`): what the arguments of a load, the kernel's boot
//! line and a file system set and show.
//!
//! A module of Linux's has a table of them in its section `__param`, which is [checked](layout) when
//! the module is linked. Once the module is coming and before its init function runs, those are
//! [set](load) that the [boot line](crate::Platform::boot_line) names as `module.parameter`, then those
//! that the arguments name. Afterwards they are listed by [`Module::parameters`], and read and set by
//! [`Loader::read_parameter`](crate::Loader::read_parameter) and
//! [`Loader::set_parameter`](crate::Loader::set_parameter).
//!
//! A type is known by the address of its operations, such as `param_ops_int`: the kernel exports them
//! ([`export_parameters!`](crate::export_parameters)), and the loader knows what they do. A module's own
//! operations are called, and so are those of [types of the kernel's
//! own](crate::Platform::parameter_type).

mod error;
mod layout;
pub mod line;
mod load;
mod lock;
pub mod native;

mod set;
mod strings;
mod types;

pub use error::{ParameterError, ParameterProblem};
pub(crate) use layout::Bounds;
pub use layout::Operations;
pub(crate) use load::Unset;
pub(crate) use lock::Lock;
pub use types::{MAX_STRING, NumberError, Type};

use crate::module::{Content, Module};
use crate::platform::{Platform, ProtectedMemory, page_size};
use alloc::boxed::Box;
use bitflags::bitflags;
use core::cell::UnsafeCell;
use layout::{Constants, Raw};
use strings::Strings;

/// The longest name of a parameter in bytes.
pub const MAX_NAME: usize = 255;

/// The most bytes that the text of a parameter has, with its line feed: a page of Linux's but for a NUL.
pub const MAX_TEXT: usize = TEXT_BUFFER - 1;

/// The bytes of the buffer that a module's own function writes a parameter's text to.
pub const TEXT_BUFFER: usize = 4096;

/// A parameter of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parameter<'m> {
    /// Its name, as it stands in the module.
    pub name: &'m [u8],
    /// What it is.
    pub kind: Kind,
    /// The permissions of its file in `/sys/module/NAME/parameters`, as in `chmod`; 0 if it has none.
    pub permissions: u16,
    /// What else is to be known of it.
    pub flags: ParameterFlags,
    /// Its place in the table.
    pub(crate) index: usize,
}

bitflags! {
    /// What else is to be known of a parameter, with Linux's numbers.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct ParameterFlags: u8 {
        /// Setting it taints the kernel.
        const UNSAFE = 1;
        /// It says where hardware is.
        const HARDWARE = 2;
    }
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// One value.
    Value(Type),
    /// A string that is copied to where the module has room for it.
    String,
    /// Values with commas between them.
    Array(Element),
    /// What the module's own functions make of it.
    Own,
    /// A [type of the kernel's own](crate::Platform::parameter_type).
    Kernel,
}

/// What the elements of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// A value.
    Value(Type),
    /// What the module's own functions make of it.
    Own,
    /// A [type of the kernel's own](crate::Platform::parameter_type).
    Kernel,
}

impl From<Element> for Kind {
    fn from(element: Element) -> Self {
        match element {
            Element::Value(kind) => Self::Value(kind),
            Element::Own => Self::Own,
            Element::Kernel => Self::Kernel,
        }
    }
}

/// What operations that Linux has do.
#[derive(Clone, Copy, Debug)]
enum Standard {
    Value(Type),
    String,
    Array,
}

/// What a module keeps for its parameters.
#[derive(Debug)]
pub(crate) struct Parameters {
    lock: Lock,
    bounds: Bounds,
    table: Option<Box<Table>>,
}

/// What a module with a table of parameters keeps of it.
#[derive(Debug)]
struct Table {
    /// Where it starts in the core part.
    start: u32,
    kinds: Box<[Kind]>,
    init: Bounds,
    /// For who has the lock.
    strings: UnsafeCell<Strings>,
}

// SAFETY: only who has the lock looks at the strings.
unsafe impl Sync for Table {}

impl Table {
    fn new(start: u32, kinds: Box<[Kind]>, init: Bounds) -> Self {
        Self { start, kinds, init, strings: UnsafeCell::new(Strings::default()) }
    }
}

impl Parameters {
    fn new(bounds: Bounds, table: Option<Box<Table>>) -> Self {
        Self { lock: Lock::new(), bounds, table }
    }

    pub fn lock(&self) -> &Lock {
        &self.lock
    }
}

impl<P: Platform> Content<P> {
    /// The constants of the module, and the address of its table in them.
    fn parameter_constants(&self, table: &Table) -> (Constants<'_, P::Arch>, u64) {
        let (core, constants) =
            (&self.core.memory, self.parameters.bounds.constants(page_size::<P::Memory>()));
        let start = core.address();
        let address = start.wrapping_add(constants.start as u64);
        let bytes = core.read_only(constants).unwrap_or_default();
        (Constants::new(bytes, address), start.wrapping_add(table.start.into()))
    }

    /// All parameters, as they stand in the module.
    fn raw_parameters(&self) -> impl Iterator<Item = (Raw<'_>, Kind)> {
        let table = self.parameters.table.as_deref();
        table.into_iter().flat_map(|table| {
            let (constants, address) = self.parameter_constants(table);
            table.kinds.iter().enumerate().filter_map(move |(index, kind)| {
                Some((constants.parameter(address, index)?, *kind))
            })
        })
    }
}

impl<P: Platform> Module<P> {
    /// Its parameters, in the order of its table. Of several with one name the first counts.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'_>> {
        self.content().raw_parameters().enumerate().map(|(index, (raw, kind))| Parameter {
            index,
            name: raw.name,
            kind,
            permissions: raw.permissions,
            flags: ParameterFlags::from_bits_truncate(raw.flags),
        })
    }

    /// The parameter of that name; `-` and `_` are one.
    pub fn parameter(&self, name: &[u8]) -> Option<Parameter<'_>> {
        self.parameters().find(|parameter| line::is_same(parameter.name, name))
    }
}
