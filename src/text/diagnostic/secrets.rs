//! Finds where a config may hold a secret, so that no message shows it.
//!
//! The text is gone through by itself and not by way of the parser, because it is most needed where there is
//! nothing to parse: an unclosed string, a key without `=`, a value on the next line. So it is generous: it takes
//! for secret whatever stands behind a key that is called like a secret or nearly so, in any table that is, in a string that
//! looks like a key of a cipher, and in comments beside. To mask too much costs a reader a look into the file; to mask
//! too little puts a secret into a log.
//!
//! It does not know which keys there are. Names of files, algorithms and roles are shown, also in tables of secrets.
use std::collections::HashMap;
use std::ops::Range;

use crate::base::similar;

/// Names of keys and tables that hold secrets.
const SECRET: &[&str] = &[
    "api_key",
    "authorization",
    "body",
    "cohort_key",
    "cookies",
    "credentials",
    "hash",
    "headers",
    "passphrase",
    "password",
    "private_key",
    "secret",
    "secrets",
    "send",
    "token",
    "tokens",
    "tsig",
];
/// Parts of such names.
const PARTS: &[&str] = &["secret", "passw", "token", "credential", "auth"];
/// Keys of tables of secrets that hold none.
const PLAIN: &[&str] = &[
    "algorithm",
    "author",
    "enabled",
    "expires",
    "key",
    "keys",
    "name",
    "names",
    "password_file",
    "role",
    "roles",
    "scope",
    "secret_file",
    "token_file",
];
/// Words in a value that a secret stands beside.
const BESIDE: &[&str] = &[
    "token=",
    "secret=",
    "password=",
    "passwd=",
    "api_key=",
    "apikey=",
    "bearer ",
    "basic ",
    "auth ",
];
/// Shortest text that is taken for the key of a cipher by its looks.
const KEY_LENGTH: usize = 20;

/// The names of keys and tables so far, which come again and again: whether they are called like secrets.
#[derive(Debug, Default)]
pub(super) struct KnownKeys<'t>(HashMap<&'t str, bool>);

/// The parts of a text that are not to be shown, in order and apart, none over the end of a line.
pub(super) fn find<'t>(text: &'t str, known: &mut KnownKeys<'t>) -> Vec<Range<usize>> {
    let mut scanner = Scanner {
        text,
        at: 0,
        header: Vec::new(),
        known,
        found: Vec::new(),
    };
    scanner.run();
    let mut parts: Vec<Range<usize>> = Vec::new();
    for range in scanner.found {
        let start = range.start.max(parts.last().map_or(0, |last| last.end));
        let mut line = start;
        for piece in text[start..range.end.max(start)].split_inclusive('\n') {
            let shown = piece.trim_end_matches(['\n', '\r']);
            if !shown.trim().is_empty() {
                parts.push(line..line + shown.len());
            }
            line += piece.len();
        }
    }
    parts
}

/// Tells whether a key or a table is called like a secret, or nearly so.
fn is_called_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let has_part = PARTS.iter().any(|part| name.contains(part));
    has_part || similar(&name, SECRET.iter().copied()).is_some()
}

