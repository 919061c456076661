//! Records, types and response codes as text, for people: `explain`, messages and tests.
//!
//! Presentation format is that of master files (RFC 1035, section 5.1); what is not
//! understood is shown in the generic form of RFC 3597, so that every record can be shown.
//! Nothing of this is on the query path.
use domain::base::iana::Rtype;

use super::master::forms;
use super::name::Name;
use super::rr::rtype;

/// The one type whose mnemonic `domain` does not write as IANA does.
const NSAP_PTR: u16 = 23;
const NSAP_PTR_NAME: &str = "NSAP-PTR";
/// Types that most records are of, as most files write them.
const COMMON: [(&str, u16); 8] = [
    ("A", rtype::A),
    ("AAAA", rtype::AAAA),
    ("NS", rtype::NS),
    ("CNAME", rtype::CNAME),
    ("MX", rtype::MX),
    ("TXT", rtype::TXT),
    ("PTR", rtype::PTR),
    ("RRSIG", rtype::RRSIG),
];
/// Mnemonics of response codes by number (IANA "DNS Parameters"); those this server gives.
const RCODES: &[(u16, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

/// The mnemonic of a type: `AAAA`, or `TYPE1234` where there is none (RFC 3597, section 5).
#[must_use]
pub fn type_name(rtype: u16) -> String {
    match rtype {
        NSAP_PTR => NSAP_PTR_NAME.to_owned(),
        _ => Rtype::from_int(rtype).to_string(),
    }
}

/// The number of a type by its mnemonic, in any case, or as `TYPE1234`; `ANY` as well.
#[must_use]
pub fn type_number(text: &str) -> Option<u16> {
    if let Some((_, number)) = COMMON.iter().find(|(name, _)| *name == text) {
        return Some(*number);
    }
    let text = text.to_ascii_uppercase();
    let digits = text.strip_prefix("TYPE").filter(|rest| !rest.is_empty());
    match digits {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
        None if text == NSAP_PTR_NAME => Some(NSAP_PTR),
        None => text.parse::<Rtype>().ok().map(Rtype::to_int),
    }
}

/// The mnemonic of a response code, the same in metrics, `explain` and messages.
#[must_use]
pub fn rcode_name(rcode: u16) -> &'static str {
    let known = RCODES.iter().find(|(number, _)| *number == rcode);
    known.map_or("OTHER", |(_, name)| name)
}

/// A record of class IN as one line of a master file, names absolute. `rdata` has no
/// compressed names.
#[must_use]
pub fn show_record(owner: &Name, ttl: u32, rtype: u16, rdata: &[u8]) -> String {
    let dot = if *owner == Name::root() { "" } else { "." };
    let rtype_name = type_name(rtype);
    let shown = show_rdata(rtype, rdata);
    format!("{owner}{dot} {ttl} IN {rtype_name} {shown}")
}

/// RDATA alone, as a master file writes it, and so that it would be read as what it is.
#[must_use]
pub fn show_rdata(rtype: u16, rdata: &[u8]) -> String {
    forms::show(rtype, rdata).unwrap_or_else(|| show_generic(rdata))
}

/// Tells whether RDATA is what its type says; of a type without a form of its own nobody can tell.
#[must_use]
pub fn is_well_formed(rtype: u16, rdata: &[u8]) -> bool {
    forms::form(rtype).is_none_or(|form| form.is_well_formed(rdata))
}

/// `\# 4 C0000201` (RFC 3597, section 5).
pub(super) fn show_generic(rdata: &[u8]) -> String {
    let octets: String = rdata.iter().map(|octet| format!("{octet:02X}")).collect();
    match rdata.len() {
        0 => "\\# 0".to_owned(),
        length => format!("\\# {length} {octets}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names_both_ways() {
        for (number, name) in [
            (1, "A"),
            (28, "AAAA"),
            (43, "DS"),
            (64, "SVCB"),
            (65, "HTTPS"),
            (255, "ANY"),
            (257, "CAA"),
            (1234, "TYPE1234"),
            (65535, "TYPE65535"),
        ] {
            assert_eq!(type_name(number), name);
            assert_eq!(type_number(name), Some(number));
            assert_eq!(type_number(&name.to_lowercase()), Some(number));
        }
        for number in 0..=u16::MAX {
            assert_eq!(type_number(&type_name(number)), Some(number));
        }
        for bad in ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "BOGUS"] {
            assert_eq!(type_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn records_read_as_in_a_master_file() {
        let owner = Name::parse("www.Example.org").unwrap();
        for (rtype, rdata, shown) in [
            (1, &b"\xC0\x00\x02\x0A"[..], "A 192.0.2.10"),
            (
                28,
                &b"\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"[..],
                "AAAA 2001:db8::1",
            ),
            (5, b"\x01a\x07Example\x03org\0", "CNAME a.Example.org."),
            (15, b"\x00\x0A\x02mx\x07example\x00", "MX 10 mx.example."),
            (16, b"\x03a\"b\x01c", "TXT \"a\\\"b\" \"c\""),
            (33, b"\0\x01\0\x02\x01\xBB\x01a\0", "SRV 1 2 443 a."),
            (1, b"\xC0\x00\x02", "A \\# 3 C00002"),
            (1, b"\xC0\x00\x02\x01\x00", "A \\# 5 C000020100"),
            (5, b"\xC0\x00", "CNAME \\# 2 C000"),
            (4711, b"\xAB", "TYPE4711 \\# 1 AB"),
            (4711, b"", "TYPE4711 \\# 0"),
        ] {
            assert_eq!(
                show_record(&owner, 300, rtype, rdata),
                format!("www.Example.org. 300 IN {shown}")
            );
        }
        let root = show_record(&Name::root(), 1, 2, b"\x01a\0");
        assert_eq!(root, ". 1 IN NS a.");
    }

    #[test]
    fn response_codes_have_names() {
        assert_eq!(rcode_name(0), "NOERROR");
        assert_eq!(rcode_name(16), "BADVERS");
        assert_eq!(rcode_name(23), "BADCOOKIE");
        assert_eq!(rcode_name(24), "OTHER");
    }
}
