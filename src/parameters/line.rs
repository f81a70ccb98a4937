//! A line of parameters, such as the arguments of a load or the kernel's boot line, taken apart as
//! Linux does.
//!
//! Blanks separate the words `name` and `name=value`. Within double quotes, around a value or around
//! a whole word, a blank is a byte as any other; there is no way to have a quote in quotes. A word
//! `--` ends the parameters.

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument<'l> {
    /// What stands before the first `=`, unless the word starts with that.
    pub name: &'l [u8],
    /// What stands after it.
    pub value: Option<&'l [u8]>,
}

/// The words of a line, up to its first NUL and a word `--`. Each step is as much work as its word
/// is long.
#[derive(Clone, Debug)]
pub struct Line<'l> {
    rest: &'l [u8],
    has_ended: bool,
}

impl<'l> Line<'l> {
    /// The words of this.
    pub fn new(line: &'l [u8]) -> Self {
        let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
        Self { rest: without_blanks(line.get(..end).unwrap_or(line)), has_ended: false }
    }

    /// What stands after the word `--`, once the words before that have been taken.
    pub fn after_dashes(&self) -> Option<&'l [u8]> {
        self.has_ended.then_some(self.rest)
    }
}

impl<'l> Iterator for Line<'l> {
    type Item = Argument<'l>;

    fn next(&mut self) -> Option<Argument<'l>> {
        if self.has_ended || self.rest.is_empty() {
            return None;
        }
        let (argument, rest) = first(self.rest);
        self.rest = without_blanks(rest);
        self.has_ended = argument == Argument { name: b"--", value: None };
        (!self.has_ended).then_some(argument)
    }
}

impl<'l> Argument<'l> {
    /// What it says to the module of that name, if it starts with `module.`, as on a boot line.
    pub fn of_module(self, module: &[u8]) -> Option<Self> {
        let dot = self.name.iter().position(|byte| *byte == b'.')?;
        let (of, name) = self.name.split_at_checked(dot)?;
        let name = name.strip_prefix(b".")?;
        is_same(of, module).then_some(Self { name, ..self })
    }
}

/// Whether these are one name: in names `-` is `_`.
pub fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| underscored(*a) == underscored(*b))
}

pub(super) fn underscored(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

/// The first word of a line that starts with one, and what follows.
fn first(line: &[u8]) -> (Argument<'_>, &[u8]) {
    let unquoted = line.strip_prefix(b"\"");
    let line = unquoted.unwrap_or(line);
    let (mut in_quotes, mut equals, mut end) = (unquoted.is_some(), None, line.len());
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b'"' => in_quotes = !in_quotes,
            b'=' if at != 0 && equals.is_none() => equals = Some(at),
            byte if !in_quotes && is_blank(*byte) => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let (word, rest) = line.split_at_checked(end).unwrap_or((line, b""));
    let closed = |text: &'_ [u8]| text.len().saturating_sub(usize::from(text.ends_with(b"\"")));
    let close = |text, is_quoted| match text {
        text if is_quoted => <[u8]>::get(text, ..closed(text)).unwrap_or(text),
        text => text,
    };
    let split = equals.and_then(|at| word.split_at_checked(at));
    let Some((name, value)) = split else {
        return (Argument { name: close(word, unquoted.is_some()), value: None }, rest);
    };
    let value = value.strip_prefix(b"=").unwrap_or(value);
    let inner = value.strip_prefix(b"\"");
    let is_quoted = inner.is_some() || unquoted.is_some();
    let value = close(inner.unwrap_or(value), is_quoted);
    (Argument { name, value: Some(value) }, rest)
}

fn without_blanks(line: &[u8]) -> &[u8] {
    let blanks = line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len());
    line.get(blanks..).unwrap_or_default()
}

