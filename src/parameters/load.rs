//! When parameters are set and read: by the boot line and the arguments of a load, by the kernel when
//! it likes, and by the module itself.

use super::lock::{Patience, Taken, Try};
use super::set::Space;
use super::{ParameterError, ParameterFlags, line};
use crate::error::{LoadError, UnloadError};
use crate::heap::OutOfMemory;
use crate::loader::Loader;
use crate::module::{Module, Reference, State, Taints};
use crate::name::Name;
use crate::platform::{Faulted, Level, Platform, Protected, WaitError};
use crate::sort::{Sortable, heap_sort};
use alloc::vec::Vec;
use core::fmt;
use line::{Argument, Line};

/// How many words of a line that mean nothing, and as many that cannot be set, are said one by one.
const MOST_SAID: usize = 16;

/// A load that sets parameters.
struct Load<'l, P: Platform> {
    loader: &'l Loader<P>,
    module: &'l Module<P>,
    /// Nothing, if the module has no table.
    space: Option<Space<'l, P>>,
    /// The indices of the parameters by their names, once they are needed.
    by_name: Option<Vec<u32>>,
    unknown: usize,
    /// Whether it has been said that these are ignored.
    has_said: [bool; IGNORED.len()],
    /// The last that could not be set, and how many there have been.
    failed: Option<(Name, Name, ParameterError)>,
    failures: usize,
}

/// Parameters that every module of Linux has, and why nothing comes of them.
const IGNORED: [(&[u8], &str); 2] = [
    (b"dyndbg", "nobody prints debug messages here"),
    (b"async_probe", "whoever probes for devices does so by itself"),
];

/// The first bytes of what a line says.
struct Cut<'c>(&'c [u8]);

impl fmt::Display for Cut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(Name::MAX) {
            Some((first, rest)) if !rest.is_empty() => write!(f, "{}…", first.escape_ascii()),
            _ => self.0.escape_ascii().fmt(f),
        }
    }
}

impl<P: Platform> Load<'_, P> {
    /// Sets what the boot line says to the module, then what its arguments say.
    fn set_all(&mut self) -> Result<(), Faulted> {
        let module = self.module.name().as_bytes();
        let boot = Line::new(self.loader.platform().boot_line());
        for argument in boot.filter_map(|argument| argument.of_module(module)) {
            self.set(argument)?;
        }
        let mut line = Line::new(self.module.arguments());
        for argument in line.by_ref() {
            self.set(argument)?;
        }
        if let Some(rest) = line.after_dashes() {
            self.warn(format_args!("parameters '{}' after `--' ignored", Cut(rest)));
        }
        if let Some(more) = self.unknown.checked_sub(MOST_SAID).filter(|more| *more != 0) {
            self.warn(format_args!("{more} more unknown parameters ignored"));
        }
        Ok(())
    }

    /// Sets the parameter that a word names, if there is one. That it cannot be does not keep the
    /// others from being set, as in Linux.
    fn set(&mut self, Argument { name, value }: Argument<'_>) -> Result<(), Faulted> {
        let error = match self.find(name) {
            Err(OutOfMemory) => ParameterError::OutOfMemory,
            Ok(None) => {
                self.ignore(name);
                return Ok(());
            }
            Ok(Some(index)) => {
                let Some(space) = &self.space else { return Ok(()) };
                let who = Patience::Endless;
                let set = self.loader.set_in(self.module, space, index, value, who);
                let Err(error) = set else { return Ok(()) };
                error
            }
        };
        if error == ParameterError::Faulted {
            return Err(Faulted);
        }
        if let Some((name, value, error)) = &self.failed
            && self.failures <= MOST_SAID
        {
            self.say(Level::Error, format_args!("{}", Unset(name, value, *error)));
        }
        self.failures = self.failures.saturating_add(1);
        self.failed = Some((name.into(), value.unwrap_or_default().into(), error));
        Ok(())
    }

    /// The index of the first parameter of that name.
    fn find(&mut self, name: &[u8]) -> Result<Option<usize>, OutOfMemory> {
        let Some(space) = &self.space else { return Ok(None) };
        let key = |index: &u32| {
            let (raw, _) = space.parameter(*index as usize)?;
            Some(raw.name.iter().map(|byte| line::underscored(*byte)))
        };
        let order = |a: &u32, b: &u32| {
            let both = key(a).zip(key(b));
            both.map_or(core::cmp::Ordering::Equal, |(a, b)| a.cmp(b)).then(a.cmp(b))
        };
        if self.by_name.is_none() {
            let mut indices = Vec::new();
            indices.try_reserve_exact(space.count())?;
            indices.extend(0..space.count() as u32);
            sort(&mut indices, &|a, b| order(&a, &b).is_lt());
            self.by_name = Some(indices);
        }
        let name = || name.iter().map(|byte| line::underscored(*byte));
        let all = self.by_name.as_deref().unwrap_or_default();
        let first = all.partition_point(|index| key(index).is_some_and(|key| key.lt(name())));
        let found = all.get(first).filter(|index| key(index).is_some_and(|key| key.eq(name())));
        Ok(found.map(|index| *index as usize))
    }

    #[cold]
    #[inline(never)]
    fn ignore(&mut self, name: &[u8]) {
        let ignored = IGNORED.iter().zip(&mut self.has_said);
        for ((known, why), has_said) in ignored {
            if *known == name {
                if !core::mem::replace(has_said, true) {
                    self.warn(format_args!("parameter '{}' ignored: {why}", Cut(name)));
                }
                return;
            }
        }
        self.unknown = self.unknown.saturating_add(1);
        if self.unknown <= MOST_SAID {
            self.warn(format_args!("unknown parameter '{}' ignored", Cut(name)));
        }
    }

    fn warn(&self, what: fmt::Arguments<'_>) {
        self.say(Level::Warning, what);
    }

    fn say(&self, level: Level, what: fmt::Arguments<'_>) {
        let name = self.module.name();
        self.loader.platform().log(level, format_args!("{name}: {what}"));
    }
}

