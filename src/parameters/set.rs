//! Sets and reads one parameter of a module that is linked.
//!
//! A variable is the module's, which may run meanwhile: it is read and written a word at a time, by
//! volatile accesses, in the architecture's byte order, and what stands there, a pointer or a number
//! of elements, is looked at as what anybody could have written.

use super::layout::{Access, Array, Buffer, Constants, Found, PartAt, Parts, Raw, find_in, word};
use super::strings::{Strings, Text as Kept};
use super::{
    Element, Kind, MAX_STRING, MAX_TEXT, Operations, ParameterError, TEXT_BUFFER, Table, Type,
};
use crate::arch::{Arch, ByteOrder, Word};
use crate::heap::OutOfMemory;
use crate::image::raw::wrap;
use crate::link::Part;
use crate::module::Content;
use crate::platform::{Faulted, Platform, Protected, ProtectedMemory, page_size};
use alloc::vec::Vec;
use core::ffi::CStr;
use core::fmt::{self, Write};
use core::ptr::NonNull;

/// A module whose parameters are set and read, by who has its lock.
pub(super) struct Space<'s, P: Platform> {
    platform: &'s P,
    content: &'s Content<P>,
    table: &'s Table,
    /// The init part, if it has memory of its own that the load has.
    init: Option<&'s Protected<P>>,
    /// Whether this is before the init function runs.
    is_loading: bool,
    parts: Parts,
    constants: Constants<'s, P::Arch>,
    /// The address of the table.
    start: u64,
}

/// Bytes of a module's memory.
struct Spot<'s, M> {
    memory: &'s M,
    offset: usize,
    access: Access,
    /// Where memory of this kind ends.
    end: usize,
    /// Whether it is in another module.
    is_foreign: bool,
}

/// A variable of a type.
#[derive(Clone, Copy)]
struct Variable {
    kind: Type,
    address: u64,
}

impl<'s, P: Platform> Space<'s, P> {
    /// That of a module with a table.
    pub fn new(
        platform: &'s P,
        content: &'s Content<P>,
        init: Option<&'s Protected<P>>,
        is_loading: bool,
    ) -> Option<Self> {
        let table = content.parameters.table.as_deref()?;
        let (constants, start) = content.parameter_constants(table);
        let core = &content.core;
        let parts = Parts {
            core: PartAt {
                start: core.memory.address(),
                size: core.size.into(),
                bounds: content.parameters.bounds,
            },
            init: PartAt { start: core.init, size: core.init_size.into(), bounds: table.init },
            page: page_size::<P::Memory>(),
        };
        Some(Self { platform, content, table, init, is_loading, parts, constants, start })
    }

    /// The parameter of that index.
    pub fn parameter(&self, index: usize) -> Option<(Raw<'s>, Kind)> {
        let kind = self.table.kinds.get(index)?;
        Some((self.constants.parameter(self.start, index)?, *kind))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table.kinds.len()
    }

    /// Sets the parameter of that index.
    ///
    /// # Safety
    /// The caller has the lock of the module, whose functions may be called.
    pub unsafe fn set(&self, index: usize, value: Option<&[u8]>) -> Result<(), ParameterError> {
        let (raw, kind) = self.parameter(index).ok_or(ParameterError::NotFound)?;
        // To the module it is a string.
        let value = value.map(|value| value.split(|byte| *byte == 0).next().unwrap_or_default());
        match kind {
            Kind::Value(kind) => {
                let value = match value {
                    None if kind.takes_no_value() => b"1",
                    value => value.ok_or(ParameterError::NoValue)?,
                };
                let variable = Variable { kind, address: raw.argument };
                // SAFETY: the caller's promise.
                unsafe { self.set_variable(variable, value) }
            }
            Kind::String => self.set_string(&raw, value.ok_or(ParameterError::NoValue)?),
            Kind::Array(element) => {
                let value = value.ok_or(ParameterError::NoValue)?;
                // SAFETY: as above.
                unsafe { self.set_array(&raw, element, value) }
            }
            Kind::Own | Kind::Kernel => {
                let operations = self.operations(raw.operations)?;
                if value.is_none() && !operations.takes_no_value {
                    return Err(ParameterError::NoValue);
                }
                // SAFETY: as above.
                unsafe { self.call_set(operations, value, raw.address) }
            }
        }
    }

