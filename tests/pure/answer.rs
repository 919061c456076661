//! Replies of a whole world, record by record, as another implementation reads them.
use hickory_proto::op::Message;
use waypost::answer::{Answered, Transport};
use waypost::base::Reason;
use waypost::dns::text::rcode_name;
use waypost::table::Table;

use crate::sample::{Ask, GERMAN, reply_to, table};

/// Response code and flags, then a line per record: section, record.
fn show(reply: &[u8]) -> Vec<String> {
    let message = Message::from_vec(reply).unwrap();
    let mut head = rcode_name(u16::from(reply[3] & 0x0F)).to_owned();
    for (flag, set) in [(" aa", reply[2] & 4), (" tc", reply[2] & 2)] {
        head.push_str(if set != 0 { flag } else { "" });
    }
    let mut lines = vec![head];
    for (section, records) in [
        ("an", &message.answers),
        ("ns", &message.authorities),
        ("ad", &message.additionals),
    ] {
        lines.extend(records.iter().map(|record| format!("{section} {record}")));
    }
    lines
}

fn ask(table: &Table, ask: &Ask, client: &str) -> (Answered, Vec<u8>) {
    reply_to(table, &ask.packet(), client, Transport::Udp).unwrap()
}

/// What a client in Germany is told when all is well.
fn told(question: &str) -> Vec<String> {
    show(&ask(&table(&[]), &Ask::new(question), GERMAN).1)
}

fn check(question: &str, expected: &[&str]) {
    let mut shown = told(question);
    // A long chain or the SOA is compared by its beginning.
    for (line, expected) in shown.iter_mut().zip(expected) {
        if let Some(beginning) = expected.strip_suffix('…') {
            line.truncate(beginning.len());
            line.push('…');
        }
    }
    assert_eq!(shown, expected, "{question}");
}

const SOA: &str = "ns example.org. 300 IN SOA ns1.example.org. hostmaster.example.org. 1 …";

/// What goes beside an answer that points to the mail host.
const MAIL: [&str; 2] = [
    "ad Mail.example.org. 3600 IN A 192.0.2.25",
    "ad Mail.example.org. 3600 IN AAAA 2001:db8::25",
];

#[test]
fn data_is_answered_in_the_case_of_query_and_zone() {
    let mx = "an eXample.ORG. 3600 IN MX 10 Mail.example.org.";
    check("eXample.ORG MX", &["NOERROR aa", mx, MAIL[0], MAIL[1]]);
    let srv = "an srv.example.org. 3600 IN SRV 1 2 443 Mail.example.org.";
    check(
        "srv.example.org SRV",
        &["NOERROR aa", srv, MAIL[0], MAIL[1]],
    );
    let soa = "an example.org. 3600 IN SOA ns1.example.org. …";
    check("example.org SOA", &["NOERROR aa", soa]);
    let text = "an Any.text.example.org. 3600 IN TXT from the wildcard";
    check("Any.text.example.org TXT", &["NOERROR aa", text]);
}

#[test]
fn records_take_turns_by_id() {
    let world = table(&[]);
    let mut asked = Ask::new("round.example.org A");
    for (id, first) in [(0, 31), (1, 32), (2, 33), (3, 31), (65_534, 33)] {
        asked.id = id;
        let (_, reply) = ask(&world, &asked, GERMAN);
        let lines = show(&reply);
        assert_eq!(lines.len(), 4);
        let expected = format!("an round.example.org. 3600 IN A 192.0.2.{first}");
        assert_eq!(lines[1], expected, "id {id}");
    }
}

