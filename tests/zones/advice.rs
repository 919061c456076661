//! What a zone says that cannot work: each rule with what must be told, and what is right beside it.
//!
//! Every case is also put before `named-checkzone`, `kzonecheck` and `nsd-checkzone`: where not all
//! of them refuse a zone, it is served here as well, and the advice is no more than a warning.
use std::process::{Command, Stdio};

use waypost::base::limits::ZONE_ADVICE;
use waypost::dns::Name;
use waypost::dns::master::{self, Loaded};

/// In front of each text: eight lines.
const HEAD: &str = "$TTL 300
@ IN SOA ns1 mail 1 3600 600 604800 60
@ NS ns1
@ NS ns2
ns1 A 192.0.2.1
ns2 AAAA 2001:db8::2
www A 192.0.2.3
alias CNAME www
";

/// How the three programs are called; each takes the file last.
const CHECKERS: [&[&str]; 3] = [
    &["named-checkzone", "-q", "example.org"],
    &["kzonecheck", "-o", "example.org"],
    &["nsd-checkzone", "example.org"],
];

fn read(text: &str, steered: &[&str]) -> Loaded {
    let steered = steered.iter().map(|name| (Name::parse(name).unwrap(), 1));
    let mounts: Vec<_> = steered.collect();
    let include = |_: &str| Err("nothing is included".to_owned());
    let apex = Name::parse("example.org").unwrap();
    master::read(&apex, text.as_bytes(), &include, &mounts)
}

/// Line and message of each warning; a zone that is refused fails the test.
fn advice(text: &str, steered: &[&str]) -> String {
    let loaded = read(text, steered);
    assert!(loaded.zone.is_ok(), "{text}: {:?}", loaded.zone.err());
    let told = loaded.warnings.iter().map(|one| {
        assert!(one.help.is_some(), "{}", one.message);
        assert_eq!(one.column, 0, "the whole line is meant");
        format!("{} {}", one.line, one.message)
    });
    told.collect::<Vec<_>>().join("\n")
}