/// Tells whether a value looks like a secret whatever it is called.
fn looks_secret(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    if BESIDE.iter().any(|word| lower.contains(word)) {
        return true;
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    if value.len() < KEY_LENGTH || !value.bytes().all(fits) {
        return false;
    }
    let has = |is: fn(&u8) -> bool| value.as_bytes().iter().any(is);
    let is_mixed =
        has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let is_hex = value.len() >= 32 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_mixed || is_hex || value.ends_with('=')
}

/// A walk through a text that may be torn anywhere.
struct Scanner<'t, 'k> {
    text: &'t str,
    at: usize,
    /// The table that the last header names.
    header: Vec<&'t str>,
    known: &'k mut KnownKeys<'t>,
    found: Vec<Range<usize>>,
}

/// A string of a value.
struct Quoted {
    /// The part between the quotes.
    inside: Range<usize>,
    /// The presence of its end.
    closed: bool,
}

impl<'t> Scanner<'t, '_> {
    fn run(&mut self) {
        while self.at < self.text.len() {
            let line = self.line();
            let content = line.trim_start();
            match content.chars().next() {
                None | Some('#') => self.at += line.len() + 1,
                Some('[') => {
                    self.header = names(content);
                    self.at += line.len() + 1;
                }
                Some(_) => self.statement(line),
            }
        }
    }

    /// The rest of the line.
    fn line(&self) -> &'t str {
        let rest = &self.text[self.at..];
        rest.split('\n').next().unwrap_or_default()
    }

    /// Tells whether a key, under the tables that it stands in, may hold a secret.
    fn is_secret(&mut self, keys: &[&'t str]) -> bool {
        let mut path = self.header.iter().chain(keys);
        let is_plain = path.clone().next_back().is_none_or(|key| is_plain(key));
        let known = &mut self.known.0;
        let looks = |name: &&'t str| *known.entry(*name).or_insert_with(|| is_called_secret(name));
        !is_plain && path.any(looks)
    }

    /// A key and its value, to the end of that.
    fn statement(&mut self, line: &'t str) {
        let Some((key, _)) = line.split_once('=') else {
            return self.torn(line);
        };
        let keys = names(key);
        self.at += key.len() + 1;
        let begin = self.at;
        let is_secret = self.is_secret(&keys);
        match self.value(is_secret) {
            ValueEnd::Whole if is_secret && self.text[begin..self.at].trim().is_empty() => {
                self.on_the_next_line()
            }
            ValueEnd::Whole => {}
            ValueEnd::Torn(quote) if is_secret => self.continuation(quote),
            ValueEnd::Torn(_) => {}
        }
        debug_assert!(self.at > begin || self.at >= self.text.len(), "goes on");
    }

    /// A line that is no key with a value.
    fn torn(&mut self, line: &'t str) {
        let word = line.trim_start();
        let before = line.len() - word.len();
        let end = word.find(|letter: char| letter.is_whitespace() || letter == ':');
        let (first, rest) = word.split_at(end.unwrap_or(word.len()));
        let start = self.at + before;
        if self.is_secret(&[]) || looks_secret(first) {
            self.found.push(start..start + word.len());
        } else if self.is_secret(&[first]) && !rest.is_empty() {
            self.found.push(start + first.len()..start + word.len());
        }
        self.at += line.len() + 1;
    }

    /// A value with all that it encloses, to the end of its last line.
    fn value(&mut self, is_secret: bool) -> ValueEnd {
        // Of each open bracket: whether it is a table's, and whether what it encloses is secret.
        let mut open: Vec<(bool, bool)> = Vec::new();
        let mut secret_here = is_secret;
        let mut ending = ValueEnd::Whole;
        while let Some(letter) = self.text[self.at..].chars().next() {
            let in_table = open.last().is_some_and(|(table, _)| *table);
            let outer = open.last().map_or(is_secret, |(_, secret)| *secret);
            match letter {
                '\n' if open.is_empty() => {
                    self.at += 1;
                    return ending;
                }
                '\n' | ' ' | '\t' | '\r' => self.at += 1,
                '#' => self.comment(secret_here || outer),
                '{' | '[' => {
                    open.push((letter == '{', secret_here));
                    self.at += 1;
                }
                '}' | ']' => {
                    open.pop();
                    secret_here = open.last().map_or(is_secret, |(_, secret)| *secret);
                    self.at += 1;
                }
                ',' | '=' => {
                    if letter == ',' {
                        secret_here = outer;
                    }
                    self.at += 1;
                }
                '"' | '\'' => {
                    let quoted = self.quoted(letter);
                    if !quoted.closed {
                        ending = ValueEnd::Torn(letter);
                    }
                    match in_table && self.is_before_equals() {
                        true => {
                            let text = self.text;
                            secret_here = outer || self.is_secret(&names(&text[quoted.inside]))
                        }
                        false if secret_here || looks_secret(&self.text[quoted.inside.clone()]) => {
                            self.found.push(quoted.inside);
                        }
                        false => {}
                    }
                }
                _ => {
                    let word = self.word();
                    match in_table && self.is_before_equals() {
                        true => {
                            let word = &self.text[word];
                            secret_here = outer && !is_plain(word) || self.is_secret(&names(word))
                        }
                        false if secret_here || looks_secret(&self.text[word.clone()]) => {
                            self.found.push(word)
                        }
                        false => {}
                    }
                }
            }
        }
        ending
    }

    /// A comment; beside a secret it may hold an older one.
    fn comment(&mut self, is_secret: bool) {
        let length = self.line().len();
        if is_secret {
            self.found.push(self.at + 1..self.at + length);
        }
        self.at += length;
    }

    /// A string from its first quote on.
    fn quoted(&mut self, quote: char) -> Quoted {
        let rest = &self.text[self.at..];
        let triple = [quote; 3].iter().collect::<String>();
        let (marks, most) = match rest.starts_with(&triple) {
            true => (3, rest.len()),
            false => (1, self.line().len()),
        };
        let inside = &rest[marks.min(most)..most];
        let end = closing(inside, quote, marks);
        let start = self.at + marks;
        let length = end.unwrap_or(inside.len());
        self.at = start + length + end.map_or(0, |_| marks);
        Quoted {
            inside: start..start + length,
            closed: end.is_some(),
        }
    }

    /// A value or a key without quotes.
    fn word(&mut self) -> Range<usize> {
        let rest = &self.text[self.at..];
        let ends = |letter: char| letter.is_whitespace() || "=,[]{}#\"'".contains(letter);
        let least = rest.chars().next().map_or(1, char::len_utf8);
        let length = rest.find(ends).unwrap_or(rest.len());
        let word = self.at..self.at + length.max(least);
        self.at = word.end;
        word
    }

    fn is_before_equals(&self) -> bool {
        self.line().trim_start().starts_with('=')
    }

    /// The line behind a key without a value, if it may be the value.
    fn on_the_next_line(&mut self) {
        let line = self.line();
        let content = line.trim();
        let is_statement = content
            .split_once('=')
            .is_some_and(|(key, _)| is_bare(key.trim()));
        let is_header = content.starts_with('[') && !content.contains(['"', '\'']);
        if !content.is_empty() && !is_statement && !is_header {
            self.found.push(self.at..self.at + line.len());
            self.at += line.len() + 1;
        }
    }

    /// Lines behind a secret whose string is not closed, as far as they may be the rest of it.
    fn continuation(&mut self, quote: char) {
        while self.at < self.text.len() {
            let line = self.line();
            let content = line.trim();
            let is_odd = content.matches(quote).count() % 2 == 1;
            let is_statement = content
                .split_once('=')
                .is_some_and(|(key, _)| is_bare(key.trim()));
            if content.is_empty() || content.starts_with('[') || is_statement && !is_odd {
                return;
            }
            self.found.push(self.at..self.at + line.len());
            self.at += line.len() + 1;
            if is_odd {
                return;
            }
        }
    }
}

