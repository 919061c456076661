//! What begins with `$`: `$ORIGIN`, `$TTL`, `$INCLUDE`, `$GENERATE`.
//!
//! How far each of them reaches is told in [`super`]. An included file that names itself is
//! refused by its path; one that names itself by another spelling of it, through links or `..`,
//! by the depth.
use super::Problem;
use super::forms;
use super::generate::{Range, Template};
use super::head;
use super::help;
use super::lex::{At, Entry, Lexer, Token};
use super::outside::Spot;
use super::reader::{Reader, Row, Scope, Standing, shown};
use super::remarks;
use super::words;
use crate::base::limits::{GENERATED_RECORDS, INCLUDE_DEPTH};
use crate::dns::octets::is_within;

/// Octets that are looked through at once.
const PIECE_BYTES: usize = 1024;
const KNOWN: [&str; 4] = ["$ORIGIN", "$TTL", "$INCLUDE", "$GENERATE"];

/// The files that a master file names by `$INCLUDE`.
pub(super) fn includes(text: &[u8]) -> Vec<String> {
    const WORD: &[u8] = b"INCLUDE";
    let names_one = |behind: &[u8]| {
        behind
            .get(..WORD.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(WORD))
    };
    // Most files include nothing, and are not worth being cut into entries to find that out. Most pieces have no dollar.
    let pieces = (0..text.len()).step_by(PIECE_BYTES).map(|at| {
        let end = text.len().min(at + PIECE_BYTES);
        (at, &text[at..end])
    });
    let mut dollars = pieces
        .filter(|(_, piece)| piece.contains(&b'$'))
        .flat_map(|(at, piece)| {
            let all = (at..).zip(piece).filter(|(_, byte)| **byte == b'$');
            all.map(|(at, _)| at + 1)
        });
    if !dollars.any(|behind| names_one(&text[behind..])) {
        return Vec::new();
    }
    let (mut lexer, mut entry, mut files) = (Lexer::new(text), Entry::default(), Vec::new());
    loop {
        match lexer.next(&mut entry) {
            Ok(false) => return files,
            Ok(true) if !entry.indented && entry.tokens[0].is("$INCLUDE") => {
                files.extend(entry.tokens.get(1).and_then(words::plain));
            }
            Ok(true) | Err(_) => {}
        }
    }
}

