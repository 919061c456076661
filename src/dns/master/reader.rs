//! Entries into records: owners, their TTLs, and what becomes of the whole.
//!
//! An entry with an error is reported and left out; the next one is read as if nothing had
//! been. Only an owner is remembered even from a record that is otherwise wrong, so that the
//! lines below it mean what they say; lines below an owner that could not be read are read for
//! their own errors and no more.
//!
//! What begins with `$` is read in [`super::directives`], what stands between owner and data in
//! [`super::head`].
use super::forms;
use super::head::{self, Head, Ttls};
use super::help;
use super::lex::{At, Entry, Lexer, Token};
use super::outside::{Blame, Outside, Spot};
use super::rdata::{Fields, names};
use super::remarks;
use super::words;
use super::{Include, Loaded, MasterError, Problem};
use crate::dns::name::Name;
use crate::dns::octets::is_within;
use crate::dns::rr::rtype;
use crate::dns::zone::{Builder, Given, Mount, Place, ZoneError};

/// Most errors, and warnings, that are told one by one.
const TOLD: usize = 1000;
/// Octets at the start of a file among which a text has no NUL.
const SNIFFED: usize = 512;

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
        ttls: Ttls::default(),
        outside: Outside::default(),
        taken: Taken::default(),
    };
    reader.read(
        text,
        Scope {
            file: 0,
            origin: apex.as_wire().to_vec(),
            foreign: None,
            owner: Vec::new(),
            standing: Standing::Missing,
        },
    );
    reader.finish(mounts)
}

/// What holds for the lines to come.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) file: u16,
    pub(super) origin: Vec<u8>,
    /// The number of the origin among those outside the zone, if it is one.
    pub(super) foreign: Option<usize>,
    /// The last owner.
    owner: Vec<u8>,
    standing: Standing,
}

/// What is known of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// There has been none.
    Missing,
    /// It could not be read, which has been told.
    Unreadable,
    /// It lies in the zone.
    Inside,
    /// It does not.
    Outside(Blame),
}

/// A record whose fields have been read.
#[derive(Debug)]
pub(super) struct Row<'w> {
    pub(super) owner: &'w [u8],
    pub(super) standing: Standing,
    pub(super) kind: u16,
    /// The TTL, if one is written.
    pub(super) ttl: Option<u32>,
    pub(super) file: u16,
    /// The first word of the record, and the last in front of its fields.
    pub(super) start: Token<'w>,
    pub(super) last: Token<'w>,
}

/// What the zone has got so far.
#[derive(Debug, Default)]
struct Taken {
    any: bool,
    apex_soa: bool,
    other_soa: bool,
}

pub(super) struct Reader<'r> {
    pub(super) apex: &'r Name,
    pub(super) include: Include<'r>,
    builder: Builder,
    pub(super) errors: Vec<MasterError>,
    warnings: Vec<MasterError>,
    /// Every file read, by its path from the folder of the zone's own file.
    pub(super) files: Vec<Option<String>>,
    /// The files being read, outermost first.
    pub(super) open: Vec<String>,
    pub(super) fields: Fields,
    pub(super) rdata: Vec<u8>,
    pub(super) ttls: Ttls,
    pub(super) outside: Outside,
    taken: Taken,
}

