//! The routing table against a slow oracle, over seeded random plans and standings.
//!
//! The oracle says for one cohort at a time what the words of the design say; it knows neither
//! routes nor shared parts. A seed that fails stands in the message of the assertion.
use std::collections::BTreeMap;
use std::sync::Arc;

use waypost::base::limits::COHORTS;
use waypost::base::{
    ClassId, Draws, EndpointId, Family, Moment, Permille, Reason, RegionId, Span, Standing,
};
use waypost::plan::{AllDown, Member, Plan, Pool, Tier};
use waypost::table::{Selection, Table, check, check_changed};

use crate::fixture::{Machine, SERVICE, World, standing, standings};

const NOW: Moment = Moment(1_000_000);

/// A random world of up to four regions, three tiers and nine machines.
fn random_world(draws: &mut Draws) -> World {
    let number = |draws: &mut Draws, bound| u16::try_from(draws.below(bound)).unwrap();
    let regions = 1 + number(draws, 4);
    let machines: Vec<_> = (0..1 + draws.below(9))
        .map(|_| {
            let region = number(draws, u64::from(regions));
            (region, 1 + number(draws, 3), 1 + number(draws, 200))
        })
        .collect();
    let classes: Vec<Vec<u16>> = (0..1 + draws.below(6))
        .map(|_| random_preference(regions, &machines, draws))
        .collect();
    let mut world = World::new(&machines, &[]);
    world.classes = classes;
    world.services = 2;
    world.answers = u8::try_from(1 + draws.below(3)).unwrap();
    if draws.chance(300) {
        world.all_down = AllDown::Nodata;
    }
    world.families = Family::ALL[usize::from(draws.chance(200))..].to_vec();
    world
}

/// Some regions in any order; the fence holds just these, so at least one has a machine.
fn random_preference(regions: u16, machines: &[Machine], draws: &mut Draws) -> Vec<u16> {
    let mut all: Vec<(u64, u16)> = (0..regions)
        .map(|region| (draws.next_u64(), region))
        .collect();
    all.sort_unstable();
    let count = 1 + draws.below(u64::from(regions));
    let mut some: Vec<u16> = all.into_iter().map(|(_, region)| region).collect();
    some.truncate(usize::try_from(count).unwrap());
    if !machines.iter().any(|machine| some.contains(&machine.0)) {
        some.push(machines[0].0);
    }
    some
}

fn random_standing(draws: &mut Draws) -> Standing {
    let share = match draws.below(10) {
        0..4 => 0,
        4..7 => 1000,
        _ => u16::try_from(1 + draws.below(999)).unwrap(),
    };
    Standing {
        hold: Span::from_secs(draws.below(100)),
        until: draws
            .chance(300)
            .then(|| NOW.after(Span(draws.below(100_000)))),
        ..standing(share)
    }
}

/// What a cohort gets, and which members that depends on.
struct Expected {
    endpoints: Vec<EndpointId>,
    region: Option<RegionId>,
    reason: Reason,
    depends: Vec<Member>,
}

struct Oracle<'p> {
    plan: &'p Plan,
    standings: &'p [Standing],
    family: Family,
}

impl Oracle<'_> {
    fn share(&self, member: &Member) -> u16 {
        self.standings[member.target.index()].share.0
    }

    fn pools(&self, class: ClassId) -> Vec<(RegionId, &Pool)> {
        let pools = &self.plan.services[0].pools[self.family.index()];
        let preference = &self.plan.class(SERVICE, class).preference;
        let pools = preference
            .iter()
            .map(|region| (*region, &pools[region.index()]));
        pools.filter(|(_, pool)| !pool.tiers.is_empty()).collect()
    }

    /// The members of a tier as a cohort prefers them, with the ranks they have for it.
    fn ordered<'t>(&self, tier: &'t Tier, cohort: u16) -> Vec<(&'t Member, u16)> {
        let choices = tier.cohort_order.choices(cohort).iter();
        choices
            .map(|choice| (&tier.members[usize::from(choice.member())], choice.rank()))
            .collect()
    }

    fn answer(&self, class: ClassId, cohort: u16) -> Expected {
        let answers = usize::from(self.plan.services[0].answers);
        let mut depends = Vec::new();
        for (place, (region, pool)) in self.pools(class).into_iter().enumerate() {
            let mut asked = depends.clone();
            for (number, tier) in pool.tiers.iter().enumerate() {
                asked.extend(&tier.members);
                let ordered = self.ordered(tier, cohort).into_iter();
                let takers = ordered.filter(|(member, rank)| *rank < self.share(member));
                let endpoints: Vec<_> = takers.map(|(one, _)| one.endpoint).take(answers).collect();
                if !endpoints.is_empty() {
                    let reason = match (place, number) {
                        (0, 0) => Reason::Preferred,
                        (0, _) => Reason::Backup,
                        _ => Reason::Failover,
                    };
                    return Expected {
                        endpoints,
                        region: Some(region),
                        reason,
                        depends: asked,
                    };
                }
            }
            depends.extend(pool.tiers.iter().flat_map(|tier| &tier.members));
        }
        self.leave(class, cohort, depends)
    }

    fn leave(&self, class: ClassId, cohort: u16, depends: Vec<Member>) -> Expected {
        let answers = usize::from(self.plan.services[0].answers);
        let largest = depends
            .iter()
            .map(|member| self.share(member))
            .max()
            .unwrap();
        let (reason, floor) = match (largest, self.plan.services[0].all_down) {
            (1.., _) => (Reason::Overflow, largest),
            (0, AllDown::FailOpen) => (Reason::FailOpen, 0),
            (0, _) => (Reason::AllDown, 1001),
        };
        let pools = self.pools(class).into_iter();
        let tiers =
            pools.flat_map(|(region, pool)| pool.tiers.iter().map(move |tier| (region, tier)));
        let mut tiers = tiers.filter(|(_, tier)| {
            tier.members
                .iter()
                .any(|member| self.share(member) >= floor)
        });
        let Some((region, tier)) = tiers.next() else {
            return Expected {
                endpoints: Vec::new(),
                region: None,
                reason,
                depends,
            };
        };
        let mut ordered = self.ordered(tier, cohort);
        ordered.retain(|(member, _)| self.share(member) > 0 || reason == Reason::FailOpen);
        ordered.sort_by_key(|(member, _)| std::cmp::Reverse(self.share(member)));
        Expected {
            endpoints: ordered
                .into_iter()
                .map(|(one, _)| one.endpoint)
                .take(answers)
                .collect(),
            region: Some(region),
            reason,
            depends,
        }
    }
}

