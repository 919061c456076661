//! Zone files: those that are read, entry by entry, and those that are written.
//!
//! A file that is read is kept as it is written, comments included; only entries that become steered names are turned into
//! comments. That is why entries are cut out of the text here and not read into records: gdnsd has types that no other server
//! knows, and whatever is wrong in the rest is told by `waypost check`.
//!
//! It does not know which entries are steered.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::remark::SourceLine;

/// A zone that is drawn.
#[derive(Clone, Debug)]
pub(super) struct DraftZone {
    apex: String,
    origin: SourceLine,
    lines: Vec<String>,
    /// Types of addresses that names have of others, by both names, without their final dots.
    aliases: BTreeMap<(String, String), BTreeSet<String>>,
    has_soa: bool,
    has_ns: bool,
}

/// A name without its final dot.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_owned()
}

impl DraftZone {
    pub(super) fn new(apex: String, origin: SourceLine) -> Self {
        Self {
            apex,
            origin,
            lines: Vec::new(),
            aliases: BTreeMap::new(),
            has_soa: false,
            has_ns: false,
        }
    }

    /// The apex, with its final dot.
    pub(super) fn apex(&self) -> &str {
        &self.apex
    }

    /// The path of its file.
    pub(super) fn path(&self) -> String {
        let name = self.apex.trim_end_matches('.').replace('/', "_");
        format!("zones/{name}.zone")
    }

    /// Gives a name the addresses that another has of some types.
    pub(super) fn alias<'k>(
        &mut self,
        name: &str,
        target: &str,
        types: impl IntoIterator<Item = &'k str>,
    ) {
        let own = self.aliases.entry((plain(name), plain(target)));
        own.or_default()
            .extend(types.into_iter().map(str::to_owned));
    }

    /// The names that have the addresses of others, whose, and of which types.
    pub(super) fn aliases(&self) -> &BTreeMap<(String, String), BTreeSet<String>> {
        &self.aliases
    }

    /// Adds a record, its owner absolute.
    pub(super) fn record(&mut self, owner: &str, ttl: u32, kind: &str, data: &str) {
        let kind = kind.to_ascii_uppercase();
        self.has_soa |= kind == "SOA";
        self.has_ns |= kind == "NS" && absolute(owner) == self.apex;
        let line = format!("{} {ttl} IN {kind} {data}", absolute(owner));
        match kind == "SOA" {
            true => self.lines.insert(0, line),
            false => self.lines.push(line),
        }
    }

    /// Takes over a whole file, without the entries of these indexes.
    pub(super) fn take_over(&mut self, text: &str, entries: &[MasterEntry], steered: &[usize]) {
        self.has_soa |= entries.iter().any(|entry| entry.kind == "SOA");
        self.has_ns |= entries
            .iter()
            .any(|entry| entry.kind == "NS" && entry.owner == self.apex);
        let is_steered = |line: usize| {
            let mut own = steered.iter().filter_map(|index| entries.get(*index));
            own.any(|entry| (entry.line..=entry.last_line).contains(&line))
        };
        self.lines.push(format!("$ORIGIN {}", self.apex));
        if !text.lines().any(|line| line.starts_with("$TTL")) {
            self.lines.push(format!("$TTL {TTL}"));
        }
        for (index, line) in text.lines().enumerate() {
            let mark = if is_steered(index + 1) { "; " } else { "" };
            self.lines.push(format!("{mark}{line}"));
        }
    }

    /// Adds what no zone can be without, and tells what.
    pub(super) fn complete(&mut self) -> Vec<(SourceLine, String)> {
        let apex = self.apex.clone();
        let mut added = Vec::new();
        if !self.has_soa {
            let data = format!("ns1.{apex} hostmaster.{apex} 1 7200 900 1209600 300");
            self.record(&apex, TTL, "SOA", &data);
            added.push((self.origin.clone(), format!("SOA of {apex}")));
        }
        if !self.has_ns {
            let data = format!("ns1.{apex}");
            self.record(&apex, TTL, "NS", &data);
            self.record(&data, TTL, "A", "192.0.2.53");
            added.push((self.origin.clone(), format!("NS of {apex}")));
        }
        added
    }

    /// The file.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            writeln!(text, "{line}").expect("a string takes all that is written to it");
        }
        text
    }
}

