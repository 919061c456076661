//! Words of master files at random: names, strings, numbers, times, digits in each of their forms.
use std::fmt::Write as _;

use waypost::base::Draws;

/// Who reads a zone as it is meant, and so is asked what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    /// Only forms that BIND, Knot and NSD all take.
    Common,
    /// Forms of BIND too: it says what they mean.
    Bind,
    /// Forms of NSD too.
    Nsd,
}

/// A source of words.
pub(crate) struct Words {
    pub(crate) draws: Draws,
    pub(crate) dialect: Dialect,
    /// The zone's name, with its final dot.
    pub(crate) apex: String,
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SIGNS: &[u8] = b"-_=:.~+*/!#%&',<>?@[]^`{|}$";
const DIGITS: &[u8; 16] = b"0123456789abcdef";
const DIGITS_64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Words {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draws.below(bound as u64)).unwrap()
    }

    /// Whether something happens that has this chance, in percent.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.draws.chance(chance * 10)
    }

    pub(crate) fn one<'c, T: ?Sized>(&mut self, choices: &[&'c T]) -> &'c T {
        choices[self.below(choices.len())]
    }

    fn byte(&mut self, among: &[u8]) -> char {
        char::from(among[self.below(among.len())])
    }

    /// Any number of so many bits; small and largest ones often.
    pub(crate) fn number(&mut self, bits: u32) -> String {
        let most = u64::MAX >> (64 - bits);
        let number = match self.below(6) {
            0 => 0,
            1 => most,
            2 => self.draws.below(10),
            _ => self.draws.next_u64() & most,
        };
        number.to_string()
    }

    pub(crate) fn octets(&mut self, length: usize) -> Vec<u8> {
        let mut octet = || self.draws.next_u64().to_be_bytes()[0];
        (0..length).map(|_| octet()).collect()
    }

    /// Case of letters mixed.
    pub(crate) fn mixed(&mut self, text: &str) -> String {
        match self.below(4) {
            0 => text.to_ascii_uppercase(),
            1 => {
                let mut change = |letter: char| match self.draws.chance(500) {
                    true => letter.to_ascii_uppercase(),
                    false => letter,
                };
                text.chars().map(&mut change).collect()
            }
            _ => text.to_owned(),
        }
    }

    /// A label, written plainly or with escapes.
    pub(crate) fn label(&mut self) -> String {
        let mut label = String::new();
        for _ in 0..=self.below(8) {
            match self.below(24) {
                0 => {
                    let octet = self.below(256);
                    let is_kept = self.dialect != Dialect::Nsd || !(65..=90).contains(&octet);
                    write!(label, "\\{:03}", if is_kept { octet } else { 0 }).unwrap();
                }
                // NSD takes an escaped backslash at the end of a word for one that escapes the blank.
                1 => {
                    label += self.one(&[
                        "\\.", "\\\\a", "\\;", "\\(", "\\)", "\\@", "\\$", "\\\"", "\\z",
                    ])
                }
                2 => label += self.one(&["_", "-", "*", "/"]),
                3 if self.dialect == Dialect::Bind => {
                    label += self.one(&["+", "=", "!", "#", "'", "$", "~"])
                }
                // NSD keeps names in lower case.
                3 if self.dialect != Dialect::Nsd => {
                    label.push(self.byte(LETTERS).to_ascii_uppercase());
                }
                _ => label.push(self.byte(LETTERS)),
            }
        }
        if self.percent(2) {
            label = "long".repeat(15);
        }
        label
    }

    /// A name in data: relative, absolute, `@`, the root.
    pub(crate) fn name(&mut self) -> String {
        let name = match self.below(10) {
            0 => "@".to_owned(),
            1 => ".".to_owned(),
            2 | 3 => format!("{}.{}", self.label(), self.apex),
            4 => format!("{}.{}.example.", self.label(), self.label()),
            5 => format!("{}.{}", self.label(), self.label()),
            _ => self.label(),
        };
        // NSD takes a dot in quotes for part of a label.
        let may_be_quoted = !name.contains(['"', '\\', '.', '@']);
        match self.dialect == Dialect::Nsd && may_be_quoted && self.percent(20) {
            true => format!("\"{name}\""),
            false => name,
        }
    }

    /// A character-string of at most so many characters, quoted or not.
    pub(crate) fn string(&mut self, most: usize) -> String {
        let quoted = self.percent(60);
        let length = match self.below(12) {
            0 if quoted => 0,
            1 => most,
            _ => 1 + self.below(most.min(20)),
        };
        let mut text = String::new();
        for index in 0..length {
            match self.below(20) {
                0 => write!(text, "\\{:03}", self.below(256)).unwrap(),
                1 => text += self.one(&["\\\"", "\\\\", "\\;", "\\(", "\\.", "\\x"]),
                2 if quoted => {
                    text += self
                        .one(&[" ", ";", "(", ")", "  ", "\t"])
                        .get(..1)
                        .unwrap()
                }
                3 if index > 0 || quoted => text.push(self.byte(SIGNS)),
                _ => text.push(self.byte(LETTERS)),
            }
        }
        if self.dialect == Dialect::Nsd && quoted && self.percent(10) && length > 0 && length < most
        {
            text.insert(0, '\n');
        }
        // NSD takes a backslash at the end of a word, itself escaped, for one that escapes the blank.
        if !quoted && text.ends_with('\\') {
            text = text.trim_end_matches('\\').to_owned() + "x";
        }
        match quoted {
            true => format!("\"{text}\""),
            false => text,
        }
    }

    /// A string as NSD takes it in other types than TXT: no dots outside of quotes.
    pub(crate) fn dotless(&mut self) -> String {
        loop {
            let string = self.string(255);
            if string.starts_with('"') || !string.contains('.') {
                return string;
            }
        }
    }

    /// Octets in hexadecimal, in one word or several.
    pub(crate) fn hex(&mut self, length: usize) -> Vec<String> {
        let octets = self.octets(length);
        let mut text = String::new();
        for octet in octets {
            text.push(char::from(DIGITS[usize::from(octet >> 4)]));
            text.push(char::from(DIGITS[usize::from(octet & 15)]));
        }
        let text = self.mixed(&text);
        self.cut(&text, 2)
    }

    /// Octets in base 64, in one word or several.
    pub(crate) fn base64(&mut self, length: usize) -> Vec<String> {
        let octets = self.octets(length);
        let mut text = String::new();
        for three in octets.chunks(3) {
            let bits = three
                .iter()
                .fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet));
            let bits = bits << (8 * (3 - three.len()));
            for digit in 0..4 {
                let digit = match digit <= three.len() {
                    true => char::from(DIGITS_64[(bits >> (18 - 6 * digit) & 63) as usize]),
                    false => '=',
                };
                text.push(digit);
            }
        }
        self.cut(&text, 4)
    }

    /// A word cut into several, at multiples of so many characters.
    fn cut(&mut self, text: &str, unit: usize) -> Vec<String> {
        let mut words = vec![text.to_owned()];
        while self.percent(30) && words.last().is_some_and(|word| word.len() > unit) {
            let last = words.pop().unwrap();
            let at = unit * (1 + self.below(last.len() / unit - 1).min(last.len() / unit - 1));
            let (one, other) = last.split_at(at.min(last.len() - unit));
            words.extend([one, other].map(str::to_owned));
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// Seconds, with units or without.
    pub(crate) fn seconds(&mut self) -> String {
        match self.below(6) {
            0 => self.one(&["1h", "2d", "1w", "30m", "15s", "0"]).to_owned(),
            1 => self
                .one(&["1h30m", "1w2d3h4m5s", "1D12H", "5m5S"])
                .to_owned(),
            2 => "2147483647".to_owned(),
            _ => self.below(100_000).to_string(),
        }
    }

    pub(crate) fn address4(&mut self) -> String {
        let octets = self.octets(4);
        format!("{}.{}.{}.{}", octets[0], octets[1], octets[2], octets[3])
    }

    pub(crate) fn address6(&mut self) -> String {
        match self.below(6) {
            0 => self
                .one(&["::", "::1", "1::", "2001:db8::", "0:0:0:0:0:0:0:1"])
                .to_owned(),
            1 => format!("::ffff:{}", self.address4()),
            2 => format!("64:ff9b::{}", self.address4()),
            _ => {
                let words: Vec<String> = self
                    .octets(16)
                    .chunks(2)
                    .map(|two| format!("{:x}", u32::from(two[0]) << 8 | u32::from(two[1])))
                    .collect();
                let text = words.join(":");
                self.mixed(&text)
            }
        }
    }
}
