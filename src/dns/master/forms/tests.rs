//! What holds of all forms. Which words become which octets is tested through whole files.
use std::collections::BTreeSet;

use super::*;
use crate::base::Draws;
use crate::dns::text::{show_rdata, type_name, type_number};

#[test]
fn forms_stand_in_order_and_show_their_own_type() {
    assert!(table::FORMS.is_sorted_by(|one, other| one.kind < other.kind));
    for form in table::FORMS {
        let name = type_name(form.kind);
        assert!(
            form.help.starts_with(&format!("{name} is ")),
            "{}",
            form.help
        );
        assert_eq!(type_number(&name), Some(form.kind));
        let names = form.fields.iter().filter(|field| field.is_name).count();
        assert_eq!(form.names().count(), names);
    }
    assert!(form(10).is_none() && form(65_400).is_none());
}

/// RDATA comes from other servers: whatever it is, it is shown so that it comes back, or not.
#[test]
fn any_octets_are_shown_or_not() {
    let mut draws = Draws::from_seed(1);
    let mut shown = BTreeSet::new();
    for form in table::FORMS {
        for length in 0..1000 {
            let octets = (0..length % 40).map(|_| match draws.below(4) {
                0 => u8::try_from(draws.below(256)).unwrap(),
                1 => b'0' + u8::try_from(draws.below(10)).unwrap(),
                _ => u8::try_from(draws.below(4)).unwrap(),
            });
            let octets: Vec<u8> = octets.collect();
            let own = show(form.kind, &octets);
            assert!(own.is_none() || is_well_formed(form.kind, &octets));
            shown.extend(own.map(|_| form.kind));
        }
    }
    // Digits, angles on Earth, and names behind other fields are seldom drawn.
    let seldom = [19, 26, 29, 35];
    let mut often = table::FORMS.iter().map(|form| form.kind);
    let missed = often.find(|kind| !shown.contains(kind) && !seldom.contains(kind));
    assert_eq!(missed, None);
}

/// RDATA of a type that is judged without being shown, whole or with an octet changed, added or cut.
fn judged(draws: &mut Draws, kind: u16) -> Vec<u8> {
    let wholes: &[&[u8]] = match kind {
        rtype::A => &[&[192, 0, 2, 1]],
        rtype::AAAA => &[&[1; 16]],
        rtype::MX => &[b"\x00\x01\x01a\x01b\x00"],
        rtype::SRV => &[b"\x00\x01\x00\x02\x00\x03\x01a\x00"],
        rtype::TXT => &[b"\x01a\x02bc\x00", b"\x00"],
        rtype::DS | rtype::DNSKEY => &[b"\x01\x02\x0d\x02abcd"],
        rtype::RRSIG => &[b"\x00\x01\x0d\x02abcdabcdabcdab\x01a\x00xyz"],
        rtype::NSEC => &[b"\x01a\x00\x00\x02\x40\x01\x01\x01\x02", b"\x00"],
        rtype::NSEC3 => &[
            b"\x01\x00\x00\x05\x02ab\x03abc\x00\x01\x40",
            b"\x01\x00\x00\x05\x00\x01a",
        ],
        _ => &[b"\x01a\x02bc\x00", b"\x00"],
    };
    let mut any = |bound: usize| usize::try_from(draws.below(bound as u64)).unwrap();
    let mut rdata = wholes[any(wholes.len())].to_vec();
    for _ in 0..any(3) {
        let at = any(rdata.len() + 1);
        match any(4) {
            0 => rdata.truncate(at),
            1 => rdata.insert(at, u8::try_from(any(256)).unwrap()),
            2 if at < rdata.len() => rdata[at] = u8::try_from(any(40)).unwrap(),
            _ => rdata.extend(vec![63; any(300)]),
        }
    }
    rdata
}

#[test]
fn what_is_judged_without_being_shown_is_judged_as_its_form_does() {
    let mut draws = Draws::from_seed(2);
    for form in table::FORMS {
        if simple::is_well_formed(form.kind, &[]).is_none() {
            continue;
        }
        let mut counts = [0, 0];
        for _ in 0..2000 {
            let rdata = judged(&mut draws, form.kind);
            let fits = form.show(&rdata).is_some();
            let told = simple::is_well_formed(form.kind, &rdata);
            assert_eq!(told, Some(fits), "{} {rdata:?}", form.kind);
            counts[usize::from(fits)] += 1;
        }
        assert!(
            counts.iter().all(|count| *count > 100),
            "{} {counts:?}",
            form.kind
        );
    }
}