/// The end of a value.
enum ValueEnd {
    /// As it should.
    Whole,
    /// Within a string of this quote.
    Torn(char),
}

fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
}

fn is_bare(key: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !key.is_empty() && key.bytes().all(fits)
}

/// The names of a dotted key or a header, without quotes and brackets.
fn names(text: &str) -> Vec<&str> {
    let parts = text.split(['.', '[', ']', '#']);
    let parts = parts.map(|part| part.trim().trim_matches(['"', '\'']));
    parts.filter(|part| !part.is_empty()).collect()
}

/// The place where a string ends whose quotes are so many; escapes count in basic strings.
fn closing(inside: &str, quote: char, marks: usize) -> Option<usize> {
    let (bytes, quote) = (inside.as_bytes(), u8::try_from(quote).ok()?);
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0] == b'\\' && quote == b'"' {
            at += 2;
        } else if rest.len() >= marks && rest[..marks].iter().all(|byte| *byte == quote) {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text with what is found replaced.
    fn masked(text: &str) -> String {
        let mut shown = text.to_owned();
        for range in find(text, &mut KnownKeys::default()).into_iter().rev() {
            shown.replace_range(range, "*");
        }
        shown
    }

    #[test]
    fn values_of_secret_keys_are_found() {
        for (text, shown) in [
            ("secret = \"abc\"", "secret = \"*\""),
            ("secret = 'abc' # was \"x\"", "secret = '*' #*"),
            ("secrt = \"abc\"\na = \"b\"", "secrt = \"*\"\na = \"b\""),
            ("a.secret = [\"x\", 'y']", "a.secret = [\"*\", '*']"),
            (
                "secret = [\n \"x\",\n 'y',\n]\nb = \"c\"",
                "secret = [\n \"*\",\n '*',\n]\nb = \"c\"",
            ),
            (
                "secret = \"\"\"a\nb\"\"\"\nb = \"c\"",
                "secret = \"\"\"*\n*\"\"\"\nb = \"c\"",
            ),
            ("secret = 12", "secret = *"),
            ("cohort_key = \"a\\\"b\"", "cohort_key = \"*\""),
            (
                "x = { secret = \"a\", algorithm = \"b\" }",
                "x = { secret = \"*\", algorithm = \"b\" }",
            ),
            (
                "tsig = { x = { secret = \"a\", name = \"b\" } }",
                "tsig = { x = { secret = \"*\", name = \"b\" } }",
            ),
            ("x = { \"secret\" = \"a\" }", "x = { \"secret\" = \"*\" }"),
            (
                "[tsig.x]\nsceret = \"a\"\nfoo = \"b\"\nname = \"c\"",
                "[tsig.x]\nsceret = \"*\"\nfoo = \"*\"\nname = \"c\"",
            ),
            (
                "[tokens.a]\nhash = \"a\"\nrole = \"admin\"",
                "[tokens.a]\nhash = \"*\"\nrole = \"admin\"",
            ),
            ("[m.headers]\nX-Any = \"a\"", "[m.headers]\nX-Any = \"*\""),
            ("path = \"/a?token=b\"", "path = \"*\""),
            (
                "[regions.a]\nserves = [\"EU\"]",
                "[regions.a]\nserves = [\"EU\"]",
            ),
            (
                "[server]\nlisten = [\"127.0.0.1:53\"]\nhost = \"a\"\npath = \"/\"",
                "[server]\nlisten = [\"127.0.0.1:53\"]\nhost = \"a\"\npath = \"/\"",
            ),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn names_of_one_text_are_known_in_the_next() {
        let mut known = KnownKeys::default();
        for _ in 0..2 {
            assert_eq!(find("[sevice.a]\nsecrt = \"abc\"", &mut known).len(), 1);
            assert_eq!(find("[sevice.b]\nplace = \"abc\"", &mut known).len(), 0);
        }
        assert!(known.0["secrt"] && !known.0["place"]);
    }

    #[test]
    fn torn_text_hides_what_may_be_the_rest_of_a_secret() {
        for (text, shown) in [
            ("secret = \"abc\nb = \"c\"", "secret = \"*\nb = \"c\""),
            (
                "secret = \"abc\ndef==\"\nb = \"c\"",
                "secret = \"*\n*\nb = \"c\"",
            ),
            ("secret = abc def", "secret = * *"),
            ("secret \"abc\"", "secret*"),
            ("secret: abc", "secret*"),
            ("secret =\n\"abc\"", "secret =\n*"),
            ("secret =\n[\"abc\"]", "secret =\n*"),
            ("secret =\nb = \"c\"", "secret =\nb = \"c\""),
            ("secret =\n[b]\nb = \"c\"", "secret =\n[b]\nb = \"c\""),
            ("[tsig.x]\nsecret =\n\"abc\"", "[tsig.x]\nsecret =\n*"),
            ("secret = \"\"\"abc\ndef", "secret = \"\"\"*\n*"),
            ("secret = {", "secret = {"),
            ("secret = \"", "secret = \""),
            (
                "algorithm = \"c2VjcmV0IHNlY3JldCBzZWNyZXQ=\"",
                "algorithm = \"*\"",
            ),
            ("x = \"0123456789abcdef0123456789abcdef\"", "x = \"*\""),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn no_text_stops_it() {
        let text =
            "[tsig.\"é]\nsecret = { \"ü\" = '''é\n]} = \"\\\n\n= \"\" , \u{a0}\u{fffd}\nsecret";
        for start in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for end in (start..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let cut = &text[start..end];
                for range in find(cut, &mut KnownKeys::default()) {
                    assert!(cut.get(range.clone()).is_some(), "{range:?} of {cut:?}");
                }
            }
        }
    }
}
