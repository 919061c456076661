//! How long a table takes to build and to ask: 1,000 services, 250 classes, 8 regions with 2
//! endpoints each. No two services share a ring, so nothing is decided once for several.
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use waypost::base;
use waypost::base::{ClassId, Draws, Family, Moment};
use waypost::dns;
use waypost::geo;
use waypost::plan;
use waypost::plan::Plan;
use waypost::table::{Table, check, check_changed};

#[path = "../src/table/fixture.rs"]
mod fixture;

use fixture::{SERVICE, World, standing, standings};

const NOW: Moment = Moment(0);

fn plan() -> Arc<Plan> {
    let machines: Vec<_> = (0..16).map(|index| (index / 2, 1, 100)).collect();
    let mut world = World::new(&machines, &[]);
    let mut draws = Draws::from_seed(1);
    let mut shuffled = || {
        let mut regions: Vec<(u64, u16)> =
            (0..8).map(|region| (draws.next_u64(), region)).collect();
        regions.sort_unstable();
        regions.into_iter().map(|(_, region)| region).collect()
    };
    world.classes = (0..250).map(|_| shuffled()).collect();
    world.services = 1000;
    world.plan()
}

fn tables(criterion: &mut Criterion) {
    let plan = plan();
    let build = |shares: &[u16], previous: Option<&Table>| {
        Table::build(
            1,
            Arc::clone(&plan),
            standings(&plan, shares),
            NOW,
            previous,
        )
    };
    let whole = build(&[], None);
    let mut group = criterion.benchmark_group("table");
    group.sample_size(10);
    group.bench_function("build from scratch", |bench| {
        bench.iter(|| build(&[], None))
    });
    let shares = [0, standing(250).share.0];
    for (name, share) in [("down", shares[0]), ("ramping", shares[1])] {
        let next = build(&[share], Some(&whole));
        group.bench_function(format!("rebuild, one endpoint {name}"), |bench| {
            bench.iter(|| build(&[share], Some(&whole)));
        });
        group.bench_function(
            format!("check what changed, one endpoint {name}"),
            |bench| {
                bench.iter(|| check_changed(&next, &whole));
            },
        );
    }
    group.bench_function("check all", |bench| bench.iter(|| check(&whole)));
    group.bench_function("select", |bench| {
        let mut cohort = 0;
        bench.iter(|| {
            cohort = (cohort + 7) % 1000;
            black_box(whole.select(SERVICE, Family::V4, ClassId(cohort / 4), cohort))
        });
    });
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
