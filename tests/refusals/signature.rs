//! Refusals of what stands behind the ELF file.

use crate::case::{Case, Cases, expect_refusals};
use crate::real::{Architecture, SIGNATURE_MARKER};
use modlink::Errno;
use modlink::image::{Error, signature};

pub fn cases(on: Architecture) -> Vec<Case> {
    let mut cases = Cases::on(on);
    let real = cases.real.bytes().to_vec();
    let length = real.len() as u32;
    for claimed in [length, length + 1, length + 12, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        cases.add_file(
            Errno::EBADMSG,
            &format!("a signature of {claimed:#x} bytes in a file of {length:#x}"),
            signed(&real, &[], claimed),
            Error::Signature,
        );
    }
    for descriptor in 0..12 {
        let descriptor = &real[..descriptor];
        cases.add_file(
            Errno::EBADMSG,
            &format!("a marker behind {} bytes", descriptor.len()),
            [descriptor, SIGNATURE_MARKER].concat(),
            Error::Signature,
        );
    }
    cases.into_vec()
}

#[test]
fn a_marker_without_room_for_the_signature_that_it_announces_is_refused() {
    expect_refusals(cases);
}

#[test]
fn what_debian_signed_is_split_into_file_and_signature() {
    for architecture in [Architecture::X86_64, Architecture::I386] {
        let whole = architecture.signed_module();
        let (file, found) = signature::split(whole).expect("a well-formed file");
        assert_eq!(file, architecture.module().bytes());
        let found = found.expect("Debian signs its modules");
        assert_eq!(whole.len(), file.len() + found.len() + 12 + SIGNATURE_MARKER.len());
        // A PKCS #7 message is a DER sequence with a length of two bytes.
        assert_eq!(found[..2], [0x30, 0x82]);
    }
}

#[test]
fn a_marker_that_is_cut_or_changed_is_no_marker() {
    for architecture in Architecture::ALL {
        let real = architecture.module().into_bytes();
        let whole = signed(&real, b"signature", 9);
        assert_eq!(signature::split(&whole), Ok((&real[..], Some(&b"signature"[..]))));
        for cut in 1..=SIGNATURE_MARKER.len() {
            let rest = &whole[..whole.len() - cut];
            assert_eq!(signature::split(rest), Ok((rest, None)));
        }
        for position in whole.len() - SIGNATURE_MARKER.len()..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert_eq!(signature::split(&changed), Ok((&changed[..], None)));
        }
    }
}

/// A file with a signature whose descriptor says that it has `claimed` bytes.
fn signed(file: &[u8], signature: &[u8], claimed: u32) -> Vec<u8> {
    const PKCS7: u8 = 2;
    let descriptor = [&[0, 0, PKCS7, 0, 0, 0, 0, 0][..], &claimed.to_be_bytes()].concat();
    [file, signature, &descriptor, SIGNATURE_MARKER].concat()
}