#[test]
fn denials_carry_the_soa() {
    check("example.com A", &["REFUSED"]);
    check("nowhere.example.org A", &["NXDOMAIN aa", SOA]);
    check("below.Mail.example.org A", &["NXDOMAIN aa", SOA]);
    check("Mail.example.org TXT", &["NOERROR aa", SOA]);
    check("Mail.example.org RRSIG", &["NOERROR aa", SOA]);
    check("non.example.org A", &["NOERROR aa", SOA]);
    check("a.text.example.org A", &["NOERROR aa", SOA]);
    check("api.example.org TXT", &["NOERROR aa", SOA]);
    check("four.example.org AAAA", &["NOERROR aa", SOA]);
    check("below.api.example.org A", &["NXDOMAIN aa", SOA]);
    let capital = "ns EXAMPLE.org. 300 IN SOA …";
    check("nowhere.EXAMPLE.org A", &["NXDOMAIN aa", capital]);
}

#[test]
fn aliases_are_followed_inside_the_zone() {
    let www = "an www.example.org. 3600 IN CNAME round.example.org.";
    check("www.example.org CNAME", &["NOERROR aa", www]);
    let (first, second, third) = (
        "an round.example.org. 3600 IN A 192.0.2.31",
        "an round.example.org. 3600 IN A 192.0.2.32",
        "an round.example.org. 3600 IN A 192.0.2.33",
    );
    check(
        "www.example.org A",
        &["NOERROR aa", www, first, second, third],
    );
    let away = "an away.example.org. 3600 IN CNAME www.example.com.";
    check("away.example.org A", &["NOERROR aa", away]);
    let gone = "an gone.example.org. 3600 IN CNAME nowhere.example.org.";
    check("gone.example.org A", &["NXDOMAIN aa", gone, SOA]);
    let bare = "an bare.example.org. 3600 IN CNAME Mail.example.org.";
    check("bare.example.org TXT", &["NOERROR aa", bare, SOA]);
    let wild = "an a.wild.example.org. 3600 IN CNAME api.example.org.";
    let api = "an api.example.org. 10 IN A 192.0.2.10";
    check("a.wild.example.org A", &["NOERROR aa", wild, api]);
    let refused = "an absent.example.org. 3600 IN CNAME soft.example.org.";
    check("absent.example.org TXT", &["NOERROR aa", refused, SOA]);
}

#[test]
fn circles_and_long_chains_end_quietly() {
    let one = "an one.example.org. 3600 IN CNAME two.example.org.";
    let two = "an two.example.org. 3600 IN CNAME one.example.org.";
    check("one.example.org A", &["NOERROR aa", one, two]);
    let own = "an self.example.org. 3600 IN CNAME self.example.org.";
    check("self.example.org A", &["NOERROR aa", own]);
    let chain = told("c0.example.org A");
    assert_eq!(chain.len(), 1 + 9, "{chain:?}");
    let last = "an c8.example.org. 3600 IN CNAME c9.example.org.";
    assert_eq!(chain[9], last);
    let whole = told("c2.example.org A");
    let address = "an c10.example.org. 3600 IN A 192.0.2.40";
    assert_eq!(whole[1 + 8], address);
    let spun = "an x.spin.example.org. 3600 IN CNAME again.spin.example.org.";
    let again = "an again.spin.example.org. 3600 IN CNAME again.spin.example.org.";
    check("x.spin.example.org A", &["NOERROR aa", spun, again]);
}

#[test]
fn a_dname_that_is_met_again_stands_in_the_answer_once() {
    let ring = [
        "NOERROR aa",
        "an ring.example.org. 3600 IN DNAME …",
        "an a.ring.example.org. 3600 IN CNAME a.gnir.example.org.",
        "an gnir.example.org. 3600 IN DNAME …",
        "an a.gnir.example.org. 3600 IN CNAME a.ring.example.org.",
    ];
    check("a.ring.example.org A", &ring);
}