/// Indices, and which of two comes first.
struct Indices<'i>(&'i mut [u32], &'i dyn Fn(u32, u32) -> bool);

impl Sortable for Indices<'_> {
    fn is_less(&self, one: usize, other: usize) -> bool {
        let both = self.0.get(one).zip(self.0.get(other));
        both.is_some_and(|(one, other)| (self.1)(*one, *other))
    }

    fn swap(&mut self, first: usize, second: usize) {
        if let Ok([first, second]) = self.0.get_disjoint_mut([first, second]) {
            core::mem::swap(first, second);
        }
    }
}

fn sort(indices: &mut [u32], is_less: &dyn Fn(u32, u32) -> bool) {
    let count = indices.len();
    heap_sort(&mut Indices(indices, is_less), count);
}

/// Says as Linux does that a parameter could not be set.
pub(crate) struct Unset<'u>(pub &'u Name, pub &'u Name, pub ParameterError);

impl fmt::Display for Unset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, value, error) = self;
        let what = if *error == ParameterError::TooLong { "too large" } else { "invalid" };
        write!(f, "`{value}' {what} for parameter `{name}': {error}")
    }
}

impl<P: Platform> Loader<P> {
    /// Sets the parameters of a module that is coming, by the boot line and by its arguments. `init` is
    /// the memory of its init part.
    ///
    /// # Errors
    /// [`LoadError::Parameter`]; [`LoadError::Faulted`] if a function of the module's has faulted.
    #[inline(never)]
    pub(crate) fn set_parameters(
        &self,
        module: &Module<P>,
        init: Option<&Protected<P>>,
    ) -> Result<(), LoadError> {
        if module.arguments().is_empty() && self.platform().boot_line().is_empty() {
            return Ok(());
        }
        let mut load = Load {
            loader: self,
            module,
            space: Space::new(self.platform(), module.content(), init, true),
            by_name: None,
            unknown: 0,
            has_said: Default::default(),
            failed: None,
            failures: 0,
        };
        load.set_all().map_err(|Faulted| LoadError::Faulted)?;
        match load.failed {
            None => Ok(()),
            Some((_, _, ParameterError::OutOfMemory)) => Err(LoadError::OutOfMemory),
            Some((parameter, value, error)) => {
                Err(LoadError::Parameter { parameter, value, error })
            }
        }
    }

    /// Sets a parameter, and taints the kernel if that is what comes of it.
    fn set_in(
        &self,
        module: &Module<P>,
        space: &Space<'_, P>,
        index: usize,
        value: Option<&[u8]>,
        patience: Patience,
    ) -> Result<(), ParameterError> {
        let _taken = self.take_parameters(module, patience)?;
        if let Some((raw, _)) = space.parameter(index)
            && ParameterFlags::from_bits_truncate(raw.flags).contains(ParameterFlags::UNSAFE)
        {
            let (module, name) = (module.name(), Cut(raw.name));
            let line = format_args!("{module}: setting dangerous option {name}: tainting kernel");
            self.platform().log(Level::Warning, line);
            let _ = self.taint(Taints::USER);
        }
        // SAFETY: this thread has the lock, and the module is linked and stays.
        let set = unsafe { space.set(index, value) };
        if set == Err(ParameterError::Faulted) {
            let _ = self.taint(Taints::DIE);
        }
        set
    }

