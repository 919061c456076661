//! `$GENERATE start-stop[/step] owner [ttl] [class] type data`, as BIND reads it.
//!
//! In owner and data, `$` stands for the number. `${offset,width,base}` adds an offset, fills up
//! with zeros to a width, and writes it in decimal (`d`), octal (`o`), hexadecimal (`x`, `X`) or
//! as nibbles, the lowest first, with dots between them (`n`, `N`), where the dots count for the
//! width. `\$` and `$$` are a dollar sign. Data of several fields stands in quotes, which are
//! taken away, or as it would in a record.
//!
//! Two ways of BIND that look like slips are kept, because files were written to them: an offset
//! holds for the `$` behind it too until another one is given, and a negative number in octal or
//! hexadecimal is that of 32 bits. A negative number has no nibbles; there BIND never ends.
//!
//! Nothing here knows what a name or a type is.
use std::io::Write;

use super::Problem;
use super::lex::{At, Token};

/// Most characters that a number may be filled up to, as in BIND.
const WIDTH_MOST: usize = 127;

/// The numbers for which records are made; `start` is at most `stop`, `step` at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    /// Reads `start-stop` or `start-stop/step`.
    pub(super) fn read(word: &Token<'_>) -> Result<Self, Problem> {
        let text = std::str::from_utf8(word.text).unwrap_or_default();
        Self::parse(text).ok_or_else(|| {
            let message = format!("`{}` is not a range", word.shown());
            let help = "a range is `1-9` or `1-9/2`: from, to, and the step; up to 2147483647";
            Problem::of(word, &message, Some(help))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (bounds, step) = match text.split_once('/') {
            Some((bounds, step)) => (bounds, number(step)?),
            None => (text, 1),
        };
        let (start, stop) = bounds.split_once('-')?;
        let range = Self {
            start: number(start)?,
            stop: number(stop)?,
            step,
        };
        (range.start <= range.stop && step > 0).then_some(range)
    }

    /// How many numbers there are.
    pub(super) fn count(self) -> u64 {
        u64::from((self.stop - self.start) / self.step) + 1
    }

    /// All of them.
    pub(super) fn iter(self) -> impl Iterator<Item = i64> {
        let (start, stop) = (i64::from(self.start), i64::from(self.stop));
        (start..=stop).step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
    }
}

/// A number of at most 31 bits, without a sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i32>().ok().filter(|_| digits)?;
    u32::try_from(number).ok()
}

/// A text with places for the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Number {
        offset: i64,
        width: usize,
        base: Base,
    },
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Octal,
    Hex(Case),
    /// The digits of the hexadecimal number, the lowest first.
    Nibbles(Case),
}

/// How letters among digits are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
}

/// Why a template cannot be read, or not be filled with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit(String);

impl Unfit {
    /// As a problem of a place.
    pub(super) fn at(self, at: At) -> Problem {
        let help = "`${offset,width,base}` has a whole number, a width up to 127, and one of d, o, x, X, n, N";
        Problem {
            at,
            message: self.0,
            help: Some(help.to_owned()),
        }
    }
}

impl Template {
    /// That of an owner.
    pub(super) fn of_owner(word: &Token<'_>) -> Result<Self, Problem> {
        Self::parse(word.text).map_err(|unfit| unfit.at(word.at))
    }

