//! What the fuzz targets share.

pub mod dense;
mod elf;
mod load;
mod mutate;
pub mod parameters;
pub mod seeds;
mod work;

pub use load::{Target, run, run_with_names};
pub use mutate::mutate;
pub use work::bounded;
