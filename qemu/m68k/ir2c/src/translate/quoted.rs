//! C string literals.

/// A string literal of the text's bytes.
pub fn quoted(text: &str) -> String {
    quoted_bytes(text.as_bytes())
}

/// A string literal of these bytes. Octal escapes always have three digits, so that what follows
/// cannot be taken for another; question marks are escaped, for three of them begin a trigraph.
pub fn quoted_bytes(bytes: &[u8]) -> String {
    let mut literal = String::with_capacity(bytes.len() + 2);
    literal.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => literal.extend(['\\', char::from(byte)]),
            b'?' => literal.push_str("\\077"),
            b' '..=b'~' => literal.push(char::from(byte)),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_plain_characters_is_escaped() {
        assert_eq!(quoted("a\"b\\c\n1?"), r#""a\"b\\c\0121\077""#);
        assert_eq!(quoted_bytes(&[0, b'7', 255]), r#""\0007\377""#);
    }
}
