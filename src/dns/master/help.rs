//! Plain words for what is wrong in a record, and the way out of the usual slips.
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Problem;
use super::forms::{Form, Unfit};
use super::lex::{At, Fault, Token};
use crate::dns::name::NameError;
use crate::dns::rr::rtype;
use crate::dns::text::type_name;

/// Types that people write, for "did you mean".
const TYPES: [&str; 27] = [
    "A",
    "AAAA",
    "CAA",
    "CDNSKEY",
    "CDS",
    "CNAME",
    "DNAME",
    "DNSKEY",
    "DS",
    "HINFO",
    "HTTPS",
    "LOC",
    "MX",
    "NAPTR",
    "NS",
    "NSEC",
    "NSEC3",
    "NSEC3PARAM",
    "PTR",
    "RP",
    "RRSIG",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "TLSA",
    "TXT",
];

/// An entry that could not be read as words.
pub(super) fn fault((at, fault): (At, Fault)) -> Problem {
    let (message, help) = match fault {
        Fault::Closing => (
            "`)` without `(`",
            "a text with a parenthesis or semicolon in it belongs in quotes",
        ),
        Fault::Opening => (
            "`(` is never closed",
            "close it with `)` behind the last field",
        ),
        Fault::Quote => (
            "the quoted string does not end on its line",
            "close it with `\"`",
        ),
    };
    Problem {
        at,
        message: message.to_owned(),
        help: Some(help.to_owned()),
    }
}

/// A word that is no name.
pub(super) fn bad_name(field: &Token<'_>, error: NameError) -> Problem {
    Problem {
        at: field.at,
        message: format!("`{}` is not a domain name: {error}", field.shown()),
        help: None,
    }
}

/// A word that is no address of the family that the type wants.
fn bad_address(family: &str, form: &Form, field: &Token<'_>) -> Problem {
    let text = field.shown();
    let numbers = || text.split('.').map(str::parse::<u32>);
    let alone = matches!(form.kind, rtype::A | rtype::AAAA);
    let help = if alone && text.parse::<Ipv6Addr>().is_ok() {
        "this is an IPv6 address; its type is AAAA"
    } else if alone && text.parse::<Ipv4Addr>().is_ok() {
        "this is an IPv4 address; its type is A"
    } else if numbers().count() == 4 && numbers().all(|number| number.is_ok()) {
        "an IPv4 address has four numbers from 0 to 255, without zeros in front"
    } else if alone && text.bytes().any(|byte| byte.is_ascii_alphabetic()) && !text.contains(':') {
        "to point at a name, use CNAME"
    } else {
        form.help
    };
    Problem {
        at: field.at,
        message: format!("`{text}` is not an {family} address"),
        help: Some(help.to_owned()),
    }
}

/// A word where a type should stand.
pub(super) fn bad_type(word: &Token<'_>, owner: Option<&Token<'_>>) -> Problem {
    let help = match (closest(&word.shown(), &TYPES), owner) {
        (_, Some(owner)) if is_type(owner) || owner.is("IN") => Some(
            "a line without an owner name begins with a blank; then the name before is meant"
                .to_owned(),
        ),
        (Some(meant), _) => Some(format!("did you mean `{meant}`?")),
        (None, _) => Some(
            "a record is: name, TTL, class IN, type, data; unknown types are written `TYPE65400 \\# ...`"
                .to_owned(),
        ),
    };
    Problem {
        at: word.at,
        message: format!("`{}` is not a record type", word.shown()),
        help,
    }
}

/// A type whose fields are written in the generic form, and are not.
pub(super) fn no_form(kind: u16, field: &Token<'_>) -> Problem {
    let name = type_name(kind);
    Problem {
        at: field.at,
        message: format!("{name} is known in its generic form only"),
        help: Some(format!(
            "write `{name} \\# length hex` (RFC 3597, section 5)"
        )),
    }
}

/// A record that ends before all fields are there; `last` is its last word.
pub(super) fn missing(form: &Form, last: &Token<'_>) -> Problem {
    Problem {
        at: last.end(),
        message: format!("{} lacks a field", type_name(form.kind)),
        help: Some(form.help.to_owned()),
    }
}

/// A field that is not what the type wants.
pub(super) fn unfit(form: &Form, unfit: &Unfit, field: &Token<'_>) -> Problem {
    let shown = field.shown();
    let message = match unfit {
        Unfit::Name(error) => return bad_name(field, *error),
        Unfit::Ipv4 => return bad_address("IPv4", form, field),
        Unfit::Ipv6 => return bad_address("IPv6", form, field),
        Unfit::Missing => return missing(form, field),
        Unfit::Excess => format!("{} has a field too many: `{shown}`", type_name(form.kind)),
        Unfit::Number => format!("`{shown}` is not a number that fits here"),
        Unfit::LongString => "a string has more than 255 octets".to_owned(),
        Unfit::Not(what) => format!("`{shown}` is not {what}"),
        Unfit::Said(message) => message.clone(),
    };
    Problem {
        at: field.at,
        message,
        help: Some(form.help.to_owned()),
    }
}

fn is_type(word: &Token<'_>) -> bool {
    TYPES.iter().any(|name| word.is(name))
}

/// Of words in upper case, the one nearest to a word, if one is near.
pub(super) fn closest<'w>(word: &str, among: &[&'w str]) -> Option<&'w str> {
    let word = word.to_ascii_uppercase();
    let (distance, name) = among
        .iter()
        .map(|name| (distance(&word, name), *name))
        .min()?;
    (distance <= 1 || (distance == 2 && word.len() > 4)).then_some(name)
}

/// How many letters must be added, dropped, changed or swapped with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
