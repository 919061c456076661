//! A master file into entries, and entries into tokens, each with its position.
//!
//! RFC 1035, section 5.1: an entry ends with its line, unless a parenthesis is open; a
//! semicolon begins a comment; quotes and backslashes take the meaning from what follows them.
//! A quote begins a word and ends it, whatever stands beside it: `a"b c"d` is three words.
//! Tokens are slices of the text as written, quotes and escapes included: what they mean is
//! for whoever reads them.
//!
//! A quoted string may go on over the end of its line, and then holds it. Far more often a quote
//! was forgotten. So such a string is believed only if it is no longer than a string can be and
//! ends where a word may end: behind a forgotten quote, the next one begins a string and has
//! that string's first letter behind it.
//!
//! After a fault the lexer goes on at the next line that looks like the beginning of an entry,
//! so one forgotten parenthesis or quote costs one message. Carriage returns count as blanks, a
//! last line may lack its newline.

/// Longest entry, octets of text: 65,535 octets of RDATA in hex, comments and blanks with them.
const ENTRY_BYTES: usize = 1 << 18;
/// Longest string that goes on over the end of a line, octets of text: 255 of them as `\DDD`.
const BROKEN_BYTES: usize = 4 * 255;

/// A line and column, from 1; columns count octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A word of an entry, as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub(super) text: &'t [u8],
    pub(super) at: At,
}

impl Token<'_> {
    /// For messages: on one line, and not too long.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(self.text);
        let end = text.char_indices().nth(60).map(|(end, _)| end);
        match end.into_iter().chain(text.find('\n')).min() {
            Some(end) => format!("{}...", &text[..end]),
            None => text.into_owned(),
        }
    }

    /// Whether it is this word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Just past its end.
    pub(super) fn end(&self) -> At {
        let mut lines = self.text.split(|&byte| byte == b'\n');
        let first = lines.next().unwrap_or_default();
        let (last, column) = lines
            .next_back()
            .map_or((first, self.at.column), |last| (last, 1));
        let breaks = self.text.iter().filter(|&&byte| byte == b'\n').count();
        At {
            line: self.at.line.saturating_add(short(breaks)),
            column: column.saturating_add(short(last.len())),
        }
    }
}

fn short(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// One entry.
#[derive(Debug, Default)]
pub(super) struct Entry<'t> {
    pub(super) tokens: Vec<Token<'t>>,
    /// The line begins with a blank: the owner is the one before.
    pub(super) indented: bool,
    /// The first string that goes on over the end of its line.
    pub(super) broken: Option<At>,
    /// What the tokens are slices of.
    text: &'t [u8],
}

impl<'t> Entry<'t> {
    /// The tokens from the one with this number on, where `key="value"` is one word (RFC 9460,
    /// section 2.1).
    pub(super) fn pairs(&self, from: usize) -> Vec<Token<'t>> {
        let base = self.text.as_ptr().addr();
        let start = |token: &Token<'t>| token.text.as_ptr().addr() - base;
        let mut pairs: Vec<Token<'t>> = Vec::new();
        for token in self.tokens.get(from..).unwrap_or_default() {
            match pairs.last_mut() {
                Some(key)
                    if token.text.starts_with(b"\"")
                        && key.text.ends_with(b"=")
                        && start(key) + key.text.len() == start(token) =>
                {
                    key.text = &self.text[start(key)..start(token) + token.text.len()];
                }
                _ => pairs.push(*token),
            }
        }
        pairs
    }
}

/// What no entry can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A `)` with no `(` open.
    Closing,
    /// A `(` that is never closed.
    Opening,
    /// A quoted string that does not end, or not where one would.
    Quote,
}

/// Reads entries one after another.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    line_start: usize,
    /// Open parentheses, and where the first of them stands.
    open: u32,
    opened: (usize, At),
    /// Where the first string of the entry that goes on over the end of its line begins.
    broken: Option<(usize, At)>,
}