    unsafe fn set_variable(&self, variable: Variable, value: &[u8]) -> Result<(), ParameterError> {
        let Variable { kind, address } = variable;
        let long = word::<P::Arch>();
        let size = kind.size(long);
        let spot = self.find(address, size)?;
        if kind == Type::CharP {
            // SAFETY: the caller has the lock.
            return unsafe { self.set_pointer(&variable, &spot, value) };
        }
        let number = kind.parse(value, long)?;
        if kind == Type::BoolEnableOnly && number == 0 {
            let is_enabled = self.load(&spot, size)? != 0;
            return if is_enabled { Err(ParameterError::EnableOnly) } else { Ok(()) };
        }
        self.store(&spot, size, number)
    }

    /// Lets a `char *` point to a copy of a string.
    unsafe fn set_pointer(
        &self,
        variable: &Variable,
        spot: &Spot<'s, Protected<P>>,
        value: &[u8],
    ) -> Result<(), ParameterError> {
        if value.len() > MAX_STRING {
            return Err(ParameterError::TooLong);
        }
        // The other module would have it longer than this one.
        if spot.is_foreign {
            return Err(ParameterError::Foreign);
        }
        // SAFETY: the caller has the lock, and nothing else here has the strings.
        let strings: &mut Strings = unsafe { &mut *self.table.strings.get() };
        let slot = strings.reserve(variable.address)?;
        let text = Kept::new(value)?;
        let address = text.address();
        if address > <P::Arch as Arch>::Word::MAX.into() {
            return Err(ParameterError::Address);
        }
        let old = self.load(spot, word::<P::Arch>())?;
        self.store(spot, word::<P::Arch>(), address)?;
        strings.put(slot, text, old);
        Ok(())
    }

    fn set_string(&self, raw: &Raw<'_>, value: &[u8]) -> Result<(), ParameterError> {
        let buffer = self.constants.buffer(raw.argument);
        let Buffer { size, address } = buffer.ok_or(ParameterError::NotFound)?;
        let needed = value.len().saturating_add(1);
        if needed > size as usize {
            return Err(ParameterError::TooLong);
        }
        let spot = self.find(address, needed)?;
        let to = self.writable(&spot, needed)?;
        for (index, byte) in value.iter().chain(b"\0").enumerate() {
            // SAFETY: there are so many bytes that can be written.
            unsafe { to.add(index).write_volatile(*byte) };
        }
        Ok(())
    }

    unsafe fn set_array(
        &self,
        raw: &Raw<'_>,
        element: Element,
        value: &[u8],
    ) -> Result<(), ParameterError> {
        let array = self.constants.array(raw.argument).ok_or(ParameterError::NotFound)?;
        let mut count = 0_u32;
        self.set_count(&array, count)?;
        let mut set = || {
            for text in value.split(|byte| *byte == b',') {
                if count >= array.most {
                    return Err(ParameterError::TooMany);
                }
                // SAFETY: the caller's promise.
                unsafe { self.set_element(raw, &array, (element, count), text) }?;
                count = count.saturating_add(1);
                self.set_count(&array, count)?;
            }
            Ok(())
        };
        set()
    }

    /// Tells the module how many elements have been set, after each as Linux does: a function of its own
    /// may look.
    fn set_count(&self, array: &Array, count: u32) -> Result<(), ParameterError> {
        match array.count {
            0 => Ok(()),
            address => self.store(&self.find(address, 4)?, 4, count.into()),
        }
    }

    unsafe fn set_element(
        &self,
        raw: &Raw<'_>,
        array: &Array,
        (element, number): (Element, u32),
        text: &[u8],
    ) -> Result<(), ParameterError> {
        let address = array.element(number);
        match element {
            Element::Value(kind) => {
                let variable = Variable { kind, address };
                // SAFETY: the caller's promise.
                unsafe { self.set_variable(variable, text) }
            }
            Element::Own | Element::Kernel => {
                let operations = self.operations(array.operations)?;
                let single = Single::new::<P::Arch>(raw, array.operations, address);
                // SAFETY: as above.
                unsafe { self.call_set(operations, Some(text), single.address()) }
            }
        }
    }

