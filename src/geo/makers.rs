//! Files that are no geo database of use, by what they are: so that whoever has the wrong one is told which is the right one.
//!
//! Makers sell tables, archives and formats of their own beside MaxMind's format, and in that format databases that say nothing of
//! places. What a database of use says is read by its records, whoever made it ([`super::record`]).
//!
//! It does not know whether a file is whole.

/// The kind of a file that is not in MaxMind's format, and what to do; `None` if nobody knows.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let is = |magic: &[u8]| bytes.starts_with(magic);
    if is(&[0x1F, 0x8B]) {
        return Some(
            "it is compressed by gzip; unpack it (`gunzip`), as the files of DB-IP and IPinfo come",
        );
    }
    if is(b"PK\x03\x04") {
        return Some("it is a ZIP archive; unpack it, and give the .mmdb file that is inside");
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some("it is a tar archive; unpack it, and give the .mmdb file that is inside");
    }
    if is_ip2location(bytes) {
        return Some("it is a BIN file of IP2Location; take their edition in MMDB format");
    }
    if is_geoip1(bytes) {
        return Some(
            "it is a GeoIP1 file (.dat), which MaxMind makes no longer; take GeoLite2 (.mmdb)",
        );
    }
    is_table(bytes)
        .then_some("it is a table of text (CSV or JSON); take the maker's edition in MMDB format")
}

/// Advice on a database of this type, which has no places; `None` for a type that nobody knows.
pub(super) fn advice(database_type: &str) -> Option<&'static str> {
    let own = database_type.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| own.contains(word));
    if has(&["ipinfo", "privacy", "company", "carrier", "abuse"]) && !has(&["geoip2", "geolite2"]) {
        return Some("take a file of IPinfo with countries: Lite, Country ASN or Location");
    }
    if has(&[
        "anonymous",
        "connection-type",
        "domain",
        "user-count",
        "static-ip",
        "isp",
        "enterprise",
    ]) {
        return Some("take the City or Country edition of the same maker");
    }
    has(&["proxy", "usage"]).then_some("take an edition with countries of the same maker")
}

/// The header: type, columns, date, and at its end the code of the product.
fn is_ip2location(bytes: &[u8]) -> bool {
    let [kind, _, year, month, day, ..] = *bytes else {
        return false;
    };
    let is_date = (5..=99).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (1..=26).contains(&kind) && is_date && matches!(bytes.get(29), Some(1 | 2))
}

/// Three octets of ones before the type, within the last twenty.
fn is_geoip1(bytes: &[u8]) -> bool {
    let tail = bytes.len().saturating_sub(20);
    let is_long = bytes.len() > 64;
    is_long
        && bytes[tail..]
            .windows(4)
            .any(|four| four[..3] == [0xFF; 3] && four[3] < 128)
}

fn is_table(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(512)];
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    head.len() > 16 && head.iter().all(is_text) && (head.contains(&b',') || head.contains(&b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_known() {
        let mut tar = vec![0; 600];
        tar[257..262].copy_from_slice(b"ustar");
        let mut bin = vec![0; 64];
        bin[..5].copy_from_slice(&[11, 10, 26, 5, 1]);
        bin[29] = 1;
        let mut dat = vec![0; 100];
        dat[90..94].copy_from_slice(&[0xFF, 0xFF, 0xFF, 1]);
        for (bytes, word) in [
            (&[0x1F, 0x8B, 8, 0][..], "gzip"),
            (b"PK\x03\x04rest", "ZIP"),
            (&tar, "tar"),
            (&bin, "IP2Location"),
            (&dat, "GeoIP1"),
            (b"network,geoname_id\n192.0.2.0/24,1\n", "CSV"),
        ] {
            let found = foreign(bytes).unwrap();
            assert!(found.contains(word), "{found}");
        }
        assert_eq!(foreign(b"MZ"), None);
    }

    #[test]
    fn databases_of_other_things_are_known() {
        for (own, word) in [
            ("GeoIP2-Anonymous-IP", "City or Country"),
            ("ipinfo standard_privacy.mmdb", "IPinfo"),
            ("DBIP-Proxy", "countries"),
        ] {
            assert!(advice(own).unwrap().contains(word));
        }
        assert_eq!(advice("Something"), None);
    }
}
