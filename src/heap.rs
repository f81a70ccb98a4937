//! What is put on the heap, if that has room for it.

use alloc::boxed::Box;
use alloc::collections::TryReserveError;
use alloc::vec::Vec;
use core::alloc::Layout;
use core::fmt;

/// The heap is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl core::error::Error for OutOfMemory {}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of memory")
    }
}

impl From<TryReserveError> for OutOfMemory {
    fn from(_: TryReserveError) -> Self {
        Self
    }
}

/// Puts a value on the heap.
pub(crate) fn boxed<T>(value: T) -> Result<Box<T>, OutOfMemory> {
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: it is not of size 0.
    let room = unsafe { alloc::alloc::alloc(Layout::new::<T>()) }.cast::<T>();
    if room.is_null() {
        return Err(OutOfMemory);
    }
    // SAFETY: this is room for such a value from the heap, and holds one then.
    Ok(unsafe {
        room.write(value);
        Box::from_raw(room)
    })
}

/// Puts a value on the heap if it is needed there.
pub(crate) fn boxed_if<T>(needed: bool, value: T) -> Result<Option<Box<T>>, OutOfMemory> {
    if needed { boxed(value).map(Some) } else { Ok(None) }
}

/// The values without room for more.
pub(crate) fn exact<T>(mut values: Vec<T>) -> Result<Box<[T]>, OutOfMemory> {
    if values.len() != values.capacity() {
        let mut exact = Vec::new();
        exact.try_reserve_exact(values.len())?;
        exact.append(&mut values);
        values = exact;
    }
    Ok(values.into_boxed_slice())
}
