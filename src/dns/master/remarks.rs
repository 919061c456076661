//! Plain words for what is wrong, or doubtful, with lines and files as such; for what is wrong in
//! the fields of a record see [`super::help`].
use super::Problem;
use super::lex::{At, Token};
use super::outside::Origin;
use crate::base::limits::{GENERATED_RECORDS, INCLUDE_DEPTH};
use crate::dns::name::Name;

/// What to do about data outside the zone.
const ORIGIN: &str = "is `$ORIGIN` right, and the zone's name in the config?";

fn problem(at: At, message: String, help: &str) -> Problem {
    Problem {
        at,
        message,
        help: Some(help.to_owned()),
    }
}

/// A file that no editor of text has written.
pub(super) fn no_text(at: At, head: &[u8]) -> Problem {
    match head {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => problem(
            at,
            "the file is UTF-16 text".to_owned(),
            "save it as UTF-8, or in ASCII",
        ),
        _ => problem(
            at,
            "the file is not text".to_owned(),
            "a zone in BIND's raw format becomes text by `named-compilezone -f raw -F text`",
        ),
    }
}

/// A line without an owner, and none before it.
pub(super) fn no_owner(start: &Token<'_>) -> Problem {
    let at = At {
        column: 1,
        ..start.at
    };
    problem(
        at,
        "there is no owner name to continue".to_owned(),
        "a line that begins with a blank means the name before it",
    )
}

/// A string that goes on over the end of its line, and ends.
pub(super) fn broken_string(at: At) -> Problem {
    problem(
        at,
        "the quoted string goes on over the end of its line, which becomes part of it".to_owned(),
        "write `\\010` for a line end that is meant; other servers may refuse the file",
    )
}

/// A record without a TTL, and none before it.
pub(super) fn no_ttl(last: &Token<'_>) -> Problem {
    let message = "the record has no TTL, and there is none before it";
    problem(
        last.at,
        message.to_owned(),
        "write `$TTL 3600` at the top of the file",
    )
}

/// An SOA that gives its minimum as the TTL of all.
pub(super) fn minimum_ttl(last: &Token<'_>, ttl: u32) -> Problem {
    problem(
        last.at,
        format!("no TTL is written; records without one have the SOA's minimum, {ttl} seconds"),
        "write `$TTL 3600` at the top of the file",
    )
}

/// A TTL that is treated as zero.
pub(super) fn large_ttl(word: &Token<'_>, ttl: u32) -> Problem {
    problem(
        word.at,
        format!("the TTL {ttl} is larger than 2147483647 and means 0"),
        "it is treated so by resolvers (RFC 2181, section 8); write a smaller one",
    )
}

/// A relative name that ends in the zone's name.
pub(super) fn no_dot(field: &Token<'_>, meant: &str) -> Problem {
    let shown = field.shown();
    problem(
        field.at,
        format!("`{shown}` has no dot at its end"),
        &format!("it means `{meant}.`; write `{shown}.` if that is not meant"),
    )
}

/// An owner outside the zone.
pub(super) fn outside(word: &Token<'_>, owner: &str, apex: &Name) -> Problem {
    problem(
        word.at,
        format!("`{owner}` is outside the zone `{apex}` and is left out"),
        "whoever is authoritative for that name has its records; take them away here",
    )
}

/// More owners outside the zone than are told one by one.
pub(super) fn outside_others(at: At, records: u64, apex: &Name) -> Problem {
    let message = match records {
        1 => format!("1 more record is outside the zone `{apex}` and is left out"),
        _ => format!("{records} more records are outside the zone `{apex}` and are left out"),
    };
    problem(at, message, ORIGIN)
}

/// An origin outside the zone.
pub(super) fn outside_origin(origin: &Origin, apex: &Name) -> Problem {
    let records = match origin.records {
        1 => "1 record below it is".to_owned(),
        more => format!("{more} records below it are"),
    };
    let name = &origin.name;
    let message = format!("`{name}` is outside the zone `{apex}`: {records} left out");
    problem(origin.spot.at, message, ORIGIN)
}

/// A file with nothing in the zone.
pub(super) fn all_outside(at: At, records: u64, apex: &Name) -> Problem {
    let all = match records {
        1 => "the only record of the file is".to_owned(),
        _ => format!("all {records} records of the file are"),
    };
    problem(
        at,
        format!("no SOA for `{apex}`: {all} outside that zone"),
        ORIGIN,
    )
}

/// The only SOA is that of another zone.
pub(super) fn foreign_soa(at: At, owner: &str, apex: &Name) -> Problem {
    problem(
        at,
        format!("no SOA for `{apex}`: this one is that of `{owner}`, outside that zone"),
        ORIGIN,
    )
}

/// A file that is being read already.
pub(super) fn includes_itself(field: &Token<'_>, file: &str) -> Problem {
    Problem::of(field, &format!("`{file}` includes itself"), None)
}

/// Files that include each other without end, most likely.
pub(super) fn too_deep(field: &Token<'_>) -> Problem {
    let message = format!("files include each other more than {INCLUDE_DEPTH} deep");
    Problem::of(field, &message, None)
}

/// A file that is not there.
pub(super) fn unreadable(field: &Token<'_>, file: &str, reason: &str) -> Problem {
    problem(
        field.at,
        format!("cannot read the file `{file}`: {reason}"),
        "an included file is looked for in the folder of the file that includes it",
    )
}

/// A `$GENERATE` that makes more than may be made.
pub(super) fn too_many_generated(field: &Token<'_>, records: u64) -> Problem {
    problem(
        field.at,
        format!("the range makes {records} records; {GENERATED_RECORDS} is the most"),
        "a wildcard may do, or several smaller ranges",
    )
}
