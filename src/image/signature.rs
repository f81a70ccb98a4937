//! The signature that Linux appends to a module (Documentation/admin-guide/module-signing).
//!
//! Behind the ELF file stand the signature, a descriptor of twelve bytes that ends in the
//! signature's length, and a marker.

use super::Error;

const MARKER: &[u8] = b"~Module signature appended~\n";
const DESCRIPTOR_SIZE: usize = 12;

/// Splits a file into what was signed and, if there is one, the signature.
///
/// # Errors
/// [`Error::Signature`] if there is a marker and no signature before it.
pub fn split(file: &[u8]) -> Result<(&[u8], Option<&[u8]>), Error> {
    let Some(rest) = file.strip_suffix(MARKER) else {
        return Ok((file, None));
    };
    let (rest, descriptor) = rest.split_last_chunk::<DESCRIPTOR_SIZE>().ok_or(Error::Signature)?;
    let [.., a, b, c, d] = *descriptor;
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    match rest.len().checked_sub(length).and_then(|end| rest.split_at_checked(end)) {
        Some((image, signature)) if !image.is_empty() => Ok((image, Some(signature))),
        _ => Err(Error::Signature),
    }
}
