//! Zones at random: rows of records and directives, as a person or a program might write them.
use std::path::Path;

use waypost::base::Draws;

use super::types::{HASHED, KINDS, Kind, SINGLE, signer};
use super::words::{Dialect, Words};

/// One or more lines that stay together.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) text: String,
}

/// A zone and the files that it includes.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) number: u64,
    pub(crate) dialect: Dialect,
    pub(crate) head: String,
    pub(crate) rows: Vec<Row>,
    /// Path in the zone's folder, text.
    pub(crate) included: Vec<(String, String)>,
    ends: Ends,
}

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Newline,
    /// Knot does not take them.
    ReturnNewline,
    /// The last has none.
    Missing,
}

/// What stands for the zone's folder where a path is absolute.
const FOLDER: &str = "FOLDER";
/// Fewest and most rows of a zone.
const ROWS: (usize, usize) = (10, 40);

impl Zone {
    /// That of a number, always the same.
    pub(crate) fn of(number: u64) -> Self {
        let dialect = match Draws::from_seed(number).below(10) {
            0..5 => Dialect::Common,
            5..8 => Dialect::Bind,
            _ => Dialect::Nsd,
        };
        Self::in_dialect(number, dialect)
    }

    /// That of a number, in a dialect.
    pub(crate) fn in_dialect(number: u64, dialect: Dialect) -> Self {
        let draws = Draws::from_seed(number);
        let words = Words {
            draws,
            dialect,
            apex: format!("z{number}.test."),
        };
        let mut writer = Writer {
            words,
            origin: format!("z{number}.test."),
            included: Vec::new(),
            file: 0,
        };
        let head = writer.head();
        let count = ROWS.0 + writer.words.below(ROWS.1 - ROWS.0);
        let rows: Vec<Row> = (0..count)
            .map(|row| writer.row(&format!("r{row}")))
            .collect();
        let ends = match writer.words.below(8) {
            0 if dialect != Dialect::Common => Ends::ReturnNewline,
            // BIND wants a whole line behind a directive, NSD a whole last line behind `$INCLUDE`.
            1 if !last_line(&rows).starts_with('$') && writer.included.is_empty() => Ends::Missing,
            _ => Ends::Newline,
        };
        Self {
            number,
            dialect,
            head,
            rows,
            included: writer.included,
            ends,
        }
    }

    pub(crate) fn apex(&self) -> String {
        format!("z{}.test", self.number)
    }

    /// The text of the zone's own file.
    pub(crate) fn text(&self) -> String {
        let rows: String = self.rows.iter().map(|row| &row.text[..]).collect();
        let text = format!("{}{rows}", self.head);
        match self.ends {
            Ends::Newline => text,
            Ends::ReturnNewline => text.replace('\n', "\r\n"),
            Ends::Missing => text.trim_end_matches('\n').to_owned(),
        }
    }

    /// Writes all of its files into a folder; the zone's own is `own.zone`.
    pub(crate) fn write(&self, folder: &Path) {
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace(FOLDER, &folder.display().to_string())).unwrap();
        };
        put("own.zone", &self.text());
        self.included
            .iter()
            .for_each(|(name, text)| put(name, text));
    }
}

/// The last line that says something.
fn last_line(rows: &[Row]) -> &str {
    let texts = rows.iter().rev().map(|row| row.text.trim());
    let mut texts = texts.filter(|text| !text.is_empty());
    texts
        .next()
        .and_then(|text| text.lines().last())
        .unwrap_or_default()
}

/// Writes rows.
struct Writer {
    words: Words,
    /// The origin, with its final dot; empty for the root.
    origin: String,
    included: Vec<(String, String)>,
    file: usize,
}

impl Writer {
    /// SOA, NS and the address of the server, with a TTL from somewhere.
    fn head(&mut self) -> String {
        let words = &mut self.words;
        let seconds = [(); 4].map(|()| words.seconds());
        let numbers = match words.below(2) {
            0 => format!("1 {}", seconds.join(" ")),
            _ => format!(
                "(\n\t1 ; serial (\n  {} {} ; \"\n {}\n{} )",
                seconds[0], seconds[1], seconds[2], seconds[3]
            ),
        };
        let soa = format!("SOA ns.{} hostmaster {numbers}", words.apex);
        let rest = "@ NS ns\nns A 192.0.2.53\n";
        match words.below(if words.dialect == Dialect::Common {
            2
        } else {
            4
        }) {
            0 => format!("$TTL 300\n@ {soa}\n{rest}"),
            1 => format!("; a comment\n$TTL\t1h30m ; more\n@ 60 IN {soa}\n{rest}"),
            // BIND: the last TTL. NSD has 3600, and is asked for its own forms only.
            2 if words.dialect == Dialect::Bind => format!("@ 60 {soa}\n{rest}"),
            3 if words.dialect == Dialect::Bind => format!("@ IN {soa}\n{rest}"),
            _ => format!("$TTL 0\n@ {soa}\n{rest}"),
        }
    }

