//! A file that diagnostics point into: bytes, lines and columns of one text.
//!
//! Positions are bytes here; lines and columns are how parsers and people count. A line or a column
//! that the text does not have stands for its end, because a parser may point behind what it has read.
//!
//! A zone file can have millions of lines and a single doubtful one, so nothing is copied but the lines that
//! are shown, and of the others only blocks are counted. What is wrong there is not known here.
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that are counted at once.
const BLOCK: usize = 1 << 14;

/// A file that diagnostics point into.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path, as it was opened.
    pub(super) path: String,
    /// Its text; what is not UTF-8 in it is shown replaced.
    text: Arc<[u8]>,
    /// How many lines end before each block.
    ended: Vec<usize>,
    /// Parts that are never shown, in order and apart.
    hidden: Vec<Range<usize>>,
}

/// The text in place of what is hidden, however long that is.
pub(super) const MASK: &str = "***";

/// Whole lines of a file, as they are shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt<'s> {
    /// The number of the first, from 1.
    pub(super) first: usize,
    /// The lines.
    pub(super) text: Cow<'s, str>,
    /// What is marked of them.
    pub(super) mark: Range<usize>,
}

impl Excerpt<'_> {
    /// Column in characters where the mark begins in what is shown, from 1.
    pub(super) fn column(&self) -> usize {
        let before = self.text[..self.mark.start].rsplit('\n').next();
        before.unwrap_or_default().chars().count() + 1
    }
}

impl Source {
    /// A file of this path and text.
    pub(super) fn new(path: String, text: Arc<[u8]>) -> Self {
        let blocks = text.chunks(BLOCK).map(line_ends);
        let ended = blocks.scan(0, |before, ends| {
            let own = *before;
            *before += ends;
            Some(own)
        });
        Self {
            path,
            ended: ended.collect(),
            text,
            hidden: Vec::new(),
        }
    }

    /// The same, with parts that are never shown.
    pub(super) fn hiding(self, hidden: Vec<Range<usize>>) -> Self {
        Self { hidden, ..self }
    }

    /// Bytes of its text.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The parts that are never shown.
    pub(super) fn hidden(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let parts = self.hidden.iter();
        parts.map(|part| String::from_utf8_lossy(&self.text[part.clone()]))
    }