#[test]
fn a_dname_that_leads_below_itself_is_followed_once() {
    for (name, target) in [("grow", "more.grow"), ("own", "own")] {
        check(
            &format!("a.{name}.example.org A"),
            &[
                "NOERROR aa",
                &format!("an {name}.example.org. 3600 IN DNAME …"),
                &format!("an a.{name}.example.org. 3600 IN CNAME a.{target}.example.org."),
            ],
        );
    }
    // A CNAME may lead below itself: what is there is something else.
    let cname = "an under.example.org. 3600 IN CNAME x.under.example.org.";
    let address = "an x.under.example.org. 3600 IN A 192.0.2.83";
    check("under.example.org A", &["NOERROR aa", cname, address]);
}

#[test]
fn a_dname_makes_aliases_below_it() {
    let dname = "an old.example.org. 3600 IN DNAME …";
    let cname = "an x.old.example.org. 3600 IN CNAME x.new.example.org.";
    let address = "an x.new.example.org. 3600 IN A 192.0.2.50";
    check(
        "x.old.example.org A",
        &["NOERROR aa", dname, cname, address],
    );
    check("x.old.example.org CNAME", &["NOERROR aa", dname, cname]);
    let none = "an y.old.example.org. 3600 IN CNAME y.new.example.org.";
    check("y.old.example.org A", &["NXDOMAIN aa", dname, none, SOA]);
    check("old.example.org A", &["NOERROR aa", SOA]);
    check("old.example.org DNAME", &["NOERROR aa", dname]);
    let label = "c".repeat(63);
    let long = format!("{label}.{label}.long.example.org A");
    check(
        &long,
        &["YXDOMAIN aa", "an long.example.org. 3600 IN DNAME …"],
    );
}

#[test]
fn delegations_are_referred_with_glue() {
    let referral = [
        "NOERROR",
        "ns LAB.example.org. 3600 IN NS ns.lab.example.org.",
        "ns LAB.example.org. 3600 IN NS ns1.example.org.",
        "ns LAB.example.org. 3600 IN NS ns.example.com.",
        "ad ns.lab.example.org. 3600 IN A 192.0.2.53",
        "ad ns.lab.example.org. 3600 IN AAAA 2001:db8::53",
        "ad ns1.example.org. 3600 IN A 192.0.2.1",
    ];
    for question in ["LAB.example.org A", "x.y.LAB.example.org ANY"] {
        check(question, &referral);
    }
    let ds = told("lab.example.org DS");
    assert_eq!(ds[0], "NOERROR aa");
    assert!(
        ds[1].starts_with("an lab.example.org. 3600 IN DS"),
        "{ds:?}"
    );
    let down = told("down.example.org A");
    assert_eq!(down[0], "NOERROR aa");
    assert_eq!(down.len(), 1 + 1 + 3 + 3);
    assert!(down[2].starts_with("ns lab.example.org. 3600 IN NS"));
}

/// The additional section of an answer, each line without its TTL.
fn beside(question: &str) -> Vec<String> {
    let lines = told(question).into_iter();
    let additional = lines.filter_map(|line| Some(line.strip_prefix("ad ")?.to_owned()));
    additional
        .map(|line| line.replace(" 3600 IN", "").replace(".example.org.", ""))
        .collect()
}