    fn row(&mut self, mark: &str) -> Row {
        let text = match self.words.below(30) {
            0 => self.origin(mark),
            1 => format!("$TTL {}\n", self.words.seconds()),
            2 => self.include(mark),
            3 => self.foreign(mark),
            4 if self.words.dialect == Dialect::Bind => self.generated(mark),
            5 => ["\n", ";\n", "   \n", "\t; (\"\n"][self.words.below(4)].to_owned(),
            6 | 7 => self.single(mark),
            8 => self.delegation(mark),
            9 if self.words.dialect == Dialect::Bind => {
                let hash: String = mark
                    .chars()
                    .cycle()
                    .filter(|c| *c != 'w')
                    .take(32)
                    .collect();
                self.record(&format!("{hash}.{}", self.words.apex.clone()), &HASHED)
            }
            _ => self.records(mark),
        };
        Row { text }
    }

    fn origin(&mut self, mark: &str) -> String {
        let apex = self.words.apex.clone();
        let parent = apex.split_once('.').unwrap().1.to_owned();
        let (written, origin) = match self.words.below(6) {
            0 => (".".to_owned(), String::new()),
            1 => (parent.clone(), parent),
            2 | 3 => (apex.clone(), apex),
            4 if self.words.dialect == Dialect::Bind && !self.origin.is_empty() => {
                (format!("o{mark}"), format!("o{mark}.{}", self.origin))
            }
            _ => (format!("o{mark}.{apex}"), format!("o{mark}.{apex}")),
        };
        // Only as deep as leaves room for the names below.
        if origin.len() > 60 {
            return String::new();
        }
        self.origin = origin;
        format!("{} {written}\n", self.words.mixed("$ORIGIN"))
    }

    /// An owner within the zone that has the mark in it.
    fn owner(&mut self, mark: &str) -> String {
        let label = match self.words.below(10) {
            0 => format!("*.{mark}"),
            1 => format!("_{mark}._tcp"),
            2 => mark.replace('r', "\\114"),
            3 => mark.to_ascii_uppercase(),
            4 => format!("{mark}.{}", self.words.label()),
            5 => format!("\\{mark}\\.x"),
            _ => mark.to_owned(),
        };
        let apex = &self.words.apex;
        let is_inside = self.origin.ends_with(&apex[..]);
        let owner = match is_inside && self.words.draws.chance(700) {
            true => label,
            false => format!("{label}.{apex}"),
        };
        let (often, may_be_quoted) = match self.words.dialect {
            Dialect::Common => (0, false),
            Dialect::Bind => (10, !owner.contains('"')),
            // NSD takes a dot in quotes for part of a label.
            Dialect::Nsd => (30, !owner.contains(['.', '"', '\\'])),
        };
        match may_be_quoted && self.words.percent(often) {
            true => format!("\"{owner}\""),
            false => owner,
        }
    }

    /// TTL and class, in any order, or not.
    fn between(&mut self) -> String {
        let class = match self.words.dialect {
            Dialect::Common => self.words.one(&["IN", "in", "In"]).to_owned(),
            // Knot does not know it.
            Dialect::Bind | Dialect::Nsd => self.words.one(&["IN", "in", "CLASS1"]).to_owned(),
        };
        let ttl = self.words.seconds();
        match self.words.below(8) {
            0 => format!("{ttl} {class} "),
            1 => format!("{class} {ttl}\t"),
            2 => format!("{ttl} "),
            3 => format!("{class}  "),
            _ => String::new(),
        }
    }

    /// Fields on one line, or on several within parentheses.
    fn laid_out(&mut self, head: &str, fields: &[String]) -> String {
        let comment = self
            .words
            .one(&["", "", "", " ; comment", ";\"(", "\t;", "   "])
            .to_owned();
        if self.words.percent(75) || fields.is_empty() {
            let blank = self.words.one(&[" ", " ", "  ", "\t"]).to_owned();
            return format!("{head}{blank}{}{comment}\n", fields.join(&blank));
        }
        let mut text = format!("{head} ");
        let open = self.words.below(fields.len());
        for (index, field) in fields.iter().enumerate() {
            if index == open {
                text += self.words.one(&["( ", "(\n  ", "( ; one (\n\t"]);
            }
            text += field;
            text += match index >= open {
                true => self.words.one(&[" ", "\n", " ; )\n  ", "\n\n\t"]),
                false => " ",
            };
        }
        format!("{text} ){comment}\n")
    }

    /// One record or several at one owner, the later ones without it.
    fn records(&mut self, mark: &str) -> String {
        let mut text = String::new();
        let dialect = self.words.dialect;
        let fitting: Vec<&Kind> = KINDS.iter().filter(|kind| kind.fits(dialect)).collect();
        let mut seen: Vec<&str> = Vec::new();
        let (mut owner, count) = (self.owner(mark), 1 + self.words.below(3));
        for _ in 0..count {
            let kind = fitting[self.words.below(fitting.len())];
            // Records of one type have one TTL, or the programs differ: see `types_with_two_ttls`.
            if seen.contains(&kind.name) {
                continue;
            }
            seen.push(kind.name);
            text += &self.record(&owner, kind);
            owner = self.words.one(&["", " ", "\t"]).to_owned();
            if owner.is_empty() {
                break;
            }
        }
        text
    }

