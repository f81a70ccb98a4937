//! The mark that Linux puts at the end of a module that it has signed
//! (Documentation/admin-guide/module-signing).

const MARKER: &[u8] = b"~Module signature appended~\n";

/// The file without the mark, and whether there was one.
///
/// What stands before the mark, the signature among it, stays part of the file: nobody has verified
/// that it is one, so it does not decide what the module is. An ELF file may have anything after
/// its tables.
pub fn split(file: &[u8]) -> (&[u8], bool) {
    match file.strip_suffix(MARKER) {
        Some(rest) => (rest, true),
        None => (file, false),
    }
}
