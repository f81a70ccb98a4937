//! Names that collide on purpose.

const WORD: usize = size_of::<u64>();

/// `count` names of `length` bytes that have one hash in modlink's index, as somebody makes them who
/// knows how it hashes. They differ in their last 23 bytes alone; the length is a byte less than
/// some words of eight bytes.
pub fn colliding_names(count: usize, length: usize) -> Vec<String> {
    assert_eq!(length % WORD, WORD - 1);
    // How many bytes all names begin with.
    let prefix = vec![b'x'; length / WORD * WORD - 2 * WORD];
    let (words, _) = prefix.as_chunks::<WORD>();
    let start = words.iter().fold(length as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut random = 0x1234_5678_9abc_def1_u64;
    // What the hash is before the last product is the same for all; the last word makes it so.
    let wanted = 0x5555_5555_5555_5555;
    let mut names = Vec::new();
    while names.len() < count {
        let middle = [(); 2].map(|()| printable(&mut random));
        let hash = middle.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let last = (wanted ^ hash.rotate_left(5)).to_le_bytes();
        // The last word begins with the last byte of the one before it.
        if last[0] == middle[1][WORD - 1] && last.iter().all(u8::is_ascii_graphic) {
            let name = [&prefix[..], &middle.concat(), &last[1..]].concat();
            assert_eq!(name.len(), length);
            names.push(String::from_utf8(name).expect("it is ASCII"));
        }
    }
    names
}

/// A step of modlink's hash on a host whose words have 64 bits.
fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Random letters, by xorshift.
fn printable(random: &mut u64) -> [u8; WORD] {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    random.to_le_bytes().map(|byte| b'a' + byte % 26)
}
