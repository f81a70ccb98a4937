//! The real modules that the tests change, one of each architecture: `crc-itu-t`, which imports a
//! symbol at most, exports two and refers to a table of constants from its code.

use crate::edit::Edit;
use modlink::LoadError;
use modlink::arch::{Arch, I386, M68k, X86_64};
use modlink::image::{self, Image};
use modlink::link::{Block, Plan, ResolveError};
use modlink_host::corpus;
use std::convert::Infallible;
use std::sync::LazyLock;

/// The name of the file without `.ko`.
pub const NAME: &str = "crc-itu-t";

/// What Linux appends to a signature.
pub const SIGNATURE_MARKER: &[u8] = b"~Module signature appended~\n";

/// The limit on a module's memory in bytes.
pub const LIMIT: u64 = 64 << 20;

/// The size of a page in bytes.
pub const PAGE: u64 = 4096;

/// The architectures whose modules are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    I386,
    M68k,
}

/// Evaluates an expression in which `$arch` is the type of an [`Architecture`].
macro_rules! with_arch {
    ($architecture:expr, $arch:ident => $value:expr) => {
        match $architecture {
            $crate::real::Architecture::X86_64 => {
                type $arch = modlink::arch::X86_64;
                $value
            }
            $crate::real::Architecture::I386 => {
                type $arch = modlink::arch::I386;
                $value
            }
            $crate::real::Architecture::M68k => {
                type $arch = modlink::arch::M68k;
                $value
            }
        }
    };
}

pub(crate) use with_arch;

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::I386, Self::M68k];

    /// Whether its files are of the 64-bit class.
    pub const fn is_wide(self) -> bool {
        matches!(self, Self::X86_64)
    }

    /// The highest value of a word.
    pub const fn word_max(self) -> u64 {
        if self.is_wide() { u64::MAX } else { u32::MAX as u64 }
    }

    /// The module as it was fetched or built, with its signature if it has one.
    pub fn signed_module(self) -> &'static [u8] {
        static FILES: [LazyLock<Vec<u8>>; 3] = [
            LazyLock::new(|| corpus::module::<X86_64>(NAME)),
            LazyLock::new(|| corpus::module::<I386>(NAME)),
            LazyLock::new(|| corpus::module::<M68k>(NAME)),
        ];
        &FILES[self as usize]
    }

    /// The module without its signature.
    pub fn module(self) -> Edit {
        let file = self.signed_module();
        let Some(rest) = file.strip_suffix(SIGNATURE_MARKER) else {
            return Edit::new(file);
        };
        let (rest, length) = rest.split_last_chunk().expect("a descriptor");
        let signed = rest.len() - 8 - u32::from_be_bytes(*length) as usize;
        Edit::new(&rest[..signed])
    }

    /// Checks a file against a limit on its memory.
    pub fn check(self, file: &[u8], limit: u64) -> Result<(), image::Error> {
        with_arch!(self, A => Image::<A>::check(file, limit).map(drop))
    }

    /// Checks, places and relocates a file at the usual addresses of its architecture. The
    /// unchanged module's imports are found in the kernel.
    pub fn link(self, file: &[u8]) -> Result<usize, LoadError> {
        let imports = self.imports();
        self.link_at(file, self.core(), |name| {
            imports.iter().any(|import| import.as_bytes() == name).then_some(self.kernel())
        })
    }

    /// Checks, places and relocates a file. The core part goes to `core`, the init part 16 MiB
    /// above; `lookup` finds undefined symbols.
    pub fn link_at(
        self,
        file: &[u8],
        core: u64,
        lookup: impl FnMut(&[u8]) -> Option<u64>,
    ) -> Result<usize, LoadError> {
        with_arch!(self, A => link::<A>(file, core, lookup))
    }

    /// The symbols that the unchanged module needs from elsewhere.
    pub fn imports(self) -> &'static [String] {
        static NAMES: LazyLock<[Vec<String>; 3]> = LazyLock::new(|| {
            Architecture::ALL.map(|each| corpus::undefined_symbols(each.signed_module()))
        });
        &NAMES[self as usize]
    }

    /// Where the kernel's symbols lie.
    pub const fn kernel(self) -> u64 {
        match self {
            Self::X86_64 => 0xffff_ffff_8100_0000,
            Self::I386 => 0xc100_0000,
            Self::M68k => 0x0010_0000,
        }
    }

    /// Where the core part lies unless a test says otherwise.
    pub const fn core(self) -> u64 {
        match self {
            Self::X86_64 => 0xffff_ffff_c000_0000,
            Self::I386 => 0xf800_0000,
            Self::M68k => 0x0100_0000,
        }
    }
}

/// What a load would fail with that has no symbol to object to.
pub fn unresolved(error: ResolveError<Infallible>) -> LoadError {
    match error {
        ResolveError::Unknown(symbols) => LoadError::UnknownSymbols(symbols),
        ResolveError::OutOfMemory => LoadError::OutOfMemory,
        other => unreachable!("{other}"),
    }
}

fn link<A: Arch>(
    file: &[u8],
    core_address: u64,
    mut lookup: impl FnMut(&[u8]) -> Option<u64>,
) -> Result<usize, LoadError> {
    let image = Image::<A>::check(file, LIMIT)?;
    let plan = Plan::new(&image, PAGE)?;
    let mut core = vec![0xa5; plan.core.size as usize];
    let mut init = vec![0x5a; plan.init.size as usize];
    let core = Block { address: core_address, bytes: &mut core };
    let init = Block { address: core_address + (16 << 20), bytes: &mut init };
    let mut placed = plan.place(&image, core, init)?;
    let values = placed.resolve(&image, |name, _| Ok(lookup(name))).map_err(unresolved)?;
    Ok(placed.relocate(&image, &values)?)
}