fn compare(oracle: &Oracle<'_>, table: &Table, class: ClassId, seed: u64) {
    let mut distinct = BTreeMap::new();
    let mut said = None;
    for cohort in 0..COHORTS {
        let place = format!("seed {seed}, class {}, cohort {cohort}", class.0);
        let expected = oracle.answer(class, cohort);
        let found = table.select(SERVICE, oracle.family, class, cohort).unwrap();
        assert_eq!(found.endpoints, expected.endpoints, "{place}");
        assert_eq!(found.region, expected.region, "{place}");
        assert_eq!(found.reason, expected.reason, "{place}");
        let depends = expected.depends.iter();
        let depends = depends.map(|member| &oracle.standings[member.target.index()]);
        assert_eq!(
            Some(found.hold),
            depends.clone().map(|one| one.hold).min(),
            "{place}"
        );
        assert_eq!(
            found.until,
            depends.filter_map(|one| one.until).min(),
            "{place}"
        );
        distinct.insert((found.reason, found.endpoints.to_vec()), ());
        said = Some(found.by_cohort);
    }
    let differ = distinct.len() > 1;
    assert_eq!(said, Some(differ), "seed {seed}, class {}", class.0);
}

#[test]
fn tables_of_random_plans_say_what_the_oracle_says() {
    for seed in 0..120 {
        let mut draws = Draws::from_seed(seed);
        let world = random_world(&mut draws);
        let plan = world.plan();
        let mut previous: Option<Table> = None;
        for generation in 1..4 {
            let mut all = match &previous {
                Some(table) => table.standings.to_vec(),
                None => standings(&plan, &[]).to_vec(),
            };
            for place in &mut all {
                if draws.chance(600) {
                    *place = random_standing(&mut draws);
                }
            }
            let standings: Arc<[Standing]> = all.into();
            let build = |previous| {
                let (plan, standings) = (Arc::clone(&plan), Arc::clone(&standings));
                Table::build(generation, plan, standings, NOW, previous)
            };
            let table = build(previous.as_ref());
            assert_eq!(check(&table), Ok(()), "seed {seed}");
            if let Some(previous) = &previous {
                assert_eq!(check_changed(&table, previous), Ok(()), "seed {seed}");
                assert!(table.same_choices(&build(Some(previous))), "seed {seed}");
            }
            for &family in &world.families {
                let oracle = Oracle {
                    plan: &plan,
                    standings: &standings,
                    family,
                };
                for class in 0..world.classes.len() {
                    compare(&oracle, &table, ClassId::from_index(class), seed);
                }
            }
            previous = Some(table);
        }
    }
}

