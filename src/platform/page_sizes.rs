//! Only a power of two is a page size: other kernels do not compile.

macro_rules! kernel {
    ($name:ident: $outcome:literal, pages of $size:literal, $statement:literal) => {
        #[doc = concat!("```", $outcome)]
        #[doc = include_str!("page_sizes_kernel.rs")]
        #[doc = concat!("const SIZE: usize = ", $size, ";")]
        #[doc = concat!("fn main() { ", $statement, " }")]
        #[doc = "```"]
        struct $name;
    };
}

kernel! { LoaderOf4096: "no_run", pages of "4096", "Loader::new(Kernel).load(b\"\").unwrap();" }
kernel! { LoaderOf0: "compile_fail,E0080", pages of "0", "Loader::new(Kernel).load(b\"\").unwrap();" }
kernel! { LoaderOf12288: "compile_fail,E0080", pages of "12288", "Loader::new(Kernel).load(b\"\").unwrap();" }
kernel! { RegionOf4096: "no_run", pages of "4096", "unsafe { Region::new(Kernel, 0..=0) };" }
kernel! { RegionOf0: "compile_fail,E0080", pages of "0", "unsafe { Region::new(Kernel, 0..=0) };" }
kernel! { RegionOf12288: "compile_fail,E0080", pages of "12288", "unsafe { Region::new(Kernel, 0..=0) };" }
