//! `.modinfo` sections.

#![no_main]

use libfuzzer_sys::fuzz_target;
use modlink::image::ModInfo;
use modlink_fuzz::bounded;

fuzz_target!(|section: &[u8]| {
    match bounded(section.len(), || ModInfo::new(section)) {
        Err(offset) => assert!(offset < section.len()),
        Ok(modinfo) => {
            // A string without `=` says nothing.
            let lines = section.split(|byte| *byte == 0).filter(|line| line.contains(&b'='));
            let mut found = modinfo.iter();
            for line in lines {
                let (key, value) = found.next().expect("as many as there are lines");
                assert!(!key.contains(&b'='));
                assert_eq!([key, b"=", value].concat(), line);
                assert!(modinfo.get(key).is_some() && modinfo.all(key).any(|each| each == value));
            }
            assert_eq!(found.next(), None);
        }
    }
});
