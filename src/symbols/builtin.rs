//! The kernel's own table of exported symbols.
//!
//! [`export!`](crate::export) puts an entry for each into the section `modlink_ksymtab`, wherever
//! in the kernel it stands that is linked, and [`Ksymtab::linked`] finds what the linker has made of them. A kernel
//! that would rather write the table down has [`Ksymtab::new`].

use super::Symbol;
use super::index::{Index, hash};
use crate::heap::{OutOfMemory, boxed};
use crate::image::MAX_SYMBOL_NAME;
use crate::sync::{AtomicPtr, Ordering};
use alloc::boxed::Box;
#[cfg(feature = "versions")]
use alloc::vec::Vec;
use core::{fmt, ptr};

/// An entry of the kernel's table.
#[derive(Debug)]
#[repr(C)]
pub struct KernelSymbol {
    address: *const u8,
    name: &'static str,
    namespace: Option<&'static &'static str>,
    gpl_only: bool,
}

// SAFETY: the pointer is only ever turned into a number.
unsafe impl Sync for KernelSymbol {}
// SAFETY: as above.
unsafe impl Send for KernelSymbol {}

impl KernelSymbol {
    /// An entry for every module, of a symbol in no namespace.
    ///
    /// # Safety
    /// For as long as the table is in use, at `address` is what modules take the symbol of this
    /// name for: a function of the calling convention that they use, or a variable.
    pub const unsafe fn new(name: &'static str, address: *const u8) -> Self {
        Self { address, name, namespace: None, gpl_only: false }
    }

    /// The same for modules under a licence compatible with the GPL alone.
    pub const fn gpl_only(self) -> Self {
        Self { gpl_only: true, ..self }
    }

    /// The same in a namespace, which a module has to import.
    pub const fn in_namespace(self, namespace: &'static &'static str) -> Self {
        Self { namespace: Some(namespace), ..self }
    }

    /// The address of a variable that may be shared; for [`export!`](crate::export).
    #[doc(hidden)]
    pub const fn address_of<T: Sync>(variable: &'static T) -> *const u8 {
        (&raw const *variable).cast()
    }

    /// The entry that is in the linked table even if nothing is exported. No symbol has no name.
    fn is_none(&self) -> bool {
        self.name.is_empty()
    }
}

/// The kernel's own exported symbols, with an index by which they are found.
#[derive(Debug)]
pub struct Ksymtab {
    symbols: &'static [KernelSymbol],
    index: Index,
    /// The versions of the symbols; empty if they have none.
    #[cfg(feature = "versions")]
    versions: Vec<Option<u32>>,
}

/// What is wrong with the kernel's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KsymtabError {
    /// The symbol of this name is exported twice.
    Duplicate(&'static str),
    /// An entry, the first of which is 0, has no name: no module asks for such a symbol.
    Unnamed(usize),
    /// The symbol of this name can be asked for by no module: a name has at most
    /// [`MAX_SYMBOL_NAME`] bytes.
    NameTooLong(&'static str),
    /// There is something in the section `modlink_ksymtab` that [`export!`](crate::export) has not
    /// put there: its size in bytes, which is not that of whole entries.
    Size(usize),
    /// The names of too many symbols have the hash of this one.
    Collision(&'static str),
    /// The symbol of this name has two versions.
    #[cfg(feature = "versions")]
    Versions(&'static str),
    /// The heap has no room for the index.
    OutOfMemory,
}

impl From<OutOfMemory> for KsymtabError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl core::error::Error for KsymtabError {}

impl fmt::Display for KsymtabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "the kernel exports {name} twice"),
            Self::Unnamed(index) => write!(f, "entry {index} of the kernel's exports has no name"),
            Self::NameTooLong(name) => {
                let length = name.len();
                write!(f, "the kernel exports a symbol whose name has {length} bytes, of which ")?;
                write!(f, "{MAX_SYMBOL_NAME} can be asked for: {name:.64}…")
            }
            Self::Size(size) => {
                write!(f, "section modlink_ksymtab has {size} bytes, which are not whole entries")
            }
            Self::Collision(name) => {
                write!(f, "the kernel exports too many symbols with the hash of {name}")
            }
            #[cfg(feature = "versions")]
            Self::Versions(name) => write!(f, "the kernel gives {name} two versions"),
            Self::OutOfMemory => f.write_str("no memory for an index of the kernel's symbols"),
        }
    }
}

