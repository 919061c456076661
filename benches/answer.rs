//! The time that an answer takes (`benches/cases/answer.rs` says which), beside what handing it through hickory's record types would add.
//!
//! `cargo bench --bench answer`. The last two lines are the measured reason why TCP does not go
//! through `hickory-server`: its handlers give records, so each reply would be decoded into
//! records and encoded again.
#![expect(clippy::unwrap_used, reason = "benches")]
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hickory_proto::op::Message;
use waypost::answer::{Asker, Transport, answer};
use waypost::base::{Moment, Span};

mod cases;
#[path = "cases/answer.rs"]
mod subject;
mod timing;

fn answers(criterion: &mut Criterion) {
    timing::time(criterion, subject::cases());
}

fn hickory(criterion: &mut Criterion) {
    let asker = Asker {
        source: "127.0.0.1".parse().unwrap(),
        transport: Transport::Udp,
        now: Moment::default(),
        idle: Span::ZERO,
        cookies: None,
    };
    let mut reply = vec![0; 65_535];
    let query = subject::query("api.example.org", 1);
    let answered = answer(&subject::table(), &asker, &query, &mut reply).unwrap();
    let bytes = &reply[..answered.length];
    criterion.bench_function("hickory/decode", |bencher| {
        bencher.iter(|| Message::from_vec(black_box(bytes)).unwrap());
    });
    let message = Message::from_vec(bytes).unwrap();
    criterion.bench_function("hickory/encode", |bencher| {
        bencher.iter(|| black_box(&message).to_vec().unwrap());
    });
}

criterion_group!(benches, answers, hickory);
criterion_main!(benches);
