//! A command line as words. A word is what stands between blanks, or between double quotes.

use super::failure::Failure;
use alloc::format;
use alloc::vec::Vec;
use modlink::Errno;

/// The words of a line that have not been read yet.
#[derive(Debug)]
pub struct Words<'a> {
    rest: &'a str,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word<'a> {
    /// One without quotes.
    Bare(&'a str),
    /// What stood between quotes, with `\n`, `\t`, `\0`, `\"` and `\\` replaced.
    Quoted(Vec<u8>),
}

impl<'a> Words<'a> {
    /// The words of a line.
    pub fn new(line: &'a str) -> Self {
        Self { rest: line.trim() }
    }

    /// The next word, if there is one.
    pub fn next(&mut self) -> Result<Option<Word<'a>>, Failure> {
        if let Some(quoted) = self.rest.strip_prefix('"') {
            return self.quoted(quoted).map(Some);
        }
        let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        Ok((!word.is_empty()).then_some(Word::Bare(word)))
    }

    /// The next word, which may not be in quotes.
    pub fn bare(&mut self) -> Result<Option<&'a str>, Failure> {
        match self.next()? {
            None => Ok(None),
            Some(Word::Bare(word)) => Ok(Some(word)),
            Some(Word::Quoted(_)) => Err(Failure::Usage("quotes where none belong".into())),
        }
    }

    /// The next word, which has to be there: `what` says what it is.
    pub fn need(&mut self, what: &str) -> Result<&'a str, Failure> {
        self.bare()?.ok_or_else(|| Failure::Usage(format!("{what} is missing")))
    }

    /// The next word as the name of an error number.
    pub fn errno(&mut self) -> Result<Errno, Failure> {
        let name = self.need("the name of an error number")?;
        Errno::from_name(name)
            .ok_or_else(|| Failure::Usage(format!("no error number is called {name}")))
    }

    /// All that has not been read yet, as it stands.
    pub fn rest(&mut self) -> &'a str {
        core::mem::take(&mut self.rest)
    }

    /// Makes sure that no word is left.
    pub fn end(&mut self) -> Result<(), Failure> {
        match self.rest {
            "" => Ok(()),
            rest => Err(Failure::Usage(format!("`{rest}` is too much"))),
        }
    }

    fn quoted(&mut self, text: &'a str) -> Result<Word<'a>, Failure> {
        let mut bytes = Vec::new();
        let mut characters = text.char_indices();
        while let Some((index, character)) = characters.next() {
            let character = match character {
                '"' => {
                    self.rest = text[index + 1..].trim_start();
                    return Ok(Word::Quoted(bytes));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, 't')) => '\t',
                    Some((_, '0')) => '\0',
                    Some((_, other @ ('"' | '\\'))) => other,
                    _ => return Err(Failure::Usage("unknown `\\` in quotes".into())),
                },
                other => other,
            };
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Err(Failure::Usage("the closing quote is missing".into()))
    }
}
