//! Key files as BIND writes them: `K<zone>.+<algorithm>+<tag>.key` and `.private`.
//!
//! The format is what BIND, ldns, Knot and others exchange keys in; nobody has written it down but
//! in their code. `.key` is a DNSKEY record of a master file, `.private` has a line for each number
//! and for each time. The times are hints for BIND's own tools: they are read when a key is
//! brought from there, and written once; which step a key has taken is remembered elsewhere.
//!
//! Foreign text is read with a position for everything that is wrong with it, and never panics.
use std::fmt::Write;

use domain::utils::base64;
use thiserror::Error;

use super::der::without_zeros;
use super::material::{Material, RsaNumbers};
use super::{Algorithm, PrivateKey, PublicKey};
use crate::dns::Name;

/// What is wrong with the text of a key file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {message}; {help}")]
pub struct KeyTextError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: &'static str,
}

/// The times of a key file, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KeyTimes {
    /// When the key was made.
    pub created: Option<u64>,
    /// From when on its DNSKEY is in the zone.
    pub publish: Option<u64>,
    /// From when on it signs.
    pub activate: Option<u64>,
    /// From when on it does not sign.
    pub inactive: Option<u64>,
    /// From when on its DNSKEY is out of the zone.
    pub delete: Option<u64>,
    /// From when on CDS and CDNSKEY name it.
    pub sync_publish: Option<u64>,
    /// From when on they do not.
    pub sync_delete: Option<u64>,
}

/// What a `.private` file holds.
pub struct PrivateFile {
    /// The secret numbers.
    pub material: Material,
    /// The times.
    pub times: KeyTimes,
}

const GENERAL_HELP: &str = "bring the file as `dnssec-keygen` or `ldns-keygen` writes it";
const RSA_FIELDS: [&str; 8] = [
    "Modulus",
    "PublicExponent",
    "PrivateExponent",
    "Prime1",
    "Prime2",
    "Exponent1",
    "Exponent2",
    "Coefficient",
];

