//! Plain words for what is wrong in a record, and the way out of the usual slips.
use std::net::{Ipv4Addr, Ipv6Addr};

use domain::base::Rtype;

use super::Problem;
use super::lex::{At, Fault, Token};
use crate::dns::name::NameError;
use crate::dns::rr::rtype;

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

/// How the fields of common types read.
const FORMS: [(u16, &str); 18] = [
    (rtype::A, "A is one IPv4 address: `A 192.0.2.1`"),
    (rtype::AAAA, "AAAA is one IPv6 address: `AAAA 2001:db8::1`"),
    (rtype::NS, "NS is one name: `NS ns1.example.org.`"),
    (rtype::CNAME, "CNAME is one name: `CNAME www.example.org.`"),
    (rtype::DNAME, "DNAME is one name: `DNAME example.net.`"),
    (rtype::PTR, "PTR is one name: `PTR www.example.org.`"),
    (
        rtype::MX,
        "MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    (
        rtype::TXT,
        "TXT is one or more strings of at most 255 octets, in quotes if they hold blanks",
    ),
    (
        rtype::SRV,
        "SRV is priority, weight, port and a name: `SRV 0 5 443 www.example.org.`",
    ),
    (
        rtype::SOA,
        "SOA is primary, mailbox, serial, refresh, retry, expire and minimum; in parentheses if on several lines",
    ),
    (
        rtype::DS,
        "DS is key tag, algorithm, digest type and the digest in hex",
    ),
    (
        29,
        "LOC is latitude, longitude, altitude, and maybe sizes: `LOC 52 22 23.000 N 4 53 32.000 E -2.00m`",
    ),
    (
        37,
        "CERT is type, key tag, algorithm as a number, and base64: `CERT PKIX 0 0 MII=`",
    ),
    (108, "EUI48 is six octets: `EUI48 00-00-5e-00-53-2a`"),
    (
        109,
        "EUI64 is eight octets: `EUI64 00-00-5e-ef-10-00-00-2a`",
    ),
    (
        256,
        "URI is priority, weight and a target in quotes: `URI 10 1 \"https://www.example.org/\"`",
    ),
    (
        64,
        "SVCB is priority, name and parameters: `SVCB 1 . alpn=h2`",
    ),
    (
        257,
        "CAA is flags, tag and a value in quotes: `CAA 0 issue \"ca.example.net\"`",
    ),
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
pub(super) fn bad_address(kind: u16, field: &Token<'_>) -> Problem {
    let text = field.shown();
    let family = if kind == rtype::A { "IPv4" } else { "IPv6" };
    let numbers = || text.split('.').map(str::parse::<u32>);
    let help = if text.parse::<Ipv6Addr>().is_ok() {
        "this is an IPv6 address; its type is AAAA"
    } else if text.parse::<Ipv4Addr>().is_ok() {
        "this is an IPv4 address; its type is A"
    } else if numbers().count() == 4 && numbers().all(|number| number.is_ok()) {
        "an IPv4 address has four numbers from 0 to 255, without zeros in front"
    } else if text.bytes().any(|byte| byte.is_ascii_alphabetic()) && !text.contains(':') {
        "to point at a name, use CNAME"
    } else {
        return Problem {
            at: field.at,
            message: format!("`{text}` is not an {family} address"),
            help: form(kind),
        };
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

/// A field that `domain` could not read.
pub(super) fn bad_field(kind: u16, field: &Token<'_>, last: &Token<'_>, message: &str) -> Problem {
    let (name, shown) = (Rtype::from_int(kind), field.shown());
    let text = match message {
        "unexpected end of entry" | "short buffer" => format!("{name} lacks a field"),
        "trailing tokens" => format!("{name} has a field too many: `{shown}`"),
        "expected decimal number" | "decimal number overflow" => {
            format!("`{shown}` is not a number that fits here")
        }
        "bad charstr" => "a string has more than 255 octets".to_owned(),
        "unknown record type with concrete data" => {
            format!("{name} is known in its generic form only")
        }
        _ => format!("{name} cannot be read at `{shown}`: {message}"),
    };
    let at = match message {
        "unexpected end of entry" | "short buffer" => last.end(),
        _ => field.at,
    };
    let help = match message {
        "unknown record type with concrete data" => Some(format!(
            "write `{name} \\# length hex` (RFC 3597, section 5)"
        )),
        _ => form(kind),
    };
    Problem {
        at,
        message: text,
        help,
    }
}

/// A field that is not what the type wants, or none where one is wanted.
pub(super) fn bad_form(kind: u16, field: Option<&Token<'_>>, last: &Token<'_>) -> Problem {
    match field {
        Some(field) => bad_field(kind, field, last, "it does not belong here"),
        None => bad_field(kind, last, last, "unexpected end of entry"),
    }
}

fn form(kind: u16) -> Option<String> {
    let found = FORMS.iter().find(|(of, _)| *of == kind)?;
    Some(found.1.to_owned())
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
