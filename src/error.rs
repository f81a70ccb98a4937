//! Why a module could not be loaded or unloaded.

use crate::errno::Errno;
#[cfg(feature = "exceptions")]
use crate::exceptions::TableProblem;
use crate::heap::OutOfMemory;
use crate::image;
use crate::link;
use crate::module::namespace::OF_MODULES;
use crate::module::{EntryProblem, ModInfoProblem};
#[cfg(feature = "versions")]
use crate::module::{Unversioned, VersionsProblem};
use crate::name::Name;
#[cfg(feature = "parameters")]
use crate::parameters::{ParameterError, ParameterProblem, Unset};
use crate::platform::{AllocateError, Refusal};
use crate::symbols::{ExportProblem, KsymtabError};
use core::fmt;
use core::ops::RangeInclusive;

/// A module could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// Modules have been disabled.
    Disabled,
    /// The kernel does not let it pass ([`Platform::verify`](crate::Platform::verify),
    /// [`Platform::permit`](crate::Platform::permit)).
    Refused(Refusal),
    /// The file is not a module that can be linked.
    Image(image::Error),
    /// It has a section that it cannot do without, and the kernel does not provide what that asks
    /// for ([`Platform::section`](crate::Platform::section)).
    Unsupported {
        /// The section.
        section: image::SectionRef,
        /// What it means.
        known: image::KnownSection,
    },
    /// It does not say what it has to in `.modinfo`.
    ModInfo(ModInfoProblem),
    /// A module of this name is not to be loaded.
    Denied(Name),
    /// It imports this namespace, which names the modules that it is for.
    ModuleNamespace(Name),
    /// The versions of what it imports are not what they should be.
    #[cfg(feature = "versions")]
    Versions(VersionsProblem),
    /// It was compiled for another kernel.
    #[cfg(feature = "versions")]
    Vermagic {
        /// What it says: its `vermagic`.
        module: Name,
        /// What the kernel says ([`Platform::vermagic`](crate::Platform::vermagic)).
        kernel: Name,
    },
    /// It was compiled for another layout of Linux's `struct module`: the version of `module_layout`
    /// differs.
    #[cfg(feature = "versions")]
    ModuleLayout {
        /// The version that it was compiled for.
        wanted: u32,
        /// The kernel's.
        found: u32,
    },
    /// It lacks something by which it is compared with the kernel, which does not load such modules
    /// ([`Platform::force_load`](crate::Platform::force_load)).
    #[cfg(feature = "versions")]
    Unversioned(Unversioned),
    /// A module of this name is loaded.
    Exists(Name),
    /// A module of this name is coming or going, or its init function has faulted.
    Busy(Name),
    /// A module of this name is coming, and waiting for that was interrupted.
    Interrupted(Name),
    /// There is no memory for it.
    Memory(AllocateError),
    /// The kernel is out of reach of all addresses at which modules may lie.
    Unreachable(Unreachable),
    /// The kernel's own table of symbols is broken, whatever the module is.
    Ksymtab(KsymtabError),
    /// It could not be placed or relocated.
    Link(link::Error),
    /// It uses symbols that nobody exports.
    UnknownSymbols(link::UnknownSymbols),
    /// It uses a symbol that it may not use.
    Import {
        /// The symbol.
        symbol: image::SymbolRef,
        /// Why not.
        problem: ImportProblem,
    },
    /// What it exports cannot be.
    Export(ExportProblem),
    /// It exports a symbol that is exported already.
    Duplicate {
        /// The name of the symbol.
        symbol: Name,
        /// The module that exports it, which may be this one in its other table; `None` if it is
        /// the kernel.
        owner: Option<Name>,
    },
    /// It is not known which its init or exit function is.
    Entry {
        /// The symbol in question.
        symbol: image::SymbolRef,
        /// What is wrong with it.
        problem: EntryProblem,
    },
    /// Its exception table, `__ex_table`, cannot be.
    #[cfg(feature = "exceptions")]
    Exceptions(TableProblem),
    /// Its arguments could not be read from the calling process.
    Arguments(Errno),
    /// Its table of parameters is not what it should be.
    #[cfg(feature = "parameters")]
    Parameters(ParameterProblem),
    /// A parameter of it could not be set: of several the last.
    #[cfg(feature = "parameters")]
    Parameter {
        /// The parameter.
        parameter: Name,
        /// What it was to be set to; empty if the parameter is named alone.
        value: Name,
        /// Why it could not be.
        error: ParameterError,
    },
    /// Its memory could not be protected.
    Protect,
    /// One who listens to what becomes of modules has rejected it
    /// ([`Notifier`](crate::notifiers::Notifier)).
    #[cfg(feature = "notifiers")]
    Notifier(Errno),
    /// Its init function failed with this status, which is negative. The error number is that status,
    /// except that `EEXIST` becomes `EBUSY`: a process that loads takes `EEXIST` for a module that is
    /// there already. Linux 7.1 does the same; those before, such as 6.1, hand `EEXIST` on.
    Init(i32),
    /// Its init function has faulted: the module [stays](crate::platform::Faulted) as it is. The error
    /// number is this crate's choice, `ENOTRECOVERABLE`, as no other load fails with it: Linux ends the
    /// process.
    Faulted,
    /// The heap is exhausted.
    OutOfMemory,
}