    /// Writes the text of the parameter of that index, as Linux has it in a file: with a line feed, unless
    /// it is an array without elements or the module's own function leaves it out.
    ///
    /// # Safety
    /// As for [`set`](Self::set).
    pub unsafe fn get(&self, index: usize) -> Result<Vec<u8>, ParameterError> {
        let (raw, kind) = self.parameter(index).ok_or(ParameterError::NotFound)?;
        let mut text = Text::default();
        match kind {
            Kind::Value(kind) => {
                let variable = Variable { kind, address: raw.argument };
                // SAFETY: the caller's promise.
                unsafe { self.get_variable(variable, &mut text) }?;
            }
            Kind::String => {
                let buffer = self.constants.buffer(raw.argument);
                let Buffer { size, address } = buffer.ok_or(ParameterError::NotFound)?;
                if size != 0 {
                    self.get_string(address, size as usize, &mut text)?;
                }
                text.push(b"\n");
            }
            // SAFETY: as above.
            Kind::Array(element) => unsafe { self.get_array(&raw, element, &mut text) }?,
            Kind::Own | Kind::Kernel => {
                let operations = self.operations(raw.operations)?;
                // SAFETY: as above.
                unsafe { self.call_get(operations, raw.address, &mut text) }?;
            }
        }
        text.finish()
    }

    unsafe fn get_variable(
        &self,
        variable: Variable,
        text: &mut Text,
    ) -> Result<(), ParameterError> {
        let Variable { kind, address } = variable;
        let long = word::<P::Arch>();
        let size = kind.size(long);
        let value = self.load(&self.find(address, size)?, size)?;
        if kind == Type::CharP {
            // SAFETY: the caller has the lock.
            let strings: &Strings = unsafe { &*self.table.strings.get() };
            match strings.get(address) {
                _ if value == 0 => text.push(b"(null)"),
                Some(kept) if kept.address() == value => {
                    let (start, size) = kept.bytes();
                    // SAFETY: it is kept for as long as the lock is had.
                    unsafe { text.push_until_nul(start, size) };
                }
                _ => self.get_string(value, usize::MAX, text).map_err(|error| match error {
                    ParameterError::Foreign | ParameterError::Gone => ParameterError::Pointer,
                    error => error,
                })?,
            }
        } else if kind.write(value, long, text).is_err() {
            return Err(ParameterError::OutOfMemory);
        }
        text.push(b"\n");
        Ok(())
    }

    /// Writes the string at an address of the module's, or the first bytes of it.
    fn get_string(&self, address: u64, most: usize, text: &mut Text) -> Result<(), ParameterError> {
        let spot = self.find(address, 1)?;
        let most = spot.end.saturating_sub(spot.offset).min(most).min(MAX_TEXT);
        if spot.access == Access::Constants {
            let range = spot.offset..spot.offset.saturating_add(most);
            let bytes = spot.memory.read_only(range).ok_or(ParameterError::Pointer)?;
            text.push(bytes.split(|byte| *byte == 0).next().unwrap_or_default());
            return Ok(());
        }
        let start = self.readable(&spot, most)?;
        // SAFETY: there are so many bytes that can be read.
        unsafe { text.push_until_nul(start, most) };
        Ok(())
    }