    fn record(&mut self, owner: &str, kind: &Kind) -> String {
        let fields = (kind.fields)(&mut self.words);
        let name = self.words.mixed(kind.name);
        let head = format!("{owner} {}{name}", self.between());
        self.laid_out(&head, &fields)
    }

    fn single(&mut self, mark: &str) -> String {
        let owner = self.owner(mark);
        let kind = &SINGLE[self.words.below(2)];
        // Nothing is below them, and a DNAME is at no wildcard.
        let owner = owner.replace("*.", "w");
        self.record(&owner, kind)
    }

    /// NS, addresses below, and maybe a DS.
    fn delegation(&mut self, mark: &str) -> String {
        let apex = self.words.apex.clone();
        let cut = format!("{mark}.{apex}");
        let mut text = format!("{cut} NS ns.{cut}\n NS ns.example.\n");
        if self.words.percent(50) {
            let fields = signer(&mut self.words);
            text += &self.laid_out(&format!("{cut} DS"), &fields);
        }
        text + &format!("ns.{cut} A 192.0.2.1\n AAAA 2001:db8::1\n")
    }

    /// An included file with records of its own, and maybe a further file. The programs look for a
    /// file in a file in different folders, so it is in all of them; NSD as a server looks in the
    /// folder of all zones.
    fn include(&mut self, mark: &str) -> String {
        self.file += 1;
        let (outer, inner) = (
            format!("sub/{}a.inc", self.file),
            format!("{}b.inc", self.file),
        );
        let folder = match self.words.dialect == Dialect::Nsd || self.words.percent(20) {
            true => format!("{FOLDER}/"),
            false => String::new(),
        };
        let origin = self
            .words
            .percent(40)
            .then(|| format!("i{mark}.{}", self.words.apex));
        let before = self.origin.clone();
        if let Some(origin) = &origin {
            self.origin.clone_from(origin);
        }
        let mut text = self.records(&format!("{mark}x"));
        if self.words.percent(50) {
            let deeper = self.records(&format!("{mark}y"));
            for path in [inner.clone(), format!("sub/{inner}")] {
                self.included.push((path, deeper.clone()));
            }
            text += &format!("$INCLUDE {folder}{inner}\n");
        }
        if self.words.percent(20) {
            text += &format!("$ORIGIN x.{}\n{mark}z A 192.0.2.1\n", self.words.apex);
        }
        self.included.push((outer.clone(), text));
        self.origin = before;
        let quoted = match self.words.dialect {
            Dialect::Bind => self.words.one(&["", "\""]),
            Dialect::Common | Dialect::Nsd => "",
        };
        let outer = format!("{folder}{outer}");
        format!(
            "$INCLUDE {quoted}{outer}{quoted} {}\n",
            origin.unwrap_or_default()
        )
    }

    /// A record outside the zone; NSD refuses them.
    fn foreign(&mut self, mark: &str) -> String {
        match self.words.dialect {
            Dialect::Bind => format!(
                "{mark}.example. {}A 192.0.2.1\n  TXT lost\n",
                self.between()
            ),
            Dialect::Common | Dialect::Nsd => String::new(),
        }
    }

    fn generated(&mut self, mark: &str) -> String {
        let words = &mut self.words;
        let start = words.below(30);
        let range = match words.below(3) {
            0 => format!("{start}-{}", start + words.below(5)),
            1 => format!("{start}-{}/2", start + words.below(9)),
            _ => format!("{start}-{start}"),
        };
        let place = |words: &mut Words| match words.below(6) {
            0 => "${1}".to_owned(),
            1 => "${0,3}".to_owned(),
            2 => {
                let base = words.one(&["d", "o", "x", "X"]);
                format!("${{{},{},{base}}}", words.below(40), words.below(5))
            }
            3 => format!(
                "${{0,{},{}}}",
                1 + 2 * words.below(3),
                words.one(&["n", "N"])
            ),
            4 => "$$\\$$".to_owned(),
            _ => "$".to_owned(),
        };
        let owner = format!("{mark}.{}x{}.{}", place(words), place(words), words.apex);
        let (one, other) = (place(words), place(words));
        let data = match words.below(7) {
            0 => "A 192.0.2.$".to_owned(),
            1 => "AAAA 2001:db8::${0,0,x}".to_owned(),
            2 => format!("CNAME a{one}b{other}"),
            3 => format!("MX \"{} m{one}\"", words.number(16)),
            4 => format!("TXT \"\\\"a {one}\\\" \\\"b {other}\\\"\""),
            5 => format!("PTR h{one}.example."),
            _ => format!("SRV \"0 1 ${{0,1,d}} s{other}\""),
        };
        let between = self.between();
        format!("$GENERATE {range} {owner} {between}{data}\n")
    }
}
