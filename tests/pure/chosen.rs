//! Records that follow the choice, and steered wildcards: what clients are told, and for how long and how many.
use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::Record;
use waypost::answer::Transport;
use waypost::audit::compare::compare;
use waypost::audit::verify::{Verdict, verify};
use waypost::base::{Moment, Reason};
use waypost::dns::Name;
use waypost::dns::rr::{DetachedSet, rcode, rtype};
use waypost::dns::text::type_number;
use waypost::plan::ChosenRecords;
use waypost::table::Table;
use waypost::table::explain::{Question, explain};

use crate::records::{ALL, CANADIAN, SINGAPOREAN, compile, table};
use crate::sample::{Ask, GERMAN, reply_to};

/// The records of a section, without their class.
fn shown(records: &[Record]) -> Vec<String> {
    let lines = records.iter().map(ToString::to_string);
    lines.map(|line| line.replace(" IN ", " ")).collect()
}

fn ask(table: &Table, question: &str, client: &str) -> Message {
    let packet = Ask::new(question).packet();
    let (_, reply) = reply_to(table, &packet, client, Transport::Tcp).unwrap();
    Message::from_vec(&reply).unwrap()
}

fn answers(table: &Table, question: &str, client: &str) -> Vec<String> {
    shown(&ask(table, question, client).answers)
}

/// The ECS scope of the answer to a client's network.
fn scope(table: &Table, question: &str, network: &str) -> u8 {
    let packet = Ask::new(question).subnet(network, 24).packet();
    let (_, reply) = reply_to(table, &packet, "192.0.2.1", Transport::Tcp).unwrap();
    // The last option is the subnet: family, source prefix, scope, three octets.
    reply[reply.len() - 4]
}

#[test]
fn a_type_follows_the_choice_of_region_and_endpoint() {
    let well = table(&[]);
    let eu = ["www.example.org. 10 TXT eu"];
    assert_eq!(answers(&well, "www.example.org TXT", GERMAN), eu);
    let none: [&str; 0] = [];
    assert_eq!(answers(&well, "www.example.org TXT", CANADIAN), none);
    let backup = table(&["eu-one"]);
    let two = answers(&backup, "www.example.org TXT", GERMAN);
    assert_eq!(
        two,
        [
            "www.example.org. 10 TXT eu two",
            "www.example.org. 10 TXT two"
        ]
    );
    let away = table(&["eu-one", "eu-two"]);
    let found = answers(&away, "www.example.org TXT", GERMAN);
    assert_eq!(found, none, "the next region has none");
    let open = table(&ALL);
    assert_eq!(
        answers(&open, "www.example.org TXT", GERMAN).len(),
        1,
        "fail-open"
    );
}

#[test]
fn a_denial_of_the_choice_is_no_denial_of_the_name_and_lasts_no_longer() {
    let reply = ask(&table(&[]), "www.example.org TXT", CANADIAN);
    let soa = shown(&reply.authorities);
    assert!(soa[0].starts_with("example.org. 10 SOA"), "{soa:?}");
    let never = ask(&table(&[]), "www.example.org CAA", CANADIAN);
    let soa = shown(&never.authorities);
    assert!(soa[0].starts_with("example.org. 300 SOA"), "{soa:?}");
}

#[test]
fn hints_are_the_addresses_of_the_choice() {
    let well = table(&[]);
    let https = |table: &Table, client| {
        let found = answers(table, "www.example.org HTTPS", client);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[1].contains("2 other.example.org. alpn=h2"),
            "{found:?}"
        );
        assert!(!found[1].contains("hint"), "{found:?}");
        found[0].replace([',', ' '], "")
    };
    let german = https(&well, GERMAN);
    assert!(german.contains("ipv4hint=192.0.2.10"), "{german}");
    assert!(german.contains("ipv6hint=2001:db8:10::10"), "{german}");
    let canadian = https(&well, CANADIAN);
    assert!(
        canadian.contains("198.51.100.10198.51.100.11"),
        "{canadian}"
    );
    assert!(!canadian.contains("192.0.2.10"), "{canadian}");
    let singapore = https(&well, SINGAPOREAN);
    assert!(singapore.contains("203.0.113.10") && !singapore.contains("ipv6hint"));
    let half = https(&table(&["na-two"]), CANADIAN);
    assert!(half.contains("198.51.100.10") && !half.contains("198.51.100.11"));
    assert!(half.contains("2001:db8:20::10"), "{half}");
}

