//! Entries into records: directives, owners, TTLs, classes, types.
//!
//! An entry with an error is reported and left out; the next one is read as if nothing had
//! been. Only an owner is remembered even from a record that is otherwise wrong, so that the
//! lines below it mean what they say.
use domain::base::Rtype;

use super::help;
use super::lex::{At, Entry, Lexer, Token};
use super::rdata::{Fields, names};
use super::words;
use super::{Include, Loaded, MasterError, Problem};
use crate::base::limits::INCLUDE_DEPTH;
use crate::dns::name::Name;
use crate::dns::rr::rtype;
use crate::dns::zone::{Builder, Given, Mount, Place, Refused, ZoneError};

/// Most errors, and warnings, that are told one by one.
const TOLD: usize = 1000;

/// The files that a master file names by `$INCLUDE`.
pub(super) fn includes(text: &[u8]) -> Vec<String> {
    const WORD: &[u8] = b"INCLUDE";
    let names_one = |behind: &[u8]| {
        behind
            .get(..WORD.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(WORD))
    };
    // Most files include nothing, and are not worth being cut into entries to find that out.
    let mut behind_dollars = text.split(|&byte| byte == b'$').skip(1);
    if !behind_dollars.any(names_one) {
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

/// Reads a master file and all it includes.
pub(super) fn read(
    apex: &Name,
    text: &[u8],
    include: Include<'_>,
    mounts: &[(Name, Mount)],
) -> Loaded {
    let mut reader = Reader {
        apex,
        include,
        builder: Builder::new(apex),
        errors: Vec::new(),
        warnings: Vec::new(),
        files: vec![None],
        open: Vec::new(),
        fields: Fields::default(),
        rdata: Vec::new(),
    };
    reader.read(
        text,
        Scope {
            file: 0,
            origin: apex.as_wire().to_vec(),
            owner: Vec::new(),
            ttl: None,
            last_ttl: None,
        },
    );
    reader.finish(mounts)
}

/// What holds for the lines to come.
#[derive(Clone)]
struct Scope {
    file: u16,
    origin: Vec<u8>,
    /// The last owner; empty before the first.
    owner: Vec<u8>,
    /// `$TTL`.
    ttl: Option<u32>,
    /// The last TTL of a record.
    last_ttl: Option<u32>,
}

struct Reader<'r> {
    apex: &'r Name,
    include: Include<'r>,
    builder: Builder,
    errors: Vec<MasterError>,
    warnings: Vec<MasterError>,
    /// Every file read, as `$INCLUDE` names it.
    files: Vec<Option<String>>,
    /// The files being read, outermost first.
    open: Vec<String>,
    fields: Fields,
    rdata: Vec<u8>,
}

/// What stands between owner and data.
struct Head {
    kind: u16,
    ttl: Option<u32>,
    /// Tokens read.
    length: usize,
}

impl Reader<'_> {
    fn read(&mut self, text: &[u8], mut scope: Scope) {
        let (mut lexer, mut entry) = (Lexer::new(text), Entry::default());
        while self.errors.len() < TOLD {
            let read = match lexer.next(&mut entry) {
                Ok(false) => return,
                Ok(true) => self.entry(&entry, &mut scope),
                Err(fault) => Err(help::fault(fault)),
            };
            if let Err(problem) = read {
                self.errors.push(self.placed(scope.file, problem));
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, scope: &mut Scope) -> Result<(), Problem> {
        let (first, rest) = entry
            .tokens
            .split_first()
            .expect("the lexer gives no empty entries");
        if first.text[0] == b'$' && !entry.indented {
            return self.directive(first, rest, scope);
        }
        if entry.indented {
            return self.record(None, &entry.tokens, scope);
        }
        words::name(first.text, &scope.origin, &mut scope.owner).map_err(|error| {
            scope.owner.clear();
            help::bad_name(first, error)
        })?;
        self.doubt_dot(first, &scope.owner, scope);
        self.record(Some(first), rest, scope)
    }

    fn directive(
        &mut self,
        word: &Token<'_>,
        fields: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Problem> {
        if word.is("$INCLUDE") {
            return match fields {
                [file] => self.include(file, None, scope),
                [file, origin] => self.include(file, Some(origin), scope),
                _ => Err(problem(
                    word,
                    "`$INCLUDE` wants a file, and an origin if any",
                    None,
                )),
            };
        }
        match fields {
            [field] if word.is("$ORIGIN") => {
                let mut origin = Vec::new();
                words::name(field.text, &scope.origin, &mut origin)
                    .map_err(|error| help::bad_name(field, error))?;
                self.doubt_dot(field, &origin, scope);
                scope.origin = origin;
                Ok(())
            }
            [field] if word.is("$TTL") => {
                scope.ttl = Some(ttl(field).unwrap_or_else(|| Err(not_ttl(field)))?);
                Ok(())
            }
            _ if word.is("$ORIGIN") => Err(problem(word, "`$ORIGIN` wants one name", None)),
            _ if word.is("$TTL") => Err(problem(word, "`$TTL` wants one number of seconds", None)),
            _ => Err(problem(
                word,
                &format!("`{}` is not a directive that is known", word.shown()),
                Some("these are: $ORIGIN, $TTL and $INCLUDE"),
            )),
        }
    }

    fn include(
        &mut self,
        field: &Token<'_>,
        origin: Option<&Token<'_>>,
        scope: &Scope,
    ) -> Result<(), Problem> {
        let file = words::plain(field)
            .ok_or_else(|| problem(field, "the file name is not UTF-8 text", None))?;
        let mut inner = scope.clone();
        if let Some(origin) = origin {
            words::name(origin.text, &scope.origin, &mut inner.origin)
                .map_err(|error| help::bad_name(origin, error))?;
        }
        if self.open.contains(&file) {
            return Err(problem(field, &format!("`{file}` includes itself"), None));
        }
        if self.open.len() >= INCLUDE_DEPTH {
            let message = format!("files include each other more than {INCLUDE_DEPTH} deep");
            return Err(problem(field, &message, None));
        }
        let text = (self.include)(&file).map_err(|reason| {
            let help = "an included file is looked for in the folder of the zone's own file";
            let message = format!("cannot read the file `{file}`: {reason}");
            problem(field, &message, Some(help))
        })?;
        inner.file = u16::try_from(self.files.len())
            .map_err(|_| problem(field, "too many files in one zone", None))?;
        self.files.push(Some(file.clone()));
        self.open.push(file);
        self.read(&text, inner);
        self.open.pop();
        Ok(())
    }

    fn record(
        &mut self,
        owner: Option<&Token<'_>>,
        tokens: &[Token<'_>],
        scope: &mut Scope,
    ) -> Result<(), Problem> {
        let head = head(owner, tokens)?;
        let first = &tokens.first().or(owner).expect("an entry is not empty").at;
        let last = &tokens[head.length - 1];
        if scope.owner.is_empty() {
            let begin = At {
                column: 1,
                ..*first
            };
            return Err(Problem {
                at: begin,
                message: "there is no owner name to continue".to_owned(),
                help: Some("a line that begins with a blank means the name before it".to_owned()),
            });
        }
        let fields = &tokens[head.length..];
        self.fields
            .read(head.kind, (last, fields), &scope.origin, &mut self.rdata)?;
        let relative = |field: &&Token<'_>| words::is_relative(field.text);
        for field in names(head.kind, fields).filter(relative) {
            let mut name = Vec::new();
            if words::name(field.text, &scope.origin, &mut name).is_ok() {
                self.doubt_dot(field, &name, scope);
            }
        }
        let ttl = self.ttl(&head, last, scope)?;
        let start = owner.unwrap_or(&tokens[0]);
        let given = Given {
            owner: &scope.owner,
            rtype: head.kind,
            ttl,
            rdata: &self.rdata,
            place: Place {
                file: scope.file,
                line: start.at.line,
            },
        };
        let refused = self.builder.add(&given);
        refused.map_err(|refused| self.refused(refused, start, &scope.owner))
    }

    /// The TTL of a record, by the order told in [`super`].
    fn ttl(&self, head: &Head, last: &Token<'_>, scope: &mut Scope) -> Result<u32, Problem> {
        let minimum = || match head.kind {
            rtype::SOA => self
                .rdata
                .last_chunk()
                .map(|four| u32::from_be_bytes(*four)),
            _ => None,
        };
        if let Some(ttl) = head.ttl {
            scope.last_ttl = Some(ttl);
        } else if scope.ttl.is_none() && scope.last_ttl.is_none() {
            scope.last_ttl = minimum();
        }
        head.ttl.or(scope.ttl).or(scope.last_ttl).ok_or_else(|| {
            let help = "write `$TTL 3600` at the top of the file";
            problem(
                last,
                "the record has no TTL, and there is none before it",
                Some(help),
            )
        })
    }

    fn refused(&self, refused: Refused, at: &Token<'_>, owner: &[u8]) -> Problem {
        let owner = Name::from_wire(owner).expect("owners are read from names");
        let help = match refused {
            Refused::Outside => Some("is `$ORIGIN` right, and the zone's name in the config?"),
            Refused::NotHashed => Some(
                "an NSEC3 record is owned by the base32 of a hash, one label below the apex (RFC 5155, section 3)",
            ),
            Refused::TooLarge => None,
        };
        problem(at, &refused.message(&owner, self.apex), help)
    }

    /// Warns of a relative name that ends in the zone's name already.
    fn doubt_dot(&mut self, field: &Token<'_>, name: &[u8], scope: &Scope) {
        let zone = self
            .apex
            .as_wire()
            .split_last()
            .map_or(&[][..], |(_, labels)| labels);
        let end = name.len().saturating_sub(scope.origin.len());
        let written = &name[..end];
        if zone.is_empty() || written.len() < zone.len() || self.warnings.len() >= TOLD {
            return;
        }
        let doubtful = written[written.len() - zone.len()..].eq_ignore_ascii_case(zone);
        if !doubtful || !words::is_relative(field.text) {
            return;
        }
        let meant = Name::from_wire(name).map(|name| name.to_string());
        let shown = field.shown();
        let message = format!("`{shown}` has no dot at its end");
        let help = format!(
            "it means `{}.`; write `{shown}.` if that is not meant",
            meant.unwrap_or_default()
        );
        let warning = self.placed(scope.file, problem(field, &message, Some(&help)));
        self.warnings.push(warning);
    }

    fn placed(&self, file: u16, problem: Problem) -> MasterError {
        MasterError {
            file: self.files[usize::from(file)].clone(),
            line: problem.at.line,
            column: problem.at.column,
            message: problem.message,
            help: problem.help,
            mount: None,
        }
    }

    fn finish(self, mounts: &[(Name, Mount)]) -> Loaded {
        let Self {
            builder,
            mut errors,
            mut warnings,
            files,
            ..
        } = self;
        if !errors.is_empty() {
            if errors.len() >= TOLD {
                errors.push(untold());
            }
            return Loaded {
                zone: Err(errors),
                warnings,
            };
        }
        let whole = |error: ZoneError| MasterError {
            file: files[usize::from(error.file)].clone(),
            line: error.line,
            column: 0,
            message: error.message,
            help: error.help.map(str::to_owned),
            mount: error.mount,
        };
        let built = builder.finish(mounts);
        warnings.extend(built.warnings.into_iter().take(TOLD).map(whole));
        let zone = built.zone.map_err(|all| {
            let many = all.len() > TOLD;
            let told = all.into_iter().take(TOLD).map(whole);
            told.chain(many.then(untold)).collect()
        });
        Loaded { zone, warnings }
    }
}

/// Reads `[TTL] [class] type`, TTL and class in either order.
fn head(owner: Option<&Token<'_>>, tokens: &[Token<'_>]) -> Result<Head, Problem> {
    let (mut seconds, mut class) = (None, false);
    for (index, token) in tokens.iter().enumerate() {
        if token.is("IN") || token.is("CLASS1") {
            if std::mem::replace(&mut class, true) {
                return Err(problem(token, "the class stands twice", None));
            }
        } else if is_other_class(token) {
            let message = format!("class `{}`", token.shown());
            return Err(problem(token, &message, Some("only class IN is served")));
        } else if let Some(value) = ttl(token) {
            if seconds.replace(value?).is_some() {
                return Err(problem(token, "the TTL stands twice", None));
            }
        } else {
            return Ok(Head {
                kind: kind(token, owner)?,
                ttl: seconds,
                length: index + 1,
            });
        }
    }
    let last = tokens.last().or(owner).expect("an entry is not empty");
    Err(Problem {
        at: last.end(),
        message: "the record has no type".to_owned(),
        help: Some("a record is: name, TTL, class IN, type, data".to_owned()),
    })
}

fn is_other_class(token: &Token<'_>) -> bool {
    let numbered = token
        .text
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"CLASS"));
    numbered
        || ["CH", "HS", "CS", "NONE"]
            .iter()
            .any(|class| token.is(class))
}

/// A type that may stand in a zone.
fn kind(token: &Token<'_>, owner: Option<&Token<'_>>) -> Result<u16, Problem> {
    let word = std::str::from_utf8(token.text).unwrap_or_default();
    let kind = word
        .parse::<Rtype>()
        .map_err(|_| help::bad_type(token, owner))?
        .to_int();
    match kind {
        0 | rtype::OPT | 128..=255 => {
            let message = format!("`{word}` is never stored in a zone");
            Err(problem(token, &message, None))
        }
        _ => Ok(kind),
    }
}

/// A TTL, if the word is one.
fn ttl(token: &Token<'_>) -> Option<Result<u32, Problem>> {
    let seconds = words::seconds(token.text)?;
    Some(seconds.map_err(|()| {
        let help = "the largest is 2147483647 seconds (RFC 2181, section 8)";
        problem(
            token,
            &format!("the TTL `{}` is too large", token.shown()),
            Some(help),
        )
    }))
}

fn not_ttl(token: &Token<'_>) -> Problem {
    let help = "write seconds, or units: `3600`, `1h30m`";
    problem(
        token,
        &format!("`{}` is not a TTL", token.shown()),
        Some(help),
    )
}

fn problem(token: &Token<'_>, message: &str, help: Option<&str>) -> Problem {
    Problem {
        at: token.at,
        message: message.to_owned(),
        help: help.map(str::to_owned),
    }
}

fn untold() -> MasterError {
    MasterError {
        file: None,
        line: 0,
        column: 0,
        message: format!("more than {TOLD} errors; the rest is not shown"),
        help: None,
        mount: None,
    }
}
