//! What stands between owner and data, `[TTL] [class] type`, and the TTL of a record that says none.
//!
//! TTL and class stand in either order. Which TTL holds where is told in [`super`]; nothing here
//! knows of files or origins.
use super::Problem;
use super::help;
use super::lex::Token;
use super::words;
use crate::dns::rr::rtype;
use crate::dns::text::type_number;

/// Largest TTL (RFC 2181, section 8).
const TTL_MOST: u32 = 0x7FFF_FFFF;

/// What stands between owner and data.
#[derive(Debug)]
pub(super) struct Head {
    /// Type.
    pub(super) kind: u16,
    /// TTL as written, and which token it is.
    pub(super) ttl: Option<(u32, usize)>,
    /// Tokens read.
    pub(super) length: usize,
}

/// The TTLs of records that say none.
#[derive(Debug, Default)]
pub(super) struct Ttls {
    /// `$TTL`, or what an SOA said instead.
    pub(super) default: Option<u32>,
    /// The last TTL of a record.
    pub(super) last: Option<u32>,
}

impl Ttls {
    /// What holds here.
    pub(super) fn known(&self) -> Option<u32> {
        self.default.or(self.last)
    }
}

/// The TTL to use for the one written, and whether that is another one: those from 2^31 on are
/// treated as zero (RFC 2181, section 8).
pub(super) fn bounded(ttl: u32) -> (u32, bool) {
    match ttl {
        0..=TTL_MOST => (ttl, false),
        _ => (0, true),
    }
}

/// Reads a head; the owner serves for help only.
pub(super) fn read(owner: Option<&Token<'_>>, tokens: &[Token<'_>]) -> Result<Head, Problem> {
    let (mut ttl, mut class) = (None, false);
    for (index, token) in tokens.iter().enumerate() {
        if token.is("IN") || token.is("CLASS1") {
            if std::mem::replace(&mut class, true) {
                return Err(Problem::of(token, "the class stands twice", None));
            }
        } else if is_other_class(token) {
            let message = format!("class `{}`", token.shown());
            return Err(Problem::of(
                token,
                &message,
                Some("only class IN is served"),
            ));
        } else if let Some(value) = seconds(token) {
            if ttl.replace((value?, index)).is_some() {
                return Err(Problem::of(token, "the TTL stands twice", None));
            }
        } else {
            return Ok(Head {
                kind: kind(token, owner)?,
                ttl,
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
    let kind = type_number(word).ok_or_else(|| help::bad_type(token, owner))?;
    match kind {
        0 | rtype::OPT | 128..=255 => {
            let message = format!("`{word}` is never stored in a zone");
            Err(Problem::of(token, &message, None))
        }
        _ => Ok(kind),
    }
}

/// A TTL as written, if the word is one.
pub(super) fn seconds(token: &Token<'_>) -> Option<Result<u32, Problem>> {
    let seconds = words::seconds(token.text)?;
    Some(seconds.map_err(|()| {
        let help = "the largest is 2147483647 seconds (RFC 2181, section 8)";
        Problem::of(
            token,
            &format!("the TTL `{}` is too large", token.shown()),
            Some(help),
        )
    }))
}