#[test]
fn what_an_answer_points_to_stands_beside_it() {
    let mail = ["Mail A 192.0.2.25", "Mail AAAA 2001:db8::25"];
    let round = [
        "round A 192.0.2.31",
        "round A 192.0.2.32",
        "round A 192.0.2.33",
    ];
    let servers = ["ns1 A 192.0.2.1", "ns2 A 192.0.2.2"];
    for (question, expected) in [
        ("example.org NS", servers.to_vec()),
        ("mx.example.org MX", [&round[..], &mail].concat()),
        // Steered addresses are for one client: whoever wants them asks.
        ("mx-steered.example.org MX", vec!["ns1 A 192.0.2.1"]),
        ("four.example.org HTTPS", vec![]),
        ("mx-cut.example.org MX", vec![]),
        ("mx-alias.example.org MX", vec![]),
        (
            "mx-any.example.org MX",
            vec!["one.hosts A 192.0.2.80", "two.hosts A 192.0.2.80"],
        ),
        ("none.example.org MX", vec![]),
        ("http.example.org HTTPS", vec!["http A 192.0.2.81"]),
        ("x.hosts.example.org HTTPS", vec!["x.hosts A 192.0.2.80"]),
        ("http-none.example.org HTTPS", vec![]),
        (
            "svcb.example.org SVCB",
            vec![mail[0], mail[1], "http A 192.0.2.81"],
        ),
        (
            "naptr.example.org NAPTR",
            vec!["srv SRV 1 2 443 Mail", mail[0], mail[1]],
        ),
        // What has no target, and what is no answer.
        ("Mail.example.org A", vec![]),
        ("www.example.org CNAME", vec![]),
        ("example.org SOA", vec![]),
        ("example.org ANY", vec![]),
        ("naptr.example.org MX", vec![]),
    ] {
        assert_eq!(beside(question), expected, "{question}");
    }
    let alias = beside("http-alias.example.org HTTPS");
    assert_eq!(alias.len(), 2, "{alias:?}");
    assert_eq!(alias[0], "http A 192.0.2.81");
    assert!(alias[1].starts_with("http HTTPS 1 . "), "{alias:?}");
}

#[test]
fn records_that_take_turns_have_their_addresses_beside_them() {
    let world = table(&[]);
    let mut asked = Ask::new("mx.example.org MX").edns(1232);
    for id in 0..8 {
        asked.id = id;
        let lines = show(&ask(&world, &asked, GERMAN).1);
        let mut owners: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.strip_prefix("ad ")?.split(' ').next())
            .collect();
        owners.sort_unstable();
        owners.dedup_by_key(|owner| owner.to_ascii_lowercase());
        let owners = owners.join(" ");
        assert_eq!(owners, "Mail.example.org. round.example.org.", "id {id}");
        assert_eq!(lines.len(), 1 + 4 + 5, "{lines:?}");
    }
}

#[test]
fn addresses_beside_an_answer_go_in_as_far_as_there_is_room() {
    let world = table(&[]);
    let plain = Ask::new("crowd.example.org MX");
    for (asked, least, most) in [(plain.clone(), 1, 9), (plain.edns(1232), 10, 10)] {
        let (answered, reply) = ask(&world, &asked, GERMAN);
        let lines = show(&reply);
        assert_eq!(
            lines[0], "NOERROR aa",
            "TC is not for what is beside an answer"
        );
        assert!(!answered.truncated);
        let beside = lines.len() - 1 - 5;
        assert!((least..=most).contains(&beside), "{lines:?}");
    }
}

#[test]
fn needed_glue_that_does_not_fit_is_truncation() {
    let world = table(&[]);
    let plain = Ask::new("a.wide.example.org A");
    let (answered, reply) = ask(&world, &plain, GERMAN);
    assert!(answered.truncated && reply.len() <= 512);
    let lines = show(&reply);
    assert_eq!(lines[0], "NOERROR tc");
    assert!(lines.len() < 1 + 3 + 17, "{lines:?}");
    let (answered, reply) = ask(&world, &plain.edns(1232), GERMAN);
    assert!(!answered.truncated);
    assert_eq!(show(&reply).len(), 1 + 3 + 17);
}

#[test]
fn any_gets_one_record() {
    for name in ["api.example.org", "Mail.example.org", "example.org"] {
        let line = format!("an {name}. 3600 IN HINFO …");
        check(&format!("{name} ANY"), &["NOERROR aa", &line]);
    }
    check("nowhere.example.org ANY", &["NXDOMAIN aa", SOA]);
    check("empty.example.org ANY", &["NOERROR aa", SOA]);
    let www = "an www.example.org. 3600 IN CNAME round.example.org.";
    check("www.example.org ANY", &["NOERROR aa", www]);
}