    unsafe fn get_array(
        &self,
        raw: &Raw<'_>,
        element: Element,
        text: &mut Text,
    ) -> Result<(), ParameterError> {
        let array = self.constants.array(raw.argument).ok_or(ParameterError::NotFound)?;
        for number in 0..self.count_of(&array)? {
            // Each line feed becomes a comma.
            if number != 0 {
                text.replace_last(b',');
            }
            let address = array.element(number);
            match element {
                Element::Value(kind) => {
                    let variable = Variable { kind, address };
                    // SAFETY: the caller's promise.
                    unsafe { self.get_variable(variable, text) }?;
                }
                Element::Own | Element::Kernel => {
                    let operations = self.operations(array.operations)?;
                    let single = Single::new::<P::Arch>(raw, array.operations, address);
                    // SAFETY: as above.
                    unsafe { self.call_get(operations, single.address(), text) }?;
                }
            }
            if text.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// How many elements an array has now.
    fn count_of(&self, array: &Array) -> Result<u32, ParameterError> {
        if array.count == 0 {
            return Ok(array.most);
        }
        let count = self.load(&self.find(array.count, 4)?, 4)?;
        Ok((count as u32).min(array.most))
    }

    /// Lets the module free what its own operations have for the parameter of that index.
    ///
    /// # Safety
    /// As for [`set`](Self::set).
    pub unsafe fn free(&self, index: usize) -> Result<(), Faulted> {
        let Some((raw, kind)) = self.parameter(index) else { return Ok(()) };
        let call = |operations, variable| match self.operations(operations) {
            Ok(Operations { free, .. }) if free != 0 && self.may_call(free) => {
                // SAFETY: the caller's promise.
                unsafe { self.platform.call_parameter_free(free, variable) }
            }
            _ => Ok(()),
        };
        match kind {
            Kind::Own | Kind::Kernel => call(raw.operations, raw.argument),
            Kind::Array(Element::Own | Element::Kernel) => {
                let Some(array) = self.constants.array(raw.argument) else { return Ok(()) };
                let count = self.count_of(&array).unwrap_or(0);
                (0..count).try_for_each(|number| call(array.operations, array.element(number)))
            }
            _ => Ok(()),
        }
    }

    /// The operations at an address, which are the module's own or the kernel's.
    fn operations(&self, address: u64) -> Result<Operations, ParameterError> {
        let own = self.constants.operations(address).filter(|_| self.parts.contain(address));
        let operations = own.or_else(|| self.platform.parameter_type(address));
        operations.ok_or(ParameterError::NoFunction)
    }

    /// Whether a function is there: not if it is in the init part and this is not before init.
    fn may_call(&self, function: u64) -> bool {
        let found = self.parts.find(function, 1);
        self.is_loading || found.is_none_or(|found| found.part == Part::Core)
    }

    fn callable(&self, function: u64) -> Result<u64, ParameterError> {
        match function {
            0 => Err(ParameterError::NoFunction),
            function if self.may_call(function) => Ok(function),
            _ => Err(ParameterError::Gone),
        }
    }

    unsafe fn call_set(
        &self,
        operations: Operations,
        value: Option<&[u8]>,
        parameter: u64,
    ) -> Result<(), ParameterError> {
        let function = self.callable(operations.set)?;
        let mut copy = Vec::new();
        let value = match value {
            None => None,
            Some(value) => {
                let size = value.len().saturating_add(1);
                copy.try_reserve_exact(size).map_err(OutOfMemory::from)?;
                copy.extend_from_slice(value);
                copy.push(0);
                Some(CStr::from_bytes_until_nul(&copy).map_err(|_| ParameterError::Invalid)?)
            }
        };
        // SAFETY: the function is one that the module's operations name, which were checked.
        match unsafe { self.platform.call_parameter_set(function, value, parameter) } {
            Ok(0) => Ok(()),
            Ok(status) => Err(ParameterError::Function(status)),
            Err(Faulted) => Err(ParameterError::Faulted),
        }
    }

    unsafe fn call_get(
        &self,
        operations: Operations,
        parameter: u64,
        text: &mut Text,
    ) -> Result<(), ParameterError> {
        let function = self.callable(operations.get)?;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(TEXT_BUFFER).map_err(OutOfMemory::from)?;
        buffer.resize(TEXT_BUFFER, 0);
        // SAFETY: as for a function that sets.
        match unsafe { self.platform.call_parameter_get(function, &mut buffer, parameter) } {
            Ok(length) if length >= 0 => {
                text.push(buffer.get(..length as usize).unwrap_or(&buffer));
                Ok(())
            }
            Ok(status) => Err(ParameterError::Function(status)),
            Err(Faulted) => Err(ParameterError::Faulted),
        }
    }

    /// Where so many bytes of a variable are.
    fn find(&self, address: u64, size: usize) -> Result<Spot<'s, Protected<P>>, ParameterError> {
        let core = &self.content.core;
        if let Some(Found { part, offset, access, end }) = self.parts.find(address, size as u64) {
            // An init part in the same block stays.
            let (memory, start) = match part {
                Part::Core => (Some(&core.memory), 0),
                Part::Init if core.contiguous => (Some(&core.memory), core.size as usize),
                Part::Init => (self.init, 0),
            };
            let memory = memory.ok_or(ParameterError::Gone)?;
            let (offset, end) =
                (start.saturating_add(offset as usize), start.saturating_add(end as usize));
            return Ok(Spot { memory, offset, access, end, is_foreign: false });
        }
        let used = self.content.uses.iter().find_map(|used| {
            let Found { offset, access, end, .. } = find_in(used, address, size as u64)?;
            let (memory, offset, end) =
                (&used.content().core.memory, offset as usize, end as usize);
            Some(Spot { memory, offset, access, end, is_foreign: true })
        });
        used.ok_or(ParameterError::Foreign)
    }

    fn readable(
        &self,
        spot: &Spot<'s, Protected<P>>,
        size: usize,
    ) -> Result<NonNull<u8>, ParameterError> {
        if spot.access == Access::Text {
            return Err(ParameterError::Pointer);
        }
        let range = spot.offset..spot.offset.saturating_add(size);
        spot.memory.data(range).ok_or(ParameterError::NoAccess)
    }

    fn writable(
        &self,
        spot: &Spot<'s, Protected<P>>,
        size: usize,
    ) -> Result<NonNull<u8>, ParameterError> {
        match spot.access {
            Access::Data => {}
            Access::AfterInit if self.is_loading && !spot.is_foreign => {}
            _ => return Err(ParameterError::ReadOnly),
        }
        self.readable(spot, size)
    }

    fn load(&self, spot: &Spot<'s, Protected<P>>, size: usize) -> Result<u64, ParameterError> {
        let from = self.readable(spot, size)?;
        // SAFETY: there are so many bytes that can be read.
        Ok(unsafe { load::<P::Arch>(from, size) })
    }

    fn store(
        &self,
        spot: &Spot<'s, Protected<P>>,
        size: usize,
        value: u64,
    ) -> Result<(), ParameterError> {
        let to = self.writable(spot, size)?;
        // SAFETY: there are so many bytes that can be written.
        unsafe { store::<P::Arch>(to, size, value) };
        Ok(())
    }
}

/// A `struct kernel_param` for an element of an array, which is on the stack for a call.
#[repr(C, align(8))]
struct Single([u8; 40]);

impl Single {
    /// That of a parameter, with operations and a variable of its own.
    fn new<A: Arch>(raw: &Raw<'_>, operations: u64, variable: u64) -> Self {
        let word = word::<A>();
        let mut bytes = [0; 40];
        bytes.iter_mut().zip(raw.bytes).for_each(|(to, from)| *to = *from);
        let last = raw.bytes.len().saturating_sub(word);
        for (offset, value) in [(word.saturating_mul(2), operations), (last, variable)] {
            let field = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..word));
            let value = ordered::<A>(wrap::<A>(value), word);
            for (to, from) in field.into_iter().flatten().zip(value) {
                *to = from;
            }
        }
        Self(bytes)
    }

    fn address(&self) -> u64 {
        (&raw const *self).expose_provenance() as u64
    }
}