/// A table in which nothing changed but how long everything lasts is made of the one before; it must
/// be the one that is made of nothing.
#[test]
fn what_only_lasts_otherwise_is_chosen_as_before() {
    for seed in 0..300 {
        let mut draws = Draws::from_seed(seed);
        let plan = random_world(&mut draws).plan();
        let first: Vec<Standing> = plan
            .targets
            .iter()
            .map(|_| random_standing(&mut draws))
            .collect();
        let then = first.iter().map(|standing| {
            let other = random_standing(&mut draws);
            let (hold, until) = (other.hold, other.until);
            match draws.chance(700) {
                true => Standing {
                    hold,
                    until,
                    ..*standing
                },
                false => *standing,
            }
        });
        let then: Arc<[Standing]> = then.collect();
        let before = Table::build(1, Arc::clone(&plan), first.into(), NOW, None);
        let table = Table::build(2, Arc::clone(&plan), Arc::clone(&then), NOW, Some(&before));
        let fresh = Table::build(2, Arc::clone(&plan), then, NOW, None);
        assert_eq!(check_changed(&table, &before), Ok(()), "seed {seed}");
        let classes = plan.maps[plan.services[0].map.index()].classes.len();
        for class in (0..classes).map(ClassId::from_index) {
            for cohort in (0..COHORTS).step_by(37) {
                let of = |table: &Table| {
                    let got = table.select(SERVICE, Family::V4, class, cohort)?;
                    let lasts = (got.hold, got.until, got.by_cohort);
                    let given = (got.records.to_vec(), got.endpoints.to_vec());
                    Some((given, got.region, got.reason, lasts))
                };
                assert_eq!(of(&table), of(&fresh), "seed {seed}, {class:?}, {cohort}");
            }
        }
    }
}

#[test]
fn a_client_moves_at_most_once_while_one_share_rises() {
    for seed in 0..6 {
        let mut draws = Draws::from_seed(1000 + seed);
        let mut world = random_world(&mut draws);
        (world.answers, world.families) = (1, vec![Family::V4]);
        let plan = world.plan();
        let mut all: Vec<Standing> = plan
            .targets
            .iter()
            .map(|_| random_standing(&mut draws))
            .collect();
        let riser = usize::try_from(draws.below(all.len() as u64)).unwrap();
        let mut previous: Option<Table> = None;
        let mut moves = vec![0; usize::from(COHORTS)];
        for share in 0..=1000 {
            all[riser].share = Permille(share);
            let standings = all.clone().into();
            let next = Table::build(1, Arc::clone(&plan), standings, NOW, previous.as_ref());
            for cohort in 0..COHORTS {
                let get =
                    |table: &Table| select(table, cohort).map(|found| found.endpoints.to_vec());
                let Some(before) = previous.as_ref().map(get) else {
                    continue;
                };
                let after = get(&next);
                if before != after {
                    moves[usize::from(cohort)] += 1;
                    let riser = plan.targets[riser].endpoint;
                    assert_eq!(after, Some(vec![riser]), "seed {seed}: moved elsewhere");
                }
            }
            previous = Some(next);
        }
        assert!(
            moves.iter().all(|&count| count <= 1),
            "seed {seed}: {moves:?}"
        );
    }
}

fn select(table: &Table, cohort: u16) -> Option<Selection<'_>> {
    table.select(SERVICE, Family::V4, ClassId(0), cohort)
}

#[test]
fn configured_weights_are_what_clients_see() {
    let weights = [100, 50, 25, 25];
    let plan = World::new(&weights.map(|weight| (0, 1, weight)), &[&[0]]).plan();
    let table = Table::build(1, Arc::clone(&plan), standings(&plan, &[]), NOW, None);
    let mut draws = Draws::from_seed(4);
    let mut counts = [0_u32; 4];
    for _ in 0..40_000 {
        let client = u32::try_from(draws.below(1 << 32)).unwrap();
        let cohort = plan.cohort(std::net::Ipv4Addr::from(client).into());
        counts[select(&table, cohort).unwrap().endpoints[0].index()] += 1;
    }
    let chi: f64 = counts
        .iter()
        .zip(weights)
        .map(|(&count, weight)| {
            let ideal = f64::from(weight) * 200.0;
            (f64::from(count) - ideal).powi(2) / ideal
        })
        .sum();
    // Chi-square with 3 degrees of freedom: 16.3 is passed once in a thousand.
    assert!(chi < 16.3, "chi-square {chi} for {counts:?}");
}

#[test]
fn what_no_class_consults_makes_no_other_choices() {
    let plan = World::new(&[(0, 1, 1), (0, 2, 1), (1, 1, 1)], &[&[0, 1]]).plan();
    let build =
        |shares: &[u16]| Table::build(1, Arc::clone(&plan), standings(&plan, shares), NOW, None);
    let whole = build(&[]);
    let with = |shares: &[u16]| {
        Table::build(
            2,
            Arc::clone(&plan),
            standings(&plan, shares),
            NOW,
            Some(&whole),
        )
    };
    assert!(whole.same_choices(&with(&[])));
    assert!(
        whole.same_choices(&with(&[1000, 0, 1000])),
        "a backup that nobody needs"
    );
    assert!(
        whole.same_choices(&with(&[1000, 1000, 0])),
        "a region that nobody needs"
    );
    assert!(!whole.same_choices(&with(&[999])));
    assert!(!whole.same_choices(&with(&[0])));
}