#[test]
fn what_does_not_fit_is_truncated_whole_and_keeps_opt() {
    let world = table(&[]);
    let big = Ask::new("big.example.org TXT");
    let (answered, reply) = ask(&world, &big, GERMAN);
    assert!(answered.truncated);
    assert_eq!(show(&reply), ["NOERROR aa tc"]);
    let (answered, reply) = ask(&world, &big.clone().edns(511), GERMAN);
    assert!(answered.truncated);
    assert_eq!(reply[11], 1, "OPT is kept");
    let (answered, reply) = ask(&world, &big.edns(4096), GERMAN);
    assert!(!answered.truncated);
    assert_eq!(show(&reply).len(), 1 + 3);
    let huge = Ask::new("huge.example.org TXT").edns(4096);
    let (answered, reply) = ask(&world, &huge, GERMAN);
    assert!(answered.truncated, "{} octets", reply.len());
    let packet = huge.packet();
    let (answered, reply) = reply_to(&world, &packet, GERMAN, Transport::Tcp).unwrap();
    assert!(!answered.truncated);
    assert!(reply.len() > 1232);
}

#[test]
fn steering_follows_the_client_and_its_health() {
    let asked = Ask::new("api.example.org A");
    for (down, client, address, reason) in [
        (&[][..], GERMAN, "192.0.2.10", Reason::Preferred),
        (&["eu-one"], GERMAN, "192.0.2.20", Reason::Backup),
        (
            &["na-one", "na-two"],
            "198.51.100.7",
            "192.0.2.10",
            Reason::Failover,
        ),
        (
            &[
                "eu-one",
                "eu-backup",
                "na-one",
                "na-two",
                "ap-four",
                "af-four",
            ],
            GERMAN,
            "192.0.2.10",
            Reason::FailOpen,
        ),
    ] {
        let (answered, reply) = ask(&table(down), &asked, client);
        assert_eq!(answered.reason, reason, "{down:?}");
        assert!(answered.service.is_some() && answered.region.is_some());
        let line = show(&reply).remove(1);
        assert!(line.starts_with("an api.example.org. "), "{line}");
        assert!(line.ends_with(&format!(" IN A {address}")), "{line}");
    }
    let six = told("api.example.org AAAA");
    assert_eq!(six[1], "an api.example.org. 10 IN AAAA 2001:db8:10::10");
}

#[test]
fn a_service_may_ask_for_errors_instead() {
    let all = [
        "eu-one",
        "eu-backup",
        "na-one",
        "na-two",
        "ap-four",
        "af-four",
    ];
    let dead = table(&all);
    for (question, expected) in [
        ("hard.example.org A", &["SERVFAIL"][..]),
        ("refused.example.org A", &["SERVFAIL"]),
        (
            "hard.example.org TXT",
            &["NOERROR aa", "ns example.org. 300…"],
        ),
        (
            "soft.example.org A",
            &["NOERROR aa", "ns example.org. 10 …"],
        ),
    ] {
        let (answered, reply) = ask(&dead, &Ask::new(question), GERMAN);
        let shown = show(&reply);
        assert_eq!(shown.len(), expected.len(), "{question}: {shown:?}");
        for (line, expected) in shown.iter().zip(expected) {
            assert!(line.starts_with(expected.trim_end_matches('…')), "{line}");
        }
        let all_down = question.ends_with(" A");
        assert_eq!(answered.reason == Reason::AllDown, all_down);
    }
}

/// The scope in a reply whose last option is the client subnet with so many address octets.
fn scope(reply: &[u8], octets: usize) -> u8 {
    reply[reply.len() - octets - 1]
}