/// The lowest `size` bytes of a value, as they stand in memory.
fn ordered<A: Arch>(value: u64, size: usize) -> [u8; 8] {
    match A::ORDER {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => {
            let unused = 64_u32.wrapping_sub((size as u32).wrapping_mul(8));
            value.wrapping_shl(unused).to_be_bytes()
        }
    }
}

/// Reads and writes bytes by words of these types, each as wide as there is room for and as the address
/// allows.
macro_rules! by_words {
    ($($word:ident)*) => {
        /// The first `size` of these bytes.
        ///
        /// # Safety
        /// So many can be read by volatile accesses.
        unsafe fn read(from: NonNull<u8>, size: usize) -> [u8; 8] {
            let (mut bytes, mut offset) = ([0; 8], 0_usize);
            while offset < size.min(bytes.len()) {
                let left = size.wrapping_sub(offset);
                // SAFETY: it is within the bytes.
                let from = unsafe { from.add(offset) };
                $(if left >= size_of::<$word>() && from.cast::<$word>().is_aligned() {
                    // SAFETY: the caller's promise.
                    let word = unsafe { from.cast::<$word>().read_volatile() }.to_ne_bytes();
                    bytes.iter_mut().skip(offset).zip(word).for_each(|(to, from)| *to = from);
                    offset = offset.wrapping_add(size_of::<$word>());
                    continue;
                })*
            }
            bytes
        }

        /// Writes the first `size` of these bytes.
        ///
        /// # Safety
        /// So many can be written by volatile accesses.
        unsafe fn write(to: NonNull<u8>, size: usize, bytes: [u8; 8]) {
            let mut offset = 0_usize;
            while offset < size.min(bytes.len()) {
                let left = size.wrapping_sub(offset);
                // SAFETY: it is within the bytes.
                let to = unsafe { to.add(offset) };
                $(if left >= size_of::<$word>() && to.cast::<$word>().is_aligned() {
                    let mut word = [0; size_of::<$word>()];
                    word.iter_mut().zip(bytes.iter().skip(offset)).for_each(|(to, from)| *to = *from);
                    // SAFETY: the caller's promise.
                    unsafe { to.cast::<$word>().write_volatile($word::from_ne_bytes(word)) };
                    offset = offset.wrapping_add(size_of::<$word>());
                    continue;
                })*
            }
        }
    };
}
by_words!(u64 u32 u16 u8);

