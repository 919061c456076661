//! Zones as scripts: a master file, questions, and what is found.
#![expect(clippy::unwrap_used, reason = "tests")]
use waypost::dns::Name;
use waypost::dns::master;
use waypost::dns::rr::{RrSet, rtype};
use waypost::dns::zone::{Found, Mount, Zone};

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
    master::load(&apex, text.as_bytes(), &|_| None, &mounts(steered)).unwrap()
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