impl<'t> Lexer<'t> {
    /// Starts at the top; a byte order mark is skipped.
    pub(super) fn new(text: &'t [u8]) -> Self {
        let start = At { line: 1, column: 1 };
        Self {
            text: text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text),
            at: 0,
            line: 1,
            line_start: 0,
            open: 0,
            opened: (0, start),
            broken: None,
        }
    }

    /// Reads the next entry that is not empty; false at the end of the text.
    ///
    /// # Errors
    /// A fault and its place; the next call goes on behind it.
    pub(super) fn next(&mut self, entry: &mut Entry<'t>) -> Result<bool, (At, Fault)> {
        loop {
            entry.tokens.clear();
            entry.text = self.text;
            if self.at >= self.text.len() {
                return Ok(false);
            }
            entry.indented = matches!(self.text[self.at], b' ' | b'\t' | b'\r');
            self.entry(entry).map_err(|fault| self.recover(fault))?;
            entry.broken = self.broken.map(|(_, at)| at);
            if !entry.tokens.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Reads up to the end of one entry.
    fn entry(&mut self, entry: &mut Entry<'t>) -> Result<(), (At, Fault)> {
        self.open = 0;
        self.broken = None;
        let start = self.at;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.newline();
                    if self.open == 0 {
                        return Ok(());
                    }
                    if self.at - start > ENTRY_BYTES {
                        break;
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.skip_line(),
                b'(' => self.opening(),
                b')' if self.open == 0 => return Err((self.here(), Fault::Closing)),
                b')' => {
                    self.open -= 1;
                    self.at += 1;
                }
                _ => entry.tokens.push(self.token()?),
            }
        }
        match self.open {
            0 => Ok(()),
            _ => Err((self.opened.1, Fault::Opening)),
        }
    }

    fn opening(&mut self) {
        if self.open == 0 {
            self.opened = (self.at, self.here());
        }
        self.open = self.open.saturating_add(1);
        self.at += 1;
    }

    fn token(&mut self) -> Result<Token<'t>, (At, Fault)> {
        let (start, at) = (self.at, self.here());
        if self.text[start] == b'"' {
            self.string(at)?;
        } else {
            self.word();
        }
        Ok(Token {
            text: &self.text[start..self.at],
            at,
        })
    }

    /// Goes to the end of a word without quotes.
    fn word(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let special = rest.iter().position(|byte| SPECIAL[usize::from(*byte)]);
            self.at += special.unwrap_or(rest.len());
            match (self.text.get(self.at), self.text.get(self.at + 1)) {
                (Some(b'\\'), None | Some(b'\n')) => self.at += 1,
                (Some(b'\\'), Some(_)) => self.at += 2,
                _ => return,
            }
        }
    }

    /// Goes to the end of a quoted string that begins here.
    fn string(&mut self, at: At) -> Result<(), (At, Fault)> {
        let (start, line) = (self.at, self.line);
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    let ends = self.text.get(self.at).is_none_or(ends_word);
                    return match ends || self.line == line {
                        true => Ok(()),
                        false => Err((at, Fault::Quote)),
                    };
                }
                b'\n' => {
                    self.broken.get_or_insert((start, at));
                    self.newline();
                }
                b'\\'
                    if self
                        .text
                        .get(self.at + 1)
                        .is_some_and(|&next| next != b'\n') =>
                {
                    self.at += 2;
                }
                _ => self.at += 1,
            }
            if self.line != line && self.at - start > BROKEN_BYTES {
                break;
            }
        }
        Err((at, Fault::Quote))
    }

    /// Goes to the next line that looks like the beginning of an entry.
    fn recover(&mut self, fault: (At, Fault)) -> (At, Fault) {
        let (fault, cause) = match (fault.1, self.broken) {
            // The first quote that was forgotten turned all behind it inside out.
            (Fault::Quote, Some(begin)) => ((begin.1, Fault::Quote), Some(begin)),
            (Fault::Opening, _) => (fault, Some(self.opened)),
            (Fault::Quote | Fault::Closing, _) => (fault, None),
        };
        let continued = self.open > 0 && cause.is_none_or(|(at, _)| at >= self.opened.0);
        if let Some((at, place)) = cause {
            self.at = at;
            self.line = place.line;
        }
        loop {
            self.skip_line();
            if self.at >= self.text.len() {
                return fault;
            }
            self.newline();
            let begins = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b')');
            if !continued || self.text.get(self.at).is_some_and(begins) {
                return fault;
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|&byte| byte == b'\n');
        self.at += length.unwrap_or(rest.len());
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.line.saturating_add(1);
        self.line_start = self.at;
    }

    fn here(&self) -> At {
        At {
            line: self.line,
            column: short(self.at - self.line_start + 1),
        }
    }
}

/// Octets that may end a word or change how the next ones are read. Most words have none of
/// these, so a word is first read up to here.
static SPECIAL: [bool; 256] = {
    let (mut special, mut at) = ([false; 256], 0);
    let octets = b"\n \t\r;()\"\\";
    while at < octets.len() {
        special[octets[at] as usize] = true;
        at += 1;
    }
    special
};

/// Whether what stands behind a string may stand behind a word.
fn ends_word(byte: &u8) -> bool {
    matches!(byte, b'\n' | b' ' | b'\t' | b'\r' | b';' | b'(' | b')')
}