/// From no address at which modules may lie can an instruction reach all of the kernel. Says more
/// of the kernel than of the module: its `Platform` gives two ranges that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// Where the kernel's exported code and data lie.
    pub kernel: RangeInclusive<u64>,
    /// Where modules may lie.
    pub modules: RangeInclusive<u64>,
}

/// Why a module may not use a symbol that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportProblem {
    /// The symbol is for modules under a licence compatible with the GPL.
    GplOnly,
    /// The symbol is for such modules and the module uses this proprietary one, or the other way
    /// round.
    Proprietary(Name),
    /// The symbol is in this namespace, which the module does not import or is not named by.
    Namespace(Name),
    /// The symbol has another version than the module was compiled for.
    #[cfg(feature = "versions")]
    Version {
        /// The one that the module was compiled for.
        wanted: u32,
        /// The one of what is exported.
        found: u32,
    },
    /// The symbol has a version and the module has none of its imports, or they are not to be compared,
    /// and the kernel does not load such modules
    /// ([`Platform::force_load`](crate::Platform::force_load)).
    #[cfg(feature = "versions")]
    Unversioned,
    /// The init function of the module that exports it has not returned yet.
    Coming(Name),
    /// The same, and waiting for that was interrupted.
    Interrupted(Name),
    /// The module that exports it is being unloaded.
    Going(Name),
    /// The init function of the module that exports it has [faulted](crate::platform::Faulted).
    Faulted(Name),
}

/// A module could not be unloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnloadError {
    /// Modules have been disabled.
    Disabled,
    /// There is none of that name.
    NotFound,
    /// This module uses its symbols.
    UsedBy(Name),
    /// It is coming or going, or its init function has faulted.
    Busy,
    /// It has an init and no exit function, so it is here to stay.
    Permanent,
    /// Somebody holds this many references to it.
    Referenced(u32),
    /// Waiting for those to be put was interrupted.
    Interrupted,
    /// Its exit function has faulted: the module [stays](crate::platform::Faulted), and is going for ever.
    /// The error number is as for [`LoadError::Faulted`].
    Faulted,
}

impl LoadError {
    /// That arguments could not be read for this reason.
    #[cold]
    #[inline(never)]
    pub(crate) fn of_arguments(errno: Errno) -> Self {
        if errno == Errno::ENOMEM { Self::OutOfMemory } else { Self::Arguments(errno) }
    }

    /// The error number that Linux gives for it.
    pub fn errno(&self) -> Errno {
        match self {
            Self::Image(error) => error.errno(),
            Self::Unsupported { .. }
            | Self::ModInfo(_)
            | Self::Export(_)
            | Self::Duplicate { .. }
            | Self::Entry { .. } => Errno::ENOEXEC,
            #[cfg(feature = "versions")]
            Self::Versions(_)
            | Self::Vermagic { .. }
            | Self::ModuleLayout { .. }
            | Self::Unversioned(_) => Errno::ENOEXEC,
            #[cfg(feature = "exceptions")]
            Self::Exceptions(_) => Errno::ENOEXEC,
            Self::Disabled | Self::Denied(_) | Self::ModuleNamespace(_) => Errno::EPERM,
            Self::Refused(refusal) => refusal.errno,
            Self::Exists(_) => Errno::EEXIST,
            Self::Busy(_) => Errno::EBUSY,
            Self::Interrupted(_) => Errno::EINTR,
            Self::Memory(_) | Self::Unreachable(_) | Self::Protect | Self::OutOfMemory => {
                Errno::ENOMEM
            }
            Self::Link(error) => error.errno(),
            Self::Ksymtab(_) => Errno::EINVAL,
            Self::UnknownSymbols(_) => Errno::ENOENT,
            Self::Import { problem, .. } => problem.errno(),
            Self::Arguments(errno) => *errno,
            #[cfg(feature = "parameters")]
            Self::Parameters(_) => Errno::ENOEXEC,
            #[cfg(feature = "parameters")]
            Self::Parameter { error, .. } => error.errno(),
            #[cfg(feature = "notifiers")]
            Self::Notifier(errno) => *errno,
            Self::Init(EEXIST) => Errno::EBUSY,
            Self::Init(status) => Errno::from_status(*status).unwrap_or(Errno::EINVAL),
            Self::Faulted => Errno::ENOTRECOVERABLE,
        }
    }
}