    /// That of the data: one quoted word is what it holds, anything else as it is written.
    pub(super) fn of_data(fields: &[Token<'_>]) -> Result<Self, Problem> {
        let text = match fields {
            [
                Token {
                    text: [b'"', inner @ .., b'"'],
                    ..
                },
            ] => bare(inner),
            _ => fields
                .iter()
                .map(|field| field.text)
                .collect::<Vec<_>>()
                .join(&b' '),
        };
        let Some(first) = fields.first() else {
            return Ok(Self { parts: Vec::new() });
        };
        if text.contains(&b'\n') {
            let message = "a line end does not belong into what is generated";
            return Err(Problem::of(first, message, None));
        }
        Self::parse(&text).map_err(|unfit| unfit.at(first.at))
    }

    fn parse(text: &[u8]) -> Result<Self, Unfit> {
        let (mut parts, mut plain, mut offset) = (Vec::new(), Vec::new(), 0);
        let mut rest = text;
        loop {
            rest = match rest {
                [] => break,
                [b'\\', escaped, tail @ ..] => {
                    plain.extend([b'\\', *escaped]);
                    tail
                }
                [b'$', b'$', tail @ ..] => {
                    plain.push(b'$');
                    tail
                }
                [b'$', tail @ ..] => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    let (part, tail) = place(tail, &mut offset)?;
                    parts.push(part);
                    tail
                }
                [byte, tail @ ..] => {
                    plain.push(*byte);
                    tail
                }
            };
        }
        parts.push(Part::Text(plain));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self { parts })
    }

    /// Puts the text for a number into `text`.
    pub(super) fn fill(&self, number: i64, text: &mut Vec<u8>) -> Result<(), Unfit> {
        text.clear();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.extend_from_slice(plain),
                Part::Number {
                    offset,
                    width,
                    base,
                } => {
                    let value = i32::try_from(number + offset).map_err(|_| {
                        Unfit(format!("{number} with an offset of {offset} is too large"))
                    })?;
                    put(value, *width, *base, text)?;
                }
            }
        }
        Ok(())
    }
}

/// What a quoted word holds: only quotes lose their backslash, all other escapes are for whoever
/// reads the fields.
fn bare(inner: &[u8]) -> Vec<u8> {
    let (mut bare, mut rest) = (Vec::new(), inner);
    loop {
        rest = match rest {
            [] => return bare,
            [b'\\', b'"', tail @ ..] => {
                bare.push(b'"');
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                bare.extend([b'\\', *escaped]);
                tail
            }
            [byte, tail @ ..] => {
                bare.push(*byte);
                tail
            }
        };
    }
}

/// Reads what stands behind a `$`: maybe `{offset,width,base}`.
fn place<'t>(text: &'t [u8], offset: &mut i64) -> Result<(Part, &'t [u8]), Unfit> {
    let Some(inner) = text.strip_prefix(b"{") else {
        let part = Part::Number {
            offset: *offset,
            width: 0,
            base: Base::Decimal,
        };
        return Ok((part, text));
    };
    let end = inner.iter().position(|&byte| byte == b'}');
    let (inner, tail) = inner.split_at(end.unwrap_or(inner.len()));
    let shown = String::from_utf8_lossy(inner).into_owned();
    let unfit = || Unfit(format!("`${{{shown}}}` cannot be read"));
    if tail.is_empty() {
        return Err(unfit());
    }
    let mut words = shown.split(',');
    let first = words.next().and_then(|word| word.parse::<i32>().ok());
    *offset = i64::from(first.ok_or_else(unfit)?);
    let width = words
        .next()
        .map_or(Some(0), |word| word.parse::<usize>().ok());
    let width = width
        .filter(|width| *width <= WIDTH_MOST)
        .ok_or_else(unfit)?;
    let base = words
        .next()
        .map_or(Some(Base::Decimal), base)
        .ok_or_else(unfit)?;
    if words.next().is_some() {
        return Err(unfit());
    }
    let part = Part::Number {
        offset: *offset,
        width,
        base,
    };
    Ok((part, &tail[1..]))
}

fn base(word: &str) -> Option<Base> {
    Some(match word {
        "d" => Base::Decimal,
        "o" => Base::Octal,
        "x" => Base::Hex(Case::Lower),
        "X" => Base::Hex(Case::Upper),
        "n" => Base::Nibbles(Case::Lower),
        "N" => Base::Nibbles(Case::Upper),
        _ => return None,
    })
}

fn put(value: i32, width: usize, base: Base, text: &mut Vec<u8>) -> Result<(), Unfit> {
    let bits = value.cast_unsigned();
    let written = match base {
        Base::Decimal => write!(text, "{value:0width$}"),
        Base::Octal => write!(text, "{bits:0width$o}"),
        Base::Hex(Case::Lower) => write!(text, "{bits:0width$x}"),
        Base::Hex(Case::Upper) => write!(text, "{bits:0width$X}"),
        Base::Nibbles(case) => {
            let value = u32::try_from(value)
                .map_err(|_| Unfit(format!("{value} is negative and has no nibbles")))?;
            nibbles(value, width, case, text);
            Ok(())
        }
    };
    written.expect("a vector takes whatever is written");
    Ok(())
}