impl Reader<'_> {
    /// Reads a file to its end, or until there are too many errors.
    pub(super) fn read(&mut self, text: &[u8], mut scope: Scope) {
        if let Some(problem) = no_text(text) {
            self.errors.push(self.placed(scope.file, problem));
            return;
        }
        let (mut lexer, mut entry) = (Lexer::new(text), Entry::default());
        while self.errors.len() < TOLD {
            let read = match lexer.next(&mut entry) {
                Ok(false) => return,
                Ok(true) => self.entry(&entry, &mut scope),
                Err(fault) => {
                    if !entry.indented {
                        scope.standing = Standing::Unreadable;
                    }
                    Err(help::fault(fault))
                }
            };
            if let Err(problem) = read {
                self.errors.push(self.placed(scope.file, problem));
            }
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, scope: &mut Scope) -> Result<(), Problem> {
        if let Some(at) = entry.broken {
            self.warn(scope.file, remarks::broken_string(at));
        }
        let (first, rest) = entry
            .tokens
            .split_first()
            .expect("the lexer gives no empty entries");
        if entry.indented {
            return self.record(None, entry, scope);
        }
        if first.text[0] == b'$' {
            return self.directive(first, rest, scope);
        }
        if let Err(error) = words::name(first.text, &scope.origin, &mut scope.owner) {
            scope.standing = Standing::Unreadable;
            return Err(help::bad_name(first, error));
        }
        self.doubt_dot(first, &scope.owner, scope);
        scope.standing = self.place_owner(first, &scope.owner, scope);
        self.record(Some(first), entry, scope)
    }

    /// Whether an owner lies in the zone; if it does not, it is told, or will be.
    pub(super) fn place_owner(
        &mut self,
        word: &Token<'_>,
        owner: &[u8],
        scope: &Scope,
    ) -> Standing {
        if is_within(owner, self.apex.as_wire()) {
            return Standing::Inside;
        }
        if let Some(origin) = scope.foreign.filter(|_| words::is_relative(word.text)) {
            return Standing::Outside(Blame::Origin(origin));
        }
        let spot = Spot {
            file: scope.file,
            at: word.at,
        };
        let blame = self.outside.owner(spot);
        if blame == Blame::Owner {
            self.warn(scope.file, remarks::outside(word, &shown(owner), self.apex));
        }
        Standing::Outside(blame)
    }

    fn record(
        &mut self,
        owner: Option<&Token<'_>>,
        entry: &Entry<'_>,
        scope: &Scope,
    ) -> Result<(), Problem> {
        let tokens = &entry.tokens[usize::from(owner.is_some())..];
        let head = head::read(owner, tokens)?;
        let start = owner.unwrap_or(&tokens[0]);
        let last = &tokens[head.length - 1];
        let ttl = self.written_ttl(&head, tokens, scope.file);
        if scope.standing == Standing::Missing {
            return Err(remarks::no_owner(start));
        }
        let fields = forms::fields(head.kind, entry, usize::from(owner.is_some()) + head.length);
        self.fields
            .read(head.kind, (last, &fields), &scope.origin, &mut self.rdata)?;
        self.doubt_names(head.kind, &fields, scope);
        self.take(&Row {
            owner: &scope.owner,
            standing: scope.standing,
            kind: head.kind,
            ttl,
            file: scope.file,
            start: *start,
            last: *last,
        })
    }

    /// Takes the record whose RDATA was read last into the zone.
    pub(super) fn take(&mut self, row: &Row<'_>) -> Result<(), Problem> {
        let spot = Spot {
            file: row.file,
            at: row.start.at,
        };
        match row.standing {
            Standing::Inside => {}
            Standing::Missing | Standing::Unreadable => return Ok(()),
            Standing::Outside(blame) => {
                self.outside.leave(blame, spot);
                if row.kind == rtype::SOA {
                    self.outside.soa(spot, shown(row.owner));
                }
                return Ok(());
            }
        }
        if row.kind == rtype::SOA {
            let is_apex = row.owner.len() == self.apex.as_wire().len();
            self.taken.apex_soa |= is_apex;
            self.taken.other_soa |= !is_apex;
        }
        self.taken.any = true;
        let given = Given {
            owner: row.owner,
            rtype: row.kind,
            ttl: self.ttl(row)?,
            rdata: &self.rdata,
            place: Place {
                file: row.file,
                line: row.start.at.line,
            },
        };
        self.builder.add(&given).map_err(|refused| {
            let owner = Name::from_wire(row.owner).expect("owners are read from names");
            Problem::of(
                &row.start,
                &refused.message(&owner, self.apex),
                refused.help(),
            )
        })
    }

    /// The TTL that a record says, which is then the last one.
    pub(super) fn written_ttl(
        &mut self,
        head: &Head,
        tokens: &[Token<'_>],
        file: u16,
    ) -> Option<u32> {
        let (ttl, index) = head.ttl?;
        self.ttls.last = Some(self.bounded(ttl, &tokens[index], file));
        self.ttls.last
    }

    /// A TTL as it is used, with a warning if that is not what is written.
    pub(super) fn bounded(&mut self, ttl: u32, word: &Token<'_>, file: u16) -> u32 {
        let (used, differs) = head::bounded(ttl);
        if differs {
            self.warn(file, remarks::large_ttl(word, ttl));
        }
        used
    }

    /// The TTL of a record, by the order told in [`super`].
    fn ttl(&mut self, row: &Row<'_>) -> Result<u32, Problem> {
        if let Some(ttl) = row.ttl.or(self.ttls.known()) {
            return Ok(ttl);
        }
        let minimum = self.rdata.last_chunk().copied().map(u32::from_be_bytes);
        if let (rtype::SOA, Some(minimum)) = (row.kind, minimum) {
            let ttl = self.bounded(minimum, &row.last, row.file);
            self.ttls.default = Some(ttl);
            if self.errors.is_empty() {
                self.warn(row.file, remarks::minimum_ttl(&row.last, ttl));
            }
            return Ok(ttl);
        }
        // A line with an error may have been the one with the TTL.
        match self.errors.is_empty() {
            true => Err(remarks::no_ttl(&row.last)),
            false => Ok(0),
        }
    }

    /// Warns of names in data that seem to lack their final dot.
    pub(super) fn doubt_names(&mut self, kind: u16, fields: &[Token<'_>], scope: &Scope) {
        let relative = |field: &&Token<'_>| words::is_relative(field.text);
        for field in names(kind, fields).filter(relative) {
            let mut name = Vec::new();
            if words::name(field.text, &scope.origin, &mut name).is_ok() {
                self.doubt_dot(field, &name, scope);
            }
        }
    }

    /// Warns of a relative name that ends in the zone's name already.
    pub(super) fn doubt_dot(&mut self, field: &Token<'_>, name: &[u8], scope: &Scope) {
        let zone = self
            .apex
            .as_wire()
            .split_last()
            .map_or(&[][..], |(_, labels)| labels);
        let end = name.len().saturating_sub(scope.origin.len());
        let written = &name[..end];
        if zone.is_empty() || written.len() < zone.len() {
            return;
        }
        let doubtful = written[written.len() - zone.len()..].eq_ignore_ascii_case(zone);
        if doubtful && words::is_relative(field.text) {
            self.warn(scope.file, remarks::no_dot(field, &shown(name)));
        }
    }

    pub(super) fn warn(&mut self, file: u16, problem: Problem) {
        if self.warnings.len() < TOLD {
            self.warnings.push(self.placed(file, problem));
        }
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

    fn finish(mut self, mounts: &[(Name, Mount)]) -> Loaded {
        if !self.errors.is_empty() {
            if self.errors.len() >= TOLD {
                self.errors.push(untold());
            }
            self.tell_outside();
            return Loaded {
                zone: Err(self.errors),
                warnings: self.warnings,
            };
        }
        if let Some((records, spot)) = self.outside.all().filter(|_| !self.taken.any) {
            let problem = remarks::all_outside(spot.at, records, self.apex);
            return Loaded {
                zone: Err(vec![self.placed(spot.file, problem)]),
                warnings: Vec::new(),
            };
        }
        self.tell_outside();
        self.build(mounts)
    }

    /// Tells what was left out and has not been told by itself.
    fn tell_outside(&mut self) {
        let outside = std::mem::take(&mut self.outside);
        for origin in outside.origins() {
            let problem = remarks::outside_origin(origin, self.apex);
            self.warn(origin.spot.file, problem);
        }
        if let Some((spot, records)) = outside.others() {
            self.warn(
                spot.file,
                remarks::outside_others(spot.at, records, self.apex),
            );
        }
        self.outside = outside;
    }

    /// Makes the zone of what was read.
    fn build(self, mounts: &[(Name, Mount)]) -> Loaded {
        let foreign = self.outside.first_soa().map(|(spot, owner)| {
            self.placed(spot.file, remarks::foreign_soa(spot.at, owner, self.apex))
        });
        let Self {
            builder,
            mut warnings,
            files,
            taken,
            ..
        } = self;
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
        let zone = built.zone.map_err(|mut all| {
            // An SOA that stands at a wrong name is not missing, and more will stand there.
            let found = !taken.apex_soa && (taken.other_soa || foreign.is_some());
            all.retain(|error| !found || error.line > 0 || error.mount.is_some());
            let many = all.len() > TOLD;
            let foreign = foreign.filter(|_| !taken.apex_soa && !taken.other_soa);
            let told = all.into_iter().take(TOLD).map(whole);
            foreign
                .into_iter()
                .chain(told)
                .chain(many.then(untold))
                .collect()
        });
        Loaded { zone, warnings }
    }
}

/// What is wrong with a file that is no text at all.
fn no_text(text: &[u8]) -> Option<Problem> {
    let start = At { line: 1, column: 1 };
    let head = &text[..text.len().min(SNIFFED)];
    head.contains(&0).then(|| remarks::no_text(start, head))
}

/// A name in wire format as people write it, with its final dot.
pub(super) fn shown(wire: &[u8]) -> String {
    let name = Name::from_wire(wire).map(|name| name.to_string());
    name.unwrap_or_default()
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
