//! Broken master files, each with everything it must be told: line, column, message, help.
use std::sync::Arc;

use waypost::base::Draws;
use waypost::dns::Name;
use waypost::dns::master::{self, Loaded, MasterError};

/// In front of each text: six lines.
const HEAD: &str = "$TTL 300
@ IN SOA ns mail (
    2026010101 ; serial
    1h 2h 3w 60
)
  NS ns
";

fn shown(errors: &[MasterError]) -> String {
    let mut lines = Vec::new();
    for error in errors {
        let file = error.file.as_deref().map(|file| format!("{file}:"));
        let help = error.help.as_deref().map(|help| format!(" -- {help}"));
        lines.push(format!(
            "{}{}:{} {}{}",
            file.unwrap_or_default(),
            error.line,
            error.column,
            error.message,
            help.unwrap_or_default()
        ));
    }
    lines.join("\n")
}

fn included(file: &str) -> Result<Arc<[u8]>, String> {
    let text: &[u8] = match file {
        "self" => b"a A 192.0.2.1\n$INCLUDE self\n",
        "bad" => b"ok A 192.0.2.1\nbad A 192.0.2\n",
        "cname" => b"www CNAME a\n",
        deep => {
            let depth = deep
                .strip_prefix("deep")
                .and_then(|depth| depth.parse::<u32>().ok());
            let next = depth.ok_or("no such file")? + 1;
            return Ok(format!("$INCLUDE deep{next}\n").into_bytes().into());
        }
    };
    Ok(text.into())
}

fn read(text: &[u8], steered: &[&str]) -> Loaded {
    let mounts: Vec<_> = steered
        .iter()
        .map(|name| (Name::parse(name).unwrap(), 1))
        .collect();
    master::read(
        &Name::parse("example.org").unwrap(),
        text,
        &included,
        &mounts,
    )
}

fn errors(text: &[u8], steered: &[&str]) -> String {
    shown(&read(text, steered).zone.err().unwrap_or_default())
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let found = errors(format!("{HEAD}{text}").as_bytes(), &[]);
        assert_eq!(found, *expected, "{text}");
    }
}

