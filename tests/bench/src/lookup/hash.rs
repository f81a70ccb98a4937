//! Hash functions for names.

/// A hash function.
pub trait HashName {
    /// The hash of a name; all of its bits are good.
    fn hash(name: &[u8], seed: u32) -> u32;
}

/// FNV-1a, a byte at a time.
#[derive(Clone, Copy, Debug)]
pub struct Fnv;

impl HashName for Fnv {
    #[inline]
    fn hash(name: &[u8], seed: u32) -> u32 {
        let start = 0x811c_9dc5 ^ seed;
        let hash = name
            .iter()
            .fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        hash ^ hash >> 15
    }
}

/// Four bytes at a time: each word is multiplied and mixed in; the last word overlaps the one
/// before it. The order of the bytes in a word is the machine's, so the hashes are as well.
#[derive(Clone, Copy, Debug)]
pub struct Words;

impl HashName for Words {
    #[inline]
    fn hash(name: &[u8], seed: u32) -> u32 {
        let start = seed ^ name.len() as u32;
        let hash = match name.last_chunk::<4>() {
            Some(last) => {
                let (words, _) = name.as_chunks::<4>();
                let hash = words.iter().fold(start, |hash, word| mix(hash, *word));
                mix(hash, *last)
            }
            None => name.iter().fold(start, |hash, byte| mix(hash, [*byte, 0, 0, 0])),
        };
        hash ^ hash >> 15
    }
}

#[inline]
fn mix(hash: u32, word: [u8; 4]) -> u32 {
    (hash.rotate_left(5) ^ u32::from_ne_bytes(word)).wrapping_mul(0x9e37_79b1)
}