impl ImportProblem {
    /// The error number that Linux gives for it.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::GplOnly | Self::Proprietary(_) | Self::Going(_) => Errno::ENOENT,
            Self::Namespace(_) => Errno::EINVAL,
            #[cfg(feature = "versions")]
            Self::Version { .. } | Self::Unversioned => Errno::EINVAL,
            Self::Coming(_) | Self::Faulted(_) => Errno::EBUSY,
            Self::Interrupted(_) => Errno::EINTR,
        }
    }
}

impl UnloadError {
    /// The error number that Linux gives for it.
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Disabled => Errno::EPERM,
            Self::NotFound => Errno::ENOENT,
            Self::UsedBy(_) | Self::Referenced(_) => Errno::EWOULDBLOCK,
            Self::Busy | Self::Permanent => Errno::EBUSY,
            Self::Interrupted => Errno::EINTR,
            Self::Faulted => Errno::ENOTRECOVERABLE,
        }
    }
}

/// The status of an init function that says so.
const EEXIST: i32 = -Errno::EEXIST.number();

const DISABLED: &str = "modules have been disabled";

impl core::error::Error for LoadError {}
impl core::error::Error for UnloadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str(DISABLED),
            Self::Refused(refusal) => f.write_str(refusal.reason),
            Self::Image(error) => error.fmt(f),
            Self::Unsupported { section, known } => {
                write!(f, "{section}: this kernel does not provide for it: {}", known.why())
            }
            Self::ModInfo(problem) => problem.fmt(f),
            Self::Denied(name) => write!(f, "module {name} is on the deny list"),
            Self::ModuleNamespace(name) => {
                write!(f, "imports namespace {name}, which is for the modules that it names")
            }
            #[cfg(feature = "versions")]
            Self::Versions(problem) => problem.fmt(f),
            #[cfg(feature = "versions")]
            Self::Vermagic { module, kernel } => {
                write!(f, "compiled for the kernel \"{module}\", which is not this, \"{kernel}\"")
            }
            #[cfg(feature = "versions")]
            Self::ModuleLayout { wanted, found } => write!(
                f,
                "compiled for another struct module: its module_layout is {wanted:#010x}, the \
                 kernel's {found:#010x}"
            ),
            #[cfg(feature = "versions")]
            Self::Unversioned(lacking) => write!(f, "not loaded by force: {lacking}"),
            Self::Exists(name) => write!(f, "module {name} is loaded already"),
            Self::Busy(name) => write!(f, "module {name} is coming or going, or has faulted"),
            Self::Interrupted(name) => {
                write!(f, "interrupted while it waited for the load of another module {name}")
            }
            Self::Memory(AllocateError::Exhausted) => f.write_str("no memory for modules left"),
            Self::Memory(AllocateError::OutOfReach) => {
                f.write_str("no memory within reach of the kernel left")
            }
            Self::Unreachable(problem) => problem.fmt(f),
            Self::Ksymtab(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::UnknownSymbols(symbols) => symbols.fmt(f),
            Self::Import { symbol, problem } => write!(f, "{symbol}: {problem}"),
            Self::Export(problem) => problem.fmt(f),
            Self::Duplicate { symbol, owner: Some(owner) } => {
                write!(f, "exported symbol {symbol} exists already, in module {owner}")
            }
            Self::Duplicate { symbol, owner: None } => {
                write!(f, "exported symbol {symbol} exists already, in the kernel")
            }
            Self::Entry { symbol, problem } => write!(f, "{symbol}: {problem}"),
            #[cfg(feature = "exceptions")]
            Self::Exceptions(problem) => problem.fmt(f),
            Self::Arguments(errno) => write!(f, "cannot read its arguments: {errno}"),
            #[cfg(feature = "parameters")]
            Self::Parameters(problem) => problem.fmt(f),
            #[cfg(feature = "parameters")]
            Self::Parameter { parameter, value, error } => Unset(parameter, value, *error).fmt(f),
            Self::Protect => f.write_str("cannot protect its memory"),
            #[cfg(feature = "notifiers")]
            Self::Notifier(errno) => write!(f, "a notifier has rejected it: {errno}"),
            Self::Init(EEXIST) => {
                f.write_str("its init function failed with EEXIST, for which EBUSY is returned")
            }
            Self::Init(status) => write!(f, "its init function failed with {status}"),
            Self::Faulted => f.write_str("its init function has faulted: it stays as it is"),
            Self::OutOfMemory => OutOfMemory.fmt(f),
        }
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, modules } = self;
        write!(
            f,
            "the kernel at {kernel:#x?} is out of reach of modules, which may lie at {modules:#x?}"
        )
    }
}