/// Slips in one line, or in a few.
const SLIPS: &[(&str, &str)] = &[
    (
        "www A 2001:db8::1\n",
        "7:7 `2001:db8::1` is not an IPv4 address -- this is an IPv6 address; its type is AAAA",
    ),
    (
        "www 60 IN A 300.1.1.1\n",
        "7:13 `300.1.1.1` is not an IPv4 address -- an IPv4 address has four numbers from 0 to 255, without zeros in front",
    ),
    (
        "www A web\n",
        "7:7 `web` is not an IPv4 address -- to point at a name, use CNAME",
    ),
    (
        "www A 192.0.2.1 192.0.2.2\n",
        "7:17 A has a field too many: `192.0.2.2` -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "www A\n",
        "7:6 A lacks a field -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "www AAAA 192.0.2.1\n",
        "7:10 `192.0.2.1` is not an IPv6 address -- this is an IPv4 address; its type is A",
    ),
    (
        "www AAA 2001:db8::1\n",
        "7:5 `AAA` is not a record type -- did you mean `AAAA`?",
    ),
    (
        "www CNMAE web\n",
        "7:5 `CNMAE` is not a record type -- did you mean `CNAME`?",
    ),
    (
        "www 192.0.2.1\n",
        "7:5 `192.0.2.1` is not a record type -- a record is: name, TTL, class IN, type, data; unknown types are written `TYPE65400 \\# ...`",
    ),
    (
        "A 192.0.2.1\n",
        "7:3 `192.0.2.1` is not a record type -- a line without an owner name begins with a blank; then the name before is meant",
    ),
    (
        "www\n",
        "7:4 the record has no type -- a record is: name, TTL, class IN, type, data",
    ),
    (
        "www MX mail\n",
        "7:8 `mail` is not a number that fits here -- MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    (
        "www MX ten mail\n",
        "7:8 `ten` is not a number that fits here -- MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    (
        "www MX 10\n",
        "7:10 MX lacks a field -- MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    (
        "www MX 70000 mail\n",
        "7:8 `70000` is not a number that fits here -- MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    (
        "www SRV 0 0 443 a..b\n",
        "7:17 `a..b` is not a domain name: empty label",
    ),
    (
        "a..b A 192.0.2.1\n",
        "7:1 `a..b` is not a domain name: empty label",
    ),
    (
        "b\u{fc}cher A 192.0.2.1\n",
        "7:1 `bücher` is not a domain name: not ASCII (write the xn-- form of an internationalised name)",
    ),
    (
        "\"\" A 192.0.2.1\n\"a..b\" A 192.0.2.1\nwww \"A\" 192.0.2.1\nwww \"60\" A 192.0.2.1\n",
        "7:1 `\"\"` is not a domain name: empty label\n8:1 `\"a..b\"` is not a domain name: empty label\n9:5 `\"A\"` is not a record type -- a record is: name, TTL, class IN, type, data; unknown types are written `TYPE65400 \\# ...`\n10:5 `\"60\"` is not a record type -- a record is: name, TTL, class IN, type, data; unknown types are written `TYPE65400 \\# ...`",
    ),
    (
        "www TXT \"open\nweb A 192.0.2.1\n",
        "7:9 the quoted string does not end on its line -- close it with `\"`",
    ),
    (
        "www TXT (\n \"a\"\n \"b\"\nweb A 192.0.2\n",
        "7:9 `(` is never closed -- close it with `)` behind the last field\n10:7 `192.0.2` is not an IPv4 address -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "www TXT a)\nweb A 192.0.2\n",
        "7:10 `)` without `(` -- a text with a parenthesis or semicolon in it belongs in quotes\n8:7 `192.0.2` is not an IPv4 address -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "www CH TXT a\n",
        "7:5 class `CH` -- only class IN is served",
    ),
    ("www IN IN A 192.0.2.1\n", "7:8 the class stands twice"),
    ("www 60 60 A 192.0.2.1\n", "7:8 the TTL stands twice"),
    (
        "www 99999999999 A 192.0.2.1\n",
        "7:5 the TTL `99999999999` is too large -- the largest is 2147483647 seconds (RFC 2181, section 8)",
    ),
    ("www OPT a\n", "7:5 `OPT` is never stored in a zone"),
    (
        "www NULL a\n",
        "7:10 NULL is known in its generic form only -- write `NULL \\# length hex` (RFC 3597, section 5)",
    ),
    (
        "www A \\# 3 C00002\n",
        "7:7 the data is not well formed for A -- write `\\#`, the length in octets, and as many pairs of hex digits",
    ),
    (
        "www TYPE65400 \\# 3 C0\n",
        "7:18 the data is not 3 octets long -- write `\\#`, the length in octets, and as many pairs of hex digits",
    ),
    (
        "www TYPE65400 \\# 1 X0\n",
        "7:20 `X0` is not hexadecimal -- write `\\#`, the length in octets, and as many pairs of hex digits",
    ),
    (
        "www TYPE65400 a\n",
        "7:15 TYPE65400 is known in its generic form only -- write `TYPE65400 \\# length hex` (RFC 3597, section 5)",
    ),
    (
        "$ORIGN sub\n$DATE 20260101\n",
        "7:1 `$ORIGN` is not a directive that is known -- did you mean `$ORIGIN`?\n8:1 `$DATE` is not a directive that is known -- these are: $ORIGIN, $TTL, $INCLUDE, $GENERATE",
    ),
    (
        "$GENERATE 1-2\n$GENERATE 2-1 a$ A 192.0.2.1\n$GENERATE 1-2 a$\n",
        "7:1 `$GENERATE` wants a range and what to make of it -- as in `$GENERATE 1-9 host-$ A 192.0.2.$`\n8:11 `2-1` is not a range -- a range is `1-9` or `1-9/2`: from, to, and the step; up to 2147483647\n9:17 the record has no type -- a record is: name, TTL, class IN, type, data",
    ),
    (
        "$GENERATE 254-300 a$ A 192.0.2.$\n$GENERATE 1-300 b$..c A 192.0.2.1\n$GENERATE 1-2 c$ MX 10\n$GENERATE 1-2 d${1,x} A 192.0.2.1\n",
        "7:24 `192.0.2.256` is not an IPv4 address -- an IPv4 address has four numbers from 0 to 255, without zeros in front\n8:17 `b1..c` is not a domain name: empty label\n9:23 MX lacks a field -- MX is a preference and a name: `MX 10 mail.example.org.`\n10:15 `${1,x}` cannot be read -- `${offset,width,base}` has a whole number, a width up to 127, and one of d, o, x, X, n, N",
    ),
    (
        "$GENERATE 0-2147483647 a$ A 192.0.2.1\n$GENERATE 0-1048576 a$ A 192.0.2.1\n",
        "7:11 the range makes 2147483648 records; 1048576 is the most -- a wildcard may do, or several smaller ranges\n8:11 the range makes 1048577 records; 1048576 is the most -- a wildcard may do, or several smaller ranges",
    ),
    (
        "$GENERATE 1-2 a${-2,1,n} A 192.0.2.1\n$GENERATE 2147483647-2147483647 a${1} A 192.0.2.1\n",
        "7:15 -1 is negative and has no nibbles -- `${offset,width,base}` has a whole number, a width up to 127, and one of d, o, x, X, n, N\n8:33 2147483647 with an offset of 1 is too large -- `${offset,width,base}` has a whole number, a width up to 127, and one of d, o, x, X, n, N",
    ),
    (
        "$TTL soon\n$ORIGIN\n$ORIGIN a..b\n",
        "7:6 `soon` is not a TTL -- write seconds, or units: `3600`, `1h30m`\n8:1 `$ORIGIN` wants one name\n9:9 `a..b` is not a domain name: empty label",
    ),
    (
        "example.net. A 192.0.2.1\nwww.example.org A 192.0.2\n",
        "8:19 `192.0.2` is not an IPv4 address -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "$INCLUDE missing\n$INCLUDE self\n$INCLUDE bad\n$INCLUDE\n",
        "7:10 cannot read the file `missing`: no such file -- an included file is looked for in the folder of the file that includes it\nself:2:10 `self` includes itself\nbad:2:7 `192.0.2` is not an IPv4 address -- A is one IPv4 address: `A 192.0.2.1`\n10:1 `$INCLUDE` wants a file, and an origin if any",
    ),
    (
        "$INCLUDE deep1\n",
        "deep8:1:10 files include each other more than 8 deep",
    ),
];

