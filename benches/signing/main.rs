//! What signing costs: a signature and an RRset by each algorithm, a whole zone beside other signers, the
//! start of a server with steered names, and renewal as time goes by.
//!
//! `cargo bench --bench signing [costs] [whole] [start] [renew]`; without a word all of them.
//!
//! | part | what it measures |
//! |---|---|
//! | [`costs`] | processor time of one signature by each algorithm beside `openssl speed`, and of all else that an RRset takes |
//! | [`whole`] | processor time of 200,000 names (P-256, NSEC): the real server from its start to a signed answer, `kzonesign`, `ldns-signzone` |
//! | [`start`] | the real server with 1,000 steered names in 8 regions, from its call to `/readyz`, signed and not |
//! | [`renew`] | the renewal of 100,000 RRsets by each algorithm, in virtual time |
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench is run by hand"
)]
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

mod costs;
mod renew;
mod start;
mod whole;
mod zone;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let parts: [(&str, fn()); 4] = [
        ("costs", costs::measure),
        ("whole", whole::measure),
        ("start", start::measure),
        ("renew", renew::measure),
    ];
    for (name, measure) in parts {
        if words.is_empty() || words.iter().any(|word| word == name) {
            measure();
        }
    }
}

/// Processor time of this process, or of its children that have ended.
fn processor(whose: UsageWho) -> Duration {
    let usage = getrusage(whose).unwrap();
    let part = |time: TimeVal| {
        let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(microseconds).unwrap())
    };
    part(usage.user_time()) + part(usage.system_time())
}

/// The processor time of this process that a piece of work takes.
fn spent(work: impl FnOnce()) -> Duration {
    let before = processor(UsageWho::RUSAGE_SELF);
    work();
    processor(UsageWho::RUSAGE_SELF) - before
}

/// The one in the middle.
fn median<T: PartialOrd + Copy>(mut rounds: Vec<T>) -> T {
    rounds.sort_by(|one, other| one.partial_cmp(other).unwrap());
    rounds[rounds.len() / 2]
}