#[test]
fn the_subnet_decides_and_gets_its_scope() {
    let world = table(&[]);
    // `four` has one endpoint, so no client differs; `old-two` has one in each of two regions, both
    // without IPv6. `api` has two of one weight in Canada.
    for (question, network, prefix, least, most) in [
        ("four.example.org A", "198.51.100.0", 24, 0, 0),
        ("four.example.org AAAA", "198.51.100.0", 24, 0, 0),
        ("old-two.example.org A", "203.0.113.0", 24, 1, 24),
        ("old-two.example.org AAAA", "203.0.113.0", 24, 0, 0),
        ("api.example.org A", "198.51.100.0", 24, 24, 24),
        ("api.example.org A", "198.51.0.0", 16, 17, 32),
        ("api.example.org A", "192.0.2.0", 24, 1, 24),
        ("api.example.org AAAA", "2001:db8:2::", 48, 48, 48),
        ("api.example.org A", "2001:db8:1::", 56, 3, 48),
        ("api.example.org A", "::ffff:198.51.100.0", 120, 120, 120),
        ("api.example.org TXT", "198.51.100.0", 24, 0, 0),
        ("Mail.example.org A", "198.51.100.0", 24, 0, 0),
        ("nowhere.example.org A", "198.51.100.0", 24, 0, 0),
        ("api.example.org A", "0.0.0.0", 0, 0, 0),
    ] {
        let (_, reply) = ask(&world, &Ask::new(question).subnet(network, prefix), GERMAN);
        let scope = scope(&reply, usize::from(prefix).div_ceil(8));
        let within = (least..=most).contains(&scope);
        assert!(within, "{question} for {network}/{prefix}: {scope}");
    }
    let asked = Ask::new("api.example.org A").subnet("192.0.2.0", 24);
    let (_, reply) = ask(&world, &asked, "198.51.100.7");
    assert!(show(&reply)[1].ends_with("192.0.2.10"), "the subnet counts");
    let hidden = Ask::new("api.example.org A").subnet("0.0.0.0", 0);
    let (_, reply) = ask(&world, &hidden, GERMAN);
    assert!(show(&reply)[1].ends_with("192.0.2.10"), "the source counts");
}

#[test]
fn every_client_inside_the_scope_gets_the_same() {
    let world = table(&["eu-one"]);
    let mut draws = waypost::base::Draws::from_seed(7871);
    for round in 0..20_000 {
        let question = ["api.example.org A", "data.example.org A"][round % 2];
        let [a, b, c, d, e, f, g, h] = draws.next_u64().to_be_bytes();
        let address = format!("{a}.{b}.{c}.{d}");
        let (_, reply) = ask(&world, &Ask::new(question).subnet(&address, 32), GERMAN);
        let scope = scope(&reply, 4);
        assert!(scope <= 32);
        let inside = u32::from_be_bytes([a, b, c, d]);
        let host = u32::MAX.checked_shr(u32::from(scope)).unwrap_or(0);
        let other = (inside & !host) | (u32::from_be_bytes([e, f, g, h]) & host);
        let other = std::net::Ipv4Addr::from(other).to_string();
        let (_, again) = ask(&world, &Ask::new(question).subnet(&other, 32), GERMAN);
        let context = format!("{address} and {other} in /{scope}");
        assert_eq!(show(&reply), show(&again), "{context}");
        let ends = reply.len() - 4..;
        assert_eq!(again[again.len() - 5], reply[ends.start - 1], "{context}");
    }
}

#[test]
fn strict_services_deny_by_class_with_the_scope_of_the_class() {
    let world = table(&["eu-one", "eu-backup"]);
    let asked = Ask::new("data.example.org A").subnet("192.0.2.0", 24);
    let (answered, reply) = ask(&world, &asked, GERMAN);
    assert_eq!(answered.reason, Reason::FailOpen, "{:?}", show(&reply));
    assert!(show(&reply)[1].contains(" 192.0.2."));
    // No endpoint in Singapore has IPv6, others have.
    let asked = Ask::new("data.example.org AAAA").subnet("203.0.113.0", 24);
    let (answered, reply) = ask(&world, &asked, GERMAN);
    assert_eq!(answered.reason, Reason::Nodata, "{:?}", show(&reply));
    assert!(scope(&reply, 3) > 0);
}