impl KeyTimes {
    fn named(&self) -> [(&'static str, Option<u64>); 7] {
        [
            ("Created", self.created),
            ("Publish", self.publish),
            ("Activate", self.activate),
            ("Inactive", self.inactive),
            ("Delete", self.delete),
            ("SyncPublish", self.sync_publish),
            ("SyncDelete", self.sync_delete),
        ]
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<u64>> {
        Some(match name {
            "Created" => &mut self.created,
            "Publish" => &mut self.publish,
            "Activate" => &mut self.activate,
            "Inactive" => &mut self.inactive,
            "Delete" => &mut self.delete,
            "SyncPublish" => &mut self.sync_publish,
            "SyncDelete" => &mut self.sync_delete,
            _ => return None,
        })
    }
}

/// The name that both files have before their endings.
#[must_use]
pub fn file_stem(zone: &Name, algorithm: Algorithm, tag: u16) -> String {
    let (zone, number) = (file_zone(zone), algorithm.number());
    format!("K{zone}+{number:03}+{tag:05}")
}

/// A zone's name as a part of a file's name, with the dot at its end.
#[must_use]
pub fn file_zone(zone: &Name) -> String {
    let mut stem = String::new();
    for label in zone.labels() {
        for &byte in label {
            let byte = byte.to_ascii_lowercase();
            match byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
                true => stem.push(char::from(byte)),
                false => _ = write!(stem, "%{byte:02X}"),
            }
        }
        stem.push('.');
    }
    if zone.labels().next().is_none() {
        stem.push('.');
    }
    stem
}

/// The text of a `.key` file.
#[must_use]
pub fn write_public(zone: &Name, key: &PublicKey, times: &KeyTimes) -> String {
    let kind = match key.is_sep() {
        true => "key-signing key",
        false => "zone-signing key",
    };
    let owner = absolute(zone);
    let shown = zone.to_string();
    let mut text = format!("; This is a {kind}, keyid {}, for {shown}.\n", key.tag());
    for (name, time) in times.named() {
        if let Some(time) = time {
            _ = writeln!(text, "; {name}: {} UTC", stamp(time));
        }
    }
    let octets = base64::encode_string(&*key.octets);
    let (flags, algorithm) = (key.flags, key.algorithm.number());
    _ = writeln!(text, "{owner} IN DNSKEY {flags} 3 {algorithm} {octets}");
    text
}

/// The text of a `.private` file; `None` if the library does not give the secret numbers.
#[must_use]
pub fn write_private(key: &PrivateKey, times: &KeyTimes) -> Option<String> {
    let algorithm = key.public().algorithm;
    let (number, mnemonic) = (algorithm.number(), algorithm.mnemonic());
    let mut text = format!("Private-key-format: v1.3\nAlgorithm: {number} ({mnemonic})\n");
    let mut field = |name: &str, octets: &[u8]| {
        _ = writeln!(text, "{name}: {}", base64::encode_string(octets));
    };
    match key.material()? {
        Material::P256(octets) | Material::Ed25519(octets) => field("PrivateKey", &octets),
        Material::Rsa(numbers) => {
            for (name, octets) in RSA_FIELDS.iter().zip(numbers.all()) {
                field(name, octets);
            }
        }
    }
    for (name, time) in times.named() {
        if let Some(time) = time {
            _ = writeln!(text, "{name}: {}", stamp(time));
        }
    }
    Some(text)
}

/// Reads a `.key` file: whose key it is, and the key.
///
/// # Errors
/// When it is not one DNSKEY record of an algorithm that is known here.
pub fn read_public(text: &str) -> Result<(Name, PublicKey), KeyTextError> {
    let lines = text.lines().zip(1..);
    let words = lines.flat_map(|(line, number)| {
        let line = line.split(';').next().unwrap_or_default();
        let parts = line.split(|letter: char| letter.is_whitespace() || "()".contains(letter));
        parts
            .filter(|part| !part.is_empty())
            .map(move |part| (part, number))
    });
    let mut words = words.collect::<Vec<_>>().into_iter();
    let last = text.lines().count().max(1);
    let mut next = |what: &str| {
        let missing = || wrong(last, format!("{what} is missing"), GENERAL_HELP);
        words.next().ok_or_else(missing)
    };
    let (owner, line) = next("the zone's name")?;
    let owner = Name::parse(owner).map_err(|error| {
        wrong(
            line,
            format!("`{owner}` is not a name: {error}"),
            GENERAL_HELP,
        )
    })?;
    let is_before = |word: &str| {
        word.eq_ignore_ascii_case("IN") || word.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut kind = next("the type")?;
    for _ in 0..2 {
        if is_before(kind.0) {
            kind = next("the type")?;
        }
    }
    if !kind.0.eq_ignore_ascii_case("DNSKEY") {
        let message = format!("`{}` is not DNSKEY", kind.0);
        return Err(wrong(kind.1, message, GENERAL_HELP));
    }
    let (flags, line) = next("the flags")?;
    let flags = flags.parse().map_err(|_| not_number(flags, line))?;
    if flags & !1 != 256 {
        let message = format!("the flags are {flags}");
        return Err(wrong(
            line,
            message,
            "256 (ZSK) and 257 (KSK, CSK) are the flags of keys in use",
        ));
    }
    let (protocol, line) = next("the protocol")?;
    if protocol != "3" {
        return Err(wrong(
            line,
            format!("the protocol is {protocol}, not 3"),
            GENERAL_HELP,
        ));
    }
    let (name, line) = next("the algorithm")?;
    let algorithm = algorithm(name, line)?;
    let (digits, lines): (Vec<&str>, Vec<usize>) = words.unzip();
    let line = lines.first().copied().unwrap_or(last);
    let octets = octets(&digits.concat(), line)?;
    let key = PublicKey {
        flags,
        algorithm,
        octets: octets.into(),
    };
    Ok((owner, key))
}

/// Reads a `.private` file.
///
/// # Errors
/// When a number is missing, is not in base 64, or the algorithm is not known here.
pub fn read_private(text: &str) -> Result<PrivateFile, KeyTextError> {
    let mut found: Vec<(&str, &str, usize)> = Vec::new();
    let mut times = KeyTimes::default();
    for (line, number) in text.lines().zip(1..) {
        let Some((name, value)) = line.split_once(':') else {
            match line.trim().is_empty() {
                true => continue,
                false => {
                    return Err(wrong(
                        number,
                        "this is no `Name: value`".into(),
                        GENERAL_HELP,
                    ));
                }
            }
        };
        let (name, value) = (name.trim(), value.trim());
        match times.place(name) {
            Some(place) => *place = Some(seconds(value, number)?),
            None => found.push((name, value, number)),
        }
    }
    let last = text.lines().count().max(1);
    let fields = Fields { found, last };
    let (format, line) = fields.get("Private-key-format")?;
    if !format.starts_with("v1.") {
        return Err(wrong(
            line,
            format!("the format `{format}` is not v1"),
            GENERAL_HELP,
        ));
    }
    let (name, line) = fields.get("Algorithm")?;
    let name = name.split_whitespace().next().unwrap_or_default();
    let material = match algorithm(name, line)? {
        Algorithm::RsaSha256 => Material::Rsa(Box::new(fields.rsa()?)),
        Algorithm::EcdsaP256 => Material::P256(fields.scalar()?),
        Algorithm::Ed25519 => Material::Ed25519(fields.scalar()?),
    };
    Ok(PrivateFile { material, times })
}

/// The lines of a `.private` file.
struct Fields<'t> {
    found: Vec<(&'t str, &'t str, usize)>,
    last: usize,
}

impl<'t> Fields<'t> {
    fn get(&self, wanted: &str) -> Result<(&'t str, usize), KeyTextError> {
        let found = self.found.iter().find(|(name, _, _)| *name == wanted);
        match found {
            Some((_, value, line)) => Ok((value, *line)),
            None if self
                .found
                .iter()
                .any(|(name, _, _)| ["Engine", "Label"].contains(name)) =>
            {
                let help = "keys in a hardware module are not supported: make a key with `waypost keys generate`";
                Err(wrong(
                    self.last,
                    "the key itself is not in this file".into(),
                    help,
                ))
            }
            None => Err(wrong(
                self.last,
                format!("`{wanted}:` is missing"),
                GENERAL_HELP,
            )),
        }
    }