/// A name in lower case, with its final dot.
pub(super) fn absolute(name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    format!("{name}.")
}

/// TTL of records whose file says nothing.
const TTL: u32 = 86_400;

/// One entry of a master file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MasterEntry {
    pub(super) line: usize,
    pub(super) last_line: usize,
    /// Absolute, lower case.
    pub(super) owner: String,
    /// As it is written.
    pub(super) ttl: Option<String>,
    /// Upper case; of a directive, with its `$`.
    pub(super) kind: String,
    pub(super) data: Vec<String>,
}

/// The entries of a master file, directives included.
pub(super) fn entries(text: &str, apex: &str) -> Vec<MasterEntry> {
    let mut origin = absolute(apex);
    let mut owner = origin.clone();
    let mut ttl = None;
    let mut found = Vec::new();
    for raw in cut(text) {
        let mut words = raw.words.into_iter().peekable();
        let Some(first) = words.peek().cloned() else {
            continue;
        };
        let mut entry = MasterEntry {
            line: raw.line,
            last_line: raw.last_line,
            owner: owner.clone(),
            ttl: None,
            kind: String::new(),
            data: Vec::new(),
        };
        if first.starts_with('$') {
            entry.kind = first.to_ascii_uppercase();
            entry.data = words.skip(1).collect();
            match (entry.kind.as_str(), entry.data.first()) {
                ("$ORIGIN", Some(name)) => origin = full(name, &origin),
                ("$TTL", Some(text)) => ttl = Some(text.clone()),
                (_, _) => {}
            }
            found.push(entry);
            continue;
        }
        if !raw.is_continued {
            owner = full(&first, &origin);
            entry.owner.clone_from(&owner);
            words.next();
        }
        while let Some(word) = words.next_if(|word| is_ttl(word) || is_class(word)) {
            if is_ttl(&word) {
                entry.ttl = Some(word);
            }
        }
        entry.ttl = entry.ttl.or_else(|| ttl.clone());
        entry.kind = words.next().unwrap_or_default().to_ascii_uppercase();
        entry.data = words.collect();
        found.push(entry);
    }
    found
}

/// A name as it stands in a file, absolute.
fn full(name: &str, origin: &str) -> String {
    match name {
        "@" => origin.to_owned(),
        _ if name.ends_with('.') => absolute(name),
        _ => absolute(&format!("{name}.{origin}")),
    }
}

fn is_class(word: &str) -> bool {
    ["IN", "CH", "HS"]
        .iter()
        .any(|class| word.eq_ignore_ascii_case(class))
}

/// `300`, `5m`, or gdnsd's `300/30`.
fn is_ttl(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_digit())
        && bytes.all(|byte| byte.is_ascii_digit() || b"smhdwSMHDW/".contains(&byte))
}

