//! `/sys/module`: a folder for each module.
//!
//! In each are `coresize`, `initsize`, `initstate`, `refcnt`, `taint`, `version` and `srcversion` if the
//! module has these, the folder `holders` with a link to each module that uses it, and the folder
//! `sections` with a file for each [section](crate::Module::sections) that it keeps account of, which
//! has its address ([`Platform::keep_all_sections`]). With the feature `parameters` the folder `parameters`,
//! if there are any, has a file for each that has permissions, which can be read and [written](Path::store).
//! Linux has `notes`, `drivers` and `uevent` too, and folders of what is built in.
//!
//! As in Linux, a slash in a module's name is an exclamation mark here. A name that no file can have
//! is not here: `.` and `..`, and what of a section's is empty or has a slash or a NUL.

use super::{Address, Addresses, References};
use crate::errno::Errno;
use crate::loader::Loader;
use crate::module::{Module, State};
use crate::name::ModuleName;
#[cfg(feature = "parameters")]
use crate::parameters::{Parameter, ParameterError};
use crate::platform::Platform;
use crate::registry::Listing;
use core::fmt::{self, Write};

#[cfg(feature = "parameters")]
mod parameters;

/// What a path may lead to: from a name alone it is not known that there is such a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Path<'p> {
    /// `/sys/module` itself.
    Root,
    /// The folder of the module of that name.
    Module(&'p [u8]),
    /// A file in that.
    Attribute(&'p [u8], Attribute),
    /// The folder of those that use it.
    Holders(&'p [u8]),
    /// The link to one of those.
    Holder(&'p [u8], &'p [u8]),
    /// The folder of its sections.
    Sections(&'p [u8]),
    /// The file of one of those.
    Section(&'p [u8], &'p [u8]),
    /// The folder of its parameters.
    #[cfg(feature = "parameters")]
    Parameters(&'p [u8]),
    /// The file of one of those.
    #[cfg(feature = "parameters")]
    Parameter(&'p [u8], &'p [u8]),
}

/// A file in a module's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribute {
    /// The bytes of its core part, in decimal digits.
    CoreSize,
    /// The bytes of its init part while that is there, else 0.
    InitSize,
    /// `coming`, `live` or `going`; `coming` too if its init function has faulted, as in Linux.
    InitState,
    /// How many references to it there are, -1 if it is being unloaded and there are none.
    RefCnt,
    /// The hash of its sources that it was built with.
    SrcVersion,
    /// The letters of its taints, perhaps none.
    Taint,
    /// What it calls its version.
    Version,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder, which can be [listed](Path::list).
    Directory,
    /// A file, whose text can be [written](Path::write).
    File,
    /// A symbolic link, whose target can be [written](Path::write).
    Link,
}

/// Why something cannot be done with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing.
    NotFound,
    /// There is a folder.
    IsDirectory,
    /// There is a file or a link.
    NotDirectory,
    /// `out` failed.
    Write,
    /// The parameter cannot be read, or set so.
    #[cfg(feature = "parameters")]
    Parameter(ParameterError),
}

impl Error {
    /// The error number that Linux gives for it.
    pub const fn errno(self) -> Errno {
        match self {
            Self::NotFound => Errno::ENOENT,
            Self::IsDirectory => Errno::EISDIR,
            Self::NotDirectory => Errno::ENOTDIR,
            Self::Write => Errno::EIO,
            #[cfg(feature = "parameters")]
            Self::Parameter(error) => error.errno(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.errno().fmt(f)
    }
}

impl core::error::Error for Error {}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}

const HOLDERS: &[u8] = b"holders";
const SECTIONS: &[u8] = b"sections";
#[cfg(feature = "parameters")]
const PARAMETERS: &[u8] = b"parameters";

impl Attribute {
    /// All of them, by name.
    pub const ALL: [Self; 7] = [
        Self::CoreSize,
        Self::InitSize,
        Self::InitState,
        Self::RefCnt,
        Self::SrcVersion,
        Self::Taint,
        Self::Version,
    ];

    /// The name of the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoreSize => "coresize",
            Self::InitSize => "initsize",
            Self::InitState => "initstate",
            Self::RefCnt => "refcnt",
            Self::SrcVersion => "srcversion",
            Self::Taint => "taint",
            Self::Version => "version",
        }
    }

    fn is_there<P: Platform>(self, module: &Module<P>) -> bool {
        match self {
            Self::SrcVersion => module.srcversion().is_some(),
            Self::Version => module.version().is_some(),
            _ => true,
        }
    }

    fn write<P: Platform>(self, module: &Module<P>, out: &mut dyn Write) -> fmt::Result {
        match self {
            Self::CoreSize => write!(out, "{}", module.core_size()),
            Self::InitSize => write!(out, "{}", module.init_size()),
            Self::InitState => out.write_str(match module.state() {
                State::Coming | State::Faulted => "coming",
                State::Live => "live",
                State::Going => "going",
            }),
            Self::RefCnt => write!(out, "{}", References(module)),
            Self::SrcVersion => escape(module.srcversion().unwrap_or_default(), out),
            Self::Taint => write!(out, "{}", module.taints()),
            Self::Version => escape(module.version().unwrap_or_default(), out),
        }?;
        out.write_char('\n')
    }
}

impl<'p> Path<'p> {
    /// Takes a path apart, which is one below `/sys/module` without a slash before or after it; empty
    /// is that folder itself. `None` if there can be nothing.
    pub fn parse(path: &'p [u8]) -> Option<Self> {
        if path.is_empty() {
            return Some(Self::Root);
        }
        let (module, rest) = first(path);
        let Some(rest) = rest else { return is_name(module).then_some(Self::Module(module)) };
        let (name, rest) = first(rest);
        Some(match (name, rest) {
            (HOLDERS, None) => Self::Holders(module),
            (HOLDERS, Some(user)) => Self::Holder(module, user),
            (SECTIONS, None) => Self::Sections(module),
            (SECTIONS, Some(section)) => Self::Section(module, section),
            #[cfg(feature = "parameters")]
            (PARAMETERS, None) => Self::Parameters(module),
            #[cfg(feature = "parameters")]
            (PARAMETERS, Some(parameter)) => Self::Parameter(module, parameter),
            (name, None) => {
                let named = |one: &Attribute| one.name().as_bytes() == name;
                Self::Attribute(module, Attribute::ALL.into_iter().find(named)?)
            }
            _ => return None,
        })
    }

    /// What is there now.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn kind<P: Platform>(self, loader: &Loader<P>) -> Result<Kind, Error> {
        loader.listing(|listing| self.kind_in(&listing)).ok_or(Error::NotFound)
    }

    fn kind_in<P: Platform>(self, listing: &Listing<'_, P>) -> Option<Kind> {
        let there = |is_there: bool, kind| is_there.then_some(kind);
        match self {
            Self::Root => Some(Kind::Directory),
            Self::Module(name) | Self::Holders(name) | Self::Sections(name) => {
                find(listing, name).map(|_| Kind::Directory)
            }
            Self::Attribute(name, attribute) => {
                there(attribute.is_there(find(listing, name)?), Kind::File)
            }
            Self::Holder(name, user) => there(
                can_be_linked(user)
                    && listing.users(find(listing, name)?).any(|one| is_called(one, user)),
                Kind::Link,
            ),
            #[cfg(feature = "parameters")]
            Self::Parameters(name) => {
                there(files(find(listing, name)?).next().is_some(), Kind::Directory)
            }
            #[cfg(feature = "parameters")]
            Self::Parameter(name, parameter) => {
                there(files(find(listing, name)?).any(|one| one.name == parameter), Kind::File)
            }
            Self::Section(name, section) => there(
                is_name(section) && find(listing, name)?.section(section).is_some(),
                Kind::File,
            ),
        }
    }

    /// Calls `visit` for each file, link and folder in a folder. As often for a name as a module has
    /// sections of that name: its linker has made one of them, as a rule.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotDirectory`].
    pub fn list<P: Platform>(
        self,
        loader: &Loader<P>,
        visit: &mut dyn FnMut(Kind, &[u8]),
    ) -> Result<(), Error> {
        loader.listing(|listing| self.list_in(&listing, visit))
    }

    fn list_in<P: Platform>(
        self,
        listing: &Listing<'_, P>,
        visit: &mut dyn FnMut(Kind, &[u8]),
    ) -> Result<(), Error> {
        let module = |name| find(listing, name).ok_or(Error::NotFound);
        match self {
            Self::Root => {
                let names = listing.modules().map(file_name);
                names.filter(|name| is_name(name.as_bytes())).for_each(|name| {
                    visit(Kind::Directory, name.as_bytes());
                });
            }
            Self::Module(name) => {
                let module = module(name)?;
                for attribute in Attribute::ALL {
                    if attribute.is_there(module) {
                        visit(Kind::File, attribute.name().as_bytes());
                    }
                }
                visit(Kind::Directory, HOLDERS);
                #[cfg(feature = "parameters")]
                if files(module).next().is_some() {
                    visit(Kind::Directory, PARAMETERS);
                }
                visit(Kind::Directory, SECTIONS);
            }
            Self::Holders(name) => {
                let users = listing.users(module(name)?).map(file_name);
                users
                    .filter(|user| can_be_linked(user.as_bytes()))
                    .for_each(|user| visit(Kind::Link, user.as_bytes()));
            }
            Self::Sections(name) => {
                let sections = module(name)?.sections().map(|section| section.name);
                sections.filter(|name| is_name(name)).for_each(|name| visit(Kind::File, name));
            }
            #[cfg(feature = "parameters")]
            Self::Parameters(name) => {
                self.kind_in(listing).ok_or(Error::NotFound)?;
                files(module(name)?).for_each(|parameter| visit(Kind::File, parameter.name));
            }
            #[cfg(feature = "parameters")]
            Self::Parameter(..) => {
                self.kind_in(listing).ok_or(Error::NotFound)?;
                return Err(Error::NotDirectory);
            }
            Self::Attribute(..) | Self::Holder(..) | Self::Section(..) => {
                self.kind_in(listing).ok_or(Error::NotFound)?;
                return Err(Error::NotDirectory);
            }
        }
        Ok(())
    }

    /// Writes the text of a file, which ends with a line feed, or the target of a link, as it is seen
    /// from the link's folder.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsDirectory`], [`Error::Write`].
    pub fn write<P: Platform>(
        self,
        loader: &Loader<P>,
        addresses: Addresses,
        out: &mut dyn Write,
    ) -> Result<(), Error> {
        #[cfg(feature = "parameters")]
        if let Self::Parameter(module, name) = self {
            return parameters::read(loader, module, name, out);
        }
        loader.listing(|listing| {
            if self.kind_in(&listing).ok_or(Error::NotFound)? == Kind::Directory {
                return Err(Error::IsDirectory);
            }
            let module = |name| find(&listing, name).ok_or(Error::NotFound);
            match self {
                Self::Attribute(name, attribute) => attribute.write(module(name)?, out)?,
                Self::Holder(_, user) => {
                    out.write_str("../../")?;
                    escape(user, out)?;
                }
                Self::Section(name, section) => {
                    let section = module(name)?.section(section).ok_or(Error::NotFound)?;
                    writeln!(out, "{}", Address::<P>::new(section.address, addresses))?;
                }
                Self::Root | Self::Module(_) | Self::Holders(_) | Self::Sections(_) => {}
                #[cfg(feature = "parameters")]
                Self::Parameters(_) | Self::Parameter(..) => {}
            }
            Ok(())
        })
    }
}

