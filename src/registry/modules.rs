//! The modules, by name and by what they export.

use crate::error::LoadError;
use crate::link;
use crate::module::{Module, State};
use crate::name::Name;
use crate::platform::Platform;
use crate::symbols::{Index, Symbol, hash};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What the registry's lock guards.
pub(super) struct Modules<P: Platform> {
    /// The names of modules that are being linked.
    reserved: Vec<Name>,
    /// Those that others can see, in the order in which they were listed.
    listed: Vec<Entry<P>>,
    /// The exports of those that are listed: each module's follow those of the module before it.
    exports: Index,
}

struct Entry<P: Platform> {
    module: Arc<Module<P>>,
    /// The number of its first export in the index.
    first: u32,
}

impl<P: Platform> Modules<P> {
    pub const fn new() -> Self {
        Self { reserved: Vec::new(), listed: Vec::new(), exports: Index::new() }
    }

    /// The modules that are listed, the one listed last at the end.
    pub fn listed(&self) -> impl DoubleEndedIterator<Item = &Arc<Module<P>>> {
        self.listed.iter().map(|entry| &entry.module)
    }

    /// The listed module of that name.
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Module<P>>> {
        self.listed().find(|module| module.name().as_bytes() == name)
    }

    /// The symbol of that name that a listed module exports, and the module.
    pub fn exporter(&self, name: &[u8]) -> Option<(&Arc<Module<P>>, Symbol<'_>)> {
        self.exporter_hashed(name, hash(name))
    }

    fn exporter_hashed(&self, name: &[u8], hash: u32) -> Option<(&Arc<Module<P>>, Symbol<'_>)> {
        self.exports.find(hash, |number| {
            let count = self.listed.partition_point(|entry| entry.first <= number);
            let Entry { module, first } = self.listed.get(count.checked_sub(1)?)?;
            let symbol = module.export_named(number.checked_sub(*first)? as usize, name)?;
            Some((module, symbol))
        })
    }

    /// Reserves a name, and room for a module in the list. Returns the name for the module.
    pub fn reserve(&mut self, name: &[u8]) -> Result<Name, LoadError> {
        if let Some(module) = self.find(name) {
            let live = module.state() == State::Live;
            return Err(if live { LoadError::Exists } else { LoadError::Busy }(name.into()));
        }
        if self.reserved.iter().any(|reserved| reserved.as_bytes() == name) {
            return Err(LoadError::Busy(name.into()));
        }
        let [reserved, ours] = [(); 2].map(|()| Name::from(name));
        let complete = [&reserved, &ours].iter().all(|kept| kept.as_bytes() == name);
        let room = self.reserved.len().saturating_add(1);
        if !complete
            || self.reserved.try_reserve_exact(1).is_err()
            || self.listed.try_reserve_exact(room).is_err()
        {
            return Err(link::Error::OutOfMemory.into());
        }
        self.reserved.push(reserved);
        Ok(ours)
    }

    /// Frees a name, which is reserved.
    pub fn free(&mut self, name: &[u8]) {
        let Some(last) = self.reserved.pop() else { return };
        if let Some(freed) = self.reserved.iter_mut().find(|kept| kept.as_bytes() == name) {
            *freed = last;
        }
    }

    /// Lists a module whose name is reserved, and stays so.
    ///
    /// # Errors
    /// [`LoadError::Duplicate`] if it exports a symbol twice, or one that the kernel or a
    /// listed module exports; nothing has changed then.
    // Out of line, which makes a loader smaller.
    #[inline(never)]
    pub fn list(&mut self, platform: &P, module: &Arc<Module<P>>) -> Result<(), LoadError> {
        self.make_room(module.exports.len()).ok_or(link::Error::OutOfMemory)?;
        self.listed.push(Entry { module: module.clone(), first: self.exports.len() });
        let result = self.index_new(platform, module);
        if result.is_err() {
            self.unlist(module);
        }
        result
    }

    /// Indexes the exports of the module that has been listed last.
    fn index_new(&mut self, platform: &P, module: &Module<P>) -> Result<(), LoadError> {
        for symbol in module.exports() {
            let hash = hash(symbol.name);
            let by_kernel = platform.symbol(symbol.name).is_some();
            let owner = if by_kernel { None } else { self.exporter_hashed(symbol.name, hash) };
            let owner = owner.map(|(owner, _)| owner.name().clone());
            if by_kernel || owner.is_some() {
                return Err(LoadError::Duplicate { symbol: symbol.name.into(), owner });
            }
            self.exports.push(hash).ok_or(link::Error::OutOfMemory)?;
        }
        Ok(())
    }

    /// Takes a module out of the list. Returns it, so that it is not dropped with the lock held.
    pub fn unlist(&mut self, module: &Arc<Module<P>>) -> Option<Arc<Module<P>>> {
        let is_it = |entry: &mut Entry<P>| Arc::ptr_eq(&entry.module, module);
        let Entry { module, first } = self.listed.extract_if(.., is_it).next()?;
        if module.exports.len() > 0 {
            self.index_from(first);
        }
        let used = self.exports.len() as usize;
        if used <= self.exports.room() / 4 {
            // Where there is no memory for a smaller index, the larger one stays.
            let _ = self.resize_index(used);
        }
        Some(module)
    }

    /// Makes room in the index for so many more exports; a third more than are needed, so that it
    /// is not made anew for each module.
    fn make_room(&mut self, more: usize) -> Option<()> {
        let needed = more.checked_add(self.exports.len() as usize)?;
        if needed <= self.exports.room() {
            return Some(());
        }
        self.resize_index(needed.saturating_add(needed / 3))
    }

    /// Makes the index anew with room for so many exports; `None`, and nothing has changed, if
    /// there is no memory for that.
    fn resize_index(&mut self, room: usize) -> Option<()> {
        self.exports = Index::with_room(room)?;
        self.index_from(0)
    }

    /// Numbers anew all exports from this number on, which is that of the first of a module.
    fn index_from(&mut self, first: u32) -> Option<()> {
        self.exports.truncate(first);
        for entry in self.listed.iter_mut().filter(|entry| entry.first >= first) {
            entry.first = self.exports.len();
            entry.module.exports().try_for_each(|symbol| self.exports.push(hash(symbol.name)))?;
        }
        Some(())
    }
}