#[test]
fn slips_in_a_line_say_where_and_what_to_do() {
    check(SLIPS);
}

#[test]
fn long_words_are_refused() {
    check(&[
        (
            &format!("www TXT {}\n", "a".repeat(256)),
            "7:9 a string has more than 255 octets -- TXT is one or more strings of at most 255 octets, in quotes if they hold blanks",
        ),
        (
            &format!("{} A 192.0.2.1\n", "a".repeat(64)),
            "7:1 `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` is not a domain name: label longer than 63 octets",
        ),
    ]);
}

#[test]
fn faults_of_the_zone_are_all_told() {
    check(&[
        (
            "@ SOA ns mail 2 3 4 5 6\n",
            "7:0 a second SOA at `example.org` -- a zone has one SOA",
        ),
        (
            "www SOA ns mail 2 3 4 5 6\n",
            "7:0 SOA at `www.example.org`, which is not the apex `example.org` -- a zone has one SOA, at its apex; is a dot missing at the end of the name?",
        ),
        (
            "www CNAME a\nwww CNAME b\n",
            "8:0 a second CNAME at `www.example.org` -- a name has at most one CNAME",
        ),
        (
            "www CNAME a\nweb A 192.0.2.1\nwww A 192.0.2.1\n",
            "9:0 CNAME and other data at `www.example.org` -- a name with a CNAME holds nothing else (RFC 1034, 3.6.2)",
        ),
        (
            "www A 192.0.2.1\n$INCLUDE cname\n",
            "cname:1:0 CNAME and other data at `www.example.org` -- a name with a CNAME holds nothing else (RFC 1034, 3.6.2)",
        ),
        (
            "sub DNAME a.\nsub DNAME b.\n",
            "8:0 a second DNAME at `sub.example.org` -- a name has at most one DNAME (RFC 6672, 2.4)",
        ),
        (
            "x.y.sub A 192.0.2.1\nsub DNAME a.\n",
            "7:0 `x.y.sub.example.org` lies below a DNAME -- a DNAME takes the whole subtree below it (RFC 6672, 2.4)",
        ),
        (
            "sub DNAME a.\nsub NS a.\n",
            "7:0 DNAME at the delegation `sub.example.org` -- a subtree is either delegated or aliased (RFC 6672, 2.3)",
        ),
        (
            "* NS a.\n*.sub DNAME a.\n",
            "7:0 NS or DNAME at the wildcard `*.example.org` -- they have no defined meaning there (RFC 4592, 4.2 and 4.4)\n8:0 NS or DNAME at the wildcard `*.sub.example.org` -- they have no defined meaning there (RFC 4592, 4.2 and 4.4)",
        ),
    ]);
}

