//! What is in use, to be compared before and after.

use modlink::State;
use modlink::platform::Purpose;

/// Everything that the loader holds of the kernel, and its list of modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Memory for modules, by address.
    pub blocks: Vec<BlockRow>,
    /// Files that are open.
    pub open_files: usize,
    /// Modules, the one loaded last first.
    pub modules: Vec<ModuleRow>,
}

/// A run of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// The address at which the module sees it.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
    /// What it was asked for.
    pub purpose: Purpose,
}

/// A module that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleRow {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// How many references there are to it.
    pub references: u32,
    /// The names of the modules that it uses.
    pub uses: Vec<String>,
}

impl Snapshot {
    /// The bytes of memory in use.
    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.size).sum()
    }

    /// The module of that name.
    pub fn module(&self, name: &str) -> Option<&ModuleRow> {
        self.modules.iter().find(|row| row.name == name)
    }
}
