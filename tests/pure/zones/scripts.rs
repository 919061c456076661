//! Zones as scripts: a master file, questions, and what is found.
use std::sync::Arc;

use waypost::dns::Name;
use waypost::dns::master;
use waypost::dns::rr::{RrSet, rtype};
use waypost::dns::zone::{Found, Mount, Zone, Zones};

fn kind(word: &str) -> u16 {
    match word {
        "A" => rtype::A,
        "NS" => rtype::NS,
        "CNAME" => rtype::CNAME,
        "SOA" => rtype::SOA,
        "MX" => rtype::MX,
        "TXT" => rtype::TXT,
        "AAAA" => rtype::AAAA,
        "SRV" => rtype::SRV,
        "DNAME" => rtype::DNAME,
        "DS" => rtype::DS,
        "ANY" => rtype::ANY,
        number => number.parse().unwrap(),
    }
}

fn mounts(list: &[(&str, Mount)]) -> Vec<(Name, Mount)> {
    let named = |(name, mount): &(&str, Mount)| (Name::parse(name).unwrap(), *mount);
    list.iter().map(named).collect()
}

fn load(apex: &str, text: &str, steered: &[(&str, Mount)]) -> Zone {
    let apex = Name::parse(apex).unwrap();
    master::load(
        &apex,
        text.as_bytes(),
        &|_| Err(String::new()),
        &mounts(steered),
    )
    .unwrap()
}

/// What a zone says, as `answer TXT "..."`-like words: kind, owner, first record.
fn said(zone: &Zone, question: &str) -> String {
    let (name, asked) = question.split_once(' ').unwrap();
    let name = Name::parse(name).unwrap();
    let owner = |at: usize| Name::from_wire(&name.as_wire()[at..]).unwrap();
    let first = |set: RrSet<'_>| {
        assert_eq!(set.records().count(), usize::from(set.count));
        String::from_utf8_lossy(set.records().next().unwrap()).into_owned()
    };
    match zone.find(name.as_wire(), kind(asked)) {
        Found::Answer(set) => {
            assert_eq!(set.rtype, kind(asked));
            format!("answer {:?}", first(set))
        }
        Found::Cname(set) => format!("cname {:?}", first(set)),
        Found::Dname { owner: at, rrset } => format!("dname {} {:?}", owner(at), first(rrset)),
        Found::Mounted(mount) => format!("mounted {mount}"),
        Found::Referral { owner: at, ns } => format!("referral {} of {}", owner(at), ns.count),
        Found::Nodata => "nodata".to_owned(),
        Found::Nxdomain => "nxdomain".to_owned(),
    }
}

fn script(zone: &Zone, lines: &[(&str, &str)]) {
    for (question, expected) in lines {
        assert_eq!(said(zone, question), *expected, "{question}");
    }
}

/// RFC 4592, section 2.2.1: its zone and each query that it lists.
#[test]
fn wildcards_by_rfc_4592() {
    let text = "$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. host.example. 1 2 3 4 5
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   \"this is a wildcard\"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   \"this is not a wildcard\"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host1.example.
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
";
    let zone = load("example", text, &[]);
    let mx = "answer \"\\0\\n\\u{5}host1\\u{7}example\\0\"";
    let txt = "answer \"\\u{12}this is a wildcard\"";
    script(
        &zone,
        &[
            ("host3.example MX", mx),
            ("host3.example A", "nodata"),
            ("foo.bar.example TXT", txt),
            ("host1.example MX", "nodata"),
            ("sub.*.example MX", "nodata"),
            ("_telnet._tcp.host1.example SRV", "nxdomain"),
            ("host.subdel.example A", "referral subdel.example of 2"),
            ("ghost.*.example MX", "nxdomain"),
            // What follows from the same text.
            ("*.example TXT", txt),
            ("HOST3.EXAMPLE TXT", txt),
            (
                "sub.*.example TXT",
                "answer \"\\u{16}this is not a wildcard\"",
            ),
            ("_tcp.host1.example SRV", "nodata"),
            ("host2.example A", "nodata"),
            ("_tcp.host2.example TXT", "nodata"),
            ("x.host2.example TXT", "nxdomain"),
            ("subdel.example DS", "nodata"),
            ("subdel.example TXT", "referral subdel.example of 2"),
            ("SubDel.Example NS", "referral SubDel.Example of 2"),
            ("example NS", "answer \"\\u{2}ns\\u{7}example\\u{3}com\\0\""),
            ("example A", "nodata"),
            ("example.org A", "nxdomain"),
            ("org A", "nxdomain"),
        ],
    );
    assert_eq!(zone.names(), 7);
}

const HEAD: &str = "$TTL 300\n@ SOA ns mail 1 1h 2h 3w 60\n@ NS ns\nns A 192.0.2.53\n";

