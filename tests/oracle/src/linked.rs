//! A linked file, whoever linked it.

use std::collections::BTreeMap;

/// What is in memory after a link.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    /// The sections by their indices in the section header table of the file.
    pub sections: BTreeMap<usize, Section>,
    /// The global offset table, if one was made; offsets count from its first byte.
    pub got: Option<Section>,
}

/// A section as it stands in memory, relocated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its address.
    pub address: u64,
    /// Its bytes; zeros where it has none in the file.
    pub bytes: Vec<u8>,
}