/// Lines behind [`HEAD`], and what is said of them.
const CASES: &[(&str, &str)] = &[
    // Name servers of the zone.
    (
        "@ NS ns3\n",
        "9 the NS target `ns3.example.org` of `example.org` has no address",
    ),
    (
        "@ NS ns3\nns3 TXT a\n",
        "9 the NS target `ns3.example.org` of `example.org` has no address",
    ),
    (
        "@ NS alias\n",
        "9 the NS target `alias.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ NS a.d\nd DNAME example.net.\n",
        "9 the NS target `a.d.example.org` of `example.org` lies below a DNAME",
    ),
    ("@ NS a.w\n*.w A 192.0.2.9\n", ""),
    (
        "@ NS a.w\n*.w CNAME www\n",
        "9 the NS target `a.w.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ NS 192.0.2.7\n",
        "9 the NS target `192.0.2.7.example.org` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS 192.0.2.7.\n",
        "9 the NS target `192.0.2.7` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS 2001:db8::7\n",
        "9 the NS target `2001:db8::7.example.org` of `example.org` is an address, taken for a name",
    ),
    (
        "@ NS ns.example.net.\n@ NS .\n@ NS 1.2.3.host\nhost.example.org. A 192.0.2.1\n1.2.3.host A 192.0.2.1\n",
        "",
    ),
    // Delegations.
    (
        "sub NS ns.sub\nsub NS ns.example.net.\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS ns.sub\nsub NS ns2.sub\nns2.sub A 192.0.2.9\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    ("sub NS sub\nsub A 192.0.2.9\n", ""),
    (
        "sub NS SUB\n",
        "9 the NS target `SUB.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS ns.sub\n*.sub A 192.0.2.9\n",
        "9 the NS target `ns.sub.example.org` of `sub.example.org` has no address: the delegation lacks glue",
    ),
    (
        "sub NS host\n",
        "9 the NS target `host.example.org` of `sub.example.org` has no address",
    ),
    (
        "sub NS alias\n",
        "9 the NS target `alias.example.org` of `sub.example.org` is an alias (CNAME)",
    ),
    ("sub NS ns.sib\nsib NS ns.example.net.\n", ""),
    ("sub NS www\nsub NS ns2\n", ""),
    // Mail and services.
    (
        "@ MX 10 alias\n",
        "9 the MX target `alias.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ MX 10 gone\ngone CNAME mail.example.net.\n",
        "9 the MX target `gone.example.org` of `example.org` is an alias (CNAME)",
    ),
    (
        "@ MX 10 a.d\nd DNAME example.net.\n",
        "9 the MX target `a.d.example.org` of `example.org` lies below a DNAME",
    ),
    (
        "x MX 10 192.0.2.1\n",
        "9 the MX target `192.0.2.1.example.org` of `x.example.org` is an address, taken for a name",
    ),
    (
        "@ MX 10 192.0.2.1.\n",
        "9 the MX target `192.0.2.1` of `example.org` is an address, taken for a name",
    ),
    (
        "@ MX 10 mail\n",
        "9 the MX target `mail.example.org` of `example.org` has no address",
    ),
    (
        "@ MX 10 mail\nmail TXT a\n",
        "9 the MX target `mail.example.org` of `example.org` has no address",
    ),
    (
        "@ MX 0 .\n@ MX 10 mail.example.net.\n@ MX 10 www\n@ MX 10 ns2\n@ MX 10 m.sub\nsub NS ns.example.net.\n",
        "",
    ),
    (
        "_a._tcp SRV 0 0 80 alias\n",
        "9 the SRV target `alias.example.org` of `_a._tcp.example.org` is an alias (CNAME)",
    ),
    (
        "_a._tcp SRV 0 0 80 no\n",
        "9 the SRV target `no.example.org` of `_a._tcp.example.org` has no address",
    ),
    (
        "_a._tcp SRV 0 0 80 192.0.2.1\n",
        "9 the SRV target `192.0.2.1.example.org` of `_a._tcp.example.org` is an address, taken for a name",
    ),
    ("_a._tcp SRV 0 0 0 .\n_b._tcp SRV 0 0 80 www\n", ""),
    // Delegation signers.
    ("@ DS 1 8 250 00\n", "9 DS at the apex `example.org`"),
    (
        "www DS 1 8 250 00\n",
        "9 DS at `www.example.org`, which is no delegation",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 2 00112233\nsub DS 1 8 250 00112233\n",
        "10 the digest of the DS at `sub.example.org` is 32 octets long by its type (2), not 4",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 1 00\n",
        "10 the digest of the DS at `sub.example.org` is 20 octets long by its type (1), not 1",
    ),
    (
        "sub NS ns.example.net.\nsub DS 1 8 4 00\n",
        "10 the digest of the DS at `sub.example.org` is 48 octets long by its type (4), not 1",
    ),
    (
        "@ CDS 0 0 0 00\n@ CDS 1 8 2 00\n",
        "10 the digest of the CDS at `example.org` is 32 octets long by its type (2), not 1",
    ),
    // Other digests.
    (
        "_443._tcp TLSA 3 1 1 0011\n_444._tcp TLSA 3 1 0 0011\n",
        "9 the digest of the TLSA at `_443._tcp.example.org` is 32 octets long by its type (1), not 2",
    ),
    (
        "www SSHFP 4 2 0011\n",
        "9 the digest of the SSHFP at `www.example.org` is 32 octets long by its type (2), not 2",
    ),
];

#[test]
fn each_rule_tells_what_cannot_work() {
    assert_eq!(advice(HEAD, &[]), "");
    for (text, told) in CASES {
        assert_eq!(advice(&format!("{HEAD}{text}"), &[]), *told, "{text}");
    }
}

#[test]
fn a_zone_has_more_than_one_server() {
    let text = HEAD.replace("@ NS ns2\n", "");
    assert_eq!(
        advice(&text, &[]),
        "3 `example.org` has one name server only"
    );
    let twice = text.replace("ns1\n", "ns1\n@ NS NS1\n");
    assert_eq!(
        advice(&twice, &[]),
        "3 `example.org` has one name server only"
    );
}

#[test]
fn the_mailbox_is_a_name() {
    let with = |mailbox| advice(&HEAD.replace(" mail ", &format!(" {mailbox} ")), &[]);
    let told = |name: &str| format!("2 the mailbox `{name}` of the SOA holds an `@`");
    assert_eq!(with("user@example.org."), told(r"user\@example.org"));
    assert_eq!(
        with("user@example.org"),
        told(r"user\@example.org.example.org")
    );
    assert_eq!(
        with("first.last@example.org."),
        told(r"first.last\@example.org")
    );
    assert_eq!(with(r"first\.last.example.org."), "");
    let dotless = read(&HEAD.replace(" mail ", " mail.example.org "), &[]).warnings;
    assert_eq!(
        dotless[0].message,
        "`mail.example.org` has no dot at its end"
    );
    assert_eq!((dotless[0].line, dotless[0].column), (2, 14));
    let times = HEAD.replace("604800", "1800");
    assert_eq!(
        advice(&times, &[]),
        "2 secondaries give the zone up after 1800 seconds, and refresh it after 3600"
    );
}

#[test]
fn a_steered_name_has_addresses() {
    let text = format!("{HEAD}@ NS api\n@ MX 10 api\n_a._tcp SRV 0 0 1 api\nsub NS api\n");
    assert_eq!(advice(&text, &["api.example.org"]), "");
    assert_eq!(advice(&text, &[]).lines().count(), 4);
}

#[test]
fn what_leads_to_a_steered_name_does_not_last_for_days() {
    let steered = ["api.example.org", "example.org"];
    let told = |lines: &str| advice(&format!("{HEAD}{lines}"), &steered);
    let of = |kind: &str, owner: &str, target: &str, days: &str| {
        format!(
            "the {kind} from `{owner}.example.org` to the steered name `{target}example.org` may be kept for {days}"
        )
    };
    assert_eq!(told("a 86399 CNAME api\n"), "");
    assert_eq!(
        told("a 86400 CNAME api\n"),
        format!("9 {}", of("CNAME", "a", "api.", "a day"))
    );
    assert_eq!(
        told("a 1w CNAME @\n"),
        format!("9 {}", of("CNAME", "a", "", "7 days"))
    );
    let by_way = "a 2d CNAME b\nb CNAME c\nc CNAME api\n";
    assert_eq!(
        told(by_way),
        format!("9 {}", of("CNAME", "a", "api.", "2 days"))
    );
    assert_eq!(
        told("a 2d HTTPS 0 api\n"),
        format!("9 {}", of("HTTPS", "a", "api.", "2 days"))
    );
    assert_eq!(
        told("a 1w CNAME www\nb 1w CNAME b2\nb2 CNAME b\nc 1w A 192.0.2.1\nd 1w HTTPS 1 .\n"),
        ""
    );
    // Beside the steered name itself; what an apex has lasts.
    let beside =
        |kind| format!("9 the {kind} at the steered name `api.example.org` may be kept for 2 days");
    assert_eq!(told("api 2d TXT a\napi 2d TXT b\n"), beside("TXT"));
    assert_eq!(
        told("api 2d HTTPS 1 . ipv4hint=192.0.2.1\n"),
        beside("HTTPS")
    );
    assert_eq!(
        told("@ 2d TXT a\n@ 2d NS www\n@ 2d MX 10 www\n"),
        "3 the NS records at `example.org` differ in TTL; 300 is used for all"
    );
    assert_eq!(
        told("@ 2d HTTPS 1 .\n"),
        "9 the HTTPS at the steered name `example.org` may be kept for 2 days"
    );
}

#[test]
fn reverse_zones_have_names_that_look_like_addresses() {
    let text = "$TTL 300\n@ SOA ns.example.net. mail.example.net. 1 2 1 3 4\n@ NS ns.example.net.\n\
                @ NS 1.2.0.192\n1.2.0.192 A 192.0.2.1\n";
    let include = |_: &str| Err("nothing is included".to_owned());
    let apex = Name::parse("in-addr.arpa").unwrap();
    let loaded = master::read(&apex, text.as_bytes(), &include, &[]);
    assert!(loaded.zone.is_ok());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn advice_is_bounded() {
    let lines = (0..=2 * ZONE_ADVICE).map(|number| format!("h{number} MX 10 absent\n"));
    let text = HEAD.to_owned() + &lines.collect::<String>();
    let loaded = read(&text, &[]);
    assert_eq!(loaded.warnings.len(), ZONE_ADVICE);
    assert!(loaded.zone.is_ok());
}

/// What would be advice is not given beside errors: it may follow from them.
#[test]
fn a_zone_with_errors_gets_no_advice() {
    let loaded = read(&format!("{HEAD}@ MX 10 mail\nmail AA 192.0.2.1\n"), &[]);
    assert_eq!(loaded.zone.unwrap_err().len(), 1);
    assert!(loaded.warnings.is_empty());
    let loaded = read(
        &format!("{HEAD}@ MX 10 mail\nmail CNAME a\nmail A 192.0.2.1\n"),
        &[],
    );
    assert_eq!(loaded.zone.unwrap_err().len(), 1);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn nothing_is_refused_that_another_server_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    let (mut refused, texts) = (0, CASES.iter().map(|(text, _)| format!("{HEAD}{text}")));
    let others = [
        HEAD.replace("@ NS ns2\n", ""),
        HEAD.replace(" mail ", " user@example.org. "),
        HEAD.replace("604800", "1800"),
        format!("{HEAD}a 1w CNAME www\n"),
    ];
    for text in texts.chain(others) {
        std::fs::write(&file, &text).unwrap();
        let takes = CHECKERS.map(|words| {
            let mut command = Command::new(words[0]);
            command
                .args(&words[1..])
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().unwrap().success()
        });
        assert!(
            takes.contains(&true),
            "all of them refuse, so should we:\n{text}"
        );
        refused += usize::from(takes.contains(&false));
    }
    assert!(
        refused > 10,
        "the programs refuse {refused} of these: do they run at all?"
    );
}
