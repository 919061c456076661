//! Every way to write a record that must read, and what it must become.
use std::fmt::Write as _;
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::master;
use waypost::dns::rr::rtype;
use waypost::dns::text;
use waypost::dns::zone::{Record, Zone};

const APEX: &str = "example.org";
const HEAD: &str = "@ 300 IN SOA ns mail 1 2 3 4 5\n@ 300 NS ns\n";

fn included(_: &str) -> Result<Arc<[u8]>, String> {
    Err("nothing is included".to_owned())
}

fn load(text: &[u8]) -> Zone {
    let apex = Name::parse(APEX).unwrap();
    match master::load(&apex, text, &included, &[]) {
        Ok(zone) => zone,
        Err(errors) => panic!("{errors:#?}\n{}", String::from_utf8_lossy(text)),
    }
}

/// Owner, TTL, type and data of every record but the head's.
fn shown(text: &[u8]) -> String {
    let zone = load(text);
    let mut lines = Vec::new();
    for (owner, sets) in zone.owners().skip(1) {
        for set in sets {
            for rdata in set.records() {
                let rdata = rdata.escape_ascii();
                lines.push(format!("{owner} {} {} {rdata}", set.ttl, set.rtype));
            }
        }
    }
    lines.join("\n")
}

fn check(body: &str, expected: &str) {
    assert_eq!(
        shown(format!("{HEAD}{body}").as_bytes()),
        expected,
        "{body}"
    );
}

#[test]
fn owners_origins_and_order() {
    check(
        "www A 192.0.2.1\n A 192.0.2.2\n\tA 192.0.2.3 ; more\n\n ; nothing\n;nothing\n",
        "www.example.org 300 1 \\xc0\\x00\\x02\\x01\nwww.example.org 300 1 \\xc0\\x00\\x02\\x02\nwww.example.org 300 1 \\xc0\\x00\\x02\\x03",
    );
    check(
        "$ORIGIN a\nb 60 NS @\n$ORIGIN c\n@ IN 60 NS b\nx.example.org. 60 IN NS .\n",
        "b.a.example.org 60 2 \\x01a\\x07example\\x03org\\x00\n\
         c.a.example.org 60 2 \\x01b\\x01c\\x01a\\x07example\\x03org\\x00\n\
         x.example.org 60 2 \\x00",
    );
    check(
        "WwW (\n 60 ; ttl\n IN\n)  CNAME\tWeb.Example.ORG.\n",
        "WwW.example.org 60 5 \\x03Web\\x07Example\\x03ORG\\x00",
    );
    check(
        "a\\.b.c\\046\\\\d cNaMe \\(\\;\\\"\\ x\n",
        "a\\.b.c\\.\\\\d.example.org 300 5 \\x05(;\\\" x\\x07example\\x03org\\x00",
    );
    check(
        "in in a 192.0.2.1\n",
        "in.example.org 300 1 \\xc0\\x00\\x02\\x01",
    );
}

#[test]
fn times_to_live() {
    check(
        "a TXT a\n$TTL 1h30m\nb TXT b\nb2 1w2D3h4m5S TXT b\nc TXT c\n",
        "a.example.org 300 16 \\x01a\nb.example.org 5400 16 \\x01b\n\
         b2.example.org 788645 16 \\x01b\nc.example.org 5400 16 \\x01c",
    );
    check(
        "a 7 TXT a\nb TXT b\nc IN 2147483647 TXT c\n",
        "a.example.org 7 16 \\x01a\nb.example.org 7 16 \\x01b\nc.example.org 2147483647 16 \\x01c",
    );
    check(
        "a 9 TXT x\nA 8 TXT y\na 9 TXT x\n",
        "a.example.org 8 16 \\x01x\na.example.org 8 16 \\x01y",
    );
    let zone = load(b"@ SOA ns mail 1 2 3 4 1h\n@ NS ns\n");
    let (_, sets) = zone.owners().next().unwrap();
    assert!(sets.map(|set| set.ttl).eq([3600, 3600]));
}

#[test]
fn files_to_include_are_named() {
    let text =
        b"; $INCLUDE no\n$include one\n$INCLUDE \"t w\\o\" x\n $INCLUDE no\na TXT (\n$INCLUDE\n)\n";
    assert_eq!(master::includes(text), ["one", "t wo"]);
    assert!(master::includes(b"a TXT $INCLUDE\n").is_empty());
}

