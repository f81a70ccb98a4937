//! Every reason for which a module is rejected, shown with a real module in which just the bytes in
//! question are changed: the error and the place that it names, its text, and its number; and that
//! a kernel is afterwards as before.

mod bare_kernel;
mod case;
mod compiled;
mod damage;
mod edit;
mod editor;
#[cfg(feature = "exceptions")]
mod exceptions;
mod exports;
mod header;
mod heap;
mod identity;
#[cfg(feature = "kallsyms")]
mod kallsyms;
mod kernel;
mod known;
mod link;
mod messages;
mod modinfo;
mod out_of_memory;
#[cfg(feature = "parameters")]
mod parameters;
mod real;
mod relocations;
mod sections;
mod signature;
mod symbols;
mod variants;
#[cfg(feature = "versions")]
mod versions;
