//! The words of a record's fields, taken one after another.
use super::Unfit;
use crate::dns::master::lex::Token;
use crate::dns::master::words;

/// The words still to be read.
pub(in crate::dns::master) struct Words<'w, 't> {
    words: &'w [Token<'t>],
    /// Words that were asked for, those that are not there included.
    at: usize,
    origin: &'w [u8],
    /// Room for a name.
    name: &'w mut Vec<u8>,
}

impl<'w, 't> Words<'w, 't> {
    /// All words of a record; names among them are relative to `origin`, in wire format.
    pub(in crate::dns::master) fn new(
        words: &'w [Token<'t>],
        origin: &'w [u8],
        name: &'w mut Vec<u8>,
    ) -> Self {
        Self {
            words,
            at: 0,
            origin,
            name,
        }
    }

    /// The next word, as written.
    pub(super) fn next(&mut self) -> Result<&'t [u8], Unfit> {
        let word = self.words.get(self.at);
        self.at += 1;
        word.map(|word| word.text).ok_or(Unfit::Missing)
    }

    /// The next word as text; `what` it is not, if it has octets that are none.
    pub(super) fn text(&mut self, what: &'static str) -> Result<&'t str, Unfit> {
        std::str::from_utf8(self.next()?).map_err(|_| Unfit::Not(what))
    }

    /// The next word as a decimal number.
    pub(super) fn number<T: TryFrom<u64>>(&mut self) -> Result<T, Unfit> {
        number(self.next()?).ok_or(Unfit::Number)
    }

    /// The next word as a name, in wire format.
    pub(super) fn name(&mut self) -> Result<&[u8], Unfit> {
        let text = self.next()?;
        words::name(text, self.origin, self.name).map_err(Unfit::Name)?;
        Ok(self.name)
    }

    /// Whether the next word is this one.
    pub(super) fn is_next(&self, word: &[u8]) -> bool {
        self.words
            .get(self.at)
            .is_some_and(|next| next.text == word)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.words.len()
    }

    /// The number of the next word.
    pub(super) fn next_index(&self) -> usize {
        self.at
    }

    /// The number of the word last asked for.
    pub(super) fn asked(&self) -> usize {
        self.at.saturating_sub(1)
    }

    /// Makes an earlier word the one last asked for: it is to blame.
    pub(super) fn blame(&mut self, index: usize) {
        self.at = index + 1;
    }
}

/// Digits alone as a number, if it has room.
pub(super) fn number<T: TryFrom<u64>>(text: &[u8]) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    T::try_from(number).ok()
}
