//! What begins with `$`, whose TTL a record has, where strings end, and what is outside.
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::master::{self, Loaded};

const HEAD: &str = "@ 300 IN SOA ns mail 1 2 3 4 5\n@ 300 NS ns\n";

fn included(file: &str) -> Result<Arc<[u8]>, String> {
    let text: &[u8] = match file {
        "zones/a b" => b"in A 192.0.2.1\n$ORIGIN lost\n$TTL 9\n$INCLUDE deeper low\n",
        "zones/deeper" => b"  TXT owner\nin TXT t\n",
        "head" => b"$TTL 88\n@ SOA ns mail 1 2 3 4 5\n@ NS ns\n",
        "last" => b"a 55 TXT t\n",
        "foreign" => b"@ TXT lost\n",
        _ => return Err(format!("no such file: {file}")),
    };
    Ok(text.into())
}

fn load(text: &[u8]) -> Loaded {
    master::read(&Name::parse("example.org").unwrap(), text, &included, &[])
}

/// What `advice.rs` is about: the zones here have one name server, of which nothing is known.
const ADVICE: [&str; 2] = ["one name server only", "has no address"];

/// Owner, TTL, type and data of every record but the apex's, then the warnings of reading.
fn shown(text: &[u8]) -> String {
    let loaded = load(text);
    let zone = loaded.zone.unwrap_or_else(|errors| panic!("{errors:#?}"));
    let mut lines = Vec::new();
    for (owner, sets) in zone.owners().skip(1) {
        for set in sets {
            for rdata in set.records() {
                let rdata = rdata.escape_ascii();
                lines.push(format!("{owner} {} {} {rdata}", set.ttl, set.rtype));
            }
        }
    }
    let of_reading = |text: &str| !ADVICE.iter().any(|end| text.ends_with(end));
    let warnings = loaded.warnings.into_iter();
    for warning in warnings.filter(|one| of_reading(&one.message)) {
        let file = warning
            .file
            .map(|file| format!("{file}:"))
            .unwrap_or_default();
        lines.push(format!(
            "{file}{}:{} {}",
            warning.line, warning.column, warning.message
        ));
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
fn origins_and_owners_of_included_files_stay_in_them() {
    check(
        "www A 192.0.2.1\n$INCLUDE \"zones/a b\" sub\n TXT after\nnext TXT t\n",
        "www.example.org 300 1 \\xc0\\x00\\x02\\x01\nwww.example.org 9 16 \\x05after\n\
         in.sub.example.org 300 1 \\xc0\\x00\\x02\\x01\nin.sub.example.org 9 16 \\x05owner\n\
         in.low.lost.sub.example.org 9 16 \\x01t\nnext.example.org 9 16 \\x01t",
    );
}

/// `$TTL`, the last TTL and the SOA's minimum, across files.
#[test]
fn records_without_a_ttl_have_the_one_that_holds() {
    let minimum = "1:3 no TTL is written; records without one have the SOA's minimum, 5 seconds";
    let soa = "@ SOA ns mail 1 2 3 4 5\n@ NS ns\n";
    for (text, expected) in [
        (format!("{HEAD}a TXT t\n"), "a.example.org 300 16 \\x01t"),
        (
            format!("{HEAD}a 7 TXT t\nb TXT t\n"),
            "a.example.org 7 16 \\x01t\nb.example.org 7 16 \\x01t",
        ),
        (
            format!("$TTL 9\n{HEAD}a 7 TXT t\nb TXT t\n"),
            "a.example.org 7 16 \\x01t\nb.example.org 9 16 \\x01t",
        ),
        (
            format!("{soa}a 7 TXT t\nb TXT t\n$TTL 9\nc TXT t\n"),
            &format!(
                "a.example.org 7 16 \\x01t\nb.example.org 5 16 \\x01t\nc.example.org 9 16 \\x01t\n{minimum}"
            ),
        ),
        (
            format!("a 7 TXT t\n{soa}b TXT t\n"),
            "a.example.org 7 16 \\x01t\nb.example.org 7 16 \\x01t",
        ),
        (
            "$INCLUDE head\na TXT t\n".to_owned(),
            "a.example.org 88 16 \\x01t",
        ),
        (
            format!("{HEAD}$INCLUDE last\nb TXT t\n"),
            "a.example.org 55 16 \\x01t\nb.example.org 55 16 \\x01t",
        ),
        // The TTL of a line outside the zone is the last one too.
        (
            format!("{HEAD}a.net. 7 TXT t\nb TXT t\n"),
            "b.example.org 7 16 \\x01t\n3:1 `a.net` is outside the zone `example.org` and is left out",
        ),
    ] {
        assert_eq!(shown(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn large_ttls_are_zero() {
    let large =
        |place: &str| format!("{place} the TTL 2147483648 is larger than 2147483647 and means 0");
    check(
        "a 2147483647 TXT t\nb 2147483648 TXT t\n$TTL 2147483648\nc TXT t\n",
        &format!(
            "a.example.org 2147483647 16 \\x01t\nb.example.org 0 16 \\x01t\nc.example.org 0 16 \\x01t\n{}\n{}",
            large("4:3"),
            large("5:6")
        ),
    );
    check(
        "$GENERATE 1-1 a$ 4294967295 TXT t\n",
        "a1.example.org 0 16 \\x01t\n3:18 the TTL 4294967295 is larger than 2147483647 and means 0",
    );
    let text = "@ SOA ns mail 1 2 3 4 2147483648\n@ NS ns\na TXT t\n";
    let minimum = "1:3 no TTL is written; records without one have the SOA's minimum, 0 seconds";
    assert_eq!(
        shown(text.as_bytes()),
        format!("a.example.org 0 16 \\x01t\n{}\n{minimum}", large("1:3"))
    );
}

/// As BIND 9.18 reads each.
#[test]
fn ranges_become_records() {
    let a =
        |owner: &str, last: u8| format!("{owner}.example.org 300 1 \\xc0\\x00\\x02\\x{last:02x}");
    check(
        "$GENERATE 1-3 a$ A 192.0.2.$\n",
        &[a("a1", 1), a("a2", 2), a("a3", 3)].join("\n"),
    );
    check(
        "$generate 1-3/2 a${-1,3,d} a 192.0.2.$\n",
        &[a("a000", 1), a("a002", 3)].join("\n"),
    );
    check(
        "$GENERATE 10-11 ${0,3,n}.${0,2,X} IN 60 CNAME x\\$${0,1,o}.$.\n",
        "a.0.0A.example.org 60 5 \\x04x$12\\x0210\\x00\nb.0.0B.example.org 60 5 \\x04x$13\\x0211\\x00",
    );
    check(
        "$GENERATE 1-1 a$ MX \"10 m$\"\n",
        "a1.example.org 300 15 \\x00\\n\\x02m1\\x07example\\x03org\\x00",
    );
    check(
        "$GENERATE 1-1 a$ MX 10 m\n",
        "a1.example.org 300 15 \\x00\\n\\x01m\\x07example\\x03org\\x00",
    );
    check(
        "$GENERATE 1-1 a$ TXT \"b $ c\"\n",
        "a1.example.org 300 16 \\x01b\\x011\\x01c",
    );
    check(
        "$GENERATE 1-1 a$ TXT \"\\\"b $ c\\\"\"\n",
        "a1.example.org 300 16 \\x05b 1 c",
    );
    check(
        "$GENERATE 1-1 a$ TXT \"b $\" c\n",
        "a1.example.org 300 16 \\x03b 1\\x01c",
    );
    check(
        "$GENERATE 1-1 a$ TYPE65400 \"\\# 1 0$\"\n",
        "a1.example.org 300 65400 \\x01",
    );
    check(
        "$GENERATE 1-1 a$ HTTPS \"1 . alpn=\\\"h2\\\" port=$\"\n",
        "a1.example.org 300 65 \\x00\\x01\\x00\\x00\\x01\\x00\\x03\\x02h2\\x00\\x03\\x00\\x02\\x00\\x01",
    );
    // The owner is that of the line before, here and below.
    check(
        "w A 192.0.2.7\n$GENERATE 1-1 a$ A 192.0.2.$\n TXT t\n",
        &format!("{}\nw.example.org 300 16 \\x01t\n{}", a("w", 7), a("a1", 1)),
    );
    check(
        "$GENERATE 1-3 a$.net. A 192.0.2.$\n$GENERATE 1-1 b$ A 192.0.2.$\n",
        &format!(
            "{}\n3:15 `a1.net` is outside the zone `example.org` and is left out",
            a("b1", 1)
        ),
    );
    check(
        "$GENERATE 1-1 a$ CNAME www.example.org\n$GENERATE 1-1 b$.example.org TXT t\n",
        "a1.example.org 300 5 \\x03www\\x07example\\x03org\\x07example\\x03org\\x00\n\
         b1.example.org.example.org 300 16 \\x01t\n\
         3:24 `www.example.org` has no dot at its end\n\
         4:15 `b1.example.org` has no dot at its end",
    );
}

#[test]
fn many_records_are_made_of_one_line() {
    let text = format!("{HEAD}$GENERATE 0-65535 h${{0,4,x}} A 10.0.0.1\n");
    let zone = load(text.as_bytes()).zone.unwrap();
    assert_eq!(zone.names(), 65_537);
}

#[test]
fn strings_end_where_others_end_them() {
    let txt = |rdata: &str| format!("a.example.org 300 16 {rdata}");
    check(
        "a TXT b\"c d\"e \"f\"\"g\" h=\"i j\"\n",
        &txt("\\x01b\\x03c d\\x01e\\x01f\\x01g\\x02h=\\x03i j"),
    );
    check(
        "a TXT \"b;c\" d\\;e(\n\"f)\" ; g\n) \\\"h\\\"\n",
        &txt("\\x03b;c\\x03d;e\\x02f)\\x03\\\"h\\\""),
    );
    let broken = "3:7 the quoted string goes on over the end of its line, which becomes part of it";
    check(
        "a TXT \"b\nc\" d\n",
        &format!("{}\n{broken}", txt("\\x03b\\nc\\x01d")),
    );
    check(
        "a TXT \"b\n\n c\"\nz TXT t\n",
        &format!(
            "{}\nz.example.org 300 16 \\x01t\n{broken}",
            txt("\\x05b\\n\\n c")
        ),
    );
    let long = format!("a TXT \"{}\n{}\"\n", "b".repeat(127), "c".repeat(127));
    check(
        &long,
        &format!(
            "{}\n{broken}",
            txt(&format!("\\xff{}\\n{}", "b".repeat(127), "c".repeat(127)))
        ),
    );
    check(
        "a SVCB 1 . alpn=\"h2\"port=\"1\"\n",
        "a.example.org 300 64 \\x00\\x01\\x00\\x00\\x01\\x00\\x03\\x02h2\\x00\\x03\\x00\\x02\\x00\\x01",
    );
}

#[test]
fn quoted_names_are_names() {
    check(
        "\"www\" A 192.0.2.1\n\"a b\\.c.d\" A 192.0.2.2\n\"e.\" CNAME x\n\"f.example.org.\" CNAME \"g h.\"\n\"*.@\" CNAME \"@\"\n",
        "www.example.org 300 1 \\xc0\\x00\\x02\\x01\na\\032b\\.c.d.example.org 300 1 \\xc0\\x00\\x02\\x02\n\
         f.example.org 300 5 \\x03g h\\x00\n*.\\@.example.org 300 5 \\x07example\\x03org\\x00\n\
         5:1 `e` is outside the zone `example.org` and is left out",
    );
}

#[test]
fn what_is_outside_is_left_out() {
    // As exports of Windows are.
    check(
        "dns.example.net.  \tA\t192.0.2.53\n\t\t\tAAAA\t2001:db8::1\n@\tNS dns.example.net.\nwww\tA 192.0.2.1\n",
        "www.example.org 300 1 \\xc0\\x00\\x02\\x01\n\
         3:1 `dns.example.net` is outside the zone `example.org` and is left out",
    );
    check(
        "$ORIGIN exmaple.org.\na TXT t\n TXT u\nb.example.org. TXT t\n$ORIGIN org.\nc TXT t\nd.example TXT t\n$INCLUDE foreign net.\n",
        "b.example.org 300 16 \\x01t\nd.example.org 300 16 \\x01t\n\
         8:1 `c.org` is outside the zone `example.org` and is left out\n\
         3:9 `exmaple.org` is outside the zone `example.org`: 2 records below it are left out\n\
         10:18 `net` is outside the zone `example.org`: 1 record below it is left out",
    );
    let lines = |count: usize| {
        (0..count)
            .map(|n| format!("a{n}.net. TXT t\n TXT u\n"))
            .collect::<String>()
    };
    let told = shown(format!("{HEAD}{}", lines(30)).as_bytes());
    let (single, last) = told.rsplit_once('\n').unwrap();
    assert_eq!(single.lines().count(), 10);
    assert_eq!(
        last,
        "23:1 40 more records are outside the zone `example.org` and are left out"
    );
    // The data of what is left out is still read.
    assert!(
        load(format!("{HEAD}a.net. A 192.0.2\n").as_bytes())
            .zone
            .is_err()
    );
}
