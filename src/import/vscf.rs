//! gdnsd's configuration syntax (vscf) into a tree: `key => value`, hashes in braces, arrays in brackets.
//!
//! Commas between items are decoration, `=` is as good as `=>`, `#` begins a comment. A string is bare or in double quotes,
//! with `\"`, `\\` and `\DDD` inside. The whole file is a hash whose braces are omitted.
//!
//! It does not know what any key means, and reads no other file: `$include{…}` is an entry of that key.
use super::node::{ConfigNode, NodeContent, NodeEntry, SyntaxFault};

/// Hashes inside hashes that are read.
const DEPTH: usize = 64;

/// Reads a whole file.
pub(super) fn read_vscf(text: &str) -> Result<ConfigNode, SyntaxFault> {
    let mut reader = VscfReader {
        rest: text,
        line: 1,
        depth: 0,
    };
    let entries = reader.entries(None)?;
    Ok(ConfigNode {
        line: 1,
        content: NodeContent::Map(entries),
    })
}

struct VscfReader<'t> {
    rest: &'t str,
    line: usize,
    depth: usize,
}

impl VscfReader<'_> {
    /// The entries up to a closing brace, or to the end of the text.
    fn entries(&mut self, close: Option<char>) -> Result<Vec<NodeEntry>, SyntaxFault> {
        let mut entries = Vec::new();
        loop {
            self.skip();
            match (self.rest.chars().next(), close) {
                (None, None) => return Ok(entries),
                (None, Some(_)) => return Err(self.fault("the file ends inside braces")),
                (Some('}'), Some('}')) => {
                    self.advance(1);
                    return Ok(entries);
                }
                (Some(_), _) => {}
            }
            let line = self.line;
            let key = self.string()?;
            self.skip();
            if key.starts_with("$include") {
                let content = NodeContent::Text(key);
                let value = ConfigNode { line, content };
                let key = "$include".to_owned();
                entries.push(NodeEntry { key, line, value });
                continue;
            }
            match self.rest.strip_prefix("=>").or(self.rest.strip_prefix('=')) {
                Some(rest) => self.rest = rest,
                None => return Err(self.fault("`=>` is missing after the key")),
            }
            let value = self.value()?;
            entries.push(NodeEntry { key, line, value });
        }
    }

    fn value(&mut self) -> Result<ConfigNode, SyntaxFault> {
        self.skip();
        let line = self.line;
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(self.fault("braces and brackets are nested too deeply"));
        }
        let content = match self.rest.chars().next() {
            Some('{') => {
                self.advance(1);
                NodeContent::Map(self.entries(Some('}'))?)
            }
            Some('[') => {
                self.advance(1);
                NodeContent::List(self.list()?)
            }
            Some(_) => NodeContent::Text(self.string()?),
            None => return Err(self.fault("a value is missing at the end")),
        };
        self.depth -= 1;
        Ok(ConfigNode { line, content })
    }

    fn list(&mut self) -> Result<Vec<ConfigNode>, SyntaxFault> {
        let mut items = Vec::new();
        loop {
            self.skip();
            match self.rest.chars().next() {
                Some(']') => {
                    self.advance(1);
                    return Ok(items);
                }
                Some(_) => items.push(self.value()?),
                None => return Err(self.fault("the file ends inside brackets")),
            }
        }
    }

    /// A bare or a quoted string.
    fn string(&mut self) -> Result<String, SyntaxFault> {
        if self.rest.starts_with('"') {
            return self.quoted();
        }
        let is_include = self.rest.starts_with("$include{");
        let ends = |one: char| match one {
            '{' | '}' if is_include => false,
            _ => one.is_whitespace() || "{}[]\"#,=;".contains(one),
        };
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.fault("a name or a value is missing here"));
        }
        let text = self.rest[..end].to_owned();
        self.advance(end);
        Ok(text)
    }

    fn quoted(&mut self) -> Result<String, SyntaxFault> {
        self.advance(1);
        let mut text = String::new();
        loop {
            let one = self.rest.chars().next();
            let one = one.ok_or_else(|| self.fault("the file ends inside quotes"))?;
            self.advance(one.len_utf8());
            match one {
                '"' => return Ok(text),
                '\\' => text.extend(self.escaped()),
                _ => text.push(one),
            }
        }
    }

    /// The character behind a backslash.
    fn escaped(&mut self) -> Option<char> {
        let digits = self.rest.get(..3);
        let code = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(code) = code.and_then(|text| text.parse::<u8>().ok()) {
            self.advance(3);
            return Some(char::from(code));
        }
        let one = self.rest.chars().next()?;
        self.advance(one.len_utf8());
        Some(one)
    }

    /// Passes over space, commas and comments.
    fn skip(&mut self) {
        loop {
            let is_space = |one: char| one.is_whitespace() || matches!(one, ',' | ';');
            let end = self.rest.find(|one| !is_space(one));
            self.advance(end.unwrap_or(self.rest.len()));
            if !self.rest.starts_with('#') {
                return;
            }
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.advance(end);
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn fault(&self, reason: &str) -> SyntaxFault {
        SyntaxFault {
            line: self.line,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_arrays_and_strings_are_read() {
        let text = "# a comment\nplugins => {\n  weighted => { a = [ 192.0.2.1, 99 ] b = [ \"x\\\"y\", 1 ] },\n}\nkey=v";
        let root = read_vscf(text).unwrap();
        let weighted = root.at(&["plugins", "weighted"]).unwrap();
        assert_eq!(weighted.line, 3);
        assert_eq!(weighted.texts_of("a"), ["192.0.2.1", "99"]);
        assert_eq!(weighted.texts_of("b"), ["x\"y", "1"]);
        assert_eq!(root.text_of("key"), Some("v"));
    }

    #[test]
    fn faults_have_their_line() {
        for (text, line) in [
            ("a => {\n b => 1\n", 3),
            ("a\n=> [1", 2),
            ("a 1", 1),
            ("a => \"x", 1),
            ("a => ", 1),
        ] {
            assert_eq!(read_vscf(text).unwrap_err().line, line, "{text}");
        }
        let deep = "a => {".repeat(100);
        assert!(read_vscf(&deep).unwrap_err().reason.contains("deeply"));
    }

    #[test]
    fn an_include_is_an_entry() {
        let root = read_vscf("$include{more}\na => 1").unwrap();
        assert_eq!(root.text_of("$include"), Some("$include{more}"));
    }
}
