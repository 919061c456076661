//! Master files (RFC 1035, section 5) into zones, with the position of every error.
//!
//! [`lex`] cuts the text into entries and goes on after a fault, [`reader`] reads owners and
//! records, [`directives`] what begins with `$` ([`generate`] for `$GENERATE`), [`head`] TTLs,
//! classes and types, [`rdata`] the fields; [`outside`] counts what is left out; [`help`] and
//! [`remarks`] have the words; [`super::zone`] judges the whole. Nothing here opens a file: an [`Include`] brings the text of `$INCLUDE`.
//!
//! Choices where the RFCs leave one, or where files are written otherwise:
//!
//! - A record without a TTL has that of `$TTL` (RFC 2308, section 4); without `$TTL` the last
//!   one written (RFC 1035, section 5.1). If there is neither yet, an SOA without a TTL has its
//!   MINIMUM, and that holds from there on as if `$TTL` had said it (BIND), with a warning. (NSD
//!   and Knot take 3600 for whatever has no TTL, whatever the file says.)
//! - TTLs from 2^31 on are 0 (RFC 2181, section 8), with a warning. TTLs and the times of an SOA
//!   may have units (`1h30m`).
//! - `$INCLUDE` names a file beside the one that it stands in. The file begins with the origin and
//!   owner of where it is included (or the origin that the line names), and leaves both as they
//!   were (RFC 1035). TTLs go on, into the file and out of it (BIND, NSD).
//! - What is outside the zone is left out with a warning, as BIND and Knot do; exports of Windows
//!   have the addresses of foreign servers in them.
//! - A quoted string may go on over the end of its line (see [`lex`]), with a warning.
//! - The class is IN, said or unsaid.
//! - Text that is not ASCII may stand in strings and comments, not in names.
//!
//! An error is told where it is, and once: what only follows from it is not told. So lines below an
//! unreadable owner, TTLs that stood in a line with an error, and the lines below an `$ORIGIN`
//! outside the zone are not complained of, and the zone is judged only when all of it could be read.
use std::sync::Arc;

use super::name::Name;
use super::zone::{Mount, Zone};

mod directives;
pub(super) mod forms;
mod generate;
mod head;
mod help;
mod lex;
mod outside;
mod rdata;
mod reader;
mod remarks;
mod value;
mod words;

use lex::{At, Token};

/// What is wrong in a master file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterError {
    /// The included file it is in, relative to the folder of the zone's own file, if it is not
    /// absolute; `None` for the zone's own file.
    pub file: Option<String>,
    /// Line, from 1; 0 when no line is to blame.
    pub line: u32,
    /// Column, from 1, in octets; 0 when the whole line is meant.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The steered name to blame, if it is one: whoever mounted it knows where that was written.
    pub mount: Option<Name>,
}

/// Gives the text of a file named by `$INCLUDE`, or why it could not be read. The path is absolute,
/// or relative to the folder of the zone's own file, whichever file names it.
pub type Include<'a> = &'a dyn Fn(&str) -> Result<Arc<[u8]>, String>;

/// What became of a master file.
#[derive(Debug)]
pub struct Loaded {
    /// The zone, or every error.
    pub zone: Result<Zone, Vec<MasterError>>,
    /// What is well formed and yet hardly meant: a name that seems to lack its final dot, a
    /// record outside the zone, an RRset with several TTLs.
    pub warnings: Vec<MasterError>,
}

/// What is wrong in one entry.
#[derive(Debug)]
struct Problem {
    at: At,
    message: String,
    help: Option<String>,
}

impl Problem {
    /// A problem with a word.
    fn of(token: &Token<'_>, message: &str, help: Option<&str>) -> Self {
        Self {
            at: token.at,
            message: message.to_owned(),
            help: help.map(str::to_owned),
        }
    }
}

/// The files that a master file names by `$INCLUDE`, as written: relative to that file's folder.
#[must_use]
pub fn includes(text: &[u8]) -> Vec<String> {
    directives::includes(text)
}

/// Reads the data of one record, as it stands behind the type; names in it are whole.
///
/// # Errors
/// What is wrong, and what to do about it.
pub fn rdata(kind: u16, text: &str) -> Result<Vec<u8>, (String, Option<String>)> {
    value::rdata(kind, text).map_err(|problem| (problem.message, problem.help))
}

/// Reads a master file into a zone and mounts steered names over it.
///
/// # Errors
/// Every error of the text; if there is none, every error of the zone as a whole: no SOA or
/// several, CNAME beside other data, a steered name that has addresses of its own, or that
/// lies below a delegation.
pub fn load(
    apex: &Name,
    text: &[u8],
    include: Include<'_>,
    mounts: &[(Name, Mount)],
) -> Result<Zone, Vec<MasterError>> {
    read(apex, text, include, mounts).zone
}

/// As [`load`], with the warnings.
#[must_use]
pub fn read(apex: &Name, text: &[u8], include: Include<'_>, mounts: &[(Name, Mount)]) -> Loaded {
    reader::read(apex, text, include, mounts)
}
