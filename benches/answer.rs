//! What one answer costs, beside what handing it through hickory's record types would add.
//!
//! `cargo bench --bench answer`. The last two lines are the measured reason why TCP does not go
//! through `hickory-server`: its handlers give records, so each reply would be decoded into
//! records and encoded again.
#![expect(clippy::unwrap_used, reason = "benches")]
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use hickory_proto::op::Message;
use waypost::answer::{Asker, Transport, answer};
use waypost::base::Moment;
use waypost::dns::{Name, ask};
use waypost::engine::Engine;
use waypost::io::files;
use waypost::table::Table;

/// The first table of the shipped config.
fn table() -> Arc<Table> {
    let loaded = files::load(Path::new("config.toml")).unwrap();
    let compiled = waypost::config::compile(&loaded.spec, loaded.diagnostics, &loaded.files);
    let (plan, _) = compiled.unwrap();
    Engine::new(Arc::new(plan), Moment::default(), 1)
        .table()
        .clone()
}

fn query(name: &str, rtype: u16) -> Vec<u8> {
    let question = ask::Question {
        name: Name::parse(name).unwrap(),
        rtype,
        subnet: Some(("193.99.144.0".parse().unwrap(), 24)),
    };
    ask::encode(7, &question).unwrap()
}

fn answers(criterion: &mut Criterion) {
    let table = table();
    let asker = Asker {
        source: "127.0.0.1".parse().unwrap(),
        transport: Transport::Udp,
        now: Moment::default(),
    };
    let mut reply = vec![0; 65_535];
    for (title, name, rtype) in [
        ("steered", "api.example.org", 1),
        ("static", "example.org", 15),
        ("nxdomain", "absent.example.org", 1),
    ] {
        let query = query(name, rtype);
        criterion.bench_function(&format!("answer/{title}"), |bencher| {
            bencher.iter(|| answer(&table, &asker, black_box(&query), &mut reply).unwrap());
        });
    }
    let answered = answer(&table, &asker, &query("api.example.org", 1), &mut reply).unwrap();
    let bytes = &reply[..answered.length];
    criterion.bench_function("hickory/decode", |bencher| {
        bencher.iter(|| Message::from_vec(black_box(bytes)).unwrap());
    });
    let message = Message::from_vec(bytes).unwrap();
    criterion.bench_function("hickory/encode", |bencher| {
        bencher.iter(|| black_box(&message).to_vec().unwrap());
    });
}

criterion_group!(benches, answers);
criterion_main!(benches);