impl fmt::Display for ImportProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GplOnly => f.write_str("only for modules under a GPL-compatible licence"),
            Self::Proprietary(name) => write!(
                f,
                "who uses symbols of {name}, which is proprietary, may use none that are only for \
                 modules under a GPL-compatible licence"
            ),
            Self::Namespace(name) if name.as_bytes().starts_with(OF_MODULES) => {
                write!(f, "in namespace {name}, which does not name this module")
            }
            Self::Namespace(name) => write!(f, "in namespace {name}, which is not imported"),
            #[cfg(feature = "versions")]
            Self::Version { wanted, found } => {
                write!(f, "compiled for its version {wanted:#010x}, which is {found:#010x}")
            }
            #[cfg(feature = "versions")]
            Self::Unversioned => write!(f, "not loaded by force: {}", Unversioned::Imports),
            Self::Coming(name) => {
                write!(f, "its module {name} is coming: its init function has not returned yet")
            }
            Self::Interrupted(name) => {
                write!(f, "interrupted while it waited for the init function of module {name}")
            }
            Self::Going(name) => write!(f, "its module {name} is being unloaded"),
            Self::Faulted(name) => write!(f, "the init function of its module {name} has faulted"),
        }
    }
}

impl fmt::Display for UnloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disabled => f.write_str(DISABLED),
            Self::NotFound => f.write_str("no such module is loaded"),
            Self::UsedBy(name) => write!(f, "module {name} uses it"),
            Self::Busy => f.write_str("it is coming or going, or has faulted"),
            Self::Permanent => f.write_str("it has no exit function"),
            Self::Referenced(count) => write!(f, "in use: {count} references"),
            Self::Interrupted => f.write_str("interrupted while it was in use"),
            Self::Faulted => f.write_str("its exit function has faulted: it stays as it is"),
        }
    }
}

impl From<image::Error> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(error: image::Error) -> Self {
        match error {
            image::Error::OutOfMemory => Self::OutOfMemory,
            error => Self::Image(error),
        }
    }
}

impl From<ModInfoProblem> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(problem: ModInfoProblem) -> Self {
        Self::ModInfo(problem)
    }
}

impl From<AllocateError> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(error: AllocateError) -> Self {
        Self::Memory(error)
    }
}

impl From<KsymtabError> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(error: KsymtabError) -> Self {
        match error {
            KsymtabError::OutOfMemory => Self::OutOfMemory,
            error => Self::Ksymtab(error),
        }
    }
}

impl From<link::Error> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(error: link::Error) -> Self {
        Self::Link(error)
    }
}

impl From<OutOfMemory> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl From<ExportProblem> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(problem: ExportProblem) -> Self {
        Self::Export(problem)
    }
}

#[cfg(feature = "exceptions")]
impl From<TableProblem> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(problem: TableProblem) -> Self {
        Self::Exceptions(problem)
    }
}

#[cfg(feature = "parameters")]
impl From<ParameterProblem> for LoadError {
    #[cold]
    #[inline(never)]
    fn from(problem: ParameterProblem) -> Self {
        Self::Parameters(problem)
    }
}

/// Without a wildcard: the [labels] compile only if each variant has one.
#[cfg(test)]
macro_rules! match_variants {
    ($error:ident { $($arms:tt)* }) => { match $error { $($arms)* } };
}

#[cfg(test)]
mod labels;

#[cfg(test)]
mod tests {
    use super::labels::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn each_variant_of_each_error_has_a_label_of_its_own() {
        let all = [HEADER, SECTION, SYMBOL, LINK, IMPORT, UNLOAD, LOAD].concat();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(load_label(&super::LoadError::Protect), "load: Protect");
        assert_eq!(unload_label(&super::UnloadError::Busy), "unload: Busy");
    }
}
