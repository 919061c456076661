//! Configs of fleets: how large one may be, what becomes one, and what is said of those that cannot be.
use std::sync::Arc;

use waypost::base::{Family, Moment, Permille, ServiceId, Standing};
use waypost::dns::Name;
use waypost::dns::rr::rtype;
use waypost::plan::fleet::Missing;
use waypost::plan::{Plan, Tier};
use waypost::table::explain::{Chain, Question};
use waypost::table::{Table, check, explain, variants};

use crate::fleets::{FleetConfig, weight};

const UNSIGNED: FleetConfig = FleetConfig {
    endpoints: 1000,
    answers: 1,
    dnssec: "",
    keys: "",
};
const SIGNED: FleetConfig = FleetConfig {
    answers: 16,
    dnssec: "dnssec = {}",
    ..UNSIGNED
};

fn plan(config: FleetConfig) -> Arc<Plan> {
    match config.compile() {
        Ok((compiled, found)) => {
            assert!(!found.has_errors(), "{}", found.render(false));
            Arc::new(compiled.plan)
        }
        Err(found) => panic!("{}", found.render(false)),
    }
}

fn refused(config: FleetConfig) -> String {
    let Err(found) = config.compile() else {
        panic!("it is taken");
    };
    let list = found.list().into_iter();
    let list = list.map(|one| format!("{} ({})", one.message, one.help.unwrap_or_default()));
    list.collect::<Vec<_>>().join("\n")
}

fn tier(plan: &Plan) -> &Tier {
    &plan.services[0].pools[0][0].tiers[0]
}

fn table(plan: &Arc<Plan>, share: impl Fn(usize) -> u16) -> Table {
    let standings = plan.targets.iter().map(|target| Standing {
        share: Permille(share(target.endpoint.index())),
        ..Standing::UNPROVEN
    });
    let table = Table::build(1, Arc::clone(plan), standings.collect(), Moment(0), None);
    assert_eq!(check(&table), Ok(()));
    table
}

#[test]
fn a_thousand_endpoints_are_taken_and_one_more_is_not() {
    assert_eq!(tier(&plan(UNSIGNED)).members.len(), 1000);
    let more = refused(FleetConfig {
        endpoints: 1001,
        ..UNSIGNED
    });
    assert!(more.contains("a tier of `eu` has 1001 endpoints"), "{more}");
    assert!(more.contains("1000 at the most"), "{more}");
    let more = refused(FleetConfig {
        answers: 17,
        ..SIGNED
    });
    assert!(more.contains("16"), "{more}");
}

#[test]
fn endpoints_of_a_fleet_state_no_capacity() {
    let said = refused(FleetConfig {
        endpoints: 65,
        keys: "capacity = 100",
        ..UNSIGNED
    });
    assert!(said.contains("tier 1 of `eu` has 65 endpoints"), "{said}");
    assert!(said.contains("state the capacity of `eu`"), "{said}");
}

#[test]
fn what_cohorts_cannot_hold_is_a_fleet() {
    let missing = |config: FleetConfig| {
        let plan = plan(config);
        tier(&plan).fleet.as_ref().map(|fleet| fleet.missing())
    };
    let of = |endpoints, answers, dnssec| FleetConfig {
        endpoints,
        answers,
        dnssec,
        keys: "",
    };
    // Of three endpoints one has 1 of 1826: less than a cohort.
    assert!(missing(of(3, 1, "")).is_some());
    assert!(missing(of(1, 1, "")).is_none(), "one holds all");
    assert_eq!(missing(of(1000, 16, "")), Some(Missing::Filled));
    assert_eq!(missing(SIGNED), Some(Missing::Divided));
}

#[test]
fn a_signed_fleet_has_few_answers_and_all_are_known() {
    let plan = plan(SIGNED);
    let known = variants(&plan).unwrap();
    for family in Family::ALL {
        let count = known[0].answers[family.index()].len();
        assert!((2000..=6000).contains(&count), "{count} answers");
    }
}

/// Clients' networks are drawn by a seed; with 999 degrees of freedom 1143 is passed once in a thousand.
#[test]
fn a_thousand_weights_of_a_config_are_what_clients_see() {
    let plan = plan(UNSIGNED);
    let table = table(&plan, |_| 1000);
    let mut counts = vec![0.0; 1000];
    let networks = 400_000_u32;
    for network in 0..networks {
        let address = std::net::Ipv4Addr::from(network.wrapping_mul(2_654_435_761) & 0xffff_ff00);
        let client = plan.client_hash(address.into());
        let class = plan.classify(ServiceId(0), address.into()).class;
        let found = table
            .select(ServiceId(0), Family::V4, class, client)
            .unwrap();
        counts[found.endpoints[0].index()] += 1.0;
    }
    let sum: usize = (0..1000).map(weight).sum();
    let chi: f64 = counts
        .iter()
        .enumerate()
        .map(|(own, count)| {
            let ideal = f64::from(networks) * weight(own) as f64 / sum as f64;
            (count - ideal).powi(2) / ideal
        })
        .sum();
    assert!(chi < 1143.0, "chi-square {chi}");
}

#[test]
fn explain_names_the_set() {
    let (compiled, _) = SIGNED.compile().ok().unwrap();
    let zones = compiled.unsigned();
    let plan = Arc::new(compiled.plan);
    let table = table(&plan, |own| if own % 10 == 0 { 0 } else { 1000 }).with_zones(zones);
    let question = Question {
        name: Name::parse("www.example.org").unwrap(),
        qtype: rtype::A,
        client: "192.0.2.99".parse().unwrap(),
        now: Moment(0),
        suppose: Vec::new(),
        view: Default::default(),
    };
    let found = explain(&table, &question).unwrap();
    let text = found.to_string();
    let Chain::Steered(steered) = found.chain else {
        panic!("{text}");
    };
    let set = steered.set.expect("a fleet serves it");
    assert_eq!(set.endpoints.len(), 16);
    assert!(set.number >= 1 && set.number <= set.of && set.of <= 1000);
    assert!(
        steered
            .endpoints
            .iter()
            .all(|own| set.endpoints.contains(own))
    );
    let line = format!("{} of {}: {}", set.number, set.of, set.endpoints[0]);
    assert!(text.contains(&line), "{text}");
}
