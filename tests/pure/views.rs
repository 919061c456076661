//! Views: each client is answered from the versions of zones that it sees, and from no other.
use std::sync::Arc;

use waypost::answer::Transport;
use waypost::audit::weaken::{Decisions, weakened};
use waypost::base::{Draws, Standing, ViewId};
use waypost::config::Compiled;
use waypost::dns::Name;
use waypost::dns::dnssec::Algorithm;
use waypost::dns::rr::rtype;
use waypost::dns::zone::signed::Denial;
use waypost::dns::zone::{Served, Zones, catalog};
use waypost::plan::Plan;
use waypost::table::explain::{Question, ViewAsked, explain};
use waypost::table::{Table, check};

use crate::sample::{Ask, reply_to, table_of};
use crate::seen::{CLIENTS, NAMES, SEEN, compile, compiled, config, versions};
use crate::signed::{Pair, Way, sign};

const ALGORITHMS: [Algorithm; 3] = [
    Algorithm::EcdsaP256,
    Algorithm::Ed25519,
    Algorithm::RsaSha256,
];

fn table(plan: Arc<Plan>, zones: Arc<Zones>) -> Table {
    table_of(&plan, &[]).with_zones(zones)
}

fn plain() -> Table {
    let compiled = compiled();
    let zones = compiled.unsigned();
    table(Arc::new(compiled.plan), zones)
}

/// Every version signed by an algorithm of its own.
fn signed(denial: Denial) -> Table {
    let worlds = ALGORITHMS.map(|algorithm| {
        let way = Way { algorithm, denial };
        sign(compiled(), way, &Pair::new(algorithm), 1_800_000_000)
    });
    let all = worlds[0].zones.all().iter().enumerate();
    let zones = all.map(|(place, served)| {
        let number = number_of(&worlds[0].plan, served);
        worlds[number].zones.all()[place].clone()
    });
    let zones = Zones::served(zones.collect(), 1_800_000_000_000);
    table(Arc::clone(&worlds[0].plan), Arc::new(zones))
}

fn number_of(plan: &Plan, served: &Served) -> usize {
    let name = plan.views.name(served.view);
    NAMES.iter().position(|own| *own == name).unwrap()
}

/// The version of a name that a client sees.
fn expected(name: &str, client: usize) -> Option<usize> {
    let name = Name::parse(name).unwrap();
    let is_around = |zone: &str| name.is_within(&Name::parse(zone).unwrap());
    let zone = SEEN.iter().find(|(zone, _)| is_around(zone));
    zone.and_then(|(_, seen)| seen[client])
}

fn ask(table: &Table, client: &str, packet: &[u8]) -> Vec<u8> {
    let table = table.seen_from(client.parse().unwrap());
    reply_to(table, packet, client, Transport::Tcp).unwrap().1
}

#[test]
fn the_first_view_that_has_the_client_answers_names_and_services() {
    let table = plain();
    check(&table).unwrap();
    for (zone, seen) in SEEN {
        for (client, version) in CLIENTS.iter().zip(seen) {
            let reply = ask(&table, client, &Ask::new(&format!("www.{zone} A")).packet());
            let found: Vec<usize> = versions(&reply, [0; 3])
                .into_iter()
                .map(|one| one.0)
                .collect();
            match version {
                Some(version) => assert!(found.contains(&version), "{zone} {client} {found:?}"),
                None => assert_eq!(reply[3] & 0xF, 5, "{zone} for {client} is REFUSED"),
            }
        }
    }
    for (number, client) in CLIENTS.iter().enumerate() {
        for name in ["api.one.test", "x.apps.one.test"] {
            let reply = ask(&table, client, &Ask::new(&format!("{name} A")).packet());
            let answers = versions(&reply, [0; 3]);
            let address = vec![10, u8::try_from(number).unwrap(), 0, 1];
            assert!(
                answers.iter().any(|(_, one)| one.rdata == address),
                "{name} {client}"
            );
        }
    }
    // Addresses as IPv6 wraps them are those that they are.
    let reply = ask(
        &table,
        "::ffff:127.0.0.3",
        &Ask::new("www.one.test A").packet(),
    );
    assert_eq!(versions(&reply, [0; 3])[0].0, 2);
}

/// What anybody can write in a query says nothing of who asks.
#[test]
fn the_client_subnet_chooses_no_view() {
    let table = plain();
    let asked = Ask::new("www.one.test A").subnet("127.0.0.3", 32);
    let reply = ask(&table, "192.0.2.7", &asked.packet());
    assert!(
        versions(&reply, [0; 3])
            .iter()
            .all(|(version, _)| *version == 0)
    );
}

