//! The files of a module's parameters. Who reads or writes one has a reference to the module, as its
//! functions may run: nothing is pinned meanwhile.

use super::{Error, Path, find};
use crate::loader::Loader;
use crate::module::Reference;
use crate::parameters::{Parameter, ParameterError};
use crate::platform::Platform;
use core::fmt::Write;

/// The bits of the permissions that let anybody read, and write.
const READABLE: u16 = 0o444;
const WRITABLE: u16 = 0o222;

impl From<ParameterError> for Error {
    fn from(error: ParameterError) -> Self {
        match error {
            ParameterError::NotFound => Self::NotFound,
            error => Self::Parameter(error),
        }
    }
}

impl Path<'_> {
    /// Sets the parameter whose file this is to what is written to it, of which a line feed at the end is no
    /// part. Whose the file is, and who writes, the kernel knows; a parameter that nobody may write is not
    /// written here.
    ///
    /// From a thread, as [`Loader::set_parameter`].
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::IsDirectory`], and [`Error::Parameter`]: with
    /// [`ParameterError::Permission`] for all other files too.
    pub fn store<P: Platform>(self, loader: &Loader<P>, text: &[u8]) -> Result<(), Error> {
        let Self::Parameter(module, name) = self else {
            return Err(match self.kind(loader)? {
                super::Kind::Directory => Error::IsDirectory,
                _ => ParameterError::Permission.into(),
            });
        };
        let (module, index) = module_with(loader, module, name, WRITABLE)?;
        let value = text.strip_suffix(b"\n").unwrap_or(text);
        Ok(loader.set_parameter_at(&module, index, Some(value))?)
    }
}

/// Writes the text of a parameter: what is not UTF-8 as `\xNN`.
pub(super) fn read<P: Platform>(
    loader: &Loader<P>,
    module: &[u8],
    name: &[u8],
    out: &mut dyn Write,
) -> Result<(), Error> {
    let (module, index) = module_with(loader, module, name, READABLE)?;
    let text = loader.parameter_text(&module, index)?;
    for chunk in text.utf8_chunks() {
        out.write_str(chunk.valid())?;
        chunk.invalid().iter().try_for_each(|byte| write!(out, "\\x{byte:02x}"))?;
    }
    Ok(())
}

/// The module and the index of its parameter that has a file of that name, if anybody may use that so.
fn module_with<P: Platform>(
    loader: &Loader<P>,
    module: &[u8],
    name: &[u8],
    permissions: u16,
) -> Result<(Reference<P>, usize), Error> {
    let found = loader.listing(|listing| {
        let module = find(&listing, module)?;
        let is_it = |one: &Parameter<'_>| one.name == name;
        let parameter = super::files(module).find(is_it)?;
        Some((Reference::take(module)?, parameter.index, parameter.permissions))
    });
    let (module, index, permitted) = found.ok_or(Error::NotFound)?;
    if permitted & permissions == 0 {
        return Err(ParameterError::Permission.into());
    }
    Ok((module, index))
}