impl Reader<'_> {
    /// Does what a directive says.
    pub(super) fn directive(
        &mut self,
        word: &Token<'_>,
        fields: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Problem> {
        if word.is("$INCLUDE") {
            return match fields {
                [file] => self.include(file, None, scope),
                [file, origin] => self.include(file, Some(origin), scope),
                _ => Err(Problem::of(
                    word,
                    "`$INCLUDE` wants a file, and an origin if any",
                    None,
                )),
            };
        }
        if word.is("$GENERATE") {
            return match fields {
                [range, owner, rest @ ..] => self.generate((range, owner), rest, scope),
                _ => Err(Problem::of(
                    word,
                    "`$GENERATE` wants a range and what to make of it",
                    Some("as in `$GENERATE 1-9 host-$ A 192.0.2.$`"),
                )),
            };
        }
        match fields {
            [field] if word.is("$ORIGIN") => self.set_origin(field, scope),
            [field] if word.is("$TTL") => {
                let ttl = head::seconds(field).unwrap_or_else(|| Err(not_ttl(field)))?;
                self.ttls.default = Some(self.bounded(ttl, field, scope.file));
                Ok(())
            }
            _ if word.is("$ORIGIN") => Err(Problem::of(word, "`$ORIGIN` wants one name", None)),
            _ if word.is("$TTL") => Err(Problem::of(
                word,
                "`$TTL` wants one number of seconds",
                None,
            )),
            _ => Err(unknown(word)),
        }
    }

    fn set_origin(&mut self, field: &Token<'_>, scope: &mut Scope) -> Result<(), Problem> {
        let mut origin = Vec::new();
        words::name(field.text, &scope.origin, &mut origin)
            .map_err(|error| help::bad_name(field, error))?;
        self.doubt_dot(field, &origin, scope);
        let apex = self.apex.as_wire();
        let is_kin = is_within(&origin, apex) || is_within(apex, &origin);
        scope.foreign = match is_kin {
            true => None,
            false => {
                let spot = Spot {
                    file: scope.file,
                    at: field.at,
                };
                Some(self.outside.origin(spot, shown(&origin)))
            }
        };
        scope.origin = origin;
        Ok(())
    }

    fn include(
        &mut self,
        field: &Token<'_>,
        origin: Option<&Token<'_>>,
        scope: &Scope,
    ) -> Result<(), Problem> {
        let file = words::plain(field)
            .ok_or_else(|| Problem::of(field, "the file name is not UTF-8 text", None))?;
        let file = words::beside(self.files[usize::from(scope.file)].as_deref(), &file);
        let mut inner = scope.clone();
        if let Some(origin) = origin {
            self.set_origin(origin, &mut inner)?;
        }
        if self.open.contains(&file) {
            return Err(remarks::includes_itself(field, &file));
        }
        if self.open.len() >= INCLUDE_DEPTH {
            return Err(remarks::too_deep(field));
        }
        let text =
            (self.include)(&file).map_err(|reason| remarks::unreadable(field, &file, &reason))?;
        inner.file = u16::try_from(self.files.len())
            .map_err(|_| Problem::of(field, "too many files in one zone", None))?;
        self.files.push(Some(file.clone()));
        self.open.push(file);
        self.read(&text, inner);
        self.open.pop();
        Ok(())
    }

    /// Makes records of a range. The first that is wrong ends it: the others are like it.
    fn generate(
        &mut self,
        (range, owner): (&Token<'_>, &Token<'_>),
        rest: &[Token<'_>],
        scope: &Scope,
    ) -> Result<(), Problem> {
        let numbers = Range::read(range)?;
        let head = head::read(Some(owner), rest)?;
        let ttl = self.written_ttl(&head, rest, scope.file);
        let (start, last) = (*owner, rest[head.length - 1]);
        let fields = &rest[head.length..];
        let data_at = fields.first().map_or(last.at, |field| field.at);
        let (left, right) = (Template::of_owner(owner)?, Template::of_data(fields)?);
        if numbers.count() > u64::from(GENERATED_RECORDS) {
            return Err(remarks::too_many_generated(range, numbers.count()));
        }
        let (mut owner_text, mut text, mut name) = (Vec::new(), Vec::new(), Vec::new());
        let mut standing = Standing::Missing;
        for number in numbers.iter() {
            left.fill(number, &mut owner_text)
                .map_err(|unfit| unfit.at(owner.at))?;
            right
                .fill(number, &mut text)
                .map_err(|unfit| unfit.at(data_at))?;
            let word = Token {
                text: &owner_text,
                at: owner.at,
            };
            words::name(word.text, &scope.origin, &mut name)
                .map_err(|error| help::bad_name(&word, error))?;
            let data = self.read_data(head.kind, &text, (last, data_at), scope)?;
            // What is doubtful of one is doubtful of all, and told once.
            if standing == Standing::Missing {
                self.doubt_dot(&word, &name, scope);
                self.doubt_names(head.kind, &data, scope);
            }
            if !matches!(standing, Standing::Outside(_)) || is_within(&name, self.apex.as_wire()) {
                standing = self.place_owner(&word, &name, scope);
            }
            self.take(&Row {
                owner: &name,
                standing,
                kind: head.kind,
                ttl,
                file: scope.file,
                start,
                last,
            })?;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// Reads data that was generated, for which `at` is to blame; its fields.
    fn read_data<'t>(
        &mut self,
        kind: u16,
        text: &'t [u8],
        (last, at): (Token<'_>, At),
        scope: &Scope,
    ) -> Result<Vec<Token<'t>>, Problem> {
        let mut entry = Entry::default();
        Lexer::new(text)
            .next(&mut entry)
            .map_err(|(_, fault)| help::fault((at, fault)))?;
        let mut fields = forms::fields(kind, &entry, 0).into_owned();
        fields.iter_mut().for_each(|field| field.at = at);
        self.fields
            .read(kind, (&last, &fields), &scope.origin, &mut self.rdata)?;
        Ok(fields)
    }
}

fn unknown(word: &Token<'_>) -> Problem {
    let message = format!("`{}` is not a directive that is known", word.shown());
    let help = match help::closest(&word.shown(), &KNOWN) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("these are: {}", KNOWN.join(", ")),
    };
    Problem::of(word, &message, Some(&help))
}

fn not_ttl(token: &Token<'_>) -> Problem {
    let help = "write seconds, or units: `3600`, `1h30m`";
    Problem::of(
        token,
        &format!("`{}` is not a TTL", token.shown()),
        Some(help),
    )
}