#[test]
fn steered_names_must_be_the_zones_own() {
    let text = format!("{HEAD}www A 192.0.2.1\nsub NS ns\nalias DNAME a.\nweb CNAME www\n");
    let steered = [
        "www.example.org",
        "web.example.org",
        "sub.example.org",
        "a.sub.example.org",
        "a.alias.example.org",
        "www.example.net",
        "ok.example.org",
        "OK.example.org",
    ];
    let found = errors(text.as_bytes(), &steered);
    let expected = [
        "0:0 steered name `www.example.net` is outside the zone `example.org` -- it belongs to another zone",
        "0:0 `OK.example.org` is steered twice -- a hostname belongs to one service",
        "0:0 steered name `a.sub.example.org` lies at or below a delegation -- other servers answer there: take the name away, or the delegation or DNAME above",
        "0:0 steered name `a.alias.example.org` lies below a DNAME -- other servers answer there: take the name away, or the delegation or DNAME above",
        "7:0 `www.example.org` is steered and has a static A as well -- remove the record here, or the name from the service's `hostnames`",
        "8:0 steered name `sub.example.org` lies at or below a delegation -- other servers answer there: take the name away, or the delegation or DNAME above",
        "10:0 `web.example.org` is steered and has a static CNAME as well -- remove the record here, or the name from the service's `hostnames`",
    ];
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn files_without_a_zone_say_so() {
    for (text, expected) in [
        (
            "",
            "0:0 no SOA for `example.org` -- begin with `@ SOA primary mailbox serial refresh retry expire minimum`\n0:0 no NS at the apex `example.org` -- name the zone's servers: `@ NS ns1.example.org.`",
        ),
        (
            "www A 192.0.2.1\n",
            "1:5 the record has no TTL, and there is none before it -- write `$TTL 3600` at the top of the file",
        ),
        (
            "  A 192.0.2.1\n",
            "1:1 there is no owner name to continue -- a line that begins with a blank means the name before it",
        ),
        (
            "@ NS a.\n",
            "1:3 the record has no TTL, and there is none before it -- write `$TTL 3600` at the top of the file",
        ),
        (
            "@ 60 SOA a. b. 1 2 3 4\n",
            "1:23 SOA lacks a field -- SOA is primary, mailbox, serial, refresh, retry, expire and minimum; in parentheses if on several lines",
        ),
    ] {
        let found = errors(text.as_bytes(), &[]);
        assert_eq!(found, expected, "{text}");
    }
}

/// Slips from which much follows: of that, nothing is told. What has errors of its own is.
const CAUSES: &[(&str, &str)] = &[
    // An owner that cannot be read.
    (
        "$TTL 60\n@ SOA ns mail 1 2 3 4 5\n  NS ns\na..b A 192.0.2.1\n TXT below\n MX ten mail\n",
        "4:1 `a..b` is not a domain name: empty label\n6:5 `ten` is not a number that fits here -- MX is a preference and a name: `MX 10 mail.example.org.`",
    ),
    // The line that would have had the TTL, and the SOA.
    (
        "@ SOA ns mail 1 2 3 4\n  NS ns\nwww A 192.0.2.1\nweb A 192.0.2\n",
        "1:22 SOA lacks a field -- SOA is primary, mailbox, serial, refresh, retry, expire and minimum; in parentheses if on several lines\n4:7 `192.0.2` is not an IPv4 address -- A is one IPv4 address: `A 192.0.2.1`",
    ),
    (
        "$TTL soon\n@ NS ns\nwww A 192.0.2.1\n@ SOA ns mail 1 2 3 4 5\n",
        "1:6 `soon` is not a TTL -- write seconds, or units: `3600`, `1h30m`",
    ),
    (
        "$INCLUDE missing\n  NS ns\nwww A 192.0.2.1\nweb A 192.0.2.1\n",
        "1:10 cannot read the file `missing`: no such file -- an included file is looked for in the folder of the file that includes it\n2:1 there is no owner name to continue -- a line that begins with a blank means the name before it",
    ),
    (
        "@ NS ns\nwww A 192.0.2.1\nweb A 192.0.2.1\n@ SOA ns mail 1 2 3 4 5\n",
        "1:3 the record has no TTL, and there is none before it -- write `$TTL 3600` at the top of the file",
    ),
    // Parentheses.
    (
        "@ SOA ns mail ( 1 2 3 4 5\n  NS ns\nwww A 192.0.2.1\n",
        "1:15 `(` is never closed -- close it with `)` behind the last field",
    ),
    (
        "@ SOA ns mail (\n  1 2 3 4 5\n@ NS ns\nwww TXT ( \"a\"\n  \"b\" )\nweb A 192.0.2.1\n",
        "1:15 `(` is never closed -- close it with `)` behind the last field",
    ),
    (
        "@ SOA ns mail 1 2 3 4 5 )\n  NS ns\nwww A 192.0.2.1\n",
        "1:25 `)` without `(` -- a text with a parenthesis or semicolon in it belongs in quotes",
    ),
    // A quote, with others behind it.
    (
        "$TTL 60\nwww TXT \"open\nweb TXT \"x\" \"y\"\n  TXT \"v=spf1 -all\"\n@ SOA ns mail 1 2 3 4 5\n  NS ns\n",
        "2:9 the quoted string does not end on its line -- close it with `\"`",
    ),
    (
        "$TTL 60\nwww TXT \"open\nweb TXT \" x\"\nw TXT \"v\"\n@ SOA ns mail 1 2 3 4 5\n  NS ns\n",
        "2:9 the quoted string does not end on its line -- close it with `\"`",
    ),
    (
        "$TTL 60\nwww TXT ( \"open\n  \"b\" )\n@ SOA ns mail 1 2 3 4 5\n  NS ns\n",
        "2:11 the quoted string does not end on its line -- close it with `\"`",
    ),
    // An origin, a zone, or a name in the config that is another.
    (
        "$TTL 60\n$ORIGIN exmaple.org.\n@ SOA ns mail 1 2 3 4 5\n  NS ns\nwww A 192.0.2.1\n",
        "2:9 no SOA for `example.org`: all 3 records of the file are outside that zone -- is `$ORIGIN` right, and the zone's name in the config?",
    ),
    (
        "$TTL 60\nexample.com. SOA ns mail 1 2 3 4 5\n",
        "2:1 no SOA for `example.org`: the only record of the file is outside that zone -- is `$ORIGIN` right, and the zone's name in the config?",
    ),
    (
        "$TTL 60\nexample.com. SOA ns mail 1 2 3 4 5\n  NS ns\nwww A 192.0.2.1\n",
        "2:1 no SOA for `example.org`: this one is that of `example.com`, outside that zone -- is `$ORIGIN` right, and the zone's name in the config?",
    ),
    (
        "$TTL 60\n$ORIGIN example.org\n@ SOA ns mail 1 2 3 4 5\n  NS ns\nwww A 192.0.2.1\n",
        "3:0 SOA at `example.org.example.org`, which is not the apex `example.org` -- a zone has one SOA, at its apex; is a dot missing at the end of the name?",
    ),
    (
        "$ORIGN exmaple.org.\n@ 60 SOA ns mail 1 2 3 4 5\n  NS ns\nwww CNAME web\nwww CNAME web2\n",
        "1:1 `$ORIGN` is not a directive that is known -- did you mean `$ORIGIN`?",
    ),
    // What is no master file at all.
    (
        "PK\u{3}\u{4}\u{0}\u{0}\nx y z\n",
        "1:1 the file is not text -- a zone in BIND's raw format becomes text by `named-compilezone -f raw -F text`",
    ),
];

#[test]
fn consequences_are_not_told() {
    for (text, expected) in CAUSES {
        assert_eq!(errors(text.as_bytes(), &[]), *expected, "{text}");
    }
    let utf16: Vec<u8> = "\u{feff}@ SOA"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let expected = "1:1 the file is UTF-16 text -- save it as UTF-8, or in ASCII";
    assert_eq!(errors(&utf16, &[]), expected);
}

/// A zone that cannot be read says nothing of the names that are steered in it.
#[test]
fn steered_names_are_silent_when_the_zone_has_errors() {
    let steered = ["www.example.org", "sub.example.org", "example.net"];
    let text = "$TTL 60\n@ SOA ns mail 1 2 3 4\nwww A 192.0.2.1\nsub NS a.\n";
    let found = errors(text.as_bytes(), &steered);
    assert!(found.starts_with("2:22 SOA lacks a field"), "{found}");
    assert_eq!(found.lines().count(), 1);
    let text = "$TTL 60\n$ORIGIN exmaple.org.\n@ SOA ns mail 1 2 3 4 5\nwww A 192.0.2.1\n";
    let found = errors(text.as_bytes(), &steered);
    assert!(found.starts_with("2:9 no SOA for `example.org`"), "{found}");
    assert_eq!(found.lines().count(), 1);
}

#[test]
fn doubts_are_warnings() {
    let text = format!(
        "{HEAD}www.example.org A 192.0.2.1\nweb CNAME www.Example.org\na A 192.0.2.1\na 60 A 192.0.2.2\n"
    );
    let loaded = read(text.as_bytes(), &[]);
    assert!(loaded.zone.is_ok());
    let found = shown(&loaded.warnings);
    let expected = [
        "7:1 `www.example.org` has no dot at its end -- it means `www.example.org.example.org.`; write `www.example.org.` if that is not meant",
        "8:11 `www.Example.org` has no dot at its end -- it means `www.Example.org.example.org.`; write `www.Example.org.` if that is not meant",
        "9:0 the A records at `a.example.org` differ in TTL; 60 is used for all -- give the records of one name and type one TTL (RFC 2181, 5.2)",
        "6:0 `example.org` has one name server only -- name at least two, in different networks (RFC 2182, section 5)",
        "6:0 the NS target `ns.example.org` of `example.org` has no address -- add its A or AAAA record; or is the name misspelt?",
    ];
    assert_eq!(found, expected.join("\n"));
}

#[test]
fn errors_are_bounded() {
    let text = "x A (\n".repeat(5_000);
    let found = read(text.as_bytes(), &[]).zone.unwrap_err();
    assert_eq!(found.len(), 1001);
    assert_eq!(found[1000].line, 0);
}

/// No text makes the reader panic; the scanner of a library is among what reads it.
#[test]
fn mutated_files_are_read_or_refused() {
    const TEXT: &str = "www A 192.0.2.1\n\
        a TXT \"b;c\" d\\\"e \"\"\nm MX 10 m\ns SRV 1 2 3 h\nc CAA 0 issue \"ca\"\n\
        h HTTPS 1 . alpn=h2 port=\"443\"\nn NAPTR 1 2 u sip !.*!x! .\nt TLSA 3 1 1 00ff\n\
        g TYPE65400 \\# 3 aBcDeF\nd DS 1 8 2 00\nk DNSKEY 256 3 8 AAEC\nx HINFO PC \"a b\"\n\
        e NSEC f A RRSIG\ni SSHFP 4 2 00 ff\n$GENERATE 1-3/2 j${0,3,n}$$ TXT \"\\\"a $\\\" b\"\n\
        \"q\" TXT \"over\nthe end\" x\"y\"\n$INCLUDE cname sub\nfar.example. A 192.0.2.1\n";
    const BYTES: &[u8] = b"\"\\();.@$#\n\r\t =,a0\x00\x7f\xc3";
    let good = format!("{HEAD}{TEXT}");
    assert_eq!(errors(good.as_bytes(), &[]), "");
    let (mut draws, mut refused) = (Draws::from_seed(1), 0);
    let mut below = |bound: usize| usize::try_from(draws.below(bound as u64)).unwrap();
    for _ in 0..3000 {
        let mut text = good.clone().into_bytes();
        for _ in 0..=below(4) {
            let (at, byte) = (below(text.len()), BYTES[below(BYTES.len())]);
            match below(3) {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        refused += usize::from(read(&text, &[]).zone.is_err());
        let _ = master::includes(&text);
    }
    assert!((500..3000).contains(&refused), "{refused} refused");
}
