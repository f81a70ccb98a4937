//! A kernel that allocates nothing from the heap while a module is loaded.

use crate::real::{Architecture, PAGE};
use modlink::Platform;
use modlink::arch::Arch;
use modlink::platform::{
    AllocateError, Faulted, Level, MemoryRequest, ModuleMemory, ProtectError, ProtectedMemory,
    Protection, ReadOnlyPages, Refusal,
};
use modlink::symbols::{KsymtabError, Symbol};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};

/// The bytes of one piece of memory.
const PIECE: u64 = 1 << 16;

/// How many pieces there are.
const PIECES: u64 = 4;

/// The kernel.
pub struct BareKernel<A> {
    on: Architecture,
    imports: &'static [String],
    /// What else it exports.
    #[cfg(feature = "parameters")]
    more: &'static [&'static str],
    free: Pool,
    arch: PhantomData<A>,
}

type Pool = Arc<Mutex<Vec<Piece>>>;

struct Piece {
    address: u64,
    gives_data: bool,
    bytes: Box<[u8]>,
}

/// Memory of a module, which goes back to the pool. Aligned as nothing else is, so that the layout
/// of a module, which holds it, is that of no other allocation.
#[repr(align(64))]
pub struct Memory {
    piece: Option<Piece>,
    size: usize,
    read_only: ReadOnlyPages,
    home: Pool,
}

impl<A: Arch> BareKernel<A> {
    /// The same kernel exporting these too, with access to the data of modules or without it.
    #[cfg(feature = "parameters")]
    pub fn exporting(on: Architecture, more: &[&'static str], gives_data: bool) -> Self {
        let kernel = Self { more: more.to_vec().leak(), ..Self::new(on) };
        for piece in &mut *kernel.free.lock().unwrap() {
            piece.gives_data = gives_data;
        }
        kernel
    }

    /// A kernel that exports what the real module needs.
    pub fn new(on: Architecture) -> Self {
        let piece = |number| Piece {
            address: on.core() + number * PIECE,
            bytes: vec![0; PIECE as usize].into_boxed_slice(),
            gives_data: false,
        };
        let free = Arc::new(Mutex::new((0..PIECES).map(piece).collect()));
        Self {
            on,
            imports: on.imports(),
            #[cfg(feature = "parameters")]
            more: &[],
            free,
            arch: PhantomData,
        }
    }

    /// How many pieces of memory modules have.
    pub fn pieces_in_use(&self) -> u64 {
        PIECES - self.free.lock().unwrap().len() as u64
    }
}

// SAFETY: no module code runs; a piece is with one owner at a time.
unsafe impl<A: Arch> Platform for BareKernel<A> {
    type Arch = A;
    type Memory = Memory;

    fn kernel(&self) -> RangeInclusive<u64> {
        self.on.kernel()..=self.on.kernel() + 0xffff
    }

    fn allocate(&self, request: &MemoryRequest) -> Result<Memory, AllocateError> {
        assert!(request.size <= PIECE && PIECE.is_multiple_of(request.align));
        let piece = self.free.lock().unwrap().pop().ok_or(AllocateError::Exhausted)?;
        let size = request.size as usize;
        let (read_only, home) = (ReadOnlyPages::default(), self.free.clone());
        Ok(Memory { piece: Some(piece), size, read_only, home })
    }

    fn symbol(&self, wanted: &[u8]) -> Result<Option<Symbol<'_>>, KsymtabError> {
        let name = self.imports.iter().find(|import| import.as_bytes() == wanted);
        #[cfg(feature = "parameters")]
        if let Some(index) = self.more.iter().position(|more| more.as_bytes() == wanted) {
            let address = self.on.kernel() + 0x100 + index as u64;
            return Ok(Some(Symbol::new(self.more[index].as_bytes(), address)));
        }
        let address = self.on.kernel();
        Ok(name.map(|name| Symbol::new(name.as_bytes(), address)))
    }

    fn verify(&self, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    /// Discards it: to keep it would take room from the heap, and no test asks for it.
    fn log(&self, _: Level, _: fmt::Arguments<'_>) {}

    unsafe fn call_init(&self, _entry: u64) -> Result<i32, Faulted> {
        Ok(0)
    }

    unsafe fn call_exit(&self, _entry: u64) -> Result<(), Faulted> {
        Ok(())
    }
}

impl Memory {
    fn piece(&self) -> &Piece {
        self.piece.as_ref().expect("it is there until the end")
    }
}

// SAFETY: the bytes are those of one piece, whoever asks.
unsafe impl ModuleMemory for Memory {
    type Protected = Self;

    const PAGE_SIZE: u64 = PAGE;

    fn address(&self) -> u64 {
        self.piece().address
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let piece = self.piece.as_mut().expect("it is there until the end");
        &mut piece.bytes[..self.size]
    }

    fn protect(mut self, pages: &[(Range<usize>, Protection)]) -> Result<Self, ProtectError> {
        self.read_only = ReadOnlyPages::of(pages);
        Ok(self)
    }
}

// SAFETY: no module code runs, so that nobody writes to any of it.
unsafe impl ProtectedMemory for Memory {
    fn address(&self) -> u64 {
        self.piece().address
    }

    fn read_only(&self, range: Range<usize>) -> Option<&[u8]> {
        if self.read_only.contain(&range) { self.piece().bytes.get(range) } else { None }
    }

    fn data(&self, range: Range<usize>) -> Option<NonNull<u8>> {
        let piece = self.piece();
        let bytes = piece.gives_data.then(|| piece.bytes.get(range)).flatten()?;
        // Nobody else looks at the bytes that a test writes so.
        NonNull::new(bytes.as_ptr().cast_mut())
    }

    fn make_read_only(&self, _pages: Range<usize>) -> Result<(), ProtectError> {
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // The pool has room for all pieces, so that this does not allocate.
        self.home.lock().unwrap().extend(self.piece.take());
    }
}