impl Ksymtab {
    /// The table of what the kernel [exports](crate::export!), as it has been linked. The first call
    /// makes it, or finds out what is wrong with it, and has to come from a thread: the index takes six
    /// bytes of the heap for a symbol. After that it returns the same from any context. A call that
    /// finds the heap exhausted counts for nothing: the next one is the first again.
    ///
    /// The kernel defines no symbols for this: linkers for ELF make `__start_modlink_ksymtab` and
    /// `__stop_modlink_ksymtab` of the section's name.
    ///
    /// # Errors
    /// [`KsymtabError`] says why there is none.
    // Linkers for other formats know no such symbols.
    #[cfg(not(any(target_vendor = "apple", windows)))]
    pub fn linked() -> Result<&'static Self, KsymtabError> {
        Self::made_once(|| Self::of(Self::entries()?))
    }

    /// As [`linked`](Self::linked), with [`versions`](Self::with_versions). The first call of either makes
    /// the table that both return.
    ///
    /// # Errors
    /// [`KsymtabError`] says why there is none.
    #[cfg(all(feature = "versions", not(any(target_vendor = "apple", windows))))]
    pub fn linked_with(
        versions: &'static [(&'static str, u32)],
    ) -> Result<&'static Self, KsymtabError> {
        Self::made_once(|| Self::of(Self::entries()?)?.with_versions(versions))
    }

    #[cfg(not(any(target_vendor = "apple", windows)))]
    fn made_once(
        make: impl FnOnce() -> Result<Self, KsymtabError>,
    ) -> Result<&'static Self, KsymtabError> {
        type Made = Result<Ksymtab, KsymtabError>;
        static TABLE: AtomicPtr<Made> = AtomicPtr::new(ptr::null_mut());
        // SAFETY: what is there is a box that has been leaked.
        let made = || unsafe { TABLE.load(Ordering::Acquire).as_ref::<'static>() };
        if made().is_none() {
            let new = match make() {
                Err(KsymtabError::OutOfMemory) => Err(OutOfMemory),
                new => boxed(new),
            };
            // If there is no room for it, another thread may have had some.
            if let Ok(new) = new.map(Box::into_raw) {
                let (none, success) = (ptr::null_mut(), Ordering::Release);
                if TABLE.compare_exchange(none, new, success, Ordering::Relaxed).is_err() {
                    // SAFETY: another thread was first, and nobody has seen this one.
                    drop(unsafe { Box::from_raw(new) });
                }
            }
        }
        made().ok_or(OutOfMemory)?.as_ref().map_err(|error| *error)
    }

    /// What the linker has put between the symbols that it makes.
    #[cfg(not(any(target_vendor = "apple", windows)))]
    fn entries() -> Result<&'static [KernelSymbol], KsymtabError> {
        unsafe extern "C" {
            #[link_name = "__start_modlink_ksymtab"]
            static START: [u8; 0];
            #[link_name = "__stop_modlink_ksymtab"]
            static STOP: [u8; 0];
        }
        /// Makes the section be there.
        #[used]
        #[unsafe(link_section = "modlink_ksymtab")]
        // SAFETY: it is never found.
        static NONE: KernelSymbol = unsafe { KernelSymbol::new("", (&raw const NONE).cast()) };

        let (start, stop) = ((&raw const START).cast::<KernelSymbol>(), &raw const STOP);
        // A script may set the first symbol where something of another alignment has ended; the
        // first entry is at the first address where one can be.
        let misfit = start.addr().wrapping_neg() & align_of::<KernelSymbol>().wrapping_sub(1);
        let start = start.wrapping_byte_add(misfit);
        let size = stop.addr().saturating_sub(start.addr());
        let count = size.checked_div(size_of::<KernelSymbol>()).unwrap_or(0);
        if count.checked_mul(size_of::<KernelSymbol>()) != Some(size) {
            return Err(KsymtabError::Size(size));
        }
        // SAFETY: the linker puts nothing but entries between the two, which are constants of the
        // kernel's image, and all of which have this alignment and a size that is a multiple of it.
        Ok(unsafe { core::slice::from_raw_parts(start, count) })
    }

    /// The table of these entries, in any order: for kernels that write them down in one place,
    /// without [`export!`](crate::export), sections and linker scripts. From a
    /// thread: the index takes six bytes of the heap for a symbol.
    ///
    /// ```
    /// use modlink::symbols::{KernelSymbol, Ksymtab};
    ///
    /// extern "C" fn uptime() -> u64 {
    ///     42
    /// }
    ///
    /// // SAFETY: each is a function in C's calling convention, or a variable, and stays.
    /// static EXPORTED: [KernelSymbol; 2] = unsafe {
    ///     [
    ///         KernelSymbol::new("uptime", uptime as *const u8),
    ///         KernelSymbol::new("task_uptime", uptime as *const u8).gpl_only().in_namespace(&"TASKS"),
    ///     ]
    /// };
    ///
    /// let table = Ksymtab::new(&EXPORTED).unwrap();
    /// assert_eq!(table.find(b"task_uptime").unwrap().namespace, b"TASKS");
    /// ```
    ///
    /// # Errors
    /// All of [`KsymtabError`] but [`Size`](KsymtabError::Size).
    pub fn new(symbols: &'static [KernelSymbol]) -> Result<Self, KsymtabError> {
        let unnamed = symbols.iter().position(KernelSymbol::is_none);
        unnamed.map_or(Ok(()), |index| Err(KsymtabError::Unnamed(index)))?;
        Self::of(symbols)
    }

    /// The table of these entries, of which those without a name count for nothing.
    fn of(symbols: &'static [KernelSymbol]) -> Result<Self, KsymtabError> {
        Self::with_room(symbols, symbols.len()).or_else(|error| match error {
            // In twice the room there is a slot for names that had none.
            KsymtabError::Collision(_) => Self::with_room(symbols, symbols.len().saturating_mul(2)),
            error => Err(error),
        })
    }

    fn with_room(symbols: &'static [KernelSymbol], room: usize) -> Result<Self, KsymtabError> {
        let index = Index::with_room(room)?;
        let mut table = Self {
            symbols,
            index,
            #[cfg(feature = "versions")]
            versions: Vec::new(),
        };
        for symbol in symbols {
            if symbol.is_none() {
                table.index.skip();
                continue;
            }
            if symbol.name.len() > MAX_SYMBOL_NAME {
                return Err(KsymtabError::NameTooLong(symbol.name));
            }
            let hash = hash(symbol.name.as_bytes());
            if table.find_hashed(symbol.name.as_bytes(), hash).is_some() {
                return Err(KsymtabError::Duplicate(symbol.name));
            }
            table.index.push(hash).ok_or(KsymtabError::Collision(symbol.name))?;
        }
        Ok(table)
    }

    /// The same table with these versions: names of symbols with CRCs, in any order, such as a build
    /// script makes of a [`Module.symvers`](super::symvers). What is not in the table is passed over, and
    /// what has no version is not compared. From a thread: it takes eight bytes of the heap for a symbol.
    ///
    /// # Errors
    /// [`KsymtabError::Versions`] and [`KsymtabError::OutOfMemory`].
    #[cfg(feature = "versions")]
    pub fn with_versions(mut self, versions: &[(&str, u32)]) -> Result<Self, KsymtabError> {
        self.versions.clear();
        self.versions.try_reserve_exact(self.symbols.len()).map_err(OutOfMemory::from)?;
        self.versions.resize(self.symbols.len(), None);
        for (name, crc) in versions {
            let found = self.position(name.as_bytes(), hash(name.as_bytes()));
            let Some((position, symbol)) = found else { continue };
            let Some(version) = self.versions.get_mut(position) else { continue };
            if version.is_some_and(|version| version != *crc) {
                return Err(KsymtabError::Versions(symbol.name));
            }
            *version = Some(*crc);
        }
        Ok(self)
    }

    /// How many symbols the kernel exports.
    pub fn len(&self) -> usize {
        self.symbols.iter().filter(|symbol| !symbol.is_none()).count()
    }

    /// Whether the kernel exports nothing.
    pub fn is_empty(&self) -> bool {
        self.symbols.iter().all(KernelSymbol::is_none)
    }

    /// The symbol of that name.
    pub fn find(&self, name: &[u8]) -> Option<Symbol<'static>> {
        let (position, symbol) = self.position(name, hash(name))?;
        Some(self.symbol(position, symbol))
    }

    /// All symbols, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = Symbol<'static>> {
        let symbols = self.symbols.iter().enumerate().filter(|(_, symbol)| !symbol.is_none());
        symbols.map(|(position, symbol)| self.symbol(position, symbol))
    }

    #[inline(always)]
    fn symbol(&self, _position: usize, symbol: &KernelSymbol) -> Symbol<'static> {
        let KernelSymbol { address, name, namespace, gpl_only } = symbol;
        Symbol {
            name: name.as_bytes(),
            address: *address as usize as u64,
            gpl_only: *gpl_only,
            namespace: namespace.map_or(b"", |namespace| namespace.as_bytes()),
            #[cfg(feature = "versions")]
            crc: self.versions.get(_position).copied().flatten(),
        }
    }

    fn find_hashed(&self, name: &[u8], hash: u32) -> Option<&'static KernelSymbol> {
        self.position(name, hash).map(|(_, symbol)| symbol)
    }

    /// The entry of that name and its index.
    #[inline]
    fn position(&self, name: &[u8], hash: u32) -> Option<(usize, &'static KernelSymbol)> {
        let mut found = None;
        self.index.find(hash, &mut |position| {
            let position = position as usize;
            let symbol = self.symbols.get(position);
            let symbol = symbol.filter(|symbol| symbol.name.as_bytes() == name);
            found = symbol.map(|symbol| (position, symbol));
            found.is_some()
        });
        found
    }
}