    /// A part of the text as it is shown.
    fn shown(&self, part: Range<usize>) -> Cow<'_, str> {
        let first = self.hidden.partition_point(|own| own.end <= part.start);
        let hidden = self.hidden[first..].iter();
        let mut hidden = hidden.take_while(|own| own.start < part.end).peekable();
        if hidden.peek().is_none() {
            return String::from_utf8_lossy(&self.text[part]);
        }
        let (mut text, mut at) = (String::new(), part.start);
        for own in hidden {
            text.push_str(&String::from_utf8_lossy(&self.text[at..own.start.max(at)]));
            text.push_str(MASK);
            at = own.end.min(part.end);
        }
        text.push_str(&String::from_utf8_lossy(&self.text[at..part.end]));
        Cow::Owned(text)
    }

    /// The place itself, or where the hidden part begins that it lies in.
    fn before_hidden(&self, at: usize) -> usize {
        let mut around = self.hidden.iter();
        around
            .find(|own| own.start < at && at < own.end)
            .map_or(at, |own| own.start)
    }

    /// Line and column in characters of a byte, both from 1.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let start = self.line_of(byte);
        let before = String::from_utf8_lossy(&self.text[start..byte]);
        (self.number(byte), before.chars().count() + 1)
    }

    /// The lines that a span touches.
    pub(super) fn excerpt(&self, at: &Range<usize>) -> Excerpt<'_> {
        let start = self.line_of(at.start);
        let rest = &self.text[at.end..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.map_or(self.text.len(), |end| at.end + end + 1);
        let shown = |to: usize| self.shown(start..to);
        Excerpt {
            first: self.number(at.start),
            text: shown(end),
            mark: shown(self.before_hidden(at.start)).len()..shown(at.end).len(),
        }
    }

    /// The bytes that a line and column (from 1) stand for: the word at the column (in
    /// octets), or the line without its indent when there is no column.
    pub(super) fn span_of(&self, line: u32, column: u32) -> Range<usize> {
        let line = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let start = self.start_of(line);
        let content = self.text[start..].split(|byte| *byte == b'\n').next();
        let content = content.unwrap_or_default().trim_ascii_end();
        if column == 0 {
            let indent = content.len() - content.trim_ascii_start().len();
            return start + indent..start + content.len();
        }
        let before = usize::try_from(column - 1).unwrap_or(usize::MAX);
        let word = floor_character(content, before.min(content.len()));
        let rest = &content[word..];
        let length = rest.iter().position(u8::is_ascii_whitespace);
        start + word..start + word + length.unwrap_or(rest.len())
    }

    /// The number of the line that a byte lies in, from 1.
    fn number(&self, byte: usize) -> usize {
        let block = byte / BLOCK;
        let ended = self.ended.get(block);
        let (block, ended) = ended.map_or((0, 0), |ended| (block, *ended));
        ended + line_ends(&self.text[block * BLOCK..byte]) + 1
    }

    /// Where the line begins that a byte lies in.
    fn line_of(&self, byte: usize) -> usize {
        let before = &self.text[..byte];
        let end = before.iter().rposition(|byte| *byte == b'\n');
        end.map_or(0, |end| end + 1)
    }

    /// Where a line begins, counted from 0.
    fn start_of(&self, line: usize) -> usize {
        let Some(block) = self
            .ended
            .partition_point(|ended| *ended < line)
            .checked_sub(1)
        else {
            return if line == 0 { 0 } else { self.text.len() };
        };
        let behind = block * BLOCK..;
        let bytes = self.text[behind.clone()].iter();
        let mut ends = bytes.enumerate().filter(|(_, byte)| **byte == b'\n');
        let last = ends.nth(line - self.ended[block] - 1);
        last.map_or(self.text.len(), |(end, _)| behind.start + end + 1)
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The place at or before `at` where a character begins.
fn floor_character(bytes: &[u8], at: usize) -> usize {
    let begins = |at: &usize| bytes.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    (0..=at).rev().find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &[u8]) -> Source {
        Source::new("z".into(), text.into())
    }

    #[test]
    fn lines_and_columns_become_bytes() {
        let text = "one\n  two three  \nvier fünf sechs";
        let source = source(text.as_bytes());
        let cases = [
            ((0, 0), "one"),
            ((1, 1), "one"),
            ((2, 0), "two three"),
            ((2, 7), "three"),
            ((3, 6), "fünf"),
            ((3, 8), "ünf"),
            ((3, 12), "sechs"),
            ((3, 99), ""),
            ((9, 1), ""),
        ];
        for ((line, column), word) in cases {
            assert_eq!(&text[source.span_of(line, column)], word, "{line}:{column}");
        }
        assert_eq!(source.position(text.find("sechs").unwrap()), (3, 11));
    }

    #[test]
    fn excerpts_are_whole_lines() {
        let source = source(b"one\ntwo\nthree\n");
        let excerpt = |at| {
            let own = source.excerpt(&at);
            (own.first, own.text.into_owned(), own.mark)
        };
        assert_eq!(excerpt(5..6), (2, "two\n".to_owned(), 1..2));
        assert_eq!(excerpt(5..9), (2, "two\nthree\n".to_owned(), 1..5));
        assert_eq!(excerpt(14..14), (4, String::new(), 0..0));
        let torn = Source::new("z".into(), b"a \xff b"[..].into());
        let own = torn.excerpt(&(4..5));
        assert_eq!(&own.text[own.mark], "b");
    }

    #[test]
    fn what_is_hidden_is_not_shown_wherever_the_mark_is() {
        let source = source(b"a = \"secret\" # b\nc\n").hiding(std::iter::once(5..11).collect());
        let excerpt = |at| {
            let own = source.excerpt(&at);
            let marked = own.text[own.mark.clone()].to_owned();
            (own.text.into_owned(), marked)
        };
        for (at, marked) in [
            (0..1, "a"),
            (4..12, "\"***\""),
            (5..11, "***"),
            (7..8, "***"),
            (7..14, "***\" #"),
            (15..16, "b"),
        ] {
            let text = "a = \"***\" # b\n".to_owned();
            assert_eq!(excerpt(at.clone()), (text, marked.to_owned()), "{at:?}");
        }
        assert_eq!(excerpt(17..18), ("c\n".to_owned(), "c".to_owned()));
    }

    #[test]
    fn lines_are_found_across_blocks() {
        let lines: Vec<String> = (0..10_000).map(|number| format!("line {number}")).collect();
        let text = lines.join("\n");
        let source = source(text.as_bytes());
        assert!(source.ended.len() > 5);
        for number in (0..10_000).step_by(7) {
            let at = source.span_of(number + 1, 0);
            assert_eq!(&text[at.clone()], lines[number as usize]);
            assert_eq!(source.position(at.start), (number as usize + 1, 1));
        }
    }
}