    /// The lock of the parameters of a module that is neither going nor faulted once it is had.
    fn take_parameters<'m>(
        &'m self,
        module: &'m Module<P>,
        patience: Patience,
    ) -> Result<Taken<'m, P>, ParameterError> {
        let taken = module.content().parameters.lock().take(self.platform(), patience)?;
        match module.state() {
            State::Coming | State::Live => Ok(taken),
            State::Going | State::Faulted => Err(ParameterError::Gone),
        }
    }

    /// Sets a parameter of a module, as the arguments of a load do: by its name, in which `-` and `_` are
    /// one, to what is written as there without the quotes. Its permissions do not matter here: they
    /// are those of its file.
    ///
    /// From a thread: it calls functions of the module's, allocates, and waits for others who set or
    /// read parameters of the module.
    ///
    /// # Errors
    /// [`ParameterError`]. Of an array the elements before the one that is wrong have been set, as in
    /// Linux.
    pub fn set_parameter(
        &self,
        module: &Reference<P>,
        name: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), ParameterError> {
        let index = module.parameter(name).ok_or(ParameterError::NotFound)?.index;
        self.set_parameter_at(module, index, value)
    }

    /// As [`set_parameter`](Self::set_parameter), of that index in the table.
    pub(crate) fn set_parameter_at(
        &self,
        module: &Reference<P>,
        index: usize,
        value: Option<&[u8]>,
    ) -> Result<(), ParameterError> {
        let space = Space::new(self.platform(), module.content(), None, false);
        let space = space.ok_or(ParameterError::NotFound)?;
        self.set_in(module, &space, index, value, Patience::GivesUp)
    }

    /// The text of a parameter of a module, as Linux shows it, without the line feed at its end.
    ///
    /// From a thread, as [`set_parameter`](Self::set_parameter).
    ///
    /// # Errors
    /// [`ParameterError`].
    pub fn read_parameter(
        &self,
        module: &Reference<P>,
        name: &[u8],
    ) -> Result<Vec<u8>, ParameterError> {
        let index = module.parameter(name).ok_or(ParameterError::NotFound)?.index;
        let mut text = self.parameter_text(module, index)?;
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        Ok(text)
    }

    /// The text of the parameter of that index in the table of a module, as it is in a file of Linux's.
    pub(crate) fn parameter_text(
        &self,
        module: &Reference<P>,
        index: usize,
    ) -> Result<Vec<u8>, ParameterError> {
        let space = Space::new(self.platform(), module.content(), None, false);
        let space = space.ok_or(ParameterError::NotFound)?;
        let _taken = self.take_parameters(module, Patience::GivesUp)?;
        // SAFETY: this thread has the lock, and the module is linked and stays.
        let text = unsafe { space.get(index) };
        if text == Err(ParameterError::Faulted) {
            let _ = self.taint(Taints::DIE);
        }
        text
    }

    /// Lets a module that is going free what its own functions have for its parameters, once none of
    /// those runs: from then on none is called.
    ///
    /// # Errors
    /// One of them has faulted.
    #[inline(never)]
    pub(crate) fn free_parameters(&self, module: &Module<P>) -> Result<(), Faulted> {
        let space = Space::new(self.platform(), module.content(), None, false);
        let Some(space) = space else { return Ok(()) };
        module.content().parameters.lock().close(self.platform());
        for index in 0..space.count() {
            // SAFETY: nobody else has the lock, nor gets it any more; the module's memory is there.
            unsafe { space.free(index) }.inspect_err(|Faulted| {
                let _ = self.taint(Taints::DIE);
            })?;
        }
        Ok(())
    }

    /// Takes the lock that is held while parameters of a module are set and read, for the module in whose
    /// memory the address lies (Linux: `kernel_param_lock`, for modules in C). Whether there is one.
    ///
    /// From a thread: it waits for who has the lock, for ever if that is this thread.
    ///
    /// # Errors
    /// [`WaitError`], if the kernel cannot wait or the wait was interrupted.
    pub fn lock_parameters(&self, address: u64) -> Result<bool, WaitError> {
        let registry = self.registry();
        let is_to_be_tried = || {
            let look = |module: &Module<P>| module.content().parameters.lock().is_to_be_tried();
            registry.module_at(address, look) != Some(false)
        };
        loop {
            let try_it = |module: &Module<P>| module.content().parameters.lock().try_take();
            match registry.module_at(address, try_it) {
                Some(Try::Wait) => self.platform().wait(&is_to_be_tried, None)?,
                tried => return Ok(tried == Some(Try::Taken)),
            }
        }
    }

    /// Gives the lock back that [`lock_parameters`](Self::lock_parameters) has taken, by an address in
    /// the same module (Linux: `kernel_param_unlock`).
    ///
    /// # Safety
    /// This thread has taken it so, and not given it back.
    pub unsafe fn unlock_parameters(&self, address: u64) {
        let put =
            self.registry().module_at(address, |module| module.content().parameters.lock().put());
        if put == Some(true) {
            self.platform().wake();
        }
    }
}

/// What becomes of an unload when a function that frees a parameter has faulted.
impl From<Faulted> for UnloadError {
    fn from(_: Faulted) -> Self {
        Self::Faulted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_sorted_whatever_their_order() {
        for count in 0..40_u32 {
            for step in [1, 7, 23] {
                let mut indices: Vec<u32> = (0..count).map(|index| index * step % 41).collect();
                let mut expected = indices.clone();
                expected.sort_unstable();
                sort(&mut indices, &|a, b| a < b);
                assert_eq!(indices, expected);
            }
        }
    }
}
