//! What the fuzz targets share.

mod elf;
mod load;
mod mutate;
pub mod seeds;

pub use load::{Target, run};
pub use mutate::mutate;
