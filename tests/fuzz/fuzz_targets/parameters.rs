//! Lines of parameters, the values in them, and what a module makes of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use modlink::parameters::Type;
use modlink::parameters::line::Line;
use modlink_fuzz::{bounded, parameters};

const TYPES: [Type; 13] = [
    Type::Byte,
    Type::Short,
    Type::Ushort,
    Type::Int,
    Type::Uint,
    Type::Long,
    Type::Ulong,
    Type::Ullong,
    Type::HexInt,
    Type::Bool,
    Type::InvBool,
    Type::BInt,
    Type::BoolEnableOnly,
];

fuzz_target!(|line: &[u8]| {
    let words: Vec<_> = bounded(line.len(), || {
        let mut words = Line::new(line);
        let all = words.by_ref().collect();
        assert!(words.after_dashes().is_none_or(|rest| rest.len() + 2 <= line.len()));
        all
    });
    let mut length = 0;
    for word in &words {
        let value = word.value.unwrap_or_default();
        length += word.name.len() + value.len();
        assert!(!word.name.contains(&0) && !value.contains(&0));
        for (kind, long) in TYPES.into_iter().flat_map(|kind| [(kind, 4), (kind, 8)]) {
            let Ok(number) = kind.parse(value, long) else { continue };
            // What it reads as is the same value.
            let mut text = String::new();
            kind.write(number, long, &mut text).expect("a string takes it");
            assert_eq!(kind.parse(text.as_bytes(), long), Ok(number), "{kind:?} {value:?}");
        }
    }
    assert!(length <= line.len());
    parameters::set(line);
});
