//! What a zone says that cannot work: each rule with what must be told, and what is right beside it.
//!
//! What other programs make of the cases: `tests/real/advice.rs`.
use waypost::base::limits::ZONE_ADVICE;
use waypost::dns::Name;
use waypost::dns::master::{self, Loaded};

use crate::advised::{CASES, HEAD};

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