/// RFC 6672, section 2.2 and 2.3, with cuts and wildcards around it.
#[test]
fn dnames_by_rfc_6672() {
    let text = format!(
        "{HEAD}alias DNAME example.net.\nalias TXT own\n*.wild TXT w\ndeep.a.wild DNAME t.\n\
         cut NS ns.other.\nbelow.cut DNAME lost.\nx.below.cut A 192.0.2.9\n"
    );
    let zone = load("example.com", &text, &[]);
    let to_net = "dname alias.example.com \"\\u{7}example\\u{3}net\\0\"";
    script(
        &zone,
        &[
            ("a.alias.example.com A", to_net),
            ("a.b.c.alias.example.com DNAME", to_net),
            ("alias.example.com TXT", "answer \"\\u{3}own\""),
            ("alias.example.com A", "nodata"),
            (
                "alias.example.com DNAME",
                "answer \"\\u{7}example\\u{3}net\\0\"",
            ),
            ("alias2.example.com A", "nxdomain"),
            ("b.wild.example.com TXT", "answer \"\\u{1}w\""),
            ("a.wild.example.com TXT", "nodata"),
            (
                "x.deep.a.wild.example.com A",
                "dname deep.a.wild.example.com \"\\u{1}t\\0\"",
            ),
            ("x.below.cut.example.com A", "referral cut.example.com of 1"),
        ],
    );
    let whole = load(
        "example.com",
        "@ 60 SOA a. b. 1 2 3 4 5\n@ 60 NS a.\n@ 60 DNAME n.\n",
        &[],
    );
    script(
        &whole,
        &[
            ("a.b.example.com A", "dname example.com \"\\u{1}n\\0\""),
            ("example.com DNAME", "answer \"\\u{1}n\\0\""),
        ],
    );
}

#[test]
fn cuts_hide_what_is_below() {
    let text = format!(
        "{HEAD}sub NS ns.sub\nsub NS ns\nsub DS 1 8 2 00\nns.sub A 192.0.2.1\nns.sub AAAA 2001:db8::1\n\
         lower.sub NS ns.lower.sub\n*.sub A 192.0.2.2\nother NS ns\n"
    );
    let zone = load("example.org", &text, &[]);
    script(
        &zone,
        &[
            ("sub.example.org A", "referral sub.example.org of 2"),
            ("sub.example.org ANY", "referral sub.example.org of 2"),
            ("ns.sub.example.org A", "referral sub.example.org of 2"),
            ("x.lower.sub.example.org A", "referral sub.example.org of 2"),
            ("x.sub.example.org DS", "referral sub.example.org of 2"),
            ("sub.example.org DS", "answer \"\\0\\u{1}\\u{8}\\u{2}\\0\""),
            ("other.example.org DS", "nodata"),
            ("example.org DS", "nodata"),
        ],
    );
    let [v4, v6] = zone.addresses(Name::parse("NS.sub.example.org").unwrap().as_wire());
    let first = |set: Option<RrSet<'_>>| set.unwrap().records().next().unwrap().to_vec();
    assert_eq!(first(v4), [192, 0, 2, 1]);
    assert_eq!(first(v6)[..4], [0x20, 1, 0xd, 0xb8]);
    let none = ["x.sub.example.org", "sub.example.org", "example.net", "."];
    for name in none {
        let name = Name::parse(name).unwrap();
        assert_eq!(zone.addresses(name.as_wire()), [None, None], "{name}");
    }
}

#[test]
fn mounts_answer_what_the_file_does_not() {
    let text = format!("{HEAD}@ MX 10 mail\nwww TXT t\n*.any CNAME www\n");
    let zone = load(
        "example.org",
        &text,
        &[
            ("example.org", 3),
            ("www.example.org", 4),
            ("a.ent.example.org", 5),
            ("*.apps.example.org", 6),
        ],
    );
    let alias = "cname \"\\u{3}www\\u{7}example\\u{3}org\\0\"";
    script(
        &zone,
        &[
            ("example.org A", "mounted 3"),
            ("Example.Org AAAA", "mounted 3"),
            ("example.org ANY", "mounted 3"),
            (
                "example.org MX",
                "answer \"\\0\\n\\u{4}mail\\u{7}example\\u{3}org\\0\"",
            ),
            (
                "example.org NS",
                "answer \"\\u{2}ns\\u{7}example\\u{3}org\\0\"",
            ),
            ("www.example.org TXT", "answer \"\\u{1}t\""),
            ("www.example.org MX", "mounted 4"),
            ("x.www.example.org A", "nxdomain"),
            ("a.ent.example.org AAAA", "mounted 5"),
            ("ent.example.org A", "nodata"),
            ("b.ent.example.org A", "nxdomain"),
            ("one.apps.example.org A", "mounted 6"),
            ("two.one.apps.example.org A", "mounted 6"),
            ("*.apps.example.org A", "mounted 6"),
            ("apps.example.org A", "nodata"),
            ("x.any.example.org A", alias),
            ("x.any.example.org CNAME", &alias.replace("cname", "answer")),
            ("y.x.any.example.org MX", alias),
            ("any.example.org CNAME", "nodata"),
        ],
    );
    // The apex, ns, www, *.any and the two further mounts.
    assert_eq!(zone.names(), 6);
}

