//! `Module.symvers`: what a build of Linux says of the symbols that the kernel and its modules export.
//!
//! A line a symbol, with a tab between its fields: CRC, name, module, kind of export, namespace (Linux's
//! documentation, "Building External Modules"; the last since 5.4). A kernel that runs modules compiled
//! against such a build has the same versions. Its build script, for which the crate is among the
//! `[build-dependencies]` with the feature `versions`, writes them down for
//! [`Ksymtab::linked_with`](super::Ksymtab::linked_with):
//!
//! ```
//! // build.rs
//! use modlink::symbols::symvers;
//! use std::fmt::Write;
//!
//! fn table(module_symvers: &str) -> Result<String, Box<dyn std::error::Error>> {
//!     let mut table = String::from("&[");
//!     for line in symvers::lines(module_symvers) {
//!         let symvers::Line { name, crc, module, .. } = line?;
//!         if module == "vmlinux" {
//!             writeln!(table, "({name:?}, {crc:#010x}),")?;
//!         }
//!     }
//!     Ok(table + "]")
//! }
//! # let text = "0x815f2897\tempty_zero_page\tvmlinux\tEXPORT_SYMBOL\t\n\
//! #     0x11111111\tother\tdrivers/other\tEXPORT_SYMBOL\t\n";
//! # assert_eq!(table(text)?, "&[(\"empty_zero_page\", 0x815f2897),\n]");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! // fs::write(Path::new(&var("OUT_DIR")?).join("versions.rs"), table(&fs::read_to_string("Module.symvers")?)?)?;
//! ```
//!
//! and the kernel takes them in: `static VERSIONS: &[(&str, u32)] = include!(concat!(env!("OUT_DIR"),
//! "/versions.rs"));`. What it does not export does no harm there, and takes its room.

use core::fmt;

/// A symbol that is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line<'t> {
    /// Its name.
    pub name: &'t str,
    /// Its version; 0 if the build made none.
    pub crc: u32,
    /// `vmlinux` for the kernel itself, else the path of the module, without an extension.
    pub module: &'t str,
    /// Whether it is for modules under a licence compatible with the GPL only.
    pub gpl_only: bool,
    /// Its namespace, empty if it is in none.
    pub namespace: &'t str,
}

/// The line of this number, from 1 on, does not have these fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymversError(pub usize);

impl core::error::Error for SymversError {}

impl fmt::Display for SymversError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module.symvers: line {} is not CRC, name, module, export, namespace", self.0)
    }
}

/// The lines of such a file. An error takes the place of a line, and ends nothing.
pub fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, SymversError>> {
    let numbered = (1..).zip(text.lines());
    numbered.map(|(number, line)| parse(line).ok_or(SymversError(number)))
}

fn parse(line: &str) -> Option<Line<'_>> {
    let mut fields = line.split('\t');
    let digits = fields.next()?.strip_prefix("0x")?;
    // The standard library takes a sign too.
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let crc = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
    let (name, module, export) = (fields.next()?, fields.next()?, fields.next()?);
    let namespace = fields.next().unwrap_or_default();
    let is_whole = !name.is_empty() && export.starts_with("EXPORT_") && fields.next().is_none();
    let gpl_only = export.ends_with("_GPL");
    is_whole.then_some(Line { name, crc, module, gpl_only, namespace })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_line_is_its_fields_and_nothing_else_is_one() {
        let text = "0x4c9d28b0\tphys_base\tvmlinux\tEXPORT_SYMBOL\t\n\
            0x00000000\tab\tdrivers/usb/core/usbcore\tEXPORT_SYMBOL_GPL\tUSB\n\
            0x1\told\tvmlinux\tEXPORT_SYMBOL\n";
        let line = |name, crc, module, gpl_only, namespace| {
            Ok(Line { name, crc, module, gpl_only, namespace })
        };
        let expected = [
            line("phys_base", 0x4c9d_28b0, "vmlinux", false, ""),
            line("ab", 0, "drivers/usb/core/usbcore", true, "USB"),
            line("old", 1, "vmlinux", false, ""),
        ];
        assert_eq!(lines(text).collect::<Vec<_>>(), expected);
        for wrong in [
            "",
            "4c9d28b0\ta\tvmlinux\tEXPORT_SYMBOL\t",
            "0x\ta\tvmlinux\tEXPORT_SYMBOL\t",
            "0x+1\ta\tvmlinux\tEXPORT_SYMBOL\t",
            "0x123456789\ta\tvmlinux\tEXPORT_SYMBOL\t",
            "0x1\t\tvmlinux\tEXPORT_SYMBOL\t",
            "0x1\ta\tvmlinux",
            "0x1\ta\tvmlinux\t\tEXPORT_SYMBOL",
            "0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\tmore",
        ] {
            let all = alloc::format!("0x1\ta\tvmlinux\tEXPORT_SYMBOL\t\n{wrong}\n");
            let found = lines(&all).nth(1).expect("a line");
            assert_eq!(found, Err(SymversError(2)), "{wrong}");
        }
    }
}
