//! Fields of types that `domain`'s scanner knows in the generic form only: LOC (RFC 1876), CERT
//! (RFC 4398), EUI48 and EUI64 (RFC 7043), URI (RFC 7553).
//!
//! No rule of these types needs a name, so the origin is not known here. Numbers are read as
//! decimals of a fixed number of digits: lengths are whole centimetres, angles whole
//! thousandths of a second of arc.
use domain::utils::base64;

use super::lex::Token;
use super::words;

/// Types of certificates (RFC 4398, section 2.1).
const CERTIFICATES: [(&str, u16); 10] = [
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];
/// The equator and the prime meridian on the wire.
const ANGLE_ZERO: u64 = 1 << 31;
/// Sea level on the wire, centimetres above the lowest altitude there is.
const ALTITUDE_ZERO: u64 = 10_000_000;
/// What LOC takes for size, horizontal and vertical precision, centimetres.
const PRECISIONS: [u64; 3] = [100, 1_000_000, 1_000];

/// Which field cannot be read; the number of fields if one is missing.
pub(super) struct Unread(pub(super) usize);

/// Reads the fields of one type into RDATA.
pub(super) type Reader = fn(&mut Words<'_>, &mut Vec<u8>) -> Option<()>;

/// The fields still to be read.
pub(super) struct Words<'f> {
    fields: &'f [Token<'f>],
    at: usize,
}

/// The reader of a type.
pub(super) fn reader(kind: u16) -> Option<Reader> {
    Some(match kind {
        29 => location,
        37 => certificate,
        108 => hardware::<6>,
        109 => hardware::<8>,
        256 => uri,
        _ => return None,
    })
}

/// Reads all fields of a record.
pub(super) fn read(
    reader: Reader,
    fields: &[Token<'_>],
    rdata: &mut Vec<u8>,
) -> Result<(), Unread> {
    let mut words = Words { fields, at: 0 };
    let read = reader(&mut words, rdata);
    match read.is_some() && words.at == fields.len() {
        true => Ok(()),
        false if read.is_some() => Err(Unread(words.at)),
        false => Err(Unread(words.at.saturating_sub(1).min(fields.len()))),
    }
}

impl<'f> Words<'f> {
    /// The next field; counted even if there is none, so that `at` is always past the last asked for.
    fn next(&mut self) -> Option<&'f str> {
        let field = self.fields.get(self.at);
        self.at += 1;
        std::str::from_utf8(field?.text).ok()
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.fields.len()
    }
}

/// A decimal number with so many digits behind the point, as a whole number of the last of them.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !numeric(whole) || !numeric(fraction) || fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse().ok()
}

/// `d1 [m1 [s1]] N|S  d2 [m2 [s2]] E|W  altitude [size [horizontal [vertical]]]`.
fn location(words: &mut Words<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    let latitude = angle(words, 90, ["N", "S"])?;
    let longitude = angle(words, 180, ["E", "W"])?;
    let altitude = altitude(words.next()?)?;
    rdata.push(0);
    for usual in PRECISIONS {
        let given = match words.is_at_end() {
            true => usual,
            false => metres(words.next()?)?,
        };
        rdata.push(precision(given)?);
    }
    for number in [latitude, longitude, altitude] {
        rdata.extend(u32::try_from(number).ok()?.to_be_bytes());
    }
    Some(())
}

/// Degrees, minutes and seconds up to the word that says on which side.
fn angle(words: &mut Words<'_>, most: u64, [plus, minus]: [&str; 2]) -> Option<u64> {
    let mut total = 0;
    // Thousandths of a second in one, digits behind the point, and the first number too large.
    for (unit, digits, end) in [
        (3_600_000, 0, most + 1),
        (60_000, 0, 60),
        (1, 3, 60_000),
        (1, 0, 0),
    ] {
        let word = words.next()?;
        let started = unit < 3_600_000;
        if started && word.eq_ignore_ascii_case(plus) {
            return Some(ANGLE_ZERO + total);
        }
        if started && word.eq_ignore_ascii_case(minus) {
            return Some(ANGLE_ZERO - total);
        }
        let number = decimal(word, digits).filter(|number| *number < end)?;
        total += number * unit;
        if total > most * 3_600_000 {
            return None;
        }
    }
    None
}