/// Linux's blanks: those of C, and that of Latin-1 which does not break.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn words(line: &str) -> Vec<(String, Option<String>)> {
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).unwrap().to_string();
        Line::new(line.as_bytes()).map(|word| (text(word.name), word.value.map(text))).collect()
    }

    fn expect(line: &str, expected: &[(&str, Option<&str>)]) {
        let words = words(line);
        let found: Vec<_> =
            words.iter().map(|(name, value)| (&name[..], value.as_deref())).collect();
        assert_eq!(found, expected, "{line:?}");
    }

    #[test]
    fn words_are_taken_apart_as_linux_does() {
        expect("", &[]);
        expect(" \t\n ", &[]);
        expect("a", &[("a", None)]);
        expect(" a=1  b=2\n", &[("a", Some("1")), ("b", Some("2"))]);
        expect("a=", &[("a", Some(""))]);
        expect("a==b=c", &[("a", Some("=b=c"))]);
        expect("=a", &[("=a", None)]);
        expect("=a=b", &[("=a", Some("b"))]);
        expect("a=\"b c\" d", &[("a", Some("b c")), ("d", None)]);
        expect("\"a=b c\" d", &[("a", Some("b c")), ("d", None)]);
        expect("\"a b\"", &[("a b", None)]);
        expect("a=\"b c", &[("a", Some("b c"))]);
        expect("a=\"", &[("a", Some(""))]);
        expect("\"", &[("", None)]);
        expect("\"\" a", &[("", None), ("a", None)]);
        expect("a=b\"c d\"e", &[("a", Some("b\"c d\"e"))]);
        expect("a=\"b\"c\"", &[("a", Some("b\"c"))]);
        expect("\"a=\"b\"\"", &[("a", Some("b\""))]);
        expect("a\"=\"b c", &[("a\"", Some("b")), ("c", None)]);
        expect("a=1\0b=2", &[("a", Some("1"))]);
    }

    #[test]
    fn two_dashes_alone_end_the_parameters() {
        for (line, count, rest) in [
            ("a -- b=1 c", 1, Some("b=1 c")),
            ("--", 0, Some("")),
            ("\"--\" b", 0, Some("b")),
            ("--=1 b", 2, None),
            ("a --b", 2, None),
        ] {
            let mut words = Line::new(line.as_bytes());
            assert_eq!(words.by_ref().count(), count, "{line}");
            assert_eq!(words.after_dashes(), rest.map(str::as_bytes), "{line}");
        }
    }

    #[test]
    fn a_boot_line_names_modules_with_dashes_or_underscores() {
        let line = b"root=/dev/a snd-hda_intel.power-save=1 snd.x other.y=2 .z=1 quiet";
        let of = |module: &[u8]| {
            let words = Line::new(line).filter_map(|word| word.of_module(module));
            words.map(|word| (word.name, word.value)).collect::<Vec<_>>()
        };
        assert_eq!(of(b"snd_hda_intel"), [(&b"power-save"[..], Some(&b"1"[..]))]);
        assert_eq!(of(b"snd"), [(&b"x"[..], None)]);
        assert_eq!(of(b"root"), []);
        assert!(is_same(b"a-b_c", b"a_b-c") && !is_same(b"a", b"a-") && !is_same(b"a", b"b"));
    }

    /// Linux's way, byte by byte with NULs that are written into the line.
    fn model(line: &[u8]) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let mut args: Vec<u8> = line.iter().copied().take_while(|byte| *byte != 0).collect();
        args.push(0);
        let string = |args: &[u8], at: usize| -> Vec<u8> {
            args[at..].iter().copied().take_while(|byte| *byte != 0).collect()
        };
        let mut all = Vec::new();
        let mut start = 0;
        let skip = |args: &[u8], mut at: usize| {
            while matches!(args[at], b' ' | 9..=13 | 0xa0) {
                at += 1;
            }
            at
        };
        start = skip(&args, start);
        while args[start] != 0 {
            let (mut in_quote, mut quoted) = (false, false);
            if args[start] == b'"' {
                start += 1;
                (in_quote, quoted) = (true, true);
            }
            let (mut i, mut equals) = (0, 0);
            while args[start + i] != 0 {
                let byte = args[start + i];
                if matches!(byte, b' ' | 9..=13 | 0xa0) && !in_quote {
                    break;
                }
                if equals == 0 && byte == b'=' {
                    equals = i;
                }
                if byte == b'"' {
                    in_quote = !in_quote;
                }
                i += 1;
            }
            let mut value = None;
            if equals != 0 {
                args[start + equals] = 0;
                let mut at = start + equals + 1;
                if args[at] == b'"' {
                    at += 1;
                    if args[start + i - 1] == b'"' {
                        args[start + i - 1] = 0;
                    }
                }
                value = Some(at);
            }
            if quoted && i > 0 && args[start + i - 1] == b'"' {
                args[start + i - 1] = 0;
            }
            let next = if args[start + i] != 0 {
                args[start + i] = 0;
                start + i + 1
            } else {
                start + i
            };
            let word = (string(&args, start), value.map(|at| string(&args, at)));
            if word == (b"--".to_vec(), None) {
                break;
            }
            all.push(word);
            start = skip(&args, next);
        }
        all
    }

    proptest! {
        #[test]
        fn any_line_is_taken_apart_as_by_linux(
            line in prop::collection::vec(prop::sample::select(b"ab=\" -\t\xa0\0".to_vec()), 0..24)
        ) {
            let found: Vec<_> = Line::new(&line)
                .map(|word| (word.name.to_vec(), word.value.map(<[u8]>::to_vec)))
                .collect();
            prop_assert_eq!(found, model(&line));
        }
    }
}