#[test]
fn foreign_line_ends_and_marks() {
    let unix = format!("{HEAD}www TXT (\n a\n b )\n A 192.0.2.1");
    let expected = "www.example.org 300 1 \\xc0\\x00\\x02\\x01\n\
                    www.example.org 300 16 \\x01a\\x01b";
    assert_eq!(shown(unix.as_bytes()), expected);
    assert_eq!(shown(unix.replace('\n', "\r\n").as_bytes()), expected);
    assert_eq!(shown(format!("\u{feff}{unix}\n\n").as_bytes()), expected);
}

/// Types of their own form, borrowed form and generic form.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn fields_become_rdata() {
    let name = "\\x01h\\x07example\\x03org\\x00";
    for (fields, expected) in [
        ("A 192.0.2.1", "1 \\xc0\\x00\\x02\\x01"),
        ("TYPE1 192.0.2.1", "1 \\xc0\\x00\\x02\\x01"),
        ("A \\# 4 C000 0201", "1 \\xc0\\x00\\x02\\x01"),
        (
            "AAAA 1::2",
            "28 \\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02",
        ),
        ("PTR h", &format!("12 {name}")),
        ("MX 10 h", &format!("15 \\x00\\n{name}")),
        ("AFSDB 1 h", &format!("18 \\x00\\x01{name}")),
        ("RP h h", &format!("17 {name}{name}")),
        (
            "SRV 1 2 3 h",
            &format!("33 \\x00\\x01\\x00\\x02\\x00\\x03{name}"),
        ),
        ("HINFO PC \"a b\"", "13 \\x02PC\\x03a b"),
        (
            "TXT a \"b;c\" \"\" \"d\\\"\\200\\\\\"",
            "16 \\x01a\\x03b;c\\x00\\x04d\\\"\\xc8\\\\",
        ),
        ("TXT \"\u{e9}\" a..b", "16 \\x02\\xc3\\xa9\\x04a..b"),
        ("SPF \"v=spf1\"", "99 \\x06v=spf1"),
        (
            "CAA 0 issue \"ca.example.net\"",
            "257 \\x00\\x05issueca.example.net",
        ),
        ("TLSA 3 1 1 00ff", "52 \\x03\\x01\\x01\\x00\\xff"),
        ("SMIMEA 3 1 1 00ff", "53 \\x03\\x01\\x01\\x00\\xff"),
        ("SSHFP 4 2 00 ff", "44 \\x04\\x02\\x00\\xff"),
        ("DHCID AAEC", "49 \\x00\\x01\\x02"),
        (
            "NAPTR 1 2 u sip !.*!x! .",
            "35 \\x00\\x01\\x00\\x02\\x01u\\x03sip\\x06!.*!x!\\x00",
        ),
        (
            "HTTPS 1 . alpn=h2 port=\"443\"",
            "65 \\x00\\x01\\x00\\x00\\x01\\x00\\x03\\x02h2\\x00\\x03\\x00\\x02\\x01\\xbb",
        ),
        ("NULL \\# 1 00", "10 \\x00"),
        (
            "LOC 0 N 0 E 0",
            "29 \\x00\\x12\\x16\\x13\\x80\\x00\\x00\\x00\\x80\\x00\\x00\\x00\\x00\\x98\\x96\\x80",
        ),
        (
            "LOC 0 0 0.001 s 0 1 w -1.5m 0 25m 90000000M",
            "29 \\x00\\x00#\\x99\\x7f\\xff\\xff\\xff\\x7f\\xff\\x15\\xa0\\x00\\x98\\x95\\xea",
        ),
        (
            "CERT pkix 258 3 A QID",
            "37 \\x00\\x01\\x01\\x02\\x03\\x01\\x02\\x03",
        ),
        (
            "EUI48 00-01-02-aa-Bb-ff",
            "108 \\x00\\x01\\x02\\xaa\\xbb\\xff",
        ),
        (
            "EUI64 00-01-02-03-04-05-06-07",
            "109 \\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07",
        ),
        ("URI 1 2 \"a:\\\"b\"", "256 \\x00\\x01\\x00\\x02a:\\\"b"),
        ("TYPE65400 \\# 3 aB cD eF", "65400 \\xab\\xcd\\xef"),
        ("TYPE65400 \\# 0", "65400 "),
        ("CLASS1 TYPE16 \\# 2 0161", "16 \\x01a"),
    ] {
        check(
            &format!("h {fields}\n"),
            &format!("h.example.org 300 {expected}"),
        );
    }
}