fn altitude(word: &str) -> Option<u64> {
    match word.strip_prefix('-') {
        Some(depth) => ALTITUDE_ZERO.checked_sub(metres(depth)?),
        None => ALTITUDE_ZERO.checked_add(metres(word)?),
    }
}

/// Metres, with or without the unit, as centimetres.
fn metres(word: &str) -> Option<u64> {
    decimal(word.strip_suffix(['m', 'M']).unwrap_or(word), 2)
}

/// Centimetres as one digit and a power of ten (RFC 1876, section 2).
fn precision(mut centimetres: u64) -> Option<u8> {
    let mut power = 0;
    while centimetres > 9 {
        centimetres /= 10;
        power += 1;
    }
    let digit = u8::try_from(centimetres).ok()?;
    (power <= 9).then_some(digit << 4 | power)
}

/// `type key-tag algorithm base64…`.
fn certificate(words: &mut Words<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    let kind = words.next()?;
    let named = CERTIFICATES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(kind));
    let kind = named.map_or_else(|| kind.parse().ok(), |(_, number)| Some(*number))?;
    rdata.extend(u16::to_be_bytes(kind));
    rdata.extend(words.next()?.parse::<u16>().ok()?.to_be_bytes());
    rdata.push(words.next()?.parse().ok()?);
    let mut text = words.next()?.to_owned();
    while !words.is_at_end() {
        text += words.next()?;
    }
    rdata.extend(base64::decode::<Vec<u8>>(&text).ok()?);
    Some(())
}

/// `00-00-5e-00-53-2a`.
fn hardware<const OCTETS: usize>(words: &mut Words<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    let before = rdata.len();
    for octet in words.next()?.split('-') {
        let digits = octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit());
        rdata.push(u8::from_str_radix(octet, 16).ok().filter(|_| digits)?);
    }
    (rdata.len() - before == OCTETS).then_some(())
}

/// `priority weight "target"`; the target has no length in front.
fn uri(words: &mut Words<'_>, rdata: &mut Vec<u8>) -> Option<()> {
    for _ in 0..2 {
        rdata.extend(words.next()?.parse::<u16>().ok()?.to_be_bytes());
    }
    let target = words.fields.get(words.at);
    words.next()?;
    let target = words::plain(target?).filter(|target| !target.is_empty())?;
    rdata.extend(target.into_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::master::lex::At;

    /// Reads fields; the index of the one that cannot be read.
    fn unread(kind: u16, text: &str) -> Option<usize> {
        let at = At { line: 1, column: 1 };
        let token = |text: &'static str| Token {
            text: text.as_bytes(),
            at,
        };
        let text: &'static str = text.to_owned().leak();
        let fields: Vec<_> = text.split(' ').map(token).collect();
        let read = read(reader(kind).unwrap(), &fields, &mut Vec::new());
        read.err().map(|unread| unread.0)
    }

    #[test]
    fn what_does_not_belong_is_pointed_at() {
        for (kind, text, at) in [
            (29, "90 N 180 E 0", None),
            (29, "91 N 0 E 0", Some(0)),
            (29, "90 0 0.001 N 0 E 0", Some(2)),
            (29, "1 60 N 0 E 0", Some(1)),
            (29, "1 1 60 N 0 E 0", Some(2)),
            (29, "1 1 1 1 N 0 E 0", Some(3)),
            (29, "N 0 E 0", Some(0)),
            (29, "1 E 1 N 0", Some(1)),
            (29, "1 N 1 E", Some(4)),
            (29, "1 N 1 E -100000.01", Some(4)),
            (29, "1 N 1 E 42849672.95", None),
            (29, "1 N 1 E 0 1 1 1 1", Some(8)),
            (29, "1 N 1 E 0 1.001", Some(5)),
            (29, "1 N 1 E 0 99999999999", Some(5)),
            (37, "PKIX 1 256 AAAA", Some(2)),
            (37, "NONE 1 2 AAAA", Some(0)),
            (37, "1 1 1", Some(3)),
            (108, "00-00-5e-00-53", Some(0)),
            (108, "00-00-5e-00-53-+1", Some(0)),
            (109, "00-00-5e-00-53-2a", Some(0)),
            (256, "1 1 \"\"", Some(2)),
            (256, "65536 1 \"a\"", Some(0)),
            (256, "1 1 \"a\" b", Some(3)),
        ] {
            assert_eq!(unread(kind, text), at, "{text}");
        }
        assert!(reader(1).is_none());
    }
}