#[test]
fn targets_have_their_addresses_beside_them_steered_ones_too() {
    let well = table(&[]);
    let reply = ask(&well, "www.example.org SRV", GERMAN);
    let srv = shown(&reply.answers);
    assert_eq!(
        srv,
        [
            "www.example.org. 10 SRV 1 2 443 round.example.org.",
            "www.example.org. 10 SRV 2 2 443 four.example.org.",
        ]
    );
    assert_eq!(
        shown(&reply.additionals),
        [
            "round.example.org. 3600 A 192.0.2.31",
            "round.example.org. 3600 A 192.0.2.32",
            "four.example.org. 10 A 192.0.2.10",
            "four.example.org. 10 AAAA 2001:db8:10::10",
        ]
    );
    let far = answers(&well, "www.example.org SRV", CANADIAN);
    assert_eq!(far, ["www.example.org. 10 SRV 1 2 443 far.example.net."]);
    let mail = ask(&well, "www.example.org MX", CANADIAN);
    assert_eq!(
        shown(&mail.answers),
        ["www.example.org. 10 MX 10 Round.example.org."]
    );
    assert_eq!(mail.additionals.len(), 2);
}

#[test]
fn a_name_in_place_of_addresses_is_given_for_every_type() {
    let well = table(&[]);
    let alias = "mixed.example.org. 10 CNAME round.example.org.";
    for (kind, count) in [("A", 3), ("AAAA", 1), ("TXT", 2), ("CNAME", 1), ("CAA", 1)] {
        let found = answers(&well, &format!("mixed.example.org {kind}"), CANADIAN);
        assert_eq!(found[0], alias, "{kind}");
        assert_eq!(found.len(), count, "{kind}: {found:?}");
    }
    let german = |kind| answers(&well, &format!("mixed.example.org {kind}"), GERMAN);
    assert_eq!(german("A"), ["mixed.example.org. 10 A 192.0.2.10"]);
    assert_eq!(german("TXT"), ["mixed.example.org. 10 TXT here"]);
    assert!(german("CNAME").is_empty() && german("CAA").is_empty());
    let chain = answers(&well, "to-mixed.example.org A", CANADIAN);
    assert_eq!(chain.len(), 4, "{chain:?}");
    assert_eq!(chain[1], alias);
}

#[test]
fn chains_of_steered_names_end_and_have_the_narrowest_scope() {
    let well = table(&[]);
    let german = answers(&well, "named.example.org A", GERMAN);
    let named = "named.example.org. 10 CNAME mixed.example.org.";
    assert_eq!(german, [named, "mixed.example.org. 10 A 192.0.2.10"]);
    let backup = answers(&table(&["eu-one"]), "named.example.org A", GERMAN);
    assert_eq!(backup, ["named.example.org. 10 CNAME edge.example.net."]);
    let circle = answers(&well, "ring.example.org A", SINGAPOREAN);
    assert_eq!(
        circle,
        [
            "ring.example.org. 10 CNAME named.example.org.",
            "named.example.org. 10 CNAME ring.example.org.",
        ]
    );
    // Two endpoints of one tier: cohorts differ, so the answer holds for a /24 at most.
    assert_eq!(scope(&well, "www.example.org A", "198.51.100.0"), 24);
    for question in [
        "mixed.example.org A",
        "mixed.example.org CAA",
        "to-mixed.example.org A",
    ] {
        assert!(scope(&well, question, "198.51.100.0") > 0, "{question}");
    }
    let chained = scope(&well, "named.example.org A", "192.0.2.0");
    assert!(chained >= scope(&well, "mixed.example.org A", "192.0.2.0"));
    assert_eq!(scope(&well, "wide.example.org A", "198.51.100.0"), 0);
    assert_eq!(scope(&well, "narrow.example.org A", "198.51.100.0"), 24);
    assert_eq!(
        scope(&well, "www.example.org CAA", "192.0.2.0"),
        0,
        "nobody has it"
    );
}

#[test]
fn nothing_is_said_of_a_name_where_nothing_is_healthy_and_that_is_asked_for() {
    let dead = table(&ALL);
    for kind in ["A", "TXT", "CNAME"] {
        let reply = ask(&dead, &format!("named.example.org {kind}"), GERMAN);
        assert!(reply.answers.is_empty(), "{reply}");
        assert_eq!(reply.authorities.len(), 1, "{reply}");
    }
}

#[test]
fn a_wildcard_is_steered_and_what_exists_beside_it_is_not() {
    let well = table(&[]);
    let told = |question: &str, client: &str| {
        let packet = Ask::new(question).packet();
        let (answered, reply) = reply_to(&well, &packet, client, Transport::Udp).unwrap();
        let reply = Message::from_vec(&reply).unwrap();
        (answered, shown(&reply.answers))
    };
    let (answered, found) = told("x.Apps.example.org A", GERMAN);
    assert_eq!(found, ["x.Apps.example.org. 10 A 192.0.2.10"]);
    assert_eq!(answered.reason, Reason::Preferred);
    let (_, found) = told("a.b.apps.example.org A", CANADIAN);
    assert!(
        found[0].starts_with("a.b.apps.example.org. 10 A 198.51.100.1"),
        "{found:?}"
    );
    // The wildcard as a name of its own.
    assert_eq!(
        told("*.apps.example.org TXT", GERMAN).1,
        ["*.apps.example.org. 10 TXT wild eu"]
    );
    // What exists wins, with all types (RFC 4592, section 2.2.1); so does a name between.
    assert_eq!(
        told("here.apps.example.org A", GERMAN).1,
        ["here.apps.example.org. 3600 A 192.0.2.41"]
    );
    for (question, expected) in [
        ("here.apps.example.org TXT", rcode::NOERROR),
        ("er.apps.example.org A", rcode::NOERROR),
        ("x.er.apps.example.org A", rcode::NXDOMAIN),
        ("x.here.apps.example.org A", rcode::NXDOMAIN),
        ("apps.example.org A", rcode::NOERROR),
    ] {
        let (answered, found) = told(question, GERMAN);
        assert!(found.is_empty(), "{question}: {found:?}");
        assert_eq!(answered.rcode, expected, "{question}");
    }
    let (_, linked) = told("x.links.example.org A", GERMAN);
    assert_eq!(
        linked[0],
        "x.links.example.org. 10 CNAME round.example.org."
    );
    assert_eq!(told("x.plain.example.org A", GERMAN).1.len(), 1);
}