#[test]
fn no_answer_has_a_record_of_another_view() {
    let names = [
        "",
        "www.",
        "api.",
        "x.apps.",
        "mail.",
        "alias.",
        "to-office.",
        "to-lab.",
        "to-default.",
        "x.wild.",
        "only-office.",
        "only-lab.",
        "only-default.",
        "a.tree.",
        "sub.",
        "x.sub.",
        "nowhere.",
        "ns-lab.",
    ];
    let types = [
        "A",
        "AAAA",
        "TXT",
        "MX",
        "NS",
        "SOA",
        "CNAME",
        "DNSKEY",
        "NSEC",
        "NSEC3PARAM",
        "DS",
        "RRSIG",
        "ANY",
    ];
    let mut draws = Draws::from_seed(18);
    for table in [plain(), signed(Denial::Nsec), signed(Denial::Nsec3)] {
        let algorithms = ALGORITHMS.map(Algorithm::number);
        let mut told = [0; 3];
        let mut signatures = 0;
        for _ in 0..20_000 {
            let mut pick = |most: usize| usize::try_from(draws.below(most as u64)).unwrap();
            let (name, zone) = (names[pick(names.len())], SEEN[pick(3)].0);
            let (client, qtype) = (pick(3), types[pick(types.len())]);
            let mut packet = Ask::new(&format!("{name}{zone} {qtype}"))
                .edns(4096)
                .packet();
            // DO, in the TTL of OPT.
            let place = packet.len() - 4;
            packet[place] = 0x80 & u8::try_from(pick(256)).unwrap();
            let reply = ask(&table, CLIENTS[client], &packet);
            let version = expected(&format!("{name}{zone}"), client);
            for (of, record) in versions(&reply, algorithms) {
                assert_eq!(
                    Some(of),
                    version,
                    "{name}{zone} {qtype} for {client}: {record:?}"
                );
                told[client] += 1;
                signatures += usize::from(record.rtype == rtype::RRSIG);
            }
        }
        assert!(told.iter().all(|count| *count > 3000), "{told:?}");
        let is_signed = table.zones.all()[0].signed.is_some();
        assert_eq!(signatures > 1000, is_signed, "{signatures}");
    }
}

/// The generations of a table keep the views of the one before, as they keep its zones.
#[test]
fn a_table_that_follows_another_has_its_views() {
    let first = plain();
    let standings = vec![Standing::UNPROVEN; first.plan.targets.len()].into();
    let plan = Arc::clone(&first.plan);
    let next = Table::build(2, plan, standings, first.built_at, Some(&first));
    for (number, client) in CLIENTS.iter().enumerate() {
        let seen = next.seen_from(client.parse().unwrap());
        assert_eq!(seen.generation, 2);
        let reply = ask(&next, client, &Ask::new("api.one.test A").packet());
        assert_eq!(versions(&reply, [0; 3])[0].0, number, "{client}");
    }
}

#[test]
fn an_explanation_says_in_which_view_it_is() {
    let table = plain();
    let asked = |view| {
        let question = Question {
            name: Name::parse("api.one.test").unwrap(),
            qtype: rtype::A,
            client: CLIENTS[2].parse().unwrap(),
            now: table.built_at,
            suppose: Vec::new(),
            view,
        };
        explain(&table, &question).map_err(|error| error.to_string())
    };
    let office = ViewAsked::From(CLIENTS[1].parse().unwrap());
    for (view, name) in [
        (ViewAsked::OfClient, "lab"),
        (office, "office"),
        (ViewAsked::Named("default".to_owned()), "default"),
    ] {
        let explained = asked(view).unwrap();
        assert_eq!(explained.view.as_deref(), Some(name));
        let text = explained.to_string();
        assert!(text.contains(&format!("in view {name}\n")), "{text}");
        assert!(
            text.contains(&format!("service  api-{name}")) || text.contains(&format!("api-{name}")),
            "{text}"
        );
    }
    let error = asked(ViewAsked::Named("ofice".to_owned())).unwrap_err();
    assert!(
        error.contains("the views are: lab, office, default"),
        "{error}"
    );
}

fn decisions(compiled: &Compiled) -> Decisions<'_> {
    Decisions {
        plan: &compiled.plan,
        zoning: &compiled.zoning,
    }
}

/// A file that is watched may not show one network what is another's before somebody says that it is meant.
#[test]
fn whoever_comes_to_see_another_version_is_a_weakening() {
    let before = compiled();
    assert!(weakened(decisions(&before), decisions(&compiled())).is_empty());
    for (from, to, told) in [
        ("127.0.0.2/31", "127.0.0.0/8", "view office"),
        ("127.0.0.3/32", "127.0.0.9/32", "view lab"),
        (
            "[regions.eu]",
            "[[views]]\nname = \"third\"\nclients = [\"192.0.2.0/24\"]\n[regions.eu]",
            "view third",
        ),
    ] {
        let after = compile(&config().replacen(from, to, 1));
        let found = weakened(decisions(&before), decisions(&after)).to_string();
        assert!(found.contains(told), "{to}: {found}");
    }
    let gone = "name = \"three.test\"\nfile = \"office/three.test\"\nview = \"office\"";
    let text = config().replacen(&format!("[[zones]]\n{gone}\n"), "", 1);
    let found = weakened(decisions(&before), decisions(&compile(&text))).to_string();
    assert!(found.contains("three.test.~office"), "{found}");
}

#[test]
fn a_catalog_lists_the_zones_of_its_own_view() {
    let given = "transfer = { to = [\"192.0.2.0/24\"] }\n";
    let mut text = config().replace("[[zones]]\n", &format!("[[zones]]\n{given}"));
    text += &format!("[[zones]]\nname = \"catalog.test\"\ncatalog = {{}}\n{given}");
    text +=
        &format!("[[zones]]\nname = \"catalog.test\"\nview = \"office\"\ncatalog = {{}}\n{given}");
    let zones = compile(&text).unsigned();
    let catalog = Name::parse("catalog.test").unwrap();
    for (view, expected) in [
        (None, vec!["one.test", "two.test"]),
        (Some(ViewId(1)), vec!["one.test", "three.test", "two.test"]),
    ] {
        let served = zones.version(&catalog, view).unwrap();
        let members = catalog::members(&served.zone).unwrap();
        let mut members: Vec<String> = members.iter().map(ToString::to_string).collect();
        members.sort();
        assert_eq!(members, expected, "{view:?}");
    }
}