/// Data of a record as makers write it whose names are always absolute: with final dots, and text in quotes.
pub(super) fn absolute_data(kind: &str, data: &str) -> String {
    let names: &[usize] = match kind.to_ascii_uppercase().as_str() {
        "NS" | "CNAME" | "PTR" | "DNAME" => &[0],
        "MX" | "AFSDB" | "KX" => &[1],
        "SOA" | "RP" => &[0, 1],
        "SRV" => &[3],
        "TXT" | "SPF" if !data.starts_with('"') => {
            let data = data.replace("\\;", ";").replace('"', "\\\"");
            let parts: Vec<String> = chunks(&data).map(|part| format!("\"{part}\"")).collect();
            return parts.join(" ");
        }
        _ => return data.to_owned(),
    };
    let words = data.split_whitespace().enumerate().map(|(index, word)| {
        let lacks_dot = names.contains(&index) && !word.ends_with('.');
        if lacks_dot {
            format!("{word}.")
        } else {
            word.to_owned()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A text in the lengths that a string of a record may have.
fn chunks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut is_first = true;
    std::iter::from_fn(move || {
        if rest.is_empty() && !is_first {
            return None;
        }
        is_first = false;
        let mut end = rest.len().min(250);
        while !rest.is_char_boundary(end) || rest[..end].ends_with('\\') && end < rest.len() {
            end -= 1;
        }
        let (part, more) = rest.split_at(end);
        rest = more;
        Some(part)
    })
}

/// Seconds of `300` or `1h30m`.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let (mut total, mut number) = (0u32, None::<u32>);
    for one in text.chars() {
        if let Some(digit) = one.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
            continue;
        }
        let unit = match one.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    total.checked_add(number.unwrap_or(0))
}

/// An entry as words.
struct RawEntry {
    line: usize,
    last_line: usize,
    /// The line begins with space: the owner is that of the entry before.
    is_continued: bool,
    words: Vec<String>,
}

/// Cuts a file into entries: by lines, but for what stands in parentheses or quotes.
fn cut(text: &str) -> Vec<RawEntry> {
    let (mut list, mut open) = (Vec::<RawEntry>::new(), 0usize);
    for (index, line) in text.lines().enumerate() {
        let (words, opened, closed) = words(line);
        match list.last_mut().filter(|_| open > 0) {
            Some(last) => {
                last.last_line = index + 1;
                last.words.extend(words);
            }
            None => list.push(RawEntry {
                line: index + 1,
                last_line: index + 1,
                is_continued: line.starts_with([' ', '\t']),
                words,
            }),
        }
        open = (open + opened).saturating_sub(closed);
    }
    list
}

/// The words of a line, and how many parentheses it opens and closes.
fn words(line: &str) -> (Vec<String>, usize, usize) {
    let (mut list, mut word) = (Vec::new(), String::new());
    let (mut opened, mut closed) = (0, 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for one in line.chars() {
        let is_plain = is_escaped || (is_quoted && one != '"');
        match one {
            _ if is_plain => word.push(one),
            ';' => break,
            '"' => {
                is_quoted = !is_quoted;
                word.push(one);
            }
            '(' => opened += 1,
            ')' => closed += 1,
            ' ' | '\t' => list.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            _ => word.push(one),
        }
        is_escaped = one == '\\' && !is_escaped;
    }
    list.extend((!word.is_empty()).then_some(word));
    (list, opened, closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "$TTL 300\n@ SOA ns1 h (\n 1 ; serial\n 2 3 4 5 )\n  NS ns1\nwww 600/30 DYNA geoip!www\n$ORIGIN sub\n\tDYNA a!b\nx IN 1h A 192.0.2.1 ; \"\nt TXT \"a;b c\"\n";

    #[test]
    fn entries_have_owner_ttl_and_lines() {
        let found = entries(ZONE, "Example.Test");
        let short: Vec<_> = found
            .iter()
            .map(|one| {
                (
                    one.line,
                    one.last_line,
                    &*one.owner,
                    one.ttl.as_deref(),
                    &*one.kind,
                )
            })
            .collect();
        let apex = "example.test.";
        assert_eq!(short[1], (2, 4, apex, Some("300"), "SOA"));
        assert_eq!(short[2], (5, 5, apex, Some("300"), "NS"));
        assert_eq!(
            short[3],
            (6, 6, "www.example.test.", Some("600/30"), "DYNA")
        );
        assert_eq!(short[5], (8, 8, "www.example.test.", Some("300"), "DYNA"));
        assert_eq!(short[6], (9, 9, "x.sub.example.test.", Some("1h"), "A"));
        assert_eq!(found[7].data, ["\"a;b c\""]);
    }

    #[test]
    fn steered_entries_become_comments() {
        let found = entries(ZONE, "example.test");
        let origin = SourceLine {
            file: "z".into(),
            line: 1,
        };
        let mut zone = DraftZone::new("example.test.".to_owned(), origin);
        zone.take_over(ZONE, &found, &[1]);
        let text = zone.text();
        assert!(
            text.starts_with("$ORIGIN example.test.\n$TTL 300\n; @ SOA ns1 h (\n;  1 ; serial\n")
        );
        assert!(text.contains("\nwww 600/30 DYNA geoip!www\n"));
    }

    #[test]
    fn names_are_absolute_and_text_is_quoted() {
        assert_eq!(
            absolute_data("mx", "10 mx.example.test"),
            "10 mx.example.test."
        );
        assert_eq!(absolute_data("SOA", "a b. 1 2 3 4 5"), "a. b. 1 2 3 4 5");
        assert_eq!(
            absolute_data("txt", "hello \"you\""),
            "\"hello \\\"you\\\"\""
        );
        let long = absolute_data("TXT", &"x".repeat(300));
        assert_eq!(long.split(' ').count(), 2);
    }

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("300"), Some(300));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("x"), None);
    }
}