    fn octets(&self, name: &str) -> Result<Vec<u8>, KeyTextError> {
        let (value, line) = self.get(name)?;
        octets(value, line)
    }

    fn scalar(&self) -> Result<[u8; 32], KeyTextError> {
        let (value, line) = self.get("PrivateKey")?;
        let given = octets(value, line)?;
        let mut scalar = [0; 32];
        match scalar.len().checked_sub(given.len()) {
            Some(start) => scalar[start..].copy_from_slice(&given),
            None => {
                let message = format!("the key has {} octets, not 32", given.len());
                return Err(wrong(line, message, GENERAL_HELP));
            }
        }
        Ok(scalar)
    }

    fn rsa(&self) -> Result<RsaNumbers, KeyTextError> {
        let mut numbers = RSA_FIELDS.iter().map(|name| self.octets(name));
        let mut next = || match numbers.next() {
            Some(octets) => octets.map(|octets| without_zeros(&octets).to_vec()),
            None => Ok(Vec::new()),
        };
        Ok(RsaNumbers {
            modulus: next()?,
            public_exponent: next()?,
            private_exponent: next()?,
            primes: [next()?, next()?],
            exponents: [next()?, next()?],
            coefficient: next()?,
        })
    }
}

fn algorithm(name: &str, line: usize) -> Result<Algorithm, KeyTextError> {
    let number: Option<u8> = name.parse().ok();
    let found = match number {
        Some(number) => Algorithm::from_number(number),
        None => Algorithm::from_name(name),
    };
    found.ok_or_else(|| {
        let help =
            "roll to ECDSAP256SHA256 (13), ED25519 (15) or RSASHA256 (8) where the key comes from";
        wrong(line, format!("the algorithm {name} is not supported"), help)
    })
}

fn octets(text: &str, line: usize) -> Result<Vec<u8>, KeyTextError> {
    let decoded: Result<Vec<u8>, _> = base64::decode(text);
    let refuse = || wrong(line, "this is not base 64".into(), GENERAL_HELP);
    let decoded = decoded.map_err(|_| refuse())?;
    match decoded.is_empty() {
        true => Err(refuse()),
        false => Ok(decoded),
    }
}

fn not_number(text: &str, line: usize) -> KeyTextError {
    wrong(line, format!("`{text}` is not a number"), GENERAL_HELP)
}

fn wrong(line: usize, message: String, help: &'static str) -> KeyTextError {
    KeyTextError {
        line,
        message,
        help,
    }
}

fn absolute(zone: &Name) -> String {
    match zone.labels().next() {
        Some(_) => format!("{zone}."),
        None => ".".to_owned(),
    }
}

const DAY: u64 = 24 * 3600;

/// `20261126041423`: year, month, day, hour, minute, second of UTC.
#[must_use]
pub fn stamp(time: u64) -> String {
    let (days, rest) = (time / DAY, time % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// The date of a day since 1970, counted in years that begin in March so that the leap day is
/// the last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // From the first of March of the year 0 on.
    let (era, in_era) = (days / 146_097, days % 146_097);
    let year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The day since 1970 of a date.
fn day(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = year - u64::from(month <= 2);
    let (era, in_era) = (year / 400, year % 400);
    let march = (month + 9) % 12;
    let in_year = (153 * march + 2) / 5 + day - 1;
    let days = era * 146_097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year;
    days.checked_sub(719_468)
}

fn seconds(text: &str, line: usize) -> Result<u64, KeyTextError> {
    parse_stamp(text).ok_or_else(|| {
        let message = format!("`{text}` is not a time");
        wrong(
            line,
            message,
            "a time is written as 20261126041423: year, month, day, hour, minute, second",
        )
    })
}

/// Seconds since 1970 of what [`stamp`] writes. A 30 February is not seen.
pub(crate) fn parse_stamp(text: &str) -> Option<u64> {
    let digits = text.split_whitespace().next()?;
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| -> Option<u64> { digits.get(from..to)?.parse().ok() };
    let (year, month, of_month) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let fits = (1..=12).contains(&month) && (1..=31).contains(&of_month) && year >= 1970;
    let fits = fits && hour < 24 && minute < 60 && second <= 60;
    let days = fits.then(|| day(year, month, of_month)).flatten()?;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::dnssec::key::FLAGS_ENTRY;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let zone = Name::parse("a\\/b.Example.org").unwrap();
        let times = KeyTimes {
            created: Some(1_795_666_463),
            sync_publish: Some(951_782_400),
            ..KeyTimes::default()
        };
        for algorithm in Algorithm::ALL {
            let key = PrivateKey::generate(algorithm, FLAGS_ENTRY, [9; 32]).unwrap();
            let text = write_public(&zone, key.public(), &times);
            let read = read_public(&text).unwrap();
            assert_eq!(read, (zone.clone(), key.public().clone()));
            let text = write_private(&key, &times).unwrap();
            let read = read_private(&text).unwrap();
            assert_eq!(read.times, times);
            let again = PrivateKey::from_material(FLAGS_ENTRY, &read.material).unwrap();
            assert_eq!(again.public(), key.public());
        }
    }

    #[test]
    fn names_of_files_are_those_of_bind() {
        let stem = |zone: &str| file_stem(&Name::parse(zone).unwrap(), Algorithm::EcdsaP256, 618);
        assert_eq!(stem("Example.org"), "Kexample.org.+013+00618");
        assert_eq!(stem("."), "K.+013+00618");
        assert_eq!(stem("a\\/b.example"), "Ka%2Fb.example.+013+00618");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (time, text) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (951_868_800, "20000301000000"),
            (1_795_666_463, "20261126041423"),
            (4_107_542_400, "21000301000000"),
        ] {
            assert_eq!(stamp(time), text);
            assert_eq!(parse_stamp(text), Some(time));
        }
        for text in [
            "",
            "2026",
            "20261326041423",
            "2026112604142x",
            "00000101000000",
        ] {
            assert_eq!(parse_stamp(text), None, "{text}");
        }
    }

    #[test]
    fn foreign_text_gets_a_line_and_a_help() {
        for (text, line, message) in [
            ("", 1, "the zone's name is missing"),
            ("a..b IN DNSKEY", 1, "`a..b` is not a name: empty label"),
            ("; x\n\na. 5 IN TXT x", 3, "`TXT` is not DNSKEY"),
            (
                "a. IN DNSKEY 257 3 5 AQAB",
                1,
                "the algorithm 5 is not supported",
            ),
            ("a. IN DNSKEY 385 3 13 AQAB", 1, "the flags are 385"),
            ("a. IN DNSKEY 257 3 13 (\n A=B)", 2, "this is not base 64"),
            ("a. IN DNSKEY 257 3 13", 1, "this is not base 64"),
        ] {
            let error = read_public(text).unwrap_err();
            assert_eq!((error.line, &*error.message), (line, message), "{text:?}");
        }
        let head = "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\n";
        for (text, line, message) in [
            ("", 1, "`Private-key-format:` is missing"),
            ("hello", 1, "this is no `Name: value`"),
            ("Private-key-format: v2\n", 1, "the format `v2` is not v1"),
            (head, 2, "`PrivateKey:` is missing"),
            (
                &format!("{head}Label: pkcs11\n"),
                3,
                "the key itself is not in this file",
            ),
            (&format!("{head}PrivateKey: ?\n"), 3, "this is not base 64"),
            (&format!("{head}Created: soon\n"), 3, "`soon` is not a time"),
        ] {
            let error = read_private(text).err().unwrap();
            assert_eq!((error.line, &*error.message), (line, message), "{text:?}");
        }
    }

    #[test]
    fn torn_files_never_panic() {
        let key = PrivateKey::generate(Algorithm::RsaSha256, FLAGS_ENTRY, [9; 32]).unwrap();
        let times = KeyTimes::default();
        let private = write_private(&key, &times).unwrap();
        for end in 0..private.len() {
            if let Ok(read) = read_private(&private[..end]) {
                let _ = PrivateKey::from_material(FLAGS_ENTRY, &read.material);
            }
        }
        let public = write_public(&Name::root(), key.public(), &times);
        for end in 0..public.len() {
            let _ = read_public(&public[..end]);
        }
    }
}