/// Exports a function or a variable of the kernel to modules.
///
/// A module finds it by the name that stands first, an identifier or a string, whatever it is
/// called in the kernel's object code; `=` says what it is called in Rust, if that is different.
///
/// ```
/// use core::ffi::c_int;
/// use core::sync::atomic::AtomicU32;
///
/// extern "C" fn uptime() -> u64 {
///     42
/// }
/// extern "C" fn give_way(_times: c_int) {}
/// static BOOTS: AtomicU32 = AtomicU32::new(1);
///
/// modlink::export!(fn uptime() -> u64);
/// modlink::export!(fn "yield"(c_int) = give_way);
/// modlink::export!(static boots = BOOTS);
/// ```
///
/// - `gpl` before it: only modules under a licence compatible with the GPL may use it.
/// - `in "NAMESPACE"` before it, after `gpl`: only modules that import that namespace may.
///
/// ```
/// # extern "C" fn uptime() -> u64 { 42 }
/// modlink::export!(gpl fn task_uptime() -> u64 = uptime);
/// modlink::export!(in "TASKS" fn own_uptime() -> u64 = uptime);
/// modlink::export!(gpl in "TASKS" fn any_uptime() -> u64 = uptime);
/// ```
///
/// # Who vouches for what
/// The compiler, that a function is `extern "C"`, of the type that stands here, and that a variable
/// is one that may be shared (`Sync`). Who has a module loaded, that it was compiled for that type
/// and that convention. Anything else is a promise, made with `unsafe`: what is written in assembly,
/// is a `static mut`, or takes its arguments elsewhere than `extern "C"` does, as functions for
/// modules of Linux on i386, which are compiled with `-mregparm=3`, have to.
///
/// ```
/// unsafe extern "C" {
///     fn __muldi3(left: i64, right: i64) -> i64;
/// }
/// // SAFETY: libgcc's, which modules know.
/// modlink::export!(unsafe fn __muldi3);
/// # #[unsafe(export_name = "__muldi3")] extern "C" fn multiply(left: i64, right: i64) -> i64 { left * right }
/// ```
///
/// ```compile_fail,E0308
/// fn uptime() -> u64 {
///     42
/// }
/// modlink::export!(fn uptime() -> u64); // it is not extern "C"
/// ```
///
/// ```compile_fail,E0133
/// static mut BOOTS: u32 = 1;
/// modlink::export!(static boots = BOOTS); // nobody says that it may be shared
/// ```
///
/// # Linking
/// Entries go into the section `modlink_ksymtab`, which needs no linker script: it is marked to be
/// kept (`SHF_GNU_RETAIN`), and GNU ld and LLD make the symbols by which it is found. That keeps what the
/// linker has taken; whether it takes an object is another question: a crate that does nothing but export
/// has to be named (`use exports as _;`), and of a kernel that is a `staticlib` for another linker the whole
/// archive has to be taken (`--whole-archive`).
///
/// A script that discards what it does not name takes `ksymtab.ld`, a file that lies beside this one in the
/// crate's source; without, linking fails with `undefined reference to __start_modlink_ksymtab`:
///
/// ```text
#[doc = include_str!("ksymtab.ld")]
/// ```
#[macro_export]
macro_rules! export {
    (@kind $how:tt fn $name:ident ($($argument:tt)*) $(-> $result:ty)?) => {
        $crate::export!(@kind $how fn $name ($($argument)*) $(-> $result)? = $name);
    };
    (@kind $how:tt fn $name:tt ($($argument:tt)*) $(-> $result:ty)? = $item:path) => {
        $crate::export!(@entry $how $name, {
            const FUNCTION: unsafe extern "C" fn($($argument)*) $(-> $result)? = $item;
            FUNCTION as *const u8
        });
    };
    (@kind $how:tt static $name:ident) => { $crate::export!(@kind $how static $name = $name); };
    (@kind $how:tt static $name:tt = $item:path) => {
        $crate::export!(@entry $how $name, $crate::symbols::KernelSymbol::address_of(&$item));
    };
    (@kind $how:tt unsafe fn $name:ident) => {
        $crate::export!(@kind $how unsafe fn $name = $name);
    };
    (@kind $how:tt unsafe fn $name:tt = $item:path) => {
        $crate::export!(@entry $how $name, $item as *const u8);
    };
    (@kind $how:tt unsafe static $name:ident) => {
        $crate::export!(@kind $how unsafe static $name = $name);
    };
    (@kind $how:tt unsafe static $name:tt = $item:path) => {
        $crate::export!(@entry $how $name, (&raw const $item).cast::<u8>());
    };
    (@entry [$($how:tt)*] $name:tt, $address:expr) => {
        const _: () = {
            const NAME: &str = $crate::export!(@name $name);
            const _: () = ::core::assert!(!NAME.is_empty(), "an exported symbol has a name");
            const _: () = ::core::assert!(
                NAME.len() <= $crate::image::MAX_SYMBOL_NAME,
                "no module can ask for a name that long"
            );
            #[used]
            #[unsafe(link_section = "modlink_ksymtab")]
            static ENTRY: $crate::symbols::KernelSymbol = {
                let address = $address;
                // SAFETY: it is of the kind that has been checked, or that the caller vouches for,
                // and stays for as long as the kernel does.
                unsafe { $crate::symbols::KernelSymbol::new(NAME, address) } $($how)*
            };
        };
    };
    (@name $name:literal) => { $name };
    (@name $name:ident) => { ::core::stringify!($name) };
    (@$($what:tt)*) => { ::core::compile_error!("a name of a symbol, `(` and `)`, or `=` is missing"); };
    (gpl in $namespace:literal $($what:tt)+) => {
        $crate::export!(@kind [.gpl_only().in_namespace(&$namespace)] $($what)+);
    };
    (gpl $($what:tt)+) => { $crate::export!(@kind [.gpl_only()] $($what)+); };
    (in $namespace:literal $($what:tt)+) => {
        $crate::export!(@kind [.in_namespace(&$namespace)] $($what)+);
    };
    ($($what:tt)+) => { $crate::export!(@kind [] $($what)+); };
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const fn symbol(name: &'static str, address: usize) -> KernelSymbol {
        // SAFETY: nobody uses it.
        unsafe { KernelSymbol::new(name, core::ptr::without_provenance(address)) }
    }

    #[test]
    fn finds_every_symbol_of_a_table_in_any_order_and_nothing_else() {
        static TABLE: [KernelSymbol; 4] = [
            symbol("b", 1),
            symbol("ab", 2).gpl_only(),
            symbol("a", 4).in_namespace(&"N"),
            symbol("yield", 5).gpl_only().in_namespace(&"N"),
        ];
        let table = Ksymtab::new(&TABLE).unwrap();
        assert_eq!((table.len(), table.is_empty()), (4, false));
        for (name, address, gpl_only, namespace) in [
            ("b", 1, false, ""),
            ("ab", 2, true, ""),
            ("a", 4, false, "N"),
            ("yield", 5, true, "N"),
        ] {
            let (name, namespace) = (name.as_bytes(), namespace.as_bytes());
            let mut symbol = Symbol::new(name, address).in_namespace(namespace);
            symbol.gpl_only = gpl_only;
            assert_eq!(table.find(name), Some(symbol));
        }
        for name in ["", "A", "aa", "abc", "c"] {
            assert_eq!(table.find(name.as_bytes()), None);
        }
    }

    #[cfg(feature = "versions")]
    #[test]
    fn a_symbol_has_the_version_that_a_table_in_any_order_gives_it_and_no_two() {
        static TABLE: [KernelSymbol; 4] =
            [symbol("b", 1), symbol("", 2), symbol("a", 3), symbol("c", 4)];
        let with = |versions| Ksymtab::of(&TABLE).unwrap().with_versions(versions);
        let table = with(&[("d", 1), ("c", 0), ("b", u32::MAX), ("", 2), ("b", u32::MAX)]).unwrap();
        let versions = ["a", "b", "c"].map(|name| table.find(name.as_bytes()).unwrap().crc);
        assert_eq!(versions, [None, Some(u32::MAX), Some(0)]);
        let error = with(&[("b", 1), ("c", 1), ("b", 2)]).unwrap_err();
        assert_eq!(error, KsymtabError::Versions("b"));
        assert_eq!(error.to_string(), "the kernel gives b two versions");
        assert_eq!(Ksymtab::of(&TABLE).unwrap().find(b"b").unwrap().crc, None);
    }

    #[test]
    fn a_table_with_nothing_in_it_finds_nothing() {
        static NOTHING: [KernelSymbol; 2] = [symbol("", 1), symbol("", 2)];
        for table in [&NOTHING[..], &[]] {
            let table = Ksymtab::of(table).unwrap();
            assert!(table.is_empty());
            assert_eq!((table.len(), table.find(b"")), (0, None));
        }
    }

    #[test]
    fn rejects_a_table_with_an_entry_without_a_name() {
        static UNNAMED: [KernelSymbol; 2] = [symbol("a", 1), symbol("", 2)];
        let error = Ksymtab::new(&UNNAMED).unwrap_err();
        assert_eq!(error, KsymtabError::Unnamed(1));
        assert_eq!(error.to_string(), "entry 1 of the kernel's exports has no name");
    }

    #[test]
    fn rejects_a_table_with_a_name_that_is_longer_than_a_module_can_ask_for() {
        static BYTES: [u8; MAX_SYMBOL_NAME + 1] = [b'n'; MAX_SYMBOL_NAME + 1];
        let (longest, longer) = (&BYTES[1..], &BYTES[..]);
        let table_of = |name: &'static [u8]| {
            let name = core::str::from_utf8(name).unwrap();
            Ksymtab::new(alloc::vec![symbol(name, 1)].leak())
        };
        assert!(table_of(longest).unwrap().find(longest).is_some());
        let error = table_of(longer).unwrap_err();
        assert!(matches!(error, KsymtabError::NameTooLong(name) if name.as_bytes() == longer));
        let text = error.to_string();
        let first = &"n".repeat(64);
        let expected =
            "the kernel exports a symbol whose name has 512 bytes, of which 511 can be asked for: ";
        assert_eq!(text, alloc::format!("{expected}{first}…"));
    }

    #[test]
    fn rejects_a_table_with_a_symbol_twice_wherever_they_stand() {
        static TWICE: [KernelSymbol; 4] =
            [symbol("b", 1), symbol("a", 2), symbol("c", 3), symbol("b", 4)];
        assert_eq!(Ksymtab::new(&TWICE).unwrap_err(), KsymtabError::Duplicate("b"));
        assert_eq!(KsymtabError::Duplicate("b").to_string(), "the kernel exports b twice");
    }
}
