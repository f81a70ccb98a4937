//! Bytes that nobody can leave unnoticed.

#[cfg(miri)]
pub(crate) use checked::Guarded;
#[cfg(not(miri))]
pub(crate) use mapped::Guarded;

/// Miri checks all bounds by itself, and cannot map memory.
#[cfg(miri)]
mod checked {
    use std::cell::UnsafeCell;
    use std::ops::Deref;

    /// Plain bytes.
    #[derive(Debug)]
    pub(crate) struct Guarded(Box<[UnsafeCell<u8>]>);

    // SAFETY: sharing the cells is their user's concern.
    unsafe impl Sync for Guarded {}

    impl Guarded {
        /// `size` bytes, each of this value.
        pub fn new(size: usize, value: u8) -> Self {
            let bytes = Box::into_raw(vec![value; size].into_boxed_slice());
            // SAFETY: it was a box a moment ago, and `UnsafeCell<u8>` has the layout of `u8`.
            Self(unsafe { Box::from_raw(bytes as *mut [UnsafeCell<u8>]) })
        }
    }

    impl Deref for Guarded {
        type Target = [UnsafeCell<u8>];

        fn deref(&self) -> &[UnsafeCell<u8>] {
            &self.0
        }
    }
}

#[cfg(not(miri))]
mod mapped {
    use std::cell::UnsafeCell;
    use std::ops::Deref;
    use std::ptr::NonNull;

    /// Bytes with an inaccessible page before and after them, so that whoever leaves them dies.
    /// The last byte is followed by the page at once.
    #[derive(Debug)]
    pub(crate) struct Guarded {
        map: NonNull<u8>,
        map_size: usize,
        offset: usize,
        size: usize,
    }

    // SAFETY: the mapping belongs to this value alone; sharing the cells is their user's concern.
    unsafe impl Send for Guarded {}
    // SAFETY: as above.
    unsafe impl Sync for Guarded {}

    impl Guarded {
        /// `size` bytes, each of this value.
        ///
        /// # Panics
        /// If the system has no memory.
        pub fn new(size: usize, value: u8) -> Self {
            // SAFETY: it only asks.
            let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
            let page = usize::try_from(page).expect("a page size");
            let inner = size.next_multiple_of(page);
            let map_size = inner + 2 * page;
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            // SAFETY: a mapping of its own, at an address of the system's choice.
            let map = unsafe {
                libc::mmap(std::ptr::null_mut(), map_size, libc::PROT_NONE, flags, -1, 0)
            };
            assert_ne!(map, libc::MAP_FAILED, "no {map_size} bytes of memory");
            let map = NonNull::new(map.cast::<u8>()).expect("mmap returns no null pointer");
            // SAFETY: these pages are in the middle of the mapping.
            let opened = unsafe {
                let middle = map.as_ptr().add(page);
                libc::mprotect(middle.cast(), inner, libc::PROT_READ | libc::PROT_WRITE)
            };
            assert_eq!(opened, 0, "no {inner} bytes of memory");
            let guarded = Self { map, map_size, offset: page + inner - size, size };
            // SAFETY: these bytes can be written and nobody has a reference to them.
            unsafe { map.as_ptr().add(guarded.offset).write_bytes(value, size) };
            guarded
        }
    }

    impl Deref for Guarded {
        type Target = [UnsafeCell<u8>];

        fn deref(&self) -> &[UnsafeCell<u8>] {
            // SAFETY: `size` bytes can be read and written from there on, until `self` is dropped.
            unsafe {
                let start = self.map.as_ptr().add(self.offset);
                std::slice::from_raw_parts(start.cast::<UnsafeCell<u8>>(), self.size)
            }
        }
    }

    impl Drop for Guarded {
        fn drop(&mut self) {
            // SAFETY: the mapping is this value's own, and nobody borrows from it.
            let unmapped = unsafe { libc::munmap(self.map.as_ptr().cast(), self.map_size) };
            debug_assert_eq!(unmapped, 0);
        }
    }
}
