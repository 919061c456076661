//! A master file into entries, and entries into tokens, each with its position.
//!
//! RFC 1035, section 5.1: an entry ends with its line, unless a parenthesis is open; a
//! semicolon begins a comment; quotes and backslashes take the meaning from what follows them.
//! Tokens are slices of the text as written, quotes and escapes included: what they mean is
//! for whoever reads them.
//!
//! After a fault the lexer goes on at the next line that looks like the beginning of an entry,
//! so one forgotten parenthesis costs one message. A quoted string ends on its line. Carriage
//! returns count as blanks, a last line may lack its newline.

/// Longest entry, octets of text: 65,535 octets of RDATA in hex, comments and blanks with them.
const ENTRY_BYTES: usize = 1 << 18;

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
    /// For messages.
    pub(super) fn shown(&self) -> String {
        let text = String::from_utf8_lossy(self.text);
        match text.char_indices().nth(60) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text.into_owned(),
        }
    }

    /// Whether it is this word, in any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Just past its end.
    pub(super) fn end(&self) -> At {
        let length = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        At {
            line: self.at.line,
            column: self.at.column.saturating_add(length),
        }
    }
}

/// One entry.
#[derive(Debug, Default)]
pub(super) struct Entry<'t> {
    pub(super) tokens: Vec<Token<'t>>,
    /// The line begins with a blank: the owner is the one before.
    pub(super) indented: bool,
}

/// What no entry can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A `)` with no `(` open.
    Closing,
    /// A `(` that is never closed.
    Opening,
    /// A quoted string that does not end on its line.
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
        }
    }

    /// Reads the next entry that is not empty; false at the end of the text.
    ///
    /// # Errors
    /// A fault and its place; the next call goes on behind it.
    pub(super) fn next(&mut self, entry: &mut Entry<'t>) -> Result<bool, (At, Fault)> {
        loop {
            entry.tokens.clear();
            if self.at >= self.text.len() {
                return Ok(false);
            }
            entry.indented = matches!(self.text[self.at], b' ' | b'\t' | b'\r');
            self.entry(entry).map_err(|fault| self.recover(fault))?;
            if !entry.tokens.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Reads up to the end of one entry.
    fn entry(&mut self, entry: &mut Entry<'t>) -> Result<(), (At, Fault)> {
        self.open = 0;
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
        let rest = &self.text[start..];
        self.at += rest.iter().position(is_special).unwrap_or(rest.len());
        let mut quoted = false;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' if quoted => return Err((at, Fault::Quote)),
                b'\n' => break,
                b'\\'
                    if self
                        .text
                        .get(self.at + 1)
                        .is_some_and(|&next| next != b'\n') =>
                {
                    self.at += 1;
                }
                b'"' if quoted => {
                    quoted = false;
                    self.at += 1;
                    break;
                }
                b'"' => quoted = true,
                b' ' | b'\t' | b'\r' | b';' | b'(' | b')' if !quoted => break,
                _ => {}
            }
            self.at += 1;
        }
        if quoted {
            return Err((at, Fault::Quote));
        }
        Ok(Token {
            text: &self.text[start..self.at],
            at,
        })
    }

    /// Goes to the next line that looks like the beginning of an entry.
    fn recover(&mut self, fault: (At, Fault)) -> (At, Fault) {
        if fault.1 == Fault::Opening {
            self.at = self.opened.0;
            self.line = self.opened.1.line;
        }
        let continued = self.open > 0;
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
        let column = self.at - self.line_start + 1;
        At {
            line: self.line,
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

/// Whether an octet may end a word or change how the next ones are read. Most words have none of
/// these, so a word is first read up to here.
fn is_special(byte: &u8) -> bool {
    matches!(
        byte,
        b'\n' | b' ' | b'\t' | b'\r' | b';' | b'(' | b')' | b'"' | b'\\'
    )
}
