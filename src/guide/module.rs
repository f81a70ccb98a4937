// SPDX-License-Identifier: MIT OR Apache-2.0
// What a module in Rust says of itself and what it exports: to be taken in by `include!`.

/// Says something of the module in its `.modinfo`: `modinfo!("name" = "counter");`.
macro_rules! modinfo {
    ($key:literal = $value:literal) => {
        const _: () = {
            const TEXT: &str = concat!($key, "=", $value, "\0");
            // Each gets a section of its own, of which `ld -r` makes one.
            #[used]
            #[unsafe(link_section = ".modinfo")]
            static INFO: [u8; TEXT.len()] = *TEXT.as_bytes().first_chunk().unwrap();
        };
    };
}

/// Exports a function or a variable that is `#[unsafe(no_mangle)]`: `export_symbol!("count");`.
// An entry of the table of exports: the symbol, its name, its namespace, each by its distance.
macro_rules! export_symbol {
    ($symbol:literal) => {
        core::arch::global_asm!(
            ".pushsection __ksymtab_strings, \"aMS\", @progbits, 1",
            concat!("__kstrtab_", $symbol, ": .asciz \"", $symbol, "\""),
            concat!("__kstrtabns_", $symbol, ": .asciz \"\""),
            ".popsection",
            concat!(".pushsection \"___ksymtab+", $symbol, "\", \"a\", @progbits"),
            ".balign 4",
            concat!(".long ", $symbol, " - ."),
            concat!(".long __kstrtab_", $symbol, " - ."),
            concat!(".long __kstrtabns_", $symbol, " - ."),
            ".popsection",
        );
    };
}