#[test]
fn a_record_of_a_strict_region_stays_inside_the_fence() {
    let names = ALL.iter().enumerate();
    let names: Vec<(usize, &str)> = names.map(|(bit, name)| (bit, *name)).collect();
    for down in 0..1_u32 << ALL.len() {
        let down = names.iter().filter(|(bit, _)| down >> bit & 1 == 1);
        let down: Vec<&str> = down.map(|(_, name)| *name).collect();
        let table = table(&down);
        for (client, own) in [(GERMAN, "eu data"), (CANADIAN, "na data")] {
            let found = answers(&table, "data.example.org TXT", client);
            assert_eq!(
                found,
                [format!("data.example.org. 10 TXT {own}")],
                "{down:?}"
            );
        }
        assert!(answers(&table, "data.example.org TXT", SINGAPOREAN).is_empty());
    }
}

#[test]
fn explain_names_the_rrset_and_whose_it_is() {
    let well = table(&[]);
    let told = |question: &str, client: &str| {
        let (name, kind) = question.split_once(' ').unwrap();
        let question = Question {
            name: Name::parse(name).unwrap(),
            qtype: type_number(kind).unwrap(),
            client: client.parse().unwrap(),
            now: Moment(0),
            suppose: Vec::new(),
            view: Default::default(),
        };
        explain(&well, &question).unwrap().to_string()
    };
    let text = told("www.example.org TXT", GERMAN);
    assert!(text.contains("records     TXT of region eu\n"), "{text}");
    assert!(
        text.contains("RRset       www.example.org 10 IN TXT \"eu\"\n"),
        "{text}"
    );
    let text = told("www.example.org TXT", CANADIAN);
    assert!(
        text.contains("records     no TXT for this choice: NODATA\n"),
        "{text}"
    );
    let text = told("x.apps.example.org HTTPS", GERMAN);
    assert!(text.contains("records     HTTPS of everybody\n"), "{text}");
    assert!(text.contains("ipv4hint=192.0.2.10"), "{text}");
    let text = told("mixed.example.org CAA", CANADIAN);
    assert!(
        text.contains("mixed.example.org 10 IN CNAME round.example.org.\n"),
        "{text}"
    );
    assert!(
        text.contains("for every type, and leads to round.example.org\n"),
        "{text}"
    );
    let text = told("mixed.example.org CAA", GERMAN);
    assert!(text.contains("it has not this type"), "{text}");
}

/// Its other half is the fault `records-of-another-region`, which must be caught here.
#[test]
fn verify_asks_for_records_as_well() {
    let proof = verify(&Arc::new(compile().plan));
    assert_eq!(proof.result, Verdict::Proved, "{:?}", proof.counterexamples);
    let mut without = compile().plan;
    for service in &mut without.services {
        service.records = ChosenRecords::default();
    }
    let fewer = verify(&Arc::new(without)).cases.answers;
    assert!(fewer < proof.cases.answers);
}

#[test]
fn a_comparison_tells_of_records_that_change() {
    let before = Arc::new(compile().plan);
    let mut after = compile().plan;
    let www = after.services.iter_mut().find(|one| one.name == "www");
    let kinds = &mut www.unwrap().records.types;
    kinds.retain(|kind| kind.rtype != rtype::MX);
    let txt = kinds
        .iter_mut()
        .find(|kind| kind.rtype == rtype::TXT)
        .unwrap();
    txt.sets[0].1.records = DetachedSet::new(rtype::TXT, 20, &[b"\x02EU".to_vec()]);
    let found = compare(&before, &Arc::new(after));
    let www = found
        .services
        .iter()
        .find(|one| one.service == "www")
        .unwrap();
    assert_eq!(
        www.records,
        [
            "MX of everybody: 10 Round.example.org. (60 s) -> none",
            "TXT of eu: \"eu\" (20 s) -> \"EU\" (20 s)",
        ]
    );
    assert!(found.to_string().contains("www TXT of eu: "), "{found}");
}
