//! Master files (RFC 1035, section 5) into zones, with the position of every error.
//!
//! [`lex`] cuts the text into entries and goes on after a fault, [`reader`] reads directives,
//! owners, TTLs, classes and types, [`rdata`] the fields, [`super::zone`] judges the whole.
//! Nothing here opens a file: an [`Include`] brings the text of `$INCLUDE`.
//!
//! Choices where the RFCs leave one:
//!
//! - A record without a TTL has that of `$TTL` (RFC 2308, section 4); without `$TTL` the last
//!   one written (RFC 1035); an SOA without either has its MINIMUM, which is then the last one.
//! - `$INCLUDE` begins with the TTL, origin and owner of where it stands (or the origin it
//!   names); nothing that the included file sets reaches back.
//! - A quoted string ends on its line. TTLs and the times of an SOA may have units (`1h30m`).
//! - The class is IN, said or unsaid.
//! - Text that is not ASCII may stand in strings and comments, not in names.
use std::sync::Arc;

use super::name::Name;
use super::zone::{Mount, Zone};

pub(super) mod forms;
mod help;
mod lex;
mod rdata;
mod reader;
mod words;

use lex::At;

/// What is wrong in a master file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterError {
    /// The included file it is in, as `$INCLUDE` names it; `None` for the zone's own file.
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

/// Gives the text of a file named by `$INCLUDE`, or why it could not be read.
pub type Include<'a> = &'a dyn Fn(&str) -> Result<Arc<[u8]>, String>;

/// What became of a master file.
#[derive(Debug)]
pub struct Loaded {
    /// The zone, or every error.
    pub zone: Result<Zone, Vec<MasterError>>,
    /// What is well formed and yet hardly meant: a name that seems to lack its final dot, an
    /// RRset with several TTLs.
    pub warnings: Vec<MasterError>,
}

/// What is wrong in one entry.
#[derive(Debug)]
struct Problem {
    at: At,
    message: String,
    help: Option<String>,
}

/// The files that a master file names by `$INCLUDE`, as written.
#[must_use]
pub fn includes(text: &[u8]) -> Vec<String> {
    reader::includes(text)
}

/// Reads a master file into a zone and mounts steered names over it.
///
/// # Errors
/// Every error of the text; if there is none, every error of the zone as a whole: no SOA or
/// several, data outside the zone, CNAME beside other data, a steered name that has
/// addresses of its own, or that lies below a delegation.
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
