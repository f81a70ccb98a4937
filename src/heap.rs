//! What is put on the heap, if that has room for it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::alloc::Layout;

/// Puts a value on the heap, if that has room for it.
pub(crate) fn boxed<T>(value: T) -> Option<Box<T>> {
    const { assert!(size_of::<T>() != 0) };
    // SAFETY: it is not of size 0.
    let room = unsafe { alloc::alloc::alloc(Layout::new::<T>()) }.cast::<T>();
    // SAFETY: unless it is null, this is room for such a value from the heap, and holds one then.
    (!room.is_null()).then(|| unsafe {
        room.write(value);
        Box::from_raw(room)
    })
}

/// Puts a value on the heap if it is needed there; no value at all if the heap has no room for it.
pub(crate) fn boxed_if<T>(needed: bool, value: T) -> Option<Option<Box<T>>> {
    if needed { boxed(value).map(Some) } else { Some(None) }
}

/// The values without room for more; `None` if that takes memory and the heap has none.
pub(crate) fn exact<T>(mut values: Vec<T>) -> Option<Box<[T]>> {
    if values.len() != values.capacity() {
        let mut exact = Vec::new();
        exact.try_reserve_exact(values.len()).ok()?;
        exact.append(&mut values);
        values = exact;
    }
    Some(values.into_boxed_slice())
}