/// The number in so many bytes, at most 8.
///
/// # Safety
/// They can be read by volatile accesses.
unsafe fn load<A: Arch>(from: NonNull<u8>, size: usize) -> u64 {
    // SAFETY: the caller's promise.
    let bytes = unsafe { read(from, size) };
    match A::ORDER {
        ByteOrder::Little => u64::from_le_bytes(bytes),
        ByteOrder::Big => {
            let unused = 64_u32.wrapping_sub((size as u32).wrapping_mul(8));
            u64::from_be_bytes(bytes).wrapping_shr(unused)
        }
    }
}

/// Writes a number to so many bytes, at most 8.
///
/// # Safety
/// They can be written by volatile accesses.
unsafe fn store<A: Arch>(to: NonNull<u8>, size: usize, value: u64) {
    // SAFETY: the caller's promise.
    unsafe { write(to, size, ordered::<A>(value, size)) };
}

/// The text of a parameter in the making, of at most [`MAX_TEXT`] bytes.
#[derive(Default)]
struct Text {
    bytes: Vec<u8>,
    is_out_of_memory: bool,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        let room = MAX_TEXT.saturating_sub(self.bytes.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        if self.bytes.try_reserve(bytes.len()).is_err() {
            self.is_out_of_memory = true;
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the bytes from there on before a NUL, or all.
    ///
    /// # Safety
    /// So many can be read by volatile accesses.
    unsafe fn push_until_nul(&mut self, start: NonNull<u8>, size: usize) {
        for index in 0..size {
            // SAFETY: the caller's promise.
            let byte = unsafe { start.add(index).read_volatile() };
            if byte == 0 || self.is_full() {
                break;
            }
            self.push(&[byte]);
        }
    }

    fn replace_last(&mut self, byte: u8) {
        if let Some(last) = self.bytes.last_mut() {
            *last = byte;
        }
    }

    fn is_full(&self) -> bool {
        self.is_out_of_memory || self.bytes.len() >= MAX_TEXT
    }

    fn finish(self) -> Result<Vec<u8>, ParameterError> {
        if self.is_out_of_memory { Err(ParameterError::OutOfMemory) } else { Ok(self.bytes) }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        if self.is_out_of_memory { Err(fmt::Error) } else { Ok(()) }
    }
}