#[test]
fn deepest_names_are_reached() {
    let deepest = format!("{}a.", "a.".repeat(126));
    let zone = load(
        ".",
        &format!("{HEAD}{deepest} A 192.0.2.1\n*.b A 192.0.2.2\n"),
        &[],
    );
    let found = |name: &str, what: &str| assert_eq!(said(&zone, name), what, "{name}");
    found(
        &format!("{deepest} A"),
        "answer \"\u{fffd}\\0\\u{2}\\u{1}\"",
    );
    found(&format!("{} A", &deepest[2..]), "nodata");
    found(
        &format!("{}b. A", "z.".repeat(126)),
        "answer \"\u{fffd}\\0\\u{2}\\u{2}\"",
    );
    found(&format!("b.{} A", &deepest[2..]), "nxdomain");
    assert_eq!(said(&zone, ". NS"), "answer \"\\u{2}ns\\0\"");
    for name in [&b""[..], b"\x01", b"\x01a", b"\x3F", b"\0\0", &[1; 300]] {
        let found = zone.find(name, rtype::A);
        assert!(matches!(found, Found::Nxdomain), "{name:?} gives {found:?}");
        assert_eq!(zone.addresses(name), [None, None]);
    }
}

#[test]
fn denials_carry_the_lower_ttl() {
    for (soa, ttl) in [("3600", 60), ("30", 30)] {
        let text = format!("@ {soa} SOA ns mail 1 1h 2h 3w 1m\n@ {soa} NS ns\n");
        let zone = load("Example.ORG", &text, &[]);
        let set = zone.denial_soa();
        assert_eq!((set.rtype, set.ttl, set.count), (rtype::SOA, ttl, 1));
        let rdata = set.records().next().unwrap();
        let numbers = [1, 3600, 7200, 1_814_400, 60_u32]
            .map(u32::to_be_bytes)
            .concat();
        assert!(rdata.ends_with(&numbers), "{rdata:?}");
        assert!(rdata.starts_with(b"\x02ns\x07Example\x03ORG\0"));
        assert_eq!(zone.apex().to_string(), "Example.ORG");
    }
}

#[test]
fn zones_are_found_by_longest_apex() {
    let apexes = ["example.org", "SUB.example.org", "a.b.c.example.net", "net"];
    let zones = apexes.map(|apex| Arc::new(load(apex, HEAD, &[])));
    let zones = Zones::new(zones.to_vec());
    for (name, kind, apex) in [
        ("example.org", rtype::A, Some(("example.org", 0))),
        ("www.Example.org", rtype::A, Some(("example.org", 4))),
        (
            "www.sub.example.org",
            rtype::A,
            Some(("SUB.example.org", 4)),
        ),
        ("sub.example.org", rtype::A, Some(("SUB.example.org", 0))),
        ("sub.example.org", rtype::DS, Some(("example.org", 4))),
        (
            "www.sub.example.org",
            rtype::DS,
            Some(("SUB.example.org", 4)),
        ),
        ("example.org", rtype::DS, Some(("example.org", 0))),
        ("a.b.c.example.net", rtype::DS, Some(("net", 14))),
        ("x.b.c.example.net", rtype::A, Some(("net", 14))),
        (
            "1.2.3.a.b.c.example.net",
            rtype::A,
            Some(("a.b.c.example.net", 6)),
        ),
        ("org", rtype::A, None),
        (".", rtype::A, None),
        ("xexample.org", rtype::A, None),
    ] {
        let wire = Name::parse(name).unwrap();
        let found = zones.find(wire.as_wire(), kind);
        let found = found.map(|(zone, at)| (zone.apex().to_string(), at));
        let apex = apex.map(|(name, at)| (name.to_owned(), at));
        assert_eq!(found, apex, "{name} {kind}");
    }
    assert!(Zones::default().find(b"\x03org\0", rtype::A).is_none());
    assert!(zones.find(&[1; 300], rtype::A).is_none());
    let root = Zones::new(vec![Arc::new(load(".", HEAD, &[]))]);
    assert_eq!(root.find(b"\x03org\0", rtype::A).unwrap().1, 4);
    assert_eq!(root.find(b"\0", rtype::DS).unwrap().1, 0);
}
