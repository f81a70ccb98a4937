//! What follows the ELF file.

use crate::real::{Architecture, SIGNATURE_MARKER, with_arch};
use modlink::image::{Image, signature};
use modlink_host::HostKernel;

#[test]
fn a_signature_that_nobody_has_verified_does_not_decide_what_the_module_is() {
    for architecture in Architecture::ALL {
        let real = architecture.module().into_bytes();
        let length = real.len() as u32;
        // What it says that it has: less than there is, more, all of it.
        for claimed in [0, 1, 9, 100, length, length + 21, length + 22, 0x8000_0000, u32::MAX] {
            for signature in [&b""[..], b"signature"] {
                let file = signed(&real, signature, claimed);
                let result = architecture.link(&file);
                assert_eq!(result, architecture.link(&real), "{architecture:?}: {claimed:#x}");
            }
        }
        // Not even a descriptor.
        for cut in 0..12 {
            let file = [&real, &[0; 12][cut..], SIGNATURE_MARKER].concat();
            assert_eq!(architecture.link(&file), architecture.link(&real), "{architecture:?}");
        }
    }
}

#[test]
fn a_trailer_that_linux_does_not_take_for_a_signature_is_loaded() {
    for architecture in Architecture::ALL {
        // Eight bytes that are zero, id_type among them, and a length of 100.
        let file = signed(architecture.module().bytes(), b"", 100);
        with_arch!(architecture, A => {
            let loader = HostKernel::<A>::new().export_all_for(&file, &[]).boot();
            loader.load(&file).expect("it loads");
            assert_eq!(loader.platform().names(), ["crc_itu_t"]);
        });
    }
}

#[test]
fn a_file_says_whether_it_ends_as_one_that_has_been_signed() {
    for architecture in Architecture::ALL {
        let (whole, real) = (architecture.signed_module(), architecture.module());
        with_arch!(architecture, A => {
            let is_signed = |file| Image::<A>::check(file, u64::MAX).expect("it is good").is_signed();
            assert_eq!(is_signed(whole), architecture != Architecture::M68k);
            assert!(!is_signed(real.bytes()));
        });
    }
}

#[test]
fn a_marker_that_is_cut_or_changed_is_no_marker() {
    for architecture in Architecture::ALL {
        let real = architecture.module().into_bytes();
        let whole = signed(&real, b"signature", 9);
        let (before, _) = whole.split_at(whole.len() - SIGNATURE_MARKER.len());
        assert_eq!(signature::split(&whole), (before, true));
        for cut in 1..=SIGNATURE_MARKER.len() {
            let rest = &whole[..whole.len() - cut];
            assert_eq!(signature::split(rest), (rest, false));
        }
        for position in before.len()..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 1;
            assert_eq!(signature::split(&changed), (&changed[..], false));
        }
    }
}

/// A file with a signature whose descriptor says that it has `claimed` bytes.
fn signed(file: &[u8], signature: &[u8], claimed: u32) -> Vec<u8> {
    let mut descriptor = [0; 12];
    descriptor[8..].copy_from_slice(&claimed.to_be_bytes());
    [file, signature, &descriptor, SIGNATURE_MARKER].concat()
}