/// The hexadecimal digits of a number, the lowest first, with dots between and up to `width`
/// characters, the last of which may be a dot.
fn nibbles(value: u32, width: usize, case: Case, text: &mut Vec<u8>) {
    let digits = match case {
        Case::Lower => b"0123456789abcdef",
        Case::Upper => b"0123456789ABCDEF",
    };
    let (mut rest, mut room) = (value, width);
    loop {
        let nibble = usize::try_from(rest & 0xF).unwrap_or_default();
        text.push(digits[nibble]);
        rest >>= 4;
        room = room.saturating_sub(1);
        if room > 0 || rest > 0 {
            text.push(b'.');
            room = room.saturating_sub(1);
        }
        if room == 0 && rest == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, number: i64) -> Result<String, String> {
        let mut text = Vec::new();
        let template = Template::parse(template.as_bytes()).map_err(|unfit| unfit.0)?;
        template.fill(number, &mut text).map_err(|unfit| unfit.0)?;
        Ok(String::from_utf8(text).unwrap())
    }

    /// Each as `named-compilezone` of BIND 9.18 has it.
    #[test]
    fn templates_are_filled_as_by_bind() {
        for (template, number, expected) in [
            ("a$", 1, "a1"),
            ("a${10}b", 2, "a12b"),
            ("a${+3}", 2, "a5"),
            ("a${-5}", 1, "a-4"),
            ("a${-5,4,d}", 1, "a-004"),
            ("a${-5,4,x}", 1, "afffffffc"),
            ("${0,3}", 7, "007"),
            ("${0,4,x}-${0,0,X}-${0,3,o}", 10, "000a-A-012"),
            ("${-5,2,d}", 10, "05"),
            ("${0,4,n}", 10, "a.0."),
            ("${0,8,N}", 26, "A.1.0.0."),
            ("${0,7,n}", 26, "a.1.0.0"),
            ("${0,0,n}", 26, "a.1"),
            ("${0,2,n}", 26, "a.1"),
            ("a${10}b$", 1, "a11b11"),
            ("a$$$", 1, "a$1"),
            ("a$$$$", 1, "a$$"),
            ("a\\$\\065$", 1, "a\\$\\0651"),
            ("$", 2_147_483_647, "2147483647"),
            ("a\\", 1, "a\\"),
        ] {
            assert_eq!(
                filled(template, number).as_deref(),
                Ok(expected),
                "{template}"
            );
        }
    }

    #[test]
    fn templates_that_mean_nothing_are_refused() {
        for template in [
            "a${",
            "a${}",
            "a${0,}",
            "a${0,2,}",
            "a${0,2,q}",
            "a${0,2,dd}",
            "a${0",
            "a${x}",
            "a${0,-1}",
            "a${0,128}",
            "a${0,1,d,}",
            "a${2147483648}",
        ] {
            assert!(Template::parse(template.as_bytes()).is_err(), "{template}");
        }
        assert_eq!(
            filled("${1}", 2_147_483_647),
            Err("2147483647 with an offset of 1 is too large".to_owned())
        );
        assert_eq!(
            filled("${-5,1,n}", 1),
            Err("-4 is negative and has no nibbles".to_owned())
        );
    }

    #[test]
    fn ranges_are_read_with_care() {
        let all = |text: &str| Range::parse(text).map(|range| range.iter().collect::<Vec<_>>());
        assert_eq!(all("1-3"), Some(vec![1, 2, 3]));
        assert_eq!(all("0-0"), Some(vec![0]));
        assert_eq!(all("1-6/2"), Some(vec![1, 3, 5]));
        assert_eq!(all("1-2147483647/2147483646"), Some(vec![1, 2_147_483_647]));
        assert_eq!(
            Range::parse("0-2147483647").map(Range::count),
            Some(1 << 31)
        );
        for text in [
            "",
            "1",
            "1-",
            "-1",
            "2-1",
            "1-2/0",
            "1-2/-1",
            "-1-2",
            "+1-2",
            "1-2x",
            "1-2/2x",
            "1-2147483648",
            "1--2",
        ] {
            assert_eq!(all(text), None, "{text}");
        }
    }
}