#[test]
fn records_are_shown_in_their_own_form() {
    for (kind, rdata, shown) in [
        (
            6,
            "00000000000100000002000000030000000400000005",
            ". . 1 2 3 4 5",
        ),
        (11, "c00002010600000440", "192.0.2.1 6 21 25"),
        (15, "000a0240240261ff00", "10 \\@\\$.a\\255."),
        (16, "0161057822205c0a00", "\"a\" \"x\\\" \\\\\\010\" \"\""),
        (19, "0433313130", "\"3110\""),
        (20, "0131", "\"1\""),
        (22, "47000580", "0x47000580"),
        (
            24,
            "0001050300000 12c70dbd8805e0be1003039000 1020304",
            "A 5 3 300 20300101000000 20200101000000 12345 . AQIDBA==",
        ),
        (25, "c0000308", "49152 3 8"),
        (
            29,
            "00121613800000007fffffff00989612",
            "0 0 0.000 N 0 0 0.001 W -1.10m 1.00m 10000.00m 10.00m",
        ),
        (30, "004001", ". A MX"),
        (34, "013631", "+61"),
        (34, "0047", "47"),
        (
            35,
            "0001000201750003215c2100",
            "1 2 \"u\" \"\" \"!\\\\!\" .",
        ),
        (37, "000100020803", "1 2 8 Aw=="),
        (38, "4000010002000300040161 00", "64 ::1:2:3:4 a."),
        (42, "00011803c0000200028000", "1:192.0.2.0/24 2:::/128"),
        (42, "00012084c0000201", "!1:192.0.2.1/32"),
        (45, "0a030200010203", "10 3 2 . AQID"),
        (47, "00000140ff0101", ". A TYPE65287"),
        (50, "0101000c04aabbccdd01ff", "1 1 12 AABBCCDD VS"),
        (51, "0100000000", "1 0 0 -"),
        (55, "0205000320010100010000", "5 2001 AQAB . ."),
        (62, "000000420003000460000008", "66 3 A NS AAAA"),
        (
            65,
            "000100 0001 000c 08665c6f6f2c626172 026832 0003 0002 01bb",
            "1 . alpn=\"f\\\\\\\\oo\\\\,bar,h2\" port=443",
        ),
        (
            64,
            "000100 0000 0004 0001 0004 0001 0003 026832 0004 0004 c0000201",
            "1 . mandatory=alpn,ipv4hint alpn=\"h2\" ipv4hint=192.0.2.1",
        ),
        (64, "000100 0008 0001 61 029b 0000", "1 . key8=\"a\" key667"),
        (66, "003b0114ef00", "CDS 1 5359 ."),
        (104, "000a00144fffff20ee64", "10 0014:4fff:ff20:ee64"),
        (108, "00005e00532a", "00-00-5e-00-53-2a"),
        (256, "000a00016122", "10 1 \"a\\\"\""),
        (257, "000369737361", "0 iss \"a\""),
        (259, "00000000000000010200", "0 1 2 \"\" -"),
        (260, "0a81cb00710f", "10 1 1 203.0.113.15"),
    ] {
        let mut octets = Vec::new();
        blobs::push_hex(rdata.replace(' ', "").as_bytes(), &mut octets).unwrap();
        assert_eq!(show_rdata(kind, &octets), shown, "{rdata}");
    }
}

/// What its own form cannot say is shown in the generic form, and read in it.
#[test]
fn what_would_not_come_back_is_shown_in_the_generic_form() {
    for (kind, rdata) in [
        (1, &b"\xC0\0\x02"[..]),
        // A window of no types, and one with an octet too many.
        (47, b"\0\0\x01\0"),
        (47, b"\0\0\x02\x40\0"),
        // A version of LOC that is not known, a family of APL, a type of relay.
        (29, b"\x01\x12\x16\x13\x80\0\0\0\x80\0\0\0\0\x98\x96\x80"),
        (42, b"\0\x03\0\0"),
        (260, b"\x0A\x04a"),
        // A mandatory key that is absent, `no-default-alpn` without `alpn`.
        (65, b"\0\x01\0\0\0\0\x02\0\x01"),
        (65, b"\0\x01\0\0\x02\0\0"),
        (257, b"\0\x01-x"),
    ] {
        assert_eq!(show(kind, rdata), None, "{kind}");
        assert_eq!(is_well_formed(kind, rdata), kind != 1, "{kind}");
    }
}