/// The parameters of a module that have files: of several with one name the first.
#[cfg(feature = "parameters")]
fn files<P: Platform>(module: &Module<P>) -> impl Iterator<Item = Parameter<'_>> {
    module.parameters().filter(|one| one.permissions != 0 && is_name(one.name))
}

/// What stands before the first slash, and what after it.
fn first(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = path.splitn(2, |byte| *byte == b'/');
    (parts.next().unwrap_or_default(), parts.next())
}

/// Whether a file can be called so.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|byte| matches!(byte, b'/' | 0))
}

/// Whether a link can lead to the folder of that name: its target is text, where others are escaped.
fn can_be_linked(name: &[u8]) -> bool {
    is_name(name) && name.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
}

/// How the folder of a module is called.
fn file_name<P: Platform>(module: &Module<P>) -> ModuleName {
    ModuleName::from(module.name()).replacing(b'/', b'!')
}

fn is_called<P: Platform>(module: &Module<P>, name: &[u8]) -> bool {
    is_name(name) && file_name(module).as_bytes() == name
}

fn find<'s, P: Platform>(listing: &Listing<'s, P>, name: &[u8]) -> Option<&'s Module<P>> {
    listing.modules().find(|module| is_called(module, name))
}

/// Writes what a file says of itself: what is not printable ASCII as `\xNN`.
fn escape(text: &[u8], out: &mut dyn Write) -> fmt::Result {
    text.iter().try_for_each(|byte| match byte {
        b' '..=b'~' => out.write_char((*byte).into()),
        byte => write!(out, "\\x{byte:02x}"),
    })
}