/// One record of a zone, at `x`; NSEC3, of which that is asked, at the hash of a name.
fn one(fields: &str) -> Result<(u16, Vec<u8>), String> {
    const HASH: &str = "2t7b4g4vsa5smi47k61mv5bv1a22bojr";
    let apex = Name::parse("example.test").unwrap();
    let hashed = fields.starts_with("NSEC3 ") || fields.starts_with("TYPE50 ");
    let owner = if hashed { HASH } else { "x" };
    let text = format!("@ 300 IN SOA ns mail 1 2 3 4 5\n@ 300 NS ns\n{owner} {fields}\n");
    let zone = master::load(&apex, text.as_bytes(), &included, &[]).map_err(|errors| {
        let told = errors.iter().map(|error| {
            assert_eq!(error.line, 3, "{fields}");
            assert!(
                error.help.is_some() || error.message.contains("domain name"),
                "{error:?}"
            );
            let column = usize::try_from(error.column).unwrap() + 1 - owner.len();
            format!("{column} {}", error.message)
        });
        told.collect::<Vec<_>>().join("\n")
    })?;
    let (_, mut sets) = zone.owners().nth(1).expect("there is one record");
    let set = sets.next().unwrap();
    Ok((set.rtype, set.records().next().unwrap().to_vec()))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Each type and each way to write it, as other servers have it; what is shown reads back.
#[test]
fn every_form_becomes_what_it_becomes_elsewhere() {
    let (mut read, mut refused) = (0, 0);
    for line in include_str!("forms.txt").lines() {
        let Some(record) = line.get(4..).filter(|_| !line.starts_with('#')) else {
            continue;
        };
        if let Some((fields, expected)) = record.split_once(" !! ") {
            assert_eq!(one(fields), Err(expected.to_owned()), "{line}");
            refused += 1;
            continue;
        }
        let (fields, expected) = record.split_once(" =>").unwrap();
        let (kind, rdata) = one(fields).unwrap_or_else(|told| panic!("{line}\n{told}"));
        assert_eq!(hex(&rdata), expected.trim_start(), "{line}");
        let shown = text::show_rdata(kind, &rdata);
        let again = one(&format!("TYPE{kind} {shown}"));
        assert_eq!(again, Ok((kind, rdata)), "{line}: {shown}");
        let is_own = !shown.starts_with("\\#");
        assert!(is_own || fields.contains("\\#"), "{line}: {shown}");
        read += 1;
    }
    assert!(read > 400 && refused > 250, "{read} {refused}");
}

#[test]
fn a_line_end_in_quotes_is_data() {
    for (fields, expected) in [
        ("TXT \"a\nb\" c", "03610a620163"),
        ("HINFO \"a\nb\" \"\n\"", "03610a62010a"),
        ("ISDN \"1\" \"\n\"", "0131010a"),
        ("NAPTR 1 2 \"\" \"\" \"a\nb\" .", "00010002000003610a6200"),
        ("CAA 0 issue \"a\nb\"", "00056973737565610a62"),
        ("URI 1 2 \"a\nb\"", "00010002610a62"),
        ("DOA 0 1 2 \"\n\" -", "000000000000000102010a"),
        ("SVCB 1 . key667=\"a\nb\"", "000100029b0003610a62"),
        ("SVCB 1 . alpn=\"a\nb,c\"", "0001000001000603610a620163"),
    ] {
        let (kind, rdata) = one(fields).unwrap();
        assert_eq!(hex(&rdata), expected, "{fields}");
        let shown = text::show_rdata(kind, &rdata);
        assert!(shown.contains("\\010") && !shown.contains('\n'), "{shown}");
        assert_eq!(one(&format!("TYPE{kind} {shown}")), Ok((kind, rdata)));
    }
}

#[test]
fn services_up_to_the_last_port() {
    let (kind, rdata) = one("WKS 192.0.2.1 udp 65535").unwrap();
    assert_eq!((kind, rdata.len()), (11, 5 + 8192));
    assert_eq!(rdata.last(), Some(&1));
    assert_eq!(text::show_rdata(kind, &rdata), "192.0.2.1 17 65535");
}

/// `@` is the origin wherever a name may stand; `\\@` is a label of one octet.
#[test]
fn an_at_sign_in_a_field_is_the_origin() {
    for (kind, fields) in [
        ("SOA", "NAME NAME 1 2 3 4 5"),
        ("NS", "NAME"),
        ("CNAME", "NAME"),
        ("DNAME", "NAME"),
        ("PTR", "NAME"),
        ("MD", "NAME"),
        ("MF", "NAME"),
        ("MB", "NAME"),
        ("MG", "NAME"),
        ("MR", "NAME"),
        ("MINFO", "NAME NAME"),
        ("MX", "10 NAME"),
        ("RP", "NAME NAME"),
        ("AFSDB", "1 NAME"),
        ("RT", "1 NAME"),
        ("KX", "1 NAME"),
        ("LP", "1 NAME"),
        ("SRV", "1 2 3 NAME"),
        ("NAPTR", "1 2 u s \"\" NAME"),
        ("SVCB", "1 NAME port=1"),
        ("HTTPS", "0 NAME"),
        ("NSEC", "NAME A"),
        (
            "RRSIG",
            "A 8 2 300 20300101000000 20200101000000 1 NAME AAAA",
        ),
        ("IPSECKEY", "10 3 2 NAME AAAA"),
        ("AMTRELAY", "10 0 3 NAME"),
        ("HIP", "2 2001 AwEA NAME NAME"),
        ("TALINK", "NAME NAME"),
        ("PX", "10 NAME NAME"),
        ("NSAP-PTR", "NAME"),
        ("NXT", "NAME A"),
        ("SIG", "A 8 2 300 1 0 1 NAME AAAA"),
        ("A6", "64 ::1 NAME"),
        ("DSYNC", "CDS NOTIFY 53 NAME"),
    ] {
        let rdata = |name: &str| {
            let record = format!("x {kind} {}\n", fields.replace("NAME", name));
            let file = match kind {
                "SOA" => format!(
                    "$ORIGIN sub.{APEX}.\n{APEX}. 300 {}{APEX}. NS ns\n",
                    &record[2..]
                ),
                _ => format!("{HEAD}$ORIGIN sub\n{record}"),
            };
            let apex = Name::parse(APEX).unwrap();
            let zone = load(file.as_bytes());
            let (_, sets) = zone
                .owners()
                .find(|(owner, _)| (*owner == apex) == (kind == "SOA"))
                .unwrap();
            let kind = text::type_number(kind).unwrap();
            let set = sets.into_iter().find(|set| set.rtype == kind).unwrap();
            set.records().next().unwrap().to_vec()
        };
        let same = rdata("sub.example.org.");
        assert_eq!(rdata("@"), same, "{kind}");
        let label = rdata("\\@");
        assert_eq!(label, rdata("\\064.sub.example.org."), "{kind}");
        assert_ne!(label, same, "{kind}");
    }
}

#[test]
fn records_that_are_one_stand_once() {
    check(
        "a MX 10 b\na MX 10 B\na MX 11 b\na MX 74 b\na MX 106 b\n",
        "a.example.org 300 15 \\x00\\n\\x01b\\x07example\\x03org\\x00\n\
         a.example.org 300 15 \\x00\\x0b\\x01b\\x07example\\x03org\\x00\n\
         a.example.org 300 15 \\x00J\\x01b\\x07example\\x03org\\x00\n\
         a.example.org 300 15 \\x00j\\x01b\\x07example\\x03org\\x00",
    );
    check(
        "a TXT x\na TXT X\na TXT x\n",
        "a.example.org 300 16 \\x01x\na.example.org 300 16 \\x01X",
    );
}

#[test]
fn sets_too_large_for_a_message_are_refused() {
    let mut text = HEAD.to_owned();
    for number in 0..5000 {
        writeln!(text, "big A 10.0.{}.{}", number / 256, number % 256).unwrap();
    }
    let apex = Name::parse(APEX).unwrap();
    let errors = master::load(&apex, text.as_bytes(), &included, &[]).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].line, 3);
    assert_eq!(
        errors[0].message,
        "the 5000 A records at `big.example.org` do not fit into one message"
    );
}

#[test]
fn records_build_a_zone_without_a_file() {
    let apex = Name::parse(APEX).unwrap();
    let record = |owner: &str, rtype, rdata: &[u8], line| Record {
        owner: Name::parse(owner).unwrap(),
        rtype,
        ttl: 60,
        rdata: rdata.to_vec(),
        line,
    };
    let good = vec![
        record(APEX, rtype::SOA, &[0; 22], 1),
        record(APEX, rtype::NS, &[0], 2),
    ];
    assert_eq!(Zone::build(&apex, good, &[]).unwrap().names(), 1);
    let bad = vec![
        record(APEX, rtype::SOA, &[0; 3], 1),
        record("example.net", rtype::NS, &[0], 2),
    ];
    let errors = Zone::build(&apex, bad, &[]).unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "line 2: `example.net` is outside the zone `example.org`",
            "line 0: the SOA is malformed",
            "line 0: no NS at the apex `example.org`",
        ]
    );
}
